"""Whether the worker's port is open to everybody."""

from mmpush_tui.configuration.config import ProxyConfig
from mmpush_tui.proxy.delivery.push_access import PushAccess
from mmpush_tui.proxy.door.request_access import RequestAccess
from mmpush_tui.proxy.networks import address


def wildcard_warning(config: ProxyConfig, requests: RequestAccess, pushes: PushAccess) -> str:
    """Return a sentence where everybody on the network may send; empty where not.

    Args:
        config: names where the worker listens.
        requests, pushes: what it asks of them.
    """
    is_open = requests.is_open and pushes.is_open
    if config.listen_address.startswith("unix:") or not is_open:
        return ""
    host = config.listen_address.rpartition(":")[0].strip("[]")
    listening = address(host)
    if host not in ("", "0") and not (listening is not None and listening.is_unspecified):
        return ""
    words = (
        f"{config.listen_address} is open to everybody who reaches this host: whoever has a "
        "device token can send to it. Listen on 127.0.0.1, or set AllowedAddresses, "
        "AccessUser and AccessPassword, PathPrefix, or SignatureKeyFile"
    )
    if config.allowed_addresses:
        words += ". AllowedAddresses keeps nobody out as it is: it holds all addresses"
    if config.signature_key_file:
        words += ". SignatureKeyFile keeps nobody out while UnsignedPushes is accept"
    return words
