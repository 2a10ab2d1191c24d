"""What a request passes before it is looked at."""

import base64
from pathlib import Path
from typing import Any

import pytest

from mmpush_tui.errors import ConfigError
from mmpush_tui.proxy.door.gate import Admitted, Gate, Refusal, header_warning
from mmpush_tui.proxy.door.http1 import IncomingRequest
from mmpush_tui.proxy.door.request_access import RequestAccess
from mmpush_tui.proxy.door.throttle import Throttle
from mmpush_tui.proxy.networks import Senders
from mmpush_tui.text import Secret
from tests.clock import Clock
from tests.proxy.settings import default_config, proxy_config


class Door:
    """A gate that is asked for the worker's pages, and why it refused."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.refused: list[str] = []

    def admit(self, request: IncomingRequest) -> Admitted:
        path = request.path
        is_counted = path not in ("/", "/version", "/metrics", "/healthz")
        admitted = self.gate.admit(request, is_counted=is_counted, is_open=path == "/healthz")
        assert isinstance(admitted, str | Refusal)
        if isinstance(admitted, Refusal):
            self.refused.append(admitted.why)
        return admitted


def gate(folder: Path, text: str) -> tuple[Door, list[str]]:
    door = Door(Gate.from_config(proxy_config(folder, text), print))
    return door, door.refused


def answer(
    it: Door, path: str = "/api/v1/send_push", peer: str = "192.0.2.1", **headers: str
) -> Any:
    request = IncomingRequest(peer)
    request.path, request.method = path, "POST"
    request.headers = {
        name.replace("_", "-").encode(): value.encode() for name, value in headers.items()
    }
    admitted = it.admit(request)
    return (200, admitted.encode()) if isinstance(admitted, str) else admitted.reply.status


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_by_address(tmp_path: Path) -> None:
    it, refused = gate(tmp_path, 'allowed_addresses = ["192.0.2.0/24", "2001:db8::1"]')
    assert answer(it)[0] == 200
    assert answer(it, peer="2001:db8::1")[0] == 200
    assert answer(it, peer="::ffff:192.0.2.9")[0] == 200
    assert answer(it, peer="")[0] == 200
    assert answer(it, peer="198.51.100.1") == 403
    assert answer(it, "/healthz", peer="198.51.100.1") == 403
    assert answer(it, peer="198.51.100.1", x_forwarded_for="192.0.2.1") == 403
    assert refused == ["address"] * 3


def test_by_address_behind_a_reverse_proxy(tmp_path: Path) -> None:
    it, _ = gate(tmp_path, 'allowed_addresses = ["192.0.2.0/24"]\ntrusted_proxies = ["10.0.0.1"]')
    assert answer(it, peer="10.0.0.1", x_forwarded_for="192.0.2.1")[0] == 200
    assert answer(it, peer="10.0.0.1", x_forwarded_for="198.51.100.1") == 403


def test_another_header_may_name_the_sender(tmp_path: Path) -> None:
    it, _ = gate(
        tmp_path, 'allowed_addresses = ["192.0.2.0/24"]\ntrusted_proxies = ["10.0.0.1"]\n'
        'throttle_vary_by_header = "X-Real-IP"',
    )  # fmt: skip
    assert answer(it, peer="10.0.0.1", x_real_ip="192.0.2.1")[0] == 200
    assert answer(it, peer="10.0.0.1", x_forwarded_for="192.0.2.1") == 403


def test_by_credentials(tmp_path: Path) -> None:
    it, refused = gate(tmp_path, 'access_user = "mm"\naccess_password = "s3crét"')
    assert answer(it, authorization=basic("mm:s3crét"))[0] == 200
    assert answer(it, authorization=basic("mm:s3crét").replace("Basic", "basic"))[0] == 200
    for wrong in ("", basic("mm:other"), basic("mm"), "Bearer x", "Basic", basic("x:s3crét")):
        assert answer(it, authorization=wrong) == 401
    assert answer(it, "/") == 401
    assert answer(it, "/healthz") == (200, b"/healthz")
    assert set(refused) == {"credentials"}


def test_by_a_secret_path(tmp_path: Path) -> None:
    it, refused = gate(tmp_path, 'path_prefix = "s3cret/x/"')
    assert answer(it, "/s3cret/x/api/v1/send_push") == (200, b"/api/v1/send_push")
    assert answer(it, "/s3cret/x") == (200, b"/")
    assert answer(it, "/s3cret/x/") == (200, b"/")
    assert answer(it, "/healthz") == (200, b"/healthz")
    for wrong in ("/", "/api/v1/send_push", "/s3cret", "/S3cret/x/api/v1/send_push", "/s3cret/y/"):
        assert answer(it, wrong) == 404
    assert refused == ["path"] * 5


def test_by_number(tmp_path: Path) -> None:
    it, refused = gate(tmp_path, "throttle_per_sec = 2")
    for _ in range(3):
        if [answer(it, "/api/v1/ack") for _ in range(4)][2:] == [429, 429]:
            break
    else:
        pytest.fail("never limited")
    assert set(refused) == {"throttled"}
    for page in ("/", "/version", "/metrics", "/healthz"):
        assert answer(it, page)[0] == 200
    assert answer(it, peer="192.0.2.77")[0] == 200


def test_passwords_are_not_tried_faster_on_pages_that_are_not_counted() -> None:
    throttle = Throttle(2, 10, Clock(1000))
    access = RequestAccess(default_config(access_user="mm", access_password=Secret("right")))
    it = Door(Gate(access, Senders(()), throttle))
    for page in ("/", "/version", "/metrics"):
        assert [answer(it, page) for _ in range(4)] == [401] * 4
        assert answer(it, page, authorization=basic("mm:right"))[0] == 200
    assert answer(it, "/healthz", authorization=basic("mm:one"))[0] == 200
    assert answer(it, "/", authorization=basic("mm:two")) == 401
    for page in ("/", "/version", "/metrics", "/healthz"):
        assert answer(it, page, authorization=basic("mm:three")) == 429
        assert answer(it, page, authorization=basic("mm:right"))[0] == 200
    assert answer(it, "/healthz")[0] == 200


def test_a_refusal_by_number_says_when_to_come_back() -> None:
    it = Door(Gate(RequestAccess(default_config()), Senders(()), Throttle(1, 10, Clock(1000))))
    request = IncomingRequest("192.0.2.1")
    request.path = "/api/v1/ack"
    assert it.admit(request) == "/api/v1/ack"
    refusal = it.admit(request)
    assert isinstance(refusal, Refusal)
    reply = refusal.reply
    assert (reply.status, reply.body) == (429, b"limit exceeded\n")
    assert dict(reply.headers) == {
        b"retry-after": b"1", b"x-ratelimit-limit": b"1", b"x-ratelimit-remaining": b"0",
        b"x-ratelimit-reset": b"1",
    }  # fmt: skip


BROKEN = [
    ('access_user = "mm"', "AccessUser and AccessPassword go together, and one is missing."),
    ('access_password = "x"', "AccessUser and AccessPassword go together, and one is missing."),
    ('path_prefix = "a b"', "PathPrefix: only letters, digits and -._~/ can stand in it."),
    ('path_prefix = "a%2f"', "PathPrefix: only letters, digits and -._~/ can stand in it."),
    ('path_prefix = "a/../b"', "PathPrefix: no part between two slashes can be empty, . or ..."),
    ('path_prefix = "a//b"', "PathPrefix: no part between two slashes can be empty, . or ..."),
    ('throttle_vary_by_header = "X-Größe"', "ThrottleVaryByHeader: this is no header's name."),
]


@pytest.mark.parametrize(("text", "sentence"), BROKEN)
def test_a_rule_that_cannot_be_obeyed_is_refused(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        gate(tmp_path, text)
    assert caught.value.line() == sentence


def test_a_header_that_nobody_is_trusted_with_is_warned_of(tmp_path: Path) -> None:
    text = 'throttle_vary_by_header = "X-Forwarded-For"'
    assert header_warning(proxy_config(tmp_path, text)).startswith(
        "ThrottleVaryByHeader X-Forwarded-For is not believed"
    )
    assert header_warning(proxy_config(tmp_path, f'{text}\ntrusted_proxies = ["::1"]')) == ""
    assert header_warning(proxy_config(tmp_path, "")) == ""


def test_a_header_that_is_not_understood_is_warned_of(tmp_path: Path) -> None:
    text = 'throttle_vary_by_header = "Forwarded"\ntrusted_proxies = ["::1"]'
    assert header_warning(proxy_config(tmp_path, text)).startswith(
        "ThrottleVaryByHeader Forwarded is not understood"
    )


def test_trust_in_everybody_is_warned_of(tmp_path: Path) -> None:
    for all_of_them in ("0.0.0.0/0", "::/0"):
        text = f'trusted_proxies = ["::1", "{all_of_them}"]'
        assert header_warning(proxy_config(tmp_path, text)).startswith(
            "TrustedProxies holds all addresses: every sender chooses which address it has"
        )
