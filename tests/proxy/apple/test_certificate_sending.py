"""Pushes sent with Apple's client certificates, to a stand-in that asks for one."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat

from mmpush_tui.protocol.wire import OK, fail
from mmpush_tui.simulator.credentials import TOPIC, write_private
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from tests.proxy.upstream_bench import Upstream, upstream
from tests.standins.apple_certificate import AppleCertificate
from tests.waiting import eventually

OLD_FORM = PrivateFormat.TraditionalOpenSSL
RSA = rsa.generate_private_key(65537, 2048)
PASSWORD = "s3cret"
Settings = Mapping[str, Any]


def as_pem(
    folder: Path, pair: AppleCertificate, password: str = "", form: PrivateFormat | None = None
) -> Settings:
    text = pair.pem(password, form=form or PrivateFormat.PKCS8)
    return {
        "certificate_file": str(write_private(folder / "apple.pem", text)),
        "certificate_password": password,
    }


def as_p12(folder: Path, pair: AppleCertificate, password: str = "") -> Settings:
    path = folder / "apple.p12"
    path.touch(0o600)
    path.write_bytes(pair.p12(password))
    return {"certificate_file": path.name, "certificate_password": password}


FORMS: dict[str, Callable[[Path, ThrowAwayCA], Settings]] = {
    "pem": lambda folder, ca: as_pem(folder, AppleCertificate.make(ca)),
    "pem, RSA, PKCS#1": lambda folder, ca: as_pem(
        folder, AppleCertificate.make(ca, key=RSA), form=OLD_FORM
    ),
    "pem, encrypted": lambda folder, ca: as_pem(folder, AppleCertificate.make(ca), PASSWORD),
    "pem, encrypted as of old": lambda folder, ca: as_pem(
        folder, AppleCertificate.make(ca, key=RSA), PASSWORD, OLD_FORM
    ),
    "p12": lambda folder, ca: as_p12(folder, AppleCertificate.make(ca)),
    "p12, encrypted": lambda folder, ca: as_p12(folder, AppleCertificate.make(ca), PASSWORD),
}


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_sends(form: str, tmp_path: Path) -> None:
    async with upstream(tmp_path, certificate=lambda ca: FORMS[form](tmp_path, ca)) as up:
        assert up.targets.disabled == {}
        assert list(up.targets.certificate_ends) == ["apple_rn"]
        assert await up.pushes("apns", 20) == [OK] * 20
        assert up.count("apns").delivered == 20
        assert up.alarms == []


async def call(up: Upstream) -> Any:
    """Hand in a call, as Mattermost would."""
    phone = up.phones.add_apple(f"{TOPIC}.voip")
    document = {
        "server_id": "s", "device_id": phone.token, "type": "message", "sub_type": "calls",
        "transport": "voip", "platform": "apple_voip_rn",
    }  # fmt: skip
    return await up.deliveries.push(json.dumps(document).encode())


async def test_calls_ring(tmp_path: Path) -> None:
    async with upstream(tmp_path, certificate=lambda ca: FORMS["pem"](tmp_path, ca)) as up:
        assert await call(up) == OK
        assert up.targets.warnings == []


async def test_a_certificate_without_calls_sends_the_rest(tmp_path: Path) -> None:
    def silent(ca: ThrowAwayCA) -> Settings:
        return as_pem(tmp_path, AppleCertificate.make(ca, topics=[TOPIC]))

    async with upstream(tmp_path, certificate=silent) as up:
        assert [it.code for it in up.targets.warnings] == ["apple-certificate-no-calls"]
        assert await up.push("apns") == OK
        assert await call(up) == fail(
            "unknown send response error: status=400 reason=TopicDisallowed"
        )
        await eventually(lambda: [reason for reason, _ in up.alarms] == ["TopicDisallowed"])


async def test_a_certificate_of_the_other_network_is_told(tmp_path: Path) -> None:
    def sandbox(ca: ThrowAwayCA) -> Settings:
        return as_pem(tmp_path, AppleCertificate.make(ca, environments=["sandbox"]))

    async with upstream(tmp_path, certificate=sandbox) as up:
        answer = await up.push("apns")
        assert "BadCertificateEnvironment" in answer.error
        assert answer.status == "FAIL"
        assert up.count("apns").requests == 0
        await eventually(lambda: up.alarms)
        ((reason, words),) = up.alarms
        assert reason == "BadCertificateEnvironment"
        assert "the push certificate" in words


async def test_a_certificate_of_another_authority_is_told(tmp_path: Path) -> None:
    def foreign(_ca: ThrowAwayCA) -> Settings:
        return as_pem(tmp_path, AppleCertificate.make(ThrowAwayCA()))

    async with upstream(tmp_path, certificate=foreign) as up:
        answer = await up.push("apns")
        assert answer.status == "FAIL"
        assert answer.error.startswith("unknown transport error: ")
        assert up.received() == []


async def test_a_refused_token_means_nothing_where_there_is_none(tmp_path: Path) -> None:
    async with upstream(tmp_path, certificate=lambda ca: FORMS["pem"](tmp_path, ca)) as up:
        for reason in ("BadCertificate", "Forbidden"):
            await up.sides["apns"].faults.raise_("apple-refuses", reason=reason)
            assert await up.push("apns") == fail(
                f"unknown send response error: status=403 reason={reason}"
            )
        await up.sides["apns"].faults.clear()
        assert await up.push("apns") == OK
        await eventually(lambda: len(up.alarms) == 2)
        assert [reason for reason, _ in up.alarms] == ["BadCertificate", "Forbidden"]
