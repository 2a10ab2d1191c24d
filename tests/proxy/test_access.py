"""Who may send, and how often."""

import asyncio
import base64
import contextlib
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from mmpush_tui.configuration.config import ProxyConfig, load
from mmpush_tui.errors import ConfigError
from mmpush_tui.protocol.wire import PushNotification
from mmpush_tui.proxy.delivery.push_access import PushAccess, load_public_key
from mmpush_tui.proxy.door.gate import Admitted, Gate, Refusal, header_warning
from mmpush_tui.proxy.door.http1 import IncomingRequest
from mmpush_tui.proxy.door.request_access import RequestAccess
from mmpush_tui.proxy.door.throttle import RateDecision, SharedThrottle, Throttle, make
from mmpush_tui.proxy.exposure import wildcard_warning
from mmpush_tui.proxy.networks import Senders, address, is_in, networks, throttle_key
from mmpush_tui.text import Secret
from tests.waiting import eventually

TRUSTED = networks(["10.0.0.0/8", "::1"], "TrustedProxies")


# Who is asking


WHO = [
    ("192.0.2.1", "", "192.0.2.1"),
    ("192.0.2.1", "198.51.100.9", "192.0.2.1"),
    ("10.0.0.1", "", "10.0.0.1"),
    ("10.0.0.1", "198.51.100.9", "198.51.100.9"),
    ("10.0.0.1", "203.0.113.7, 198.51.100.9", "198.51.100.9"),
    ("10.0.0.1", "203.0.113.7, 198.51.100.9, 10.0.0.2", "198.51.100.9"),
    ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
    ("10.0.0.1", "garbage", "10.0.0.1"),
    ("10.0.0.1", "203.0.113.7, garbage, 10.0.0.2", "10.0.0.2"),
    ("10.0.0.1", "198.51.100.9:4711", "198.51.100.9"),
    ("10.0.0.1", "[2001:db8::5]:4711", "2001:db8::5"),
    ("10.0.0.1", '"2001:db8::5"', "2001:db8::5"),
    ("10.0.0.1", "::ffff:198.51.100.9", "198.51.100.9"),
    ("::ffff:10.0.0.1", "198.51.100.9", "198.51.100.9"),
    ("::1", "198.51.100.9", "198.51.100.9"),
    ("", "198.51.100.9", "198.51.100.9"),
    ("", "", "unix"),
    ("10.0.0.1", ",".join(["10.0.0.9"] * 100), "10.0.0.9"),
    ("10.0.0.1", "198.51.100.9, " + "9" * 1000 + ", 10.0.0.2", "10.0.0.2"),
    ("10.0.0.1", "198.51.100.9, for=192.0.2.1, 10.0.0.2", "10.0.0.2"),
    ("10.0.0.1", "198.51.100.9" + " " * 1000, "198.51.100.9"),
]


@pytest.mark.parametrize(("peer", "said", "sender"), WHO)
def test_only_trusted_proxies_are_believed(peer: str, said: str, sender: str) -> None:
    assert Senders(TRUSTED).of(peer, said) == sender


@given(peer=st.ip_addresses().map(str), said=st.text(max_size=200))
def test_without_trusted_proxies_nobody_chooses_who_it_is(peer: str, said: str) -> None:
    assert Senders(()).of(peer, said) == peer
    assert Senders(()).header == ""


HOPS = st.lists(
    st.one_of(
        st.ip_addresses().map(str),
        st.ip_addresses(v=4, network="10.0.0.0/8").map(str),
        st.text(max_size=12).filter(lambda text: "," not in text),
    ),
    max_size=8,
)


@given(chosen=HOPS, seen=st.ip_addresses(v=4, network="198.51.100.0/24").map(str), behind=HOPS)
def test_nothing_that_a_sender_writes_moves_what_the_first_proxy_saw(
    chosen: list[str], seen: str, behind: list[str]
) -> None:
    proxies = [hop for hop in behind if hop.startswith("10.") and is_in(address(hop), TRUSTED)]
    assert Senders(TRUSTED).of("10.0.0.1", ", ".join([*chosen, seen, *proxies])) == seen


@given(said=st.text(max_size=300))
def test_whatever_a_header_says_it_is_read(said: str) -> None:
    assert Senders(TRUSTED).of("10.0.0.1", said)


KEYS = [
    ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("unix", "unix"),
    ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
]  # fmt: skip


@pytest.mark.parametrize(("sender", "key"), KEYS)
def test_a_network_of_ipv6_is_one_sender(sender: str, key: str) -> None:
    assert throttle_key(sender) == key


NAMED = [
    ("10.1.2.3/8", "10.255.0.1"), ("::ffff:10.0.0.0/104", "10.255.0.1"),
    ("::ffff:10.0.0.1", "::ffff:10.0.0.1"), ("2001:db8::/32", "2001:db8:1::1"), ("::/0", "::1"),
]  # fmt: skip


@pytest.mark.parametrize(("word", "member"), NAMED)
def test_networks_have_their_members_however_they_are_written(word: str, member: str) -> None:
    assert is_in(address(member), networks([word], "TrustedProxies"))


@pytest.mark.parametrize("word", ["fe80::1%eth0", "10.0.0.1/33", "10", "[::1]", "10.0.0.1:80"])
def test_what_could_never_be_a_sender_is_no_network(word: str) -> None:
    with pytest.raises(ConfigError):
        networks([word], "TrustedProxies")


def test_a_word_that_is_no_network_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        networks(["10.0.0.0/8", "office"], "AllowedAddresses")
    assert caught.value.line() == (
        "AllowedAddresses: office is neither an address nor a network. Write 192.0.2.7, "
        "10.0.0.0/8 or 2001:db8::/32."
    )


# How often


class Clock:
    def __init__(self) -> None:
        self.now = 100.25

    def __call__(self) -> float:
        return self.now


def test_so_many_a_second_and_then_no_more() -> None:
    clock = Clock()
    throttle = Throttle(3, 10, clock)
    assert [throttle.take("a").is_allowed for _ in range(4)] == [True] * 3 + [False]
    assert throttle.take("a") == RateDecision(is_allowed=False, remaining=0, reset_s=0.75)
    assert throttle.take("b").is_allowed
    clock.now += 0.75
    assert throttle.take("a").is_allowed


def test_ever_new_senders_share_what_is_left_and_cost_no_memory() -> None:
    throttle = Throttle(3, 10, Clock())
    allowed = sum(throttle.take(f"sender {n}").is_allowed for n in range(10_000))
    assert allowed == 10 + 3
    assert len(throttle._counts) == 11
    assert throttle.take("sender 1").is_allowed


REDIS = shutil.which("redis-server")
needs_redis = pytest.mark.skipif(
    REDIS is None, reason="redis-server is not installed; on Debian: apt install redis-server"
)


def _start_redis(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    assert REDIS is not None
    words = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    command = ["/usr/bin/setpriv", "--pdeathsig", "KILL", REDIS, *words, "--dir", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


Running = tuple[int, "subprocess.Popen[bytes]"]


@contextlib.asynccontextmanager
async def redis(folder: Path, port: int = 0) -> AsyncIterator[Running]:
    if not port:
        with socket.create_server(("127.0.0.1", 0)) as sock:
            port = sock.getsockname()[1]
    process = _start_redis(folder, port)
    try:
        await eventually(lambda: listens(port))
        yield port, process
    finally:
        process.kill()
        process.wait(10)


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def taken(throttle: Throttle | SharedThrottle, sender: str) -> RateDecision:
    decision = throttle.take(sender)
    return decision if isinstance(decision, RateDecision) else await decision


@needs_redis
@pytest.mark.slow
async def test_workers_share_one_limit_in_redis_and_count_alone_without_it(tmp_path: Path) -> None:
    said: list[str] = []
    async with redis(tmp_path) as (port, process):
        store = Secret(f"redis://127.0.0.1:{port}/0")
        one, two = (make(10, 100, store, said.append) for _ in range(2))
        for _ in range(3):
            # Until all of it falls into one second.
            decisions = [await taken(one if n % 2 else two, "a") for n in range(16)]
            if sum(decision.is_allowed for decision in decisions) == 10:
                break
        assert sum(decision.is_allowed for decision in decisions) == 10
        refused = next(decision for decision in decisions if not decision.is_allowed)
        assert 0 <= refused.reset_s <= 1
        # More at once than the client's pool has connections, and than may wait.
        await asyncio.gather(*(taken(one, f"sender {n % 50}") for n in range(1000)))
        assert said == []
        process.kill()
        process.wait(10)
        assert [(await taken(one, "b")).is_allowed for _ in range(11)] == [True] * 10 + [False]
        assert len(said) == 1
        assert said[0].startswith(
            "the throttle store does not answer, senders are counted here alone: "
        )
        async with redis(tmp_path, port):
            assert isinstance(one, SharedThrottle)
            assert isinstance(two, SharedThrottle)
            one._away_until = two._away_until = 0
            assert (await taken(one, "c")).is_allowed
            assert said[1:] == ["the throttle store answers again"]
            decisions = [await taken(one if n % 2 else two, "d") for n in range(16)]
            assert sum(decision.is_allowed for decision in decisions) == 10
        await one.aclose()
        await two.aclose()


STORES = ["memcached://x", "redis", "http://127.0.0.1", "redis://[::1"]


@pytest.mark.parametrize("url", STORES)
def test_what_is_no_redis_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(1, 1, Secret(f"{url}?password=canary"), print)
    assert caught.value.what.startswith("ThrottleStore: ")
    assert "canary" not in caught.value.line()


# Who may send


KEY = ec.generate_private_key(ec.SECP256R1())
DER = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def config(folder: Path, text: str) -> ProxyConfig:
    path = folder / "c.toml"
    path.write_text(f"[proxy]\n{text}\n")
    path.chmod(0o600)
    return load(path, {})


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
    door = Door(Gate.from_config(config(folder, text), print))
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
    throttle = Throttle(2, 10, Clock())
    access = RequestAccess(credentials=base64.b64encode(b"mm:right"))
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
    it = Door(Gate(RequestAccess(), Senders(()), Throttle(1, 10, Clock())))
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


def signed(ack_id: str = "a1", device_id: str = "d1", key: Any = KEY, alg: str = "ES256") -> str:
    return jwt.encode({"ack_id": ack_id, "device_id": device_id}, key, algorithm=alg)


def push(**fields: Any) -> PushNotification:
    return PushNotification(
        **{"server_id": "s1", "ack_id": "a1", "device_id": "d1", "type": "message"} | fields
    )


def unpadded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


DEEP = f"{unpadded(b'[' * 50_000)}.{unpadded(b'{}')}.{unpadded(bytes(64))}"
KEYS_AS_KEPT = [
    PEM, base64.b64encode(DER), b'"%b"' % base64.b64encode(DER), base64.encodebytes(DER),
    base64.encodebytes(DER).replace(b"\n", b"\r\n"),
]  # fmt: skip
OTHER = ec.generate_private_key(ec.SECP256R1())
MISSING = ("Failed because of missing signature serverId=s1", "signature_missing")
WRONG = ("Failed because of a wrong signature serverId=s1", "signature_invalid")
SIGNATURES = [
    ({"signature": signed()}, "test", None),
    ({"signature": signed(ack_id="a2")}, "test", WRONG),
    ({"signature": signed(device_id="d2")}, "accept", WRONG),
    ({"signature": signed(key=OTHER)}, "test", WRONG),
    ({"signature": signed(key="x" * 64, alg="HS256")}, "test", WRONG),
    ({"signature": "eyJhbGciOiJub25lIn0.eyJhY2tfaWQiOiJhMSIsImRldmljZV9pZCI6ImQxIn0."}, "test",
     WRONG),
    ({"signature": "garbage"}, "accept", WRONG),
    ({"signature": DEEP}, "accept", WRONG),
    ({"signature": "\ud800"}, "accept", WRONG),
    ({"signature": signed()[:-4]}, "accept", WRONG),
    ({"signature": signed(ack_id=""), "ack_id": ""}, "refuse", None),
    ({"signature": signed(device_id="v1"), "device_id": "v1", "platform": "apple_rn-v2",
      "transport": "voip"}, "refuse", None),
    ({"signature": signed(device_id="f:1"), "device_id": "f:1", "platform": "android_rn-v2"},
     "refuse", None),
    ({"signature": ""}, "test", MISSING),
    ({"signature": "NO_SIGNATURE"}, "test", MISSING),
    ({"signature": "", "type": "test"}, "test", None),
    ({"signature": "", "type": "test"}, "refuse", MISSING),
    ({"signature": "", "type": "session"}, "test", MISSING),
    ({"signature": ""}, "accept", None),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "unsigned", "refusal"), SIGNATURES)
@pytest.mark.parametrize("content", KEYS_AS_KEPT, ids=["pem", "base64", "json", "lines", "crlf"])
def test_by_signature(
    fields: dict[str, str], unsigned: str, refusal: object, content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "key").write_bytes(content + b"\n")
    key = load_public_key(str(tmp_path / "key"))
    assert PushAccess(key=key, unsigned=unsigned).refusal(push(**fields)) == refusal


def test_by_server() -> None:
    access = PushAccess(server_ids=frozenset({"s1"}))
    assert access.refusal(push()) is None
    assert access.refusal(push(server_id="s2")) == (
        "Failed because this server is not allowed here serverId=s2", "server_not_allowed",
    )  # fmt: skip


RSA = rsa.generate_private_key(65537, 2048).public_key()
P384 = ec.generate_private_key(ec.SECP384R1()).public_key()
BAD_KEYS = [
    (b"", "holds no public key. Put there what GET /api/v4/config/client?format=old on the "
     "Mattermost server shows as AsymmetricSigningPublicKey."),
    (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "holds no public key. Put "
     "there what GET /api/v4/config/client?format=old on the Mattermost server shows as "
     "AsymmetricSigningPublicKey."),
    (RSA.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
     "this is no key on the curve P-256, on which Mattermost signs."),
    (P384.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
     "this is no key on the curve P-256, on which Mattermost signs."),
    (None, "cannot be read: No such file or directory."),
]  # fmt: skip


@pytest.mark.parametrize(("content", "words"), BAD_KEYS)
def test_a_key_that_is_none_is_refused(content: bytes | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_public_key(str(path))
    assert caught.value.line() == f"signature key {path}: {words}"


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


OPEN = [
    ('listen_address = ":8066"', True), ('listen_address = "0.0.0.0:8066"', True),
    ('listen_address = "[::]:8066"', True), ('listen_address = "127.0.0.1:8066"', False),
    ('listen_address = "10.0.0.1:8066"', False), ('listen_address = "unix:/x"', False),
    ('listen_address = ":8066"\nallowed_addresses = ["10.0.0.0/8"]', False),
    ('listen_address = ":8066"\npath_prefix = "x"', False),
    ('listen_address = ":8066"\nallowed_server_ids = ["x"]', True),
    ('listen_address = "[0:0::0]:8066"', True), ('listen_address = "0:8066"', True),
    ('listen_address = ":8066"\nallowed_addresses = ["10.0.0.0/8", "0.0.0.0/0"]', True),
    ('listen_address = ":8066"\nsignature_key_file = "key"', False),
    ('listen_address = ":8066"\nsignature_key_file = "key"\nunsigned_pushes = "accept"', True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "warned"), OPEN)
def test_a_port_that_is_open_to_everybody_is_warned_of(
    text: str, warned: bool, tmp_path: Path
) -> None:
    (tmp_path / "key").write_bytes(PEM)
    found = config(tmp_path, text)
    warning = wildcard_warning(
        found, RequestAccess.from_config(found), PushAccess.from_config(found)
    )
    assert bool(warning) is warned
    if warned:
        assert "is open to everybody who reaches this host" in warning
    assert ("AllowedAddresses keeps nobody out" in warning) is ("0.0.0.0/0" in text)
    assert ("SignatureKeyFile keeps nobody out" in warning) is ("accept" in text)


def test_a_header_that_nobody_is_trusted_with_is_warned_of(tmp_path: Path) -> None:
    text = 'throttle_vary_by_header = "X-Forwarded-For"'
    assert header_warning(config(tmp_path, text)).startswith(
        "ThrottleVaryByHeader X-Forwarded-For is not believed"
    )
    assert header_warning(config(tmp_path, f'{text}\ntrusted_proxies = ["::1"]')) == ""
    assert header_warning(config(tmp_path, "")) == ""


def test_a_header_that_is_not_understood_is_warned_of(tmp_path: Path) -> None:
    text = 'throttle_vary_by_header = "Forwarded"\ntrusted_proxies = ["::1"]'
    assert header_warning(config(tmp_path, text)).startswith(
        "ThrottleVaryByHeader Forwarded is not understood"
    )


def test_trust_in_everybody_is_warned_of(tmp_path: Path) -> None:
    for all_of_them in ("0.0.0.0/0", "::/0"):
        text = f'trusted_proxies = ["::1", "{all_of_them}"]'
        assert header_warning(config(tmp_path, text)).startswith(
            "TrustedProxies holds all addresses: every sender chooses which address it has"
        )
