"""Outbound proxies: their addresses, which connection goes through which, and what they answer."""

import pytest

from mmpush_tui.errors import ConfigError
from mmpush_tui.http2.errors import ConnectError
from mmpush_tui.http2.outbound import OutboundProxy, choose_proxy, is_exempt
from mmpush_tui.http2.tunnel import AnswerReader, request_for
from mmpush_tui.text import Secret

PROXY = OutboundProxy.parse("http://proxy.test:3128", "HTTPS_PROXY")

ADDRESSES = [
    ("http://proxy.test:3128", "proxy.test:3128", ""),
    ("proxy.test:3128", "proxy.test:3128", ""),
    ("http://proxy.test", "proxy.test:1080", ""),
    ("http://proxy.test:3128/", "proxy.test:3128", ""),
    ("http://[::1]:3128", "[::1]:3128", ""),
    ("http://ann:s3cret@proxy.test:3128", "proxy.test:3128", "Basic YW5uOnMzY3JldA=="),
    ("http://ann:p%40ss%3Aword@proxy.test:1", "proxy.test:1", "Basic YW5uOnBAc3M6d29yZA=="),
    ("http://ann@proxy.test:1", "proxy.test:1", "Basic YW5uOg=="),
]


@pytest.mark.parametrize(("text", "where", "authorization"), ADDRESSES)
def test_reads_addresses(text: str, where: str, authorization: str) -> None:
    proxy = OutboundProxy.parse(text, "Proxy")
    assert str(proxy) == where
    assert proxy.authorization.reveal() == authorization
    assert "s3cret" not in repr(proxy)
    assert "YW5u" not in repr(proxy)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("socks5://ann:s3cret@proxy.test:1080",
         "Proxy: only http:// proxies are supported: CONNECT through them is encrypted end to end "
         "all the same."),
        ("https://ann:s3cret@proxy.test",
         "Proxy: only http:// proxies are supported: CONNECT through them is encrypted end to end "
         "all the same."),
        ("http://ann:s3cret@proxy.test:port",
         "Proxy: expected http://host:port or http://[secret]@host:port."),
        ("http://ann:s3cret@", "Proxy: expected http://host:port or http://[secret]@host:port."),
        ("http://ann:s3cret@proxy.test/path",
         "Proxy: expected http://host:port or http://[secret]@host:port."),
        ("http://[::1", "Proxy: expected http://host:port or http://[secret]@host:port."),
    ],
)  # fmt: skip
def test_refuses_other_addresses_without_repeating_them(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        OutboundProxy.parse(text, "Proxy")
    assert caught.value.line() == sentence


HTTPS = {"https_proxy": "http://low:1"}
CHOICES = [
    ({}, {}, None),
    ({}, HTTPS, "low:1"),
    ({}, {"HTTPS_PROXY": "http://up:1"}, "up:1"),
    ({}, HTTPS | {"HTTPS_PROXY": "http://up:1"}, "low:1"),
    ({}, {"HTTP_PROXY": "http://plain:1"}, "plain:1"),
    ({}, {"http_proxy": "http://plain:1", "ALL_PROXY": "http://all:1"}, "all:1"),
    ({}, HTTPS | {"NO_PROXY": "push.apple.com"}, None),
    ({}, HTTPS | {"no_proxy": "example.com"}, "low:1"),
    ({}, HTTPS | {"no_proxy": "other", "NO_PROXY": "*"}, "low:1"),
    ({}, {"https_proxy": " "}, None),
    ({"Proxy": "http://mine:1"}, HTTPS | {"NO_PROXY": "*"}, "mine:1"),
    ({"Proxy": "none"}, HTTPS, None),
    ({"Proxy": "", "network.proxy": "http://net:1"}, HTTPS, "net:1"),
    ({"Proxy": "http://mine:1", "network.proxy": "http://net:1"}, HTTPS, "mine:1"),
    ({"Proxy": "", "network.proxy": "None"}, HTTPS, None),
]


@pytest.mark.parametrize(("settings", "environment", "chosen"), CHOICES)
def test_chooses(settings: dict[str, str], environment: dict[str, str], chosen: str | None) -> None:
    secret = {name: Secret(value) for name, value in settings.items()}
    found = choose_proxy("api.push.apple.com", 443, secret, environment)
    assert (str(found) if found else None) == chosen


EXEMPT = [
    ("host.test", 443, "host.test", True),
    ("a.host.test", 443, "host.test", True),
    ("a.host.test", 443, ".host.test", True),
    ("host.test", 443, ".host.test", True),
    ("ghost.test", 443, "host.test", False),
    ("HOST.test", 443, "host.TEST", True),
    ("host.test.", 443, "host.test", True),
    ("host.test", 443, "*.host.test", True),
    ("host.test", 443, "host.test:443", True),
    ("host.test", 2197, "host.test:443", False),
    ("host.test", 443, "a, b host.test", True),
    ("host.test", 443, "", False),
    ("host.test", 443, "*", True),
    ("10.1.2.3", 443, "10.0.0.0/8", True),
    ("11.1.2.3", 443, "10.0.0.0/8", False),
    ("10.1.2.3", 443, "10.1.2.3", True),
    ("host.test", 443, "10.0.0.0/8", False),
    ("::1", 443, "::1", True),
    ("[::1]", 443, "[::1]", True),
    ("fd00::7", 443, "fd00::/8", True),
    ("127.0.0.1", 443, "localhost", False),
    ("host.test", 443, "., .,:443", False),
]


@pytest.mark.parametrize(("host", "port", "exceptions", "exempt"), EXEMPT)
def test_exceptions_are_curls(host: str, port: int, exceptions: str, exempt: bool) -> None:
    assert is_exempt(host, port, exceptions) is exempt


def test_asks_with_host_and_credentials() -> None:
    proxy = OutboundProxy.parse("http://ann:s3cret@proxy.test:3128", "Proxy")
    assert request_for("api.push.apple.com", 443, proxy) == (
        b"CONNECT api.push.apple.com:443 HTTP/1.1\r\nHost: api.push.apple.com:443\r\n"
        b"Proxy-Authorization: Basic YW5uOnMzY3JldA==\r\n\r\n"
    )
    assert request_for("::1", 443, PROXY).startswith(b"CONNECT [::1]:443 HTTP/1.1\r\n")


GOOD = [
    b"HTTP/1.1 200 Connection established\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nVia: 1.1 proxy\r\nX-More: yes\r\n\r\n",
    b"HTTP/1.1 299 Odd\n\n",
    b"HTTP/1.1 204\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
]


@pytest.mark.parametrize("answer", GOOD)
def test_an_answer_may_come_in_any_pieces_and_what_follows_is_left(answer: bytes) -> None:
    data = answer + b"\x16\x03\x01TLS"
    for cut in range(1, len(answer) + 1):
        reader = AnswerReader(PROXY, "host.test:443")
        rest, stands = data, False
        while not stands:
            piece = rest[:cut]
            count = reader.wants(piece)
            assert 0 < count <= len(piece)
            stands = reader.take(rest[:count])
            rest = rest[count:]
        assert rest == b"\x16\x03\x01TLS"


WAY = "the proxy proxy.test:3128 on the way to host.test:443 "
BAD = [
    (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "proxy_auth",
     "wants credentials, or others than it was given (it answers 407 Proxy Authentication "
     "Required)"),
    (b"HTTP/1.1 403 Forbidden\r\n\r\n", "proxy_refused",
     "does not let anybody connect there (it answers 403 Forbidden)"),
    (b"HTTP/1.1 405 Method Not Allowed\r\n\r\n", "proxy_refused",
     "does not allow CONNECT (it answers 405 Method Not Allowed)"),
    (b"HTTP/1.1 502\r\n\r\n", "proxy_upstream", "cannot reach it (it answers 502)"),
    (b"HTTP/1.1 503 \x1b[31mred\r\n\r\n", "proxy_upstream",
     "cannot reach it at the moment (it answers 503 red)"),
    (b"HTTP/1.1 504 Late\r\n\r\n", "proxy_upstream",
     "got no connection to it in time (it answers 504 Late)"),
    (b"HTTP/1.1 302 Found\r\nLocation: http://login\r\n\r\n", "proxy_refused",
     "refuses (it answers 302 Found)"),
    (b"<html>", "proxy_not_http", "speaks no HTTP: is this its port?"),
    (b"\x05\xff", "proxy_not_http", "speaks no HTTP: is this its port?"),
    (b"HTTP/2 200 OK\r\n\r\n", "proxy_not_http", "speaks no HTTP: is this its port?"),
    (b"HTTP/1.1 ok\r\n\r\n", "proxy_not_http", "speaks no HTTP: is this its port?"),
    (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 12_000, "proxy_not_http", "answers without end"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "code", "words"), BAD)
def test_names_what_a_proxy_answers(answer: bytes, code: str, words: str) -> None:
    reader = AnswerReader(PROXY, "host.test:443")
    with pytest.raises(ConnectError) as caught:
        assert not reader.take(answer[: reader.wants(answer)])
    assert (caught.value.stage, caught.value.code) == ("proxy", code)
    assert str(caught.value) == WAY + words
