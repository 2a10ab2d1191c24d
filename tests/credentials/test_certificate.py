"""Apple's client certificates: read in every form, refused for everything that is wrong."""

import base64
import os
import ssl
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpush_tui.credentials.certificate import ClientCertificate, load_certificate, use
from mmpush_tui.credentials.certificate_marks import TOPICS, environments_of, topics_of
from mmpush_tui.credentials.key_pair import key_pair
from mmpush_tui.errors import ConfigError
from mmpush_tui.findings import Severity
from mmpush_tui.text import Secret
from tests.credentials import old_certificates as old
from tests.credentials.sources import COPY_AGAIN
from tests.standins.apple_certificate import BOTH, AppleCertificate, topics_extension

TOPIC = "com.example.chat"
NOW = datetime(2026, 11, 27, tzinfo=UTC)
DAY = timedelta(days=1)
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
OLD_FORM = PrivateFormat.TraditionalOpenSSL


def made(key: Any = RSA, topic: str = TOPIC, **how: Any) -> AppleCertificate:
    dates = {"begins": NOW - 100 * DAY, "ends": NOW + 200 * DAY}
    return AppleCertificate.make(None, topic, key=key, **(dates | how))


PAIR, EC_PAIR, OTHER = made(), made(EC), made(ec.generate_private_key(ec.SECP256R1()), "other.app")


def text(pair: AppleCertificate, password: str = "", **how: Any) -> bytes:
    return pair.pem(password, **how).encode()


def certificate_pem(pair: AppleCertificate) -> bytes:
    return pair.certificate.public_bytes(Encoding.PEM)


def key_pem(key: Any) -> bytes:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem


GOOD: dict[str, tuple[bytes, str]] = {
    "pem, PKCS#8": (text(PAIR), ""),
    "pem, certificate first": (text(PAIR, first="certificate"), ""),
    "pem, PKCS#1": (text(PAIR, form=OLD_FORM), ""),
    "pem, SEC1": (text(EC_PAIR, form=OLD_FORM), ""),
    "pem, more text": (b"Bag Attributes\n x: y\n" + text(PAIR), ""),
    "pem, chain": (certificate_pem(OTHER) + text(PAIR), ""),
    "pem, two keys": (key_pem(EC) + text(PAIR), ""),
    "pem, line breaks of Windows": (text(PAIR).replace(b"\n", b"\r\n"), ""),
    "pem, byte order mark": (b"\xef\xbb\xbf" + text(PAIR), ""),
    "pem, encrypted": (text(PAIR, "s3cret"), "s3cret"),
    "pem, encrypted as of old": (text(PAIR, "s3cret", form=OLD_FORM), "s3cret"),
    "pem, SEC1 encrypted as of old": (text(EC_PAIR, "s3cret", form=OLD_FORM), "s3cret"),
    "pem, password for nothing": (text(PAIR), "s3cret"),
    "p12": (PAIR.p12(), ""),
    "p12, encrypted": (PAIR.p12("s3cret"), "s3cret"),
    "p12, password beyond ASCII": (PAIR.p12("gehe\u00efm"), "gehe\u00efm"),
    "p12, password for nothing": (PAIR.p12(), "s3cret"),
}


def load(folder: Path, content: bytes, password: str = "", topic: str = TOPIC) -> ClientCertificate:
    path = folder / "apple"
    path.write_bytes(content)
    return load_certificate(str(path), Secret(password), topic, NOW)


def refusal(folder: Path, content: bytes, password: str = "", topic: str = TOPIC) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, content, password, topic)
    line = caught.value.line()
    assert line.startswith(f"Apple certificate {folder}/apple: ")
    assert "s3cret" not in line
    assert caught.value.code.startswith("apple-certificate-")
    return line.removeprefix(f"Apple certificate {folder}/apple: ")


@pytest.mark.parametrize("form", GOOD)
def test_reads_every_form(form: str, tmp_path: Path) -> None:
    content, password = GOOD[form]
    found = load(tmp_path, content, password)
    assert found.topics == {TOPIC, f"{TOPIC}.voip"}
    assert found.environments == set(BOTH)
    assert found.cautions(TOPIC, "production", NOW) == []
    assert "PRIVATE" not in repr(found)
    use(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), found)


def test_the_certificate_of_the_key_stands_first(tmp_path: Path) -> None:
    found = load(tmp_path, certificate_pem(OTHER) + text(PAIR)).pem.reveal()
    assert found.count("BEGIN CERTIFICATE") == 2
    first = x509.load_pem_x509_certificate(found.encode())
    assert first == PAIR.certificate


# What Apple wrote into it


def test_topics_come_from_the_subject_too() -> None:
    assert topics_of(made(topics=()).certificate) == {TOPIC}
    assert topics_of(made(topic="", topics=["a.b"]).certificate) == {"a.b"}


def extended(oid: str, value: bytes, topic: str = TOPIC) -> x509.Certificate:
    names = x509.Name([x509.NameAttribute(x509.NameOID.USER_ID, topic)])
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
    return (
        x509.CertificateBuilder()
        .subject_name(names)
        .issuer_name(names)
        .public_key(EC.public_key())
        .serial_number(7)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(extension, critical=False)
        .sign(EC, hashes.SHA256())
    )


def test_topics_of_calls_come_from_an_extension_of_their_own() -> None:
    voip = extended("1.2.840.113635.100.6.3.4", topics_extension([f"{TOPIC}.voip"]))
    assert topics_of(voip) == {TOPIC, f"{TOPIC}.voip"}
    # As Apple marked certificates before there were topics in it.
    assert topics_of(extended("1.2.840.113635.100.6.3.4", b"\x05\x00")) == {TOPIC}


def test_a_topic_reaches_no_terminal_in_the_raw() -> None:
    found = topics_of(extended(TOPICS.dotted_string, topics_extension(["a\x1b[31m.b", "\x00"])))
    assert found == {TOPIC, "a.b", "\ufffd"}


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_a_broken_extension_tells_nothing(cut: int) -> None:
    data = topics_extension([TOPIC, "x" * 200])[:cut]
    assert topics_of(extended(TOPICS.dotted_string, data)) == {TOPIC}


def test_networks_come_from_marks() -> None:
    assert environments_of(made(environments=["sandbox"]).certificate) == {"sandbox"}
    assert environments_of(made(environments=BOTH).certificate) == {"sandbox", "production"}
    assert environments_of(made(environments=()).certificate) == frozenset()


# What is no reason to refuse it


ENDS_SOON = f"Apple's certificate for {TOPIC} ends in 12 days, on 2026-12-09; a .p8 key never does"
NO_CALLS = f"Apple's certificate is not for {TOPIC}.voip, so calls cannot ring"
CALLS_ALONE = f"Apple's certificate is for {TOPIC}.voip alone, so only calls can be sent"
ELSEWHERE = (
    f"Apple's certificate for {TOPIC} is marked for the sandbox and used in production, which will "
    "refuse it; ApplePushUseDevelopment chooses"
)
CAUTIONS: list[tuple[dict[str, Any], str | None, list[tuple[str, str]]]] = [
    ({"ends": NOW + 12 * DAY}, None, [("apple-certificate-ends", ENDS_SOON)]),
    ({"ends": NOW + 31 * DAY}, None, []),
    ({"topics": [TOPIC]}, None, [("apple-certificate-no-calls", NO_CALLS)]),
    ({"topics": (), "topic": ""}, None, []),
    ({"topic": f"{TOPIC}.voip", "topics": ()}, None,
     [("apple-certificate-calls-alone", CALLS_ALONE)]),
    ({"environments": ["sandbox"]}, "production", [("apple-certificate-environment", ELSEWHERE)]),
    ({"environments": ["sandbox"]}, "sandbox", []),
    ({"environments": ["sandbox"]}, None, []),
    ({"environments": ()}, "sandbox", []),
]  # fmt: skip


@pytest.mark.parametrize(("how", "environment", "cautions"), CAUTIONS)
def test_warns_of_what_will_not_work_for_long_or_for_everything(
    how: dict[str, Any], environment: Any, cautions: list[tuple[str, str]], tmp_path: Path
) -> None:
    warned = load(tmp_path, text(made(**how))).cautions(TOPIC, environment, NOW)
    assert [(finding.code, finding.message) for finding in warned] == cautions
    assert {finding.severity for finding in warned} <= {Severity.WARN}


# What is refused

WITH_KEY = "Export it from the keychain together with its key, as .p12."
KEY_HERE = (
    "A .p8 key belongs into AppleAuthKeyFile, with AppleAuthKeyID and AppleTeamID; to another key, "
    "append its certificate as PEM."
)
ELSE = "Needed is a certificate with its key: a .p12 file, or PEM with both."
SET, CORRECT = "Set ApplePushCertPassword.", "Correct ApplePushCertPassword."
REQUEST = (
    x509.CertificateSigningRequestBuilder()
    .subject_name(PAIR.certificate.subject)
    .sign(RSA, hashes.SHA256())
    .public_bytes(Encoding.PEM)
)
BAD: dict[str, tuple[bytes, str, str]] = {
    "no key": (certificate_pem(PAIR), "",
        "there is no private key in it. Export certificate and key together, or append the key's "
        "PEM to the file."),
    "a .p8": (key_pem(EC), "", f"there is a key and no certificate in it. {KEY_HERE}"),
    "an RSA key": (key_pem(RSA), "", f"there is a key and no certificate in it. {KEY_HERE}"),
    "a request": (REQUEST + key_pem(RSA), "",
        "there is a request for a certificate in it and no certificate. Put the certificate that "
        "Apple made of it in its place, as PEM: openssl x509 -inform DER -in aps.cer."),
    "another key": (certificate_pem(PAIR) + key_pem(EC), "",
        "key and certificate do not belong together. Export both from the same entry."),
    "a key of another kind": (
        certificate_pem(PAIR) + key_pem(ed25519.Ed25519PrivateKey.generate()), "",
        "key and certificate do not belong together. Export both from the same entry."),
    "no password": (text(PAIR, "s3cret"), "", f"its key has a password. {SET}"),
    "no password, as of old": (text(PAIR, "s3cret", form=OLD_FORM), "",
        f"its key has a password. {SET}"),
    "wrong password": (text(PAIR, "s3cret"), "other", f"the password does not open its key. "
        f"{CORRECT}"),
    "wrong password, as of old": (text(PAIR, "s3cret", form=OLD_FORM), "other",
        f"the password does not open its key. {CORRECT}"),
    "DES": (old.DES_PEM, "s3cret",
        "its key is encrypted in a way that is not read any more. Write the key anew: openssl pkey "
        "-provider legacy -provider default -in OLD.pem -aes256 -out key.pem, and put it in place "
        "of the old one."),
    "cut key": (certificate_pem(PAIR) + key_pem(RSA)[:300] + key_pem(RSA)[900:], "",
        "its key cannot be read. Export it again."),
    "cut encrypted key": (
        text(PAIR, "s3cret")[:300] + b"?\n-----END ENCRYPTED PRIVATE KEY-----\n"
        + certificate_pem(PAIR), "s3cret", "its key cannot be read. Export it again."),
    "key without an end": (certificate_pem(PAIR) + key_pem(RSA)[:300], "",
        f"its key is cut off. {COPY_AGAIN}"),
    "cut certificate": (
        certificate_pem(PAIR)[:200] + b"\n-----END CERTIFICATE-----\n" + key_pem(RSA), "",
        "its certificate cannot be read. Export it again."),
    "p12, no password": (PAIR.p12("s3cret"), "", f"it has a password. {SET}"),
    "p12, wrong password": (PAIR.p12("s3cret"), "other", f"the password does not open it. "
        f"{CORRECT}"),
    "p12, no key": (
        serialize_key_and_certificates(b"push", None, PAIR.certificate, None, NoEncryption()), "",
        "there is no private key in it. Export it with its key."),
    "p12, no certificate": (old.KEY_ALONE_P12, "s3cret",
        "there is a key and no certificate in it. Export it with its certificate."),
    "p12, of RC2, no password": (old.RC2_P12, "", f"it has a password. {SET}"),
    "p12, cut": (PAIR.p12()[:100], "", "this .p12 file is damaged. Export it again."),
    "aps.cer": (PAIR.certificate.public_bytes(Encoding.DER), "",
        f"this is the certificate alone, as Apple sends it, without its key. {WITH_KEY}"),
    "p7b": (old.PKCS7, "",
        "this is a bundle of certificates (.p7b), which holds no key. Apple's certificate alone is "
        f"not enough. {WITH_KEY}"),
    "key in DER": (RSA.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), "",
        "this is a private key in binary form (DER). Write it as PEM: openssl pkey -inform DER -in "
        f"FILE. {KEY_HERE}"),
    "service account": (b'{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-"}',
        "", "this is a Google service account. It belongs into ServiceFileLocation of an Android "
        "target."),
    "UTF-16": (text(PAIR).decode().encode("utf-16"), "",
        "this is a text file in UTF-16. An editor changed it. Copy the original file, or save it "
        "as UTF-8."),
    "neither": (b"hello", "", f"this is neither a key nor a JSON file. {ELSE}"),
    "empty": (b"", "", f"this is an empty file. {COPY_AGAIN}"),
    "too large": (b"x" * 2_000_000, "", "this file is larger than any credential. Name the file as "
        "it was downloaded."),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_says_what_is_wrong(kind: str, tmp_path: Path) -> None:
    content, password, words = BAD[kind]
    assert refusal(tmp_path, content, password) == words


def test_a_p12_in_base64_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, base64.encodebytes(PAIR.p12("s3cret"))) == (
        "this is a credential that was encoded in base64 once more. Decode it first: base64 -d "
        "FILE > NEWFILE."
    )


REFUSED: list[tuple[Callable[[], AppleCertificate], str, str]] = [
    (lambda: made(ends=NOW - DAY), TOPIC,
     "the certificate ended on 2026-11-26. Renew it at developer.apple.com, or change to a .p8 "
     "key, which never ends."),
    (lambda: made(begins=NOW + DAY), TOPIC,
     "the certificate begins on 2026-11-28. Is this host's clock right?"),
    (lambda: PAIR, "com.example.other",
     "this certificate is for com.example.chat, com.example.chat.voip and not for "
     "com.example.other. Set ApplePushTopic to the bundle id of the app, or get a certificate for "
     "it."),
]  # fmt: skip


@pytest.mark.parametrize(("make", "topic", "words"), REFUSED)
def test_refuses_what_apple_would(
    make: Callable[[], AppleCertificate], topic: str, words: str, tmp_path: Path
) -> None:
    assert refusal(tmp_path, text(make()), topic=topic) == words


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, why in (
        ("none", "No such file or directory"), ("", "it is a folder"),
        ("pipe", "it is no ordinary file"),
    ):  # fmt: skip
        with pytest.raises(ConfigError) as caught:
            load_certificate(f"{tmp_path}/{name}", Secret(""), TOPIC)
        assert caught.value.line() == f"Apple certificate {tmp_path}/{name}: cannot be read: {why}."
        assert caught.value.code == "apple-certificate-missing"


def test_a_key_that_tls_does_not_take_is_refused(tmp_path: Path) -> None:
    found = load(tmp_path, text(made(rsa.generate_private_key(65537, 1024))))  # noqa: S505
    with pytest.raises(ConfigError) as caught:
        use(ssl.create_default_context(), found)
    assert caught.value.line() == (
        f"Apple certificate {tmp_path}/apple: TLS on this host does not take it: ee key too small. "
        "Get a new certificate for an RSA key of 2048 bits, or change to a .p8 key."
    )


# RC2, which not every OpenSSL reads

READ = """
import sys
from mmpush_tui.errors import ConfigError
from mmpush_tui.credentials.certificate import load_certificate
from mmpush_tui.text import Secret
try:
    print(sorted(load_certificate(sys.argv[1], Secret("s3cret"), "com.example.chat").topics))
except ConfigError as error:
    print(error.line())
"""
RC2 = (
    "the password does not open it, or its encryption (RC2 or one of its time) is too old for this "
    "host's OpenSSL. Correct ApplePushCertPassword. If it is right, write the file anew: openssl "
    "pkcs12 -legacy -in OLD.p12 -nodes -out apple.pem, and name apple.pem in ApplePushCertPrivate."
)


@pytest.mark.parametrize("without", ["1", ""], ids=["modern OpenSSL", "legacy provider"])
def test_rc2_is_read_where_openssl_does_and_named_where_not(without: str, tmp_path: Path) -> None:
    path = tmp_path / "apple"
    path.write_bytes(old.RC2_P12)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], stdout=subprocess.PIPE, text=True, check=True,
        env=os.environ | {"CRYPTOGRAPHY_OPENSSL_NO_LEGACY": without},
    )  # fmt: skip
    said = done.stdout.strip()
    if without:
        assert said == f"Apple certificate {path}: {RC2}"
    else:
        # A system's own build may lack the provider altogether.
        assert said in (f"['{TOPIC}']", f"Apple certificate {path}: {RC2}")


# Whatever stands in it


SEEDS = [content for content, _ in GOOD.values()] + [content for content, _, _ in BAD.values()]


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from([it for it in SEEDS if 0 < len(it) < 10_000]),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=3), st.integers(0, 40)), max_size=4),
    st.sampled_from(["", "s3cret", "a\0b", "\ud800", "x" * 2000]),
)
def test_no_file_breaks_anything(
    content: bytes, changes: list[tuple[float, bytes, int]], password: str
) -> None:
    for where, put, gone in changes:
        at = int(where * len(content))
        content = content[:at] + put + content[at + gone :]
    try:
        pair = key_pair(content, password, "it")
    except ConfigError:
        return
    assert topics_of(pair.leaf) is not None
    assert environments_of(pair.leaf) is not None


# Its key


def test_the_key_is_on_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    found = load(tmp_path, text(PAIR, "s3cret"), "s3cret")
    before = os.listdir("/proc/self/fd")
    use(ssl.create_default_context(), found)
    assert os.listdir("/proc/self/fd") == before
    assert os.listdir(folder) == []


def test_where_memory_has_no_files_none_stays_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    use(ssl.create_default_context(), load(tmp_path, text(PAIR)))
    assert os.listdir(tmp_path / "temporary") == []
