"""Apple's client certificates: in every form, wrong in every way, and in use."""

import datetime
import json
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from mmpush_tui.errors import ConfigError
from mmpush_tui.proxy import config as configuration
from mmpush_tui.proxy.apple.certificate import ClientCertificate, load_certificate, topics_of, use
from mmpush_tui.proxy.delivery import Deliveries, Rules
from mmpush_tui.proxy.events import EventBus
from mmpush_tui.proxy.targets import Targets
from mmpush_tui.proxy.wire import OK, Answer
from mmpush_tui.simulator.apns import ApnsStandIn
from mmpush_tui.simulator.ca import ThrowAwayCA
from mmpush_tui.simulator.credentials import TOPIC as APP
from mmpush_tui.simulator.credentials import write_certificate
from mmpush_tui.simulator.phones import Phones
from mmpush_tui.text import Secret

TOPIC = "com.example.chat"
NOW = datetime.datetime(2026, 11, 27, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def der(tag: int, content: bytes) -> bytes:
    length = len(content)
    size = bytes([length]) if length < 128 else b"\x82" + length.to_bytes(2, "big")
    return bytes([tag]) + size + content


def topics_extension(topics: Sequence[str]) -> bytes:
    # As Apple writes it: each topic, followed by the kinds of it.
    parts = b"".join(der(0x0C, topic.encode()) + der(0x30, der(0x0C, b"app")) for topic in topics)
    return der(0x30, parts)


def certificate(
    key: Key = RSA, topics: Sequence[str] = (TOPIC, f"{TOPIC}.voip"), uid: str = TOPIC,
    begins: datetime.datetime = NOW - 100 * DAY, ends: datetime.datetime = NOW + 200 * DAY,
) -> x509.Certificate:  # fmt: skip
    names = [x509.NameAttribute(NameOID.COMMON_NAME, f"Apple Push Services: {uid}")]
    if uid:
        names.append(x509.NameAttribute(NameOID.USER_ID, uid))
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(names))
        .issuer_name(x509.Name(names))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    if topics:
        oid = x509.ObjectIdentifier("1.2.840.113635.100.6.3.6")
        extension = x509.UnrecognizedExtension(oid, topics_extension(topics))
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256())


def pem(it: x509.Certificate) -> bytes:
    return it.public_bytes(Encoding.PEM)


def key_pem(
    key: Key = RSA, form: PrivateFormat = PrivateFormat.PKCS8, password: bytes = b""
) -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, encryption)


def p12(password: bytes = b"", key: Key | None = RSA) -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"push", key, certificate(), None, encryption)


TRADITIONAL = PrivateFormat.TraditionalOpenSSL
GOOD: dict[str, tuple[Callable[[], bytes], str]] = {
    "pem, PKCS#8": (lambda: pem(certificate()) + key_pem(), ""),
    "pem, key first": (lambda: key_pem() + pem(certificate()), ""),
    "pem, PKCS#1": (lambda: pem(certificate()) + key_pem(form=TRADITIONAL), ""),
    "pem, SEC1": (lambda: pem(certificate(EC)) + key_pem(EC, TRADITIONAL), ""),
    "pem, more text": (lambda: b"Bag Attributes\n x: y\n" + pem(certificate()) + key_pem(), ""),
    "pem, chain": (lambda: pem(certificate(EC, uid="other")) + pem(certificate()) + key_pem(), ""),
    "pem, encrypted": (lambda: pem(certificate()) + key_pem(password=b"s3cret"), "s3cret"),
    "pem, encrypted as of old": (
        lambda: pem(certificate()) + key_pem(form=TRADITIONAL, password=b"s3cret"), "s3cret",
    ),
    "pem, password for nothing": (lambda: pem(certificate()) + key_pem(), "s3cret"),
    "p12": (p12, ""),
    "p12, encrypted": (lambda: p12(b"s3cret"), "s3cret"),
}  # fmt: skip


def load(folder: Path, content: bytes, password: str = "", topic: str = TOPIC) -> ClientCertificate:
    path = folder / "apple"
    path.write_bytes(content)
    return load_certificate(str(path), Secret(password), topic, NOW)


@pytest.mark.parametrize("form", GOOD)
def test_reads_every_form(form: str, tmp_path: Path) -> None:
    make, password = GOOD[form]
    found = load(tmp_path, make(), password)
    assert found.topics == {TOPIC, f"{TOPIC}.voip"}
    assert found.warnings(TOPIC, NOW) == []
    assert "PRIVATE" not in repr(found)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    use(context, found)


def test_topics_come_from_the_subject_too() -> None:
    assert topics_of(certificate(topics=())) == {TOPIC}
    assert topics_of(certificate(topics=["a.b"], uid="")) == {"a.b"}


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_a_broken_extension_tells_nothing(cut: int) -> None:
    oid = x509.ObjectIdentifier("1.2.840.113635.100.6.3.6")
    data = topics_extension([TOPIC, "x" * 200])[:cut]
    builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name([]))
    builder = builder.public_key(EC.public_key()).serial_number(1)
    builder = builder.not_valid_before(NOW).not_valid_after(NOW + DAY)
    builder = builder.add_extension(x509.UnrecognizedExtension(oid, data), critical=False)
    assert topics_of(builder.sign(EC, hashes.SHA256())) <= {TOPIC}


def test_warns_of_what_ends_soon_and_of_calls_that_cannot_ring(tmp_path: Path) -> None:
    made = certificate(topics=[TOPIC], ends=NOW + 12 * DAY)
    assert load(tmp_path, pem(made) + key_pem()).warnings(TOPIC, NOW) == [
        f"Apple's certificate for {TOPIC} ends in 12 days, on 2026-12-09; a .p8 key never does",
        f"Apple's certificate is not for {TOPIC}.voip, so calls cannot ring",
    ]


BAD: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "no key": (lambda: pem(certificate()), "",
        "there is no private key in it. Export certificate and key together, or append the key's "
        "PEM to the file."),
    "a .p8": (lambda: key_pem(EC), "",
        "there is a key and no certificate in it. A .p8 key belongs into AppleAuthKeyFile, with "
        "AppleAuthKeyID and AppleTeamID."),
    "another key": (lambda: pem(certificate()) + key_pem(EC), "",
        "key and certificate do not belong together. Export both from the same entry."),
    "no password": (lambda: pem(certificate()) + key_pem(password=b"s3cret"), "",
        "its key has a password. Set ApplePushCertPassword."),
    "wrong password": (lambda: pem(certificate()) + key_pem(password=b"s3cret"), "other",
        "the password does not open its key. Correct ApplePushCertPassword."),
    "cut key": (lambda: pem(certificate()) + key_pem()[:300] + key_pem()[900:], "",
        "its key cannot be read. Export it again."),
    "cut certificate": (lambda: pem(certificate())[:200] + b"\n-----END CERTIFICATE-----\n"
        + key_pem(), "", "its certificate cannot be read. Export it again."),
    "p12, no password": (lambda: p12(b"s3cret"), "",
        "the password does not open it. Correct ApplePushCertPassword."),
    "p12, wrong password": (lambda: p12(b"s3cret"), "other",
        "the password does not open it. Correct ApplePushCertPassword."),
    "p12, no key": (lambda: p12(key=None), "",
        "there is no private key in it. Export it with its key."),
    "der": (lambda: certificate().public_bytes(Encoding.DER), "",
        "this is the certificate alone, as Apple sends it, without its key. Export it from the "
        "keychain together with its key, as .p12."),
    "cut p12": (lambda: p12()[:100], "", "this is no .p12 file. Export it again."),
    "neither": (lambda: b"hello", "",
        "neither PEM nor .p12. A PEM file begins with -----BEGIN CERTIFICATE-----."),
    "empty": (lambda: b"", "",
        "neither PEM nor .p12. A PEM file begins with -----BEGIN CERTIFICATE-----."),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_says_what_is_wrong(kind: str, tmp_path: Path) -> None:
    make, password, words = BAD[kind]
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, make(), password)
    if kind == "p12, no password":
        assert caught.value.why in ("it has a password", "the password does not open it")
        return
    assert caught.value.line() == f"Apple certificate {tmp_path}/apple: {words}"


REFUSED = [
    (certificate(ends=NOW - DAY, begins=NOW - 9 * DAY), TOPIC,
     "the certificate ended on 2026-11-26. Renew it at developer.apple.com, or change to a .p8 "
     "key, which never ends."),
    (certificate(begins=NOW + DAY), TOPIC,
     "the certificate begins on 2026-11-28. Is this host's clock right?"),
    (certificate(), "com.example.other",
     "this certificate is for com.example.chat, com.example.chat.voip and not for "
     "com.example.other. Set ApplePushTopic to the bundle id of the app, or get a certificate for "
     "it."),
]  # fmt: skip


@pytest.mark.parametrize(("made", "topic", "words"), REFUSED)
def test_refuses_what_apple_would(
    made: x509.Certificate, topic: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, pem(made) + key_pem(), topic=topic)
    assert caught.value.line() == f"Apple certificate {tmp_path}/apple: {words}"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_certificate(f"{tmp_path}/none", Secret(""), TOPIC)
    assert caught.value.line() == (
        f"Apple certificate {tmp_path}/none: cannot be read: No such file or directory."
    )


# In use


async def test_pushes_and_calls_are_sent_with_a_certificate(tmp_path: Path) -> None:
    ca, phones = ThrowAwayCA(), Phones()
    async with ApnsStandIn(ca, [], phones) as apns:
        root = ca.write_root(tmp_path / "root.pem")
        config = tmp_path / "mattermost-push-proxy.json"
        entry = {
            "Type": "apple_rn", "ApplePushTopic": APP, "Endpoint": apns.endpoint,
            "ApplePushCertPrivate": str(write_certificate(tmp_path, ca)), "CAFile": str(root),
        }  # fmt: skip
        config.write_text(json.dumps({"ApplePushSettings": [entry]}))
        targets = Targets.build(configuration.load(config, {}), environment={})
        assert targets.disabled == {}
        assert [it.kind for it in targets.ends] == ["certificate"]
        bus, bugs = EventBus(), list[Exception]()
        deliveries = Deliveries(targets, bus, Rules(), bugs.append)

        async def push(token: str, **fields: str) -> Answer:
            document = {"server_id": "s", "device_id": token, "type": "message", "message": "hi"}
            return await deliveries.push(msgspec.json.encode(document | fields))

        phone, caller = phones.add_apple(APP), phones.add_apple(f"{APP}.voip")
        assert await push(phone.token, platform="apple_rn-v2") == OK
        assert await push(caller.token, platform="apple_voip_rn", transport="voip") == OK
        assert len(phones.received) == 2
        await targets.aclose()
        assert (apns.violations, apns.errors, bugs) == ([], [], [])
