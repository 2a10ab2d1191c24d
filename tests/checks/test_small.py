"""The small parts: lines, certificates, credential files, name lookups, evidence."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme

from mmpush_tui.checks.model.report import CheckResult, Report, Stage, Verdict
from mmpush_tui.checks.output import plain as lines
from mmpush_tui.checks.proof import credential_files as credentials
from mmpush_tui.checks.proof.limiter import ProbeLimiter
from mmpush_tui.checks.wire import certificate, chain
from mmpush_tui.configuration.config import convert_document
from mmpush_tui.configuration.document import parse_document
from mmpush_tui.findings import Confidence, Finding, Severity, evident, passed
from mmpush_tui.http2 import names
from mmpush_tui.simulator.credentials import AppleKey, GoogleAccount
from tests.checks.peers import TIMEOUT_S
from tests.standins.apple_certificate import AppleCertificate

GOOD = CheckResult(
    id="tls:apns/apple_rn",
    about="apns/apple_rn",
    stage=Stage.TLS,
    severity=Severity.PASS,
    code="ok",
    message="TLSv1.3",
    address="api.push.apple.com:443",
    ms=212.4,
)
BAD = CheckResult(
    id="tcp:mpns", about="mpns", stage=Stage.TCP, severity=Severity.FAIL, code="tcp_refused",
    message="h:1 refused the connection", address="h:1", ms=0.44, why=("the port is closed",),
    fix="Start it.", see="proxy-connection-refused",
)  # fmt: skip
SKIPPED = CheckResult(
    id="app:mpns", about="mpns", stage=Stage.APP, severity=Severity.SKIP, code="skipped",
    message="skipped (needs tcp:mpns)", needs="tcp:mpns",
)  # fmt: skip


# Lines


def test_a_check_is_one_line_and_a_failure_says_what_to_do() -> None:
    assert list(lines.render(GOOD, set())) == [
        "[ok]   tls:apns/apple_rn  api.push.apple.com:443  TLSv1.3  212 ms"
    ]
    assert list(lines.render(BAD, set())) == [
        "[FAIL] tcp:mpns  h:1  h:1 refused the connection  0.4 ms",
        "       why: the port is closed",
        "       fix: Start it.",
        "       see: mmpush-tui explain proxy-connection-refused",
    ]
    assert list(lines.render(SKIPPED, set())) == ["[skip] app:mpns  skipped (needs tcp:mpns)"]


def test_what_stood_under_a_check_is_not_said_again() -> None:
    said: set[str] = set()
    assert len(list(lines.render(BAD, said))) == 4
    other = msgspec.structs.replace(BAD, id="tcp:tpns", why=["the host is down"])
    assert list(lines.render(other, said)) == [
        "[FAIL] tcp:tpns  h:1  h:1 refused the connection  0.4 ms",
        "       why: the host is down",
    ]


def test_the_verdict_stands_at_the_end() -> None:
    said = Verdict(
        severity=Severity.FAIL,
        code="x",
        summary="It is broken.",
        why=["one", "two"],
        fix=["Mend it."],
        confidence=Confidence.LIKELY,
    )
    report = Report(
        started_at="", duration_ms=1940, verdict=said, checks=[GOOD, BAD, SKIPPED], exit_code=1
    )
    assert list(lines.ending(report)) == [
        "",
        "VERDICT (likely)  It is broken.",
        "       why: one",
        "       why: two",
        "       fix: Mend it.",
        "1 ok, 1 failed, 1 skipped in 1.9 s",
    ]


# Certificates


def test_the_facts_of_a_certificate() -> None:
    authority = trustme.CA(organization_name="Corp Proxy CA")
    until = datetime(2030, 1, 20, tzinfo=UTC)
    leaf = authority.issue_cert("a.example", "*.b.example", "10.0.0.1", not_after=until)
    der = _der(leaf.cert_chain_pems[0].bytes())
    facts = certificate.facts(der, datetime(2030, 1, 10, 12, tzinfo=UTC))
    assert facts["issuer"] == "Corp Proxy CA"
    assert facts["names"] == ["a.example", "*.b.example", "10.0.0.1"]
    assert facts["subject"] == "a.example"
    assert (facts["days_left"], facts["not_after"]) == (9, "2030-01-20T00:00:00+00:00")
    assert certificate.facts(der, datetime(2030, 1, 21, tzinfo=UTC))["days_left"] == -1


def _der(pem: bytes) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


@pytest.mark.parametrize("der", [b"", b"\x30\x00", b"x" * 1000])
def test_a_certificate_that_is_none(der: bytes) -> None:
    assert certificate.facts(der, datetime.now(UTC)) == {"unreadable": "ValueError"}


# Credential files


def test_credential_files_that_can_be_used(tmp_path: Path) -> None:
    key = AppleKey.make().write(tmp_path)
    account = GoogleAccount.make(project_id="chat-project").write(tmp_path)
    text = (
        f'[[proxy.apple]]\ntype = "apple_rn"\nauth_key_file = "{key}"\ntopic = "a.b"\n'
        f'auth_key_id = "ABC123DEFG"\nteam_id = "DEF123GHIJ"\n'
        f'[[proxy.android]]\ntype = "android_rn"\nservice_account_file = "{account}"\n'
        '[[proxy.apple]]\ntype = "blank"\n'
    )
    found = credentials.read_credentials(
        convert_document(parse_document(text, tmp_path / "c.toml"), {})
    )
    assert set(found) == {"apple_rn", "android_rn"}
    assert found["apple_rn"].finding.message == f"{key.name} holds a P-256 key"
    android = found["android_rn"]
    assert android.finding.severity is Severity.PASS
    assert android.finding.message.endswith("is a service account of project chat-project")
    assert android.token_uri == "https://oauth2.googleapis.com/token"
    assert android.project == "chat-project"
    assert "PRIVATE" not in str(found)


def test_credential_files_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "account.json").write_text('{"type": "authorized_user", "secret": "s3cret"}')
    text = (
        '[[proxy.apple]]\ntype = "apple_rn"\nauth_key_file = "none.p8"\n'
        'auth_key_id = "ABC123DEFG"\nteam_id = "DEF123GHIJ"\ntopic = "com.example.chat"\n'
        '[[proxy.android]]\ntype = "android_rn"\nservice_account_file = "account.json"\n'
    )
    found = credentials.read_credentials(
        convert_document(parse_document(text, tmp_path / "c.toml"), {})
    )
    apple, android = found["apple_rn"].finding, found["android_rn"].finding
    assert (apple.severity, apple.code) == (Severity.FAIL, "apple-key-missing")
    assert (
        apple.message == f"Apple key {tmp_path}/none.p8: cannot be read: No such file or directory"
    )
    assert apple.fix == "Correct the file, or its path in the configuration."
    assert android.code == "service-account-invalid"
    assert android.fix.startswith("Get the right file at Firebase console")
    assert found["android_rn"].token_uri == ""
    assert {apple.see, android.see} == {"proxy-target-failed"}
    assert "s3cret" not in str(found)


def of_certificate(folder: Path, **how: Any) -> Finding:
    pair = AppleCertificate.make(None, "com.example.chat", **how)
    text = (
        '[[proxy.apple]]\ntype = "apple_rn"\ntopic = "com.example.chat"\n'
        f'certificate_file = "{pair.write(folder)}"\n'
    )
    return credentials.read_credentials(
        convert_document(parse_document(text, folder / "c.toml"), {})
    )["apple_rn"].finding


def test_certificates_are_looked_at_too(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    good = of_certificate(tmp_path, ends=now + timedelta(days=90))
    ends = f"{now + timedelta(days=90):%Y-%m-%d}"
    assert good == passed(
        f"apple-push.pem is a certificate with its key, good until {ends}", ends=ends
    )
    soon = of_certificate(
        tmp_path, ends=now + timedelta(days=9, hours=1), topics=["com.example.chat"]
    )
    assert (soon.severity, soon.code) == (Severity.WARN, "apple-certificate-ends")
    assert "ends in 9 days" in soon.message
    assert soon.why == (
        "Apple's certificate is not for com.example.chat.voip, so calls cannot ring",
    )
    ended = of_certificate(tmp_path, begins=now - timedelta(days=9), ends=now - timedelta(days=1))
    assert (ended.severity, ended.code) == (Severity.FAIL, "apple-certificate-expired")
    assert ended.fix.startswith("Renew it at developer.apple.com")


def test_a_token_server_that_is_no_address_is_not_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(GoogleAccount.make().at("https://t\u00f6ken.example/token").to_json())
    text = f'[[proxy.android]]\ntype = "android_rn"\nservice_account_file = "{path}"\n'
    found = credentials.read_credentials(
        convert_document(parse_document(text, tmp_path / "c.toml"), {})
    )
    assert found["android_rn"].finding.severity is Severity.PASS
    assert found["android_rn"].token_uri == ""


# Names


async def test_a_lookup_is_that_of_the_system() -> None:
    async with asyncio.timeout(TIMEOUT_S):
        found = await names.addresses("127.0.0.1", 80)
    assert [address[4] for address in found] == [("127.0.0.1", 80)]


@pytest.mark.parametrize(("name", "error"), [("-nowhere.invalid", socket.gaierror),
                                             ("a..b", ValueError)])  # fmt: skip
async def test_a_lookup_that_fails(name: str, error: type[Exception]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(error):
            await names.addresses(name, 80)


async def test_a_lookup_nobody_waits_for_harms_nobody() -> None:
    lookup = asyncio.get_running_loop().create_task(names.addresses("127.0.0.1", 80))
    await asyncio.sleep(0)
    lookup.cancel()
    await asyncio.wait([lookup])
    assert lookup.cancelled()
    await asyncio.sleep(0.05)


def test_a_loop_that_ended_before_its_lookup_harms_nobody() -> None:
    async def leave() -> None:
        asyncio.get_running_loop().create_task(names.addresses("localhost", 80))
        await asyncio.sleep(0)

    asyncio.run(leave())


# Evidence


def test_a_kept_answer_of_a_kind_that_nobody_knows_is_none(tmp_path: Path) -> None:
    path = tmp_path / "check-proofs.json"
    limiter = ProbeLimiter(path)
    assert limiter.take("key", "key") is None
    limiter.keep("key", "key", passed("key accepted"))
    kept = limiter.take("key", "key")
    assert kept is not None
    assert kept.severity is Severity.PASS
    # Elsewhere: this process remembers what it asked, whatever becomes of the file.
    other = tmp_path / "other.json"
    other.write_text(path.read_text().replace('"status":"pass"', '"status":"perhaps"'))
    assert ProbeLimiter(other).take("key", "key") is None


def test_evidence_is_cleaned_bounded_and_redacted() -> None:
    found = evident(
        {
            "text": "a\x1b[31mb" + "x" * 1000,
            "empty": "",
            "none": None,
            "list": ["\x9bc"] * 100,
            "deep": {"token": "c0ffee" + "0" * 58},
            "number": 7,
            "flag": False,
            "nothing": [],
        }
    )
    assert found["text"].startswith("abxxx")
    assert len(found["text"]) == 200
    assert "empty" not in found
    assert "none" not in found
    assert len(found["list"]) == 12
    assert found["deep"] == {"token": "c0ffee.."}
    assert (found["number"], found["flag"], found["nothing"]) == (7, False, [])


def test_public_authorities_are_read_by_many_threads_at_once() -> None:
    for kept in (chain._public, chain._public_keys, chain._public_names):
        kept.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(chain.load_public_roots) for _ in range(32)]:
            done.result()
    assert len(chain._public_keys()) > 50
