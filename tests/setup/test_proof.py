import json
import os
import socket
from pathlib import Path

import pytest

from mmpush_tui.fields import Value
from mmpush_tui.findings import Finding, Severity
from mmpush_tui.protocol.paths import user_folder
from mmpush_tui.proxy.door.listen import bind_unix
from mmpush_tui.setup import steps
from mmpush_tui.setup.proof import prove_step
from mmpush_tui.setup.steps import Apps, Existing, StepId, When, Where
from tests.credentials.sources import APPLE_SOURCE
from tests.setup import files
from tests.setup.files import KEY_NAME, P8, keep, pem, secrets_of
from tests.setup.test_document import OWN


@pytest.fixture
def answers(tmp_path: Path) -> dict[str, Value]:
    return OWN | {
        steps.KEY_FILE.key: str(keep(tmp_path / KEY_NAME, P8)),
        steps.ACCOUNT_FILE.key: str(files.ACCOUNT.write(tmp_path)),
    }


async def proof(step: StepId, answers: dict[str, Value]) -> Finding:
    found = await prove_step(steps.BY_ID[step], answers)
    assert found is not None
    return found


async def test_good_credentials_are_ready(answers: dict[str, Value]) -> None:
    apple = await proof(StepId.APPLE, answers)
    assert apple == Finding(
        severity=Severity.PASS,
        code="ok",
        message="Ready to send to com.example.chat in production. Apple was not asked yet: a key "
        "made for App Store Connect looks the same from here.",
    )
    sandbox = await proof(StepId.APPLE, answers | {steps.SANDBOX.key: True})
    assert sandbox.sentence.startswith("Ready to send to com.example.chat in the sandbox.")
    android = await proof(StepId.ANDROID, answers)
    assert android == Finding(
        severity=Severity.PASS,
        code="ok",
        message="Ready to send to Android apps. Google was not asked yet.",
    )


async def test_bad_credentials_are_refused_in_the_workers_words(
    tmp_path: Path, answers: dict[str, Value]
) -> None:
    rsa = keep(tmp_path / "rsa.p8", pem(files.RSA))
    apple = await proof(StepId.APPLE, answers | {steps.KEY_FILE.key: str(rsa)})
    assert apple == Finding(
        severity=Severity.FAIL,
        message=f"Apple key {rsa}: this is an RSA private key. {APPLE_SOURCE}",
    )
    wrong = keep(tmp_path / "google-services.json", files.GOOGLE_SERVICES)
    android = await proof(StepId.ANDROID, answers | {steps.ACCOUNT_FILE.key: str(wrong)})
    assert android.severity is Severity.FAIL
    assert "this is google-services.json, which belongs into the Android app" in android.sentence


async def test_a_problem_comes_before_the_proof(answers: dict[str, Value]) -> None:
    found = await proof(StepId.APPLE, answers | {steps.TEAM_ID.key: ""})
    assert found.severity is Severity.FAIL
    assert found.sentence.startswith("The team id is missing.")


async def test_a_key_that_everybody_reads_is_a_warning(answers: dict[str, Value]) -> None:
    os.chmod(str(answers[steps.KEY_FILE.key]), 0o604)
    found = await proof(StepId.APPLE, answers)
    assert found.severity is Severity.WARN
    assert found.sentence.startswith("Ready to send to com.example.chat")
    assert "holds a secret that every user of this host can read: `chmod o-r" in found.sentence


async def test_there_is_nothing_to_prove_where_nothing_is_set_up() -> None:
    for step, answers in (
        (StepId.APPS, {}),
        (StepId.SERVICE, {}),
        (StepId.MATTERMOST, {steps.WHERE.key: Where.ELSEWHERE}),
        (StepId.APPLE, {steps.APPLE_WHEN.key: When.LATER}),
        (StepId.ANDROID, {steps.ANDROID_WHEN.key: When.LATER}),
        (StepId.EXISTING, {steps.EXISTING.key: Existing.NEW}),
        (StepId.SUMMARY, {}),
    ):
        assert await prove_step(steps.BY_ID[step], answers) is None, step


@pytest.mark.parametrize(
    ("settings", "today", "mode"),
    [
        ({}, "sends no push notifications", "off"),
        (
            {
                "SendPushNotifications": True,
                "PushNotificationServer": "https://eu.push.mattermost.com",
            },
            "uses HPNS, location Germany",
            "hpns",
        ),
        (
            {
                "SendPushNotifications": True,
                "PushNotificationServer": "https://push-test.mattermost.com",
            },
            "uses TPNS",
            "tpns",
        ),
        (
            {"SendPushNotifications": True, "PushNotificationServer": "http://u:canary@old:8066"},
            "uses the push proxy at http://[secret]@old:8066",
            "custom",
        ),
        ({"SendPushNotifications": True}, "has no push proxy's address", "custom"),
    ],
)
async def test_mattermosts_settings_of_today_are_told(
    tmp_path: Path, settings: dict[str, object], today: str, mode: str
) -> None:
    path = keep(tmp_path / "config.json", json.dumps({"EmailSettings": settings}).encode())
    found = await proof(StepId.MATTERMOST, {steps.CONFIG_FILE.key: str(path)})
    assert found.severity is Severity.PASS
    assert found.sentence == f"Readable: Mattermost {today} today."
    assert found.evidence["mode"] == mode
    assert "canary" not in repr(found)


async def test_a_file_that_is_not_mattermosts_is_told(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    missing = await proof(StepId.MATTERMOST, {steps.CONFIG_FILE.key: str(path)})
    assert missing.severity is Severity.FAIL
    assert str(path) in missing.sentence
    keep(path, b'{"canary"')
    broken = await proof(StepId.MATTERMOST, {steps.CONFIG_FILE.key: str(path)})
    assert broken.severity is Severity.FAIL
    assert "this is no JSON" in broken.sentence
    assert "canary" not in repr(broken)


def existing(tmp_path: Path, document: object) -> dict[str, Value]:
    path = keep(tmp_path / "mattermost-push-proxy.json", json.dumps(document).encode())
    return {steps.APPS.key: Apps.OWN, steps.EXISTING_FILE.key: str(path)}


async def test_a_configuration_to_take_over_is_tried(tmp_path: Path) -> None:
    account = str(files.ACCOUNT.write(tmp_path))
    google = [{"Type": "android_rn", "ServiceFileLocation": account}, {"Type": "android"}]
    document: dict[str, object] = {
        "ListenAddress": ":8066",
        "ThrottlePerSec": 300,
        "ThrottleMemoryStoreSize": 50000,
        "AndroidPushSettings": google,
    }
    good = await proof(StepId.EXISTING, existing(tmp_path, document))
    assert good == Finding(
        severity=Severity.PASS, code="ok", message="Ready to send: android_rn; it listens on :8066."
    )
    document["ApplePushSettings"] = [{"Type": "apple_rn", "AppleAuthKeyFile": "/none.p8"}]
    partly = await proof(StepId.EXISTING, existing(tmp_path, document))
    assert partly.severity is Severity.WARN
    assert "Set aside: apple_rn is not configured" in partly.sentence
    document["AndroidPushSettings"] = []
    none = await proof(StepId.EXISTING, existing(tmp_path, document))
    assert none.severity is Severity.FAIL
    assert none.sentence.startswith("None of its targets can send. apple_rn is not configured")
    blank = await proof(StepId.EXISTING, existing(tmp_path, {}))
    assert blank.sentence == "None of its targets can send. Its targets are not filled in."
    broken = await proof(StepId.EXISTING, existing(tmp_path, []))
    assert broken.severity is Severity.FAIL
    assert "expected a JSON object" in broken.sentence


async def test_a_port_is_free_or_its_holder_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        taken = await proof(StepId.LISTEN, {steps.LISTEN.key: f"127.0.0.1:{port}"})
    assert taken.severity is Severity.FAIL
    assert f"127.0.0.1:{port}: the port is in use by " in taken.sentence
    assert taken.fix == "Stop that program, or choose another port."
    free = await proof(StepId.LISTEN, {steps.LISTEN.key: f"127.0.0.1:{port}"})
    assert free == Finding(severity=Severity.PASS, code="ok", message=f"127.0.0.1:{port} is free.")
    # It was given back.
    socket.create_server(("127.0.0.1", port)).close()
    unknown = await proof(StepId.LISTEN, {steps.LISTEN.key: "192.0.2.1:8086"})
    assert (
        unknown.sentence == "listen address 192.0.2.1:8086: this host does not have that address."
    )


async def test_a_worker_of_ours_on_the_port_is_no_stranger(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(short_tmp))
    user_folder().mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with bind_unix(user_folder() / f"{port}.sock", 0o600):
            found = await proof(StepId.LISTEN, {steps.LISTEN.key: f"127.0.0.1:{port}"})
    assert found.severity is Severity.WARN
    assert found.sentence == "A push proxy of this program listens there already."


async def test_a_unix_socket_is_judged_without_being_made(short_tmp: Path) -> None:
    async def at(path: Path) -> Finding:
        return await proof(StepId.LISTEN, {steps.LISTEN.key: f"unix:{path}"})

    path = short_tmp / "in.sock"
    assert (await at(path)).sentence == "The socket can be made there."
    assert not path.exists()
    with bind_unix(path, 0o600):
        assert (await at(path)).sentence == "Another program listens on this socket."
    assert (await at(path)).severity is Severity.PASS
    path.unlink()
    path.touch()
    assert (await at(path)).sentence == "Something else is there."
    gone = await at(short_tmp / "none" / "in.sock")
    assert gone.sentence == "This user cannot make files in that folder."


async def test_no_character_of_a_key_is_in_any_proof(
    tmp_path: Path, answers: dict[str, Value]
) -> None:
    account = files.ACCOUNT.to_json().encode()
    canaries = secrets_of(P8, account)
    for data in (P8, P8[:90], account, account[:-60], account.replace(b"MII", b"XXX")):
        path = str(keep(tmp_path / "some.file", data))
        for step, field in (
            (StepId.APPLE, steps.KEY_FILE), (StepId.ANDROID, steps.ACCOUNT_FILE),
            (StepId.MATTERMOST, steps.CONFIG_FILE), (StepId.EXISTING, steps.EXISTING_FILE),
        ):  # fmt: skip
            said = repr(await proof(step, answers | {field.key: path}))
            assert not [canary for canary in canaries if canary in said]
