"""What each code means and what to change, one row for each: pure data.

Written for Apple's and Google's servers, which only the way to can be changed; ``words`` has what
differs elsewhere, and fills the places in braces.
"""

from collections.abc import Mapping
from typing import Final

from mmpush_tui.checks.phrases import proof as phrases_proof
from mmpush_tui.checks.phrases import wire as phrases_way
from mmpush_tui.checks.phrases.wording import AGAIN, CLOCK, CURL, EXEMPT, FIREWALL, Words
from mmpush_tui.findings import Confidence

_LIKELY: Final = Confidence.LIKELY
_POSSIBLE: Final = Confidence.POSSIBLE

WORDS: Final[Mapping[str, Words]] = {
    **phrases_way.WORDS,
    **phrases_proof.WORDS,
    # Names
    "dns_unknown": Words(
        summary="The name {lookup} does not exist for this host.",
        fix="Give this host a name server that knows names on the internet (/etc/resolv.conf); "
        "`getent hosts {lookup}` must print an address.",
        see="network-dns",
        confidence=_LIKELY,
    ),
    "dns_failed": Words(
        summary="The name {lookup} cannot be resolved on this host.",
        fix="Check the name servers in /etc/resolv.conf: `getent hosts {lookup}` must print an "
        "address.",
        see="network-dns",
        confidence=_LIKELY,
    ),
    "dns_timeout": Words(
        summary="The name servers of this host do not answer.",
        fix="Check that this host may ask the name servers in /etc/resolv.conf (UDP and TCP 53): "
        "`getent hosts {lookup}` must print an address.",
        see="network-dns",
        confidence=_LIKELY,
    ),
    # TCP
    "tcp_refused": Words(
        summary="The way to {who} is refused.",
        fix=FIREWALL,
        see="network-upstream-blocked",
        why="something on the way answered with a refusal, as firewalls do",
        confidence=_LIKELY,
    ),
    "tcp_other_port": Words(
        summary="The push proxy listens on port {other}, and the address says {port}.",
        fix="Change the address to {other_url}",
        see="proxy-connection-refused",
    ),
    "tcp_timeout": Words(
        summary="Packets to {who} get no answer.",
        fix=FIREWALL,
        see="network-upstream-blocked",
        why="not even a refusal came back: a firewall drops the packets, or the address is dead",
        confidence=_LIKELY,
    ),
    "tcp_unreachable": Words(
        summary="This host has no route to {who}.",
        fix="Give this host a route there: `ip route get ADDRESS` shows what is missing.",
        see="network-upstream-blocked",
    ),
    "tcp_failed": Words(
        summary="There is no TCP connection to {who}.",
        fix=FIREWALL,
        see="network-upstream-blocked",
        confidence=_POSSIBLE,
    ),
    # TLS
    "tls_untrusted": Words(
        summary="The certificate on the way to {who} is signed by an authority that this host "
        "does not trust.",
        fix="Signed by your company or a security product: exempt {host} from TLS inspection. "
        "Signed by a public authority: update the package ca-certificates.",
        see="network-tls-untrusted",
    ),
    "tls_self_signed": Words(
        summary="The certificate on the way to {who} is signed by itself.",
        fix=EXEMPT,
        see="network-tls-untrusted",
        why="{host} itself never shows such a certificate: something answers in its place",
    ),
    "tls_wrong_name": Words(
        summary="What answers for {host} shows a certificate for another name.",
        fix="Find out who answers: `getent hosts {host}`. A captive portal, a name server that "
        "lies or a firewall stands in its place; exempt {host} there.",
        see="network-tls-name",
        confidence=_LIKELY,
    ),
    "tls_expired": Words(
        summary="The certificate on the way to {who} has expired, or this host's clock is ahead.",
        fix=CLOCK + " If it does, something on the way shows an old certificate: exempt {host}.",
        see="network-tls-expired",
        confidence=_LIKELY,
    ),
    "tls_not_yet_valid": Words(
        summary="This host's clock is behind: the certificate of {host} is not valid yet.",
        fix=CLOCK,
        see="network-tls-expired",
        confidence=_LIKELY,
    ),
    "tls_failed": Words(
        summary="TLS with {who} does not come about.",
        fix=EXEMPT,
        see="network-tls-failed",
        confidence=_POSSIBLE,
    ),
    "tls_closed": Words(
        summary="Something breaks TLS off on the way to {who}.",
        fix="Allow the name {host} in the firewall's filter of TLS names, not only its address.",
        see="network-tls-failed",
        why="the port is open, and the connection ended in the middle of TLS",
        confidence=_LIKELY,
    ),
    "tls_timeout": Words(
        summary="{endpoint} takes the connection and then says nothing.",
        fix=EXEMPT,
        see="network-tls-failed",
        why="the port is open, and TLS was never answered",
        confidence=_POSSIBLE,
    ),
    "tls_plain_http": Words(
        summary="Something answers in plain HTTP where {who} speaks TLS.",
        fix="Find out what answers at {endpoint}, a captive portal or an outbound proxy, and let "
        "this host pass it.",
        see="network-http2-broken",
        confidence=_LIKELY,
    ),
    "tls_expiring": Words(
        summary="The certificate of {host} expires soon.",
        fix="Nothing to do yet where {who} renews it in time; look again in a few days.",
        see="network-tls-expired",
    ),
    # HTTP/2
    "alpn_missing": Words(
        summary="Something on the way to {who} does not pass HTTP/2.",
        fix=EXEMPT,
        see="network-http2-broken",
        why="{host} itself always offers HTTP/2 (ALPN h2)",
        confidence=_LIKELY,
    ),
    "alpn_timeout": Words(
        summary="Something on the way to {who} does not pass HTTP/2.",
        fix=EXEMPT,
        see="network-http2-broken",
        confidence=_POSSIBLE,
    ),
    "http2_no_settings": Words(
        summary="HTTP/2 with {who} is agreed on and then does not begin.",
        fix=EXEMPT,
        see="network-http2-broken",
        why="no SETTINGS came, the first thing an HTTP/2 server says",
        confidence=_LIKELY,
    ),
    "http1_answer": Words(
        summary="Something answers in HTTP/1 where HTTP/2 was agreed on with {who}.",
        fix=EXEMPT,
        see="network-http2-broken",
        confidence=_LIKELY,
    ),
    "http2_bad_answer": Words(
        summary="What answers for {who} gives an answer that breaks the rules of HTTP/2.",
        fix=EXEMPT,
        see="network-http2-broken",
        confidence=_LIKELY,
    ),
    "http2_protocol": Words(
        summary="What answers for {who} breaks the rules of HTTP/2.",
        fix=EXEMPT,
        see="network-http2-broken",
        confidence=_LIKELY,
    ),
    "http2_goaway": Words(
        summary="The connection to {who} was ended before it was of use.",
        fix=AGAIN,
        see="network-connection-broken",
        confidence=_POSSIBLE,
    ),
    "http2_goodbye": Words(
        summary="The connection to {who} was ended before it was of use.",
        fix=AGAIN,
        see="network-connection-broken",
        confidence=_POSSIBLE,
    ),
    "http2_calm": Words(
        summary="{who} wants fewer connections or requests from here, and ended this one.",
        fix=AGAIN,
        see="network-connection-broken",
        confidence=_POSSIBLE,
    ),
    "closed": Words(
        summary="The connection to {who} was closed.",
        fix=AGAIN,
        see="network-connection-broken",
        confidence=_POSSIBLE,
    ),
    "connection_lost": Words(
        summary="The connection to {who} was dropped.",
        fix=AGAIN,
        see="network-connection-broken",
        confidence=_POSSIBLE,
    ),
    "write_timeout": Words(
        summary="The connection to {who} takes no data.",
        fix=AGAIN,
        see="network-connection-broken",
        confidence=_POSSIBLE,
    ),
    # The request
    "goaway": Words(
        summary="The connection to {who} was ended instead of an answer.",
        fix=AGAIN,
        see="network-connection-broken",
        confidence=_POSSIBLE,
    ),
    "no_stream": Words(
        summary="No request may be made on the connection to {who}.",
        fix=EXEMPT,
        see="network-connection-broken",
        confidence=_POSSIBLE,
    ),
    "refused_stream": Words(
        summary="The request to {who} was refused unread.",
        fix=AGAIN,
        see="network-connection-broken",
        confidence=_POSSIBLE,
    ),
    "stream_reset": Words(
        summary="The request to {who} was broken off.",
        fix=AGAIN,
        see="network-connection-broken",
        confidence=_POSSIBLE,
    ),
    "timeout": Words(
        summary="The connection to {who} stands, and the request gets no answer.",
        fix=AGAIN,
        see="network-connection-broken",
        confidence=_POSSIBLE,
    ),
    "not_http": Words(
        summary="What answers at {endpoint} does not speak HTTP.",
        fix="Correct host and port of the address: {url}",
        see="mattermost-answer-not-json",
    ),
    "not_apns": Words(
        summary="What answers for {host} is not Apple's push service.",
        fix=EXEMPT,
        see="network-http2-broken",
        why="Apple answers a request without a key with 403 MissingProviderToken and an apns-id",
        confidence=_LIKELY,
    ),
    "not_fcm": Words(
        summary="What answers for {host} is not Google's push service.",
        fix=EXEMPT,
        see="network-http2-broken",
        why="Google answers a request without a token with 401 UNAUTHENTICATED",
        confidence=_LIKELY,
    ),
    "not_token_server": Words(
        summary="What answers for {host} is not Google's token server.",
        fix=EXEMPT,
        see="fcm-token-server",
        why="Google answers an empty request for a token with 400 and a JSON error",
        confidence=_LIKELY,
    ),
    "vendor_busy": Words(
        summary="The network is fine, and {who} is having trouble of its own.",
        fix="Wait, and look at {status_page}.",
        see="{busy_entry}",
        confidence=_LIKELY,
    ),
    # Push proxies
    "http_to_tls": Words(
        summary="The address says http, and {endpoint} speaks TLS.",
        fix="Change the address to https://{endpoint}{path}",
        see="settings-http-or-https",
    ),
    "app_redirect": Words(
        summary="{endpoint} redirects to another address, and Mattermost's pushes do not survive "
        "that.",
        fix="Enter the final address, which {named_by} names.",
        see="settings-http-or-https",
        why="a redirect turns Mattermost's POST into a GET",
    ),
    "app_not_found": Words(
        summary="A web server answers at {endpoint}, and no push proxy is at that address.",
        fix="Check host, port and path of the address: " + CURL,
        see="settings-url-path",
    ),
    "app_path": Words(
        summary="The address has a path that Mattermost appends by itself.",
        fix="Remove /api/v1/send_push from the address: {shorter}",
        see="settings-url-path",
    ),
    "app_not_json": Words(
        summary="What answers at {endpoint} is not a push proxy.",
        fix="Correct host and port of the address: " + CURL,
        see="mattermost-answer-not-json",
    ),
    "app_status": Words(
        summary="Something at {endpoint} refuses the request before a push proxy sees it.",
        fix="Find out who answers: `curl -sS -i {url}/version` must answer 200 with JSON.",
        see="mattermost-http-status",
    ),
    "proxy_old": Words(
        summary="The push proxy at {endpoint} is an old one.",
        fix="Update it: Mattermost's own tests ask for /version.",
        why="it has no /version",
    ),
    # Mattermost
    "not_mattermost": Words(
        summary="What answers at {endpoint} is not a Mattermost server.",
        fix="Correct the address: `curl -sS {url}/api/v4/system/ping` must print JSON with a "
        "status.",
    ),
    "mattermost_unhealthy": Words(
        summary="The Mattermost server says that it is not healthy.",
        fix="Look at its log and at its database; it answers, and says so itself.",
    ),
    # What is known before anything is sent
    "settings_unread": Words(
        summary="Mattermost's own hop was left out: its settings cannot be read.",
        fix="Correct what keeps them from being read, and run the checks again.",
    ),
    "url_invalid": Words(
        summary="The push proxy's address in Mattermost is no address.",
        fix="Write it in full, as http://HOST:8066 or https://HOST: `mmctl config set "
        "EmailSettings.PushNotificationServer ADDRESS`.",
        see="settings-url-scheme",
    ),
    "credential_file": Words(
        summary="A file that {who} needs cannot be used.",
        fix="Correct the file or its path in the configuration.",
        see="proxy-target-failed",
    ),
    "ca_file": Words(
        summary="The CA file for {who} cannot be used.",
        fix="Correct ca_file in the configuration: a PEM file with -----BEGIN CERTIFICATE-----.",
    ),
    "deadline": Words(
        summary="The checks did not finish in the time they had.",
        fix="Give them longer, as with --timeout 30. What never answers is held up by a firewall.",
        confidence=_POSSIBLE,
    ),
}
