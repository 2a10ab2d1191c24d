"""The configuration that leads a worker to the stand-ins."""

from pathlib import Path
from typing import Any

from mmpush_tui.simulator.credentials import TOPIC, AppleKey, GoogleAccount


def proxy_table(
    folder: Path,
    *,
    listen: str,
    ca_file: str,
    key: AppleKey,
    account: GoogleAccount,
    apns: str,
    fcm: str,
) -> dict[str, Any]:
    """Write the credentials and return the ``[proxy]`` table of a configuration.

    Args:
        folder: where the credentials are written.
        listen: the worker's listen address.
        ca_file: signs the stand-ins' certificates.
        key: the key that Apple's knows.
        account: the account that Google's knows.
        apns: Apple's address, ``https://host:port``.
        fcm: Google's.
    """
    return {
        "listen_address": listen,
        "throttle_per_sec": 300,
        "throttle_memory_store_size": 50000,
        "apple": [
            {
                "type": "apple_rn",
                "topic": TOPIC,
                "auth_key_file": str(key.write(folder)),
                "auth_key_id": key.key_id,
                "team_id": key.team_id,
                "endpoint": apns,
                "ca_file": ca_file,
            }
        ],
        "android": [
            {
                "type": "android_rn",
                "service_account_file": str(account.write(folder)),
                "endpoint": fcm,
                "ca_file": ca_file,
            }
        ],
    }


def as_upstream(table: dict[str, Any]) -> dict[str, Any]:
    """Return a ``[proxy]`` table as the reference proxy's mattermost-push-proxy.json."""
    return {
        "ListenAddress": table["listen_address"],
        "ThrottlePerSec": table["throttle_per_sec"],
        "ThrottleMemoryStoreSize": table["throttle_memory_store_size"],
        "ApplePushSettings": [
            {
                "Type": apple["type"],
                "ApplePushUseDevelopment": False,
                "ApplePushTopic": apple["topic"],
                "AppleAuthKeyFile": apple["auth_key_file"],
                "AppleAuthKeyID": apple["auth_key_id"],
                "AppleTeamID": apple["team_id"],
                "Endpoint": apple["endpoint"],
                "Proxy": apple.get("proxy", ""),
                "CAFile": apple["ca_file"],
            }
            for apple in table["apple"]
        ],
        "AndroidPushSettings": [
            {
                "Type": android["type"],
                "ServiceFileLocation": android["service_account_file"],
                "Endpoint": android["endpoint"],
                "Proxy": android.get("proxy", ""),
                "CAFile": android["ca_file"],
            }
            for android in table["android"]
        ],
    }
