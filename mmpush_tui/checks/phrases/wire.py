"""What is said about names, outbound proxies and inspected TLS: pure data, as in ``phrases``."""

from collections.abc import Mapping
from typing import Final

from mmpush_tui.checks.phrases.wording import Words
from mmpush_tui.findings import Confidence

_LIKELY: Final = Confidence.LIKELY
_INSPECTION: Final = (
    "Exempt {host} from TLS inspection in the firewall; Apple and Google ask for that "
    "(*.push.apple.com, *.googleapis.com)."
)
_PROXY_LOG: Final = "see: `curl -v -x http://{proxy} https://{host}:{port}` from this host"

WORDS: Final[Mapping[str, Words]] = {
    "dns_private": Words(
        summary="The name servers of this host give a false address for {host}.",
        fix="Exempt {host} in the name server that filters or redirects (split DNS, DNS filter): "
        "`getent hosts {host}` must print an address on the internet.",
        see="network-dns",
        why="a name server that filters, or a captive portal, answers so",
        confidence=_LIKELY,
    ),
    "dns_not_apple": Words(
        summary="The name servers of this host give an address for {host} that is not Apple's.",
        fix="Exempt {host} in the name server that filters or redirects: `getent hosts {host}` "
        "must print addresses that begin with 17.",
        see="network-dns",
        why="Apple's push servers are in 17.0.0.0/8",
        confidence=_LIKELY,
    ),
    "tcp_family_dead": Words(
        summary="{family} to {who} is broken; {other_family} works.",
        fix="Repair {family} on this host or switch it off: what tries {family} first waits for "
        "nothing, each time.",
        see="network-upstream-blocked",
    ),
    "tcp_port_policy": Words(
        summary="Port {port} to {who} is blocked, and port {other} is open.",
        fix='Set endpoint = "{other_url}" on this target (Endpoint in the JSON file), or allow '
        "TCP {port}.",
        see="network-upstream-blocked",
    ),
    "proxy_half_set": Words(
        summary="There is no direct way to {who}, and the proxy is set for other addresses only.",
        fix="Set {wanted} too, to the address that {variable} has, for the service that connects "
        "(in its systemd unit: Environment=).",
        see="network-outbound-proxy",
    ),
    "proxy_setting": Words(
        summary="The outbound proxy on the way to {who} is no address.",
        fix="Write it as http://host:port, user and password with an @ before the host.",
        see="network-outbound-proxy",
    ),
    "proxy_unseen": Words(
        summary="The outbound proxy on the way to {who} speaks what these checks do not: nothing "
        "behind it was looked at.",
        fix="Nothing where pushes arrive. To have this hop checked, name an http:// proxy in "
        "{variable}.",
        see="network-outbound-proxy",
    ),
    "proxy_dns": Words(
        summary="The name of the outbound proxy {proxy} cannot be resolved.",
        fix="Correct the name in {variable}, or enter it in your DNS.",
        see="network-outbound-proxy",
    ),
    "proxy_tcp": Words(
        summary="The outbound proxy {proxy} cannot be reached.",
        fix="Correct {variable}, or start the proxy; unset it where none is needed.",
        see="network-outbound-proxy",
    ),
    "proxy_timeout": Words(
        summary="The outbound proxy {proxy} does not answer.",
        fix="Look at the proxy's log; " + _PROXY_LOG + ".",
        see="network-outbound-proxy",
        confidence=_LIKELY,
    ),
    "proxy_auth": Words(
        summary="The outbound proxy {proxy} wants credentials, or others than it was given.",
        fix="Write user and password into {variable}, between http:// and {proxy}: the user, a "
        "colon, the password, an @ (special characters as %XX).",
        see="network-outbound-proxy",
    ),
    "proxy_refused": Words(
        summary="The outbound proxy {proxy} does not allow connections to {endpoint}.",
        fix="Allow CONNECT to {endpoint} in the proxy's rules.",
        see="network-outbound-proxy",
    ),
    "proxy_port": Words(
        summary="The outbound proxy allows connections to port 443 only, not to {port}.",
        fix="Use port 443: remove :{port} from the target's endpoint, or allow CONNECT to port "
        "{port} (Squid: SSL_ports).",
        see="network-outbound-proxy",
    ),
    "proxy_upstream": Words(
        summary="The outbound proxy {proxy} cannot reach {endpoint} itself.",
        fix="Look at the proxy: its own DNS, route or firewall; " + _PROXY_LOG + ".",
        see="network-outbound-proxy",
    ),
    "proxy_not_http": Words(
        summary="What answers at {proxy} is no HTTP proxy.",
        fix="Correct host and port in {variable}.",
        see="network-outbound-proxy",
    ),
    "proxy_closed": Words(
        summary="The outbound proxy {proxy} hangs up instead of connecting.",
        fix="Look at the proxy's log; " + _PROXY_LOG + ".",
        see="network-outbound-proxy",
        confidence=_LIKELY,
    ),
    "proxy_needless": Words(
        summary="The outbound proxy {proxy} fails, and {who} can be reached without it.",
        fix="Name {host} in NO_PROXY, or repair the proxy; see {variable}.",
        see="network-outbound-proxy",
    ),
    "tls_intercepting": Words(
        summary="The network breaks TLS open on the way to {who}: it shows a certificate by "
        '"{issuer}".',
        fix=_INSPECTION,
        see="network-tls-untrusted",
        why="{host} itself shows a certificate of a public authority",
    ),
    "tls_intercepted": Words(
        summary='The network reads what goes to {who}: the certificate is by "{issuer}".',
        fix=_INSPECTION,
        see="network-tls-untrusted",
        confidence=_LIKELY,
    ),
    "tls_intercepted_fatal": Words(
        summary="The network breaks TLS open on the way to {who}, and so no client certificate "
        'arrives: the certificate shown is by "{issuer}".',
        fix=_INSPECTION,
        see="network-tls-untrusted",
        confidence=_LIKELY,
    ),
    "tls_old_store": Words(
        summary="This host's list of authorities is too old for the certificate of {host}.",
        fix="Update it: `apt install --reinstall ca-certificates` (or dnf, apk), then "
        "`update-ca-certificates`.",
        see="network-tls-untrusted",
        why="its issuer is a public authority, and this host does not know it",
        confidence=_LIKELY,
    ),
    "tls_missing_intermediate": Words(
        summary="{endpoint} sends its certificate without the one that signed it.",
        fix="Give the server the whole chain: its certificate, then the intermediate "
        "(fullchain.pem), then reload it.",
        see="network-proxy-certificate",
        why="only one certificate is sent, and its issuer is no root",
        confidence=_LIKELY,
    ),
    "tls_sni_filtered": Words(
        summary="The firewall breaks TLS off for the name {host}.",
        fix="Allow the name {host} in the firewall's filter of TLS names (SNI), not only its "
        "address.",
        see="network-tls-failed",
        why="the same address takes TLS for another name",
    ),
    "tls_old_version": Words(
        summary="What answers at {endpoint} offers {version} only, which nobody uses any more.",
        fix="Enable TLS 1.2 or 1.3 there; where it is Apple's or Google's name, something on the "
        "way answers in its place.",
        see="network-tls-failed",
    ),
    "tls_client_certificate": Words(
        summary="{endpoint} refuses our client certificate, or wants one.",
        fix="Renew the certificate of this target, or give it one; a reverse proxy that asks for "
        "one must not ask here.",
        see="apns-client-certificate",
    ),
}
