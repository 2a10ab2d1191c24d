"""One test push on the command line: sent, followed, explained, or refused with its reason."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mmpush_tui.simulator.credentials import TOPIC, GoogleAccount
from mmpush_tui.simulator.mattermost.server import MattermostRest
from mmpush_tui.simulator.phones import Phone, PhoneState
from tests.commands.running import run
from tests.proxy.rehearsal import Rehearsal, rehearsal
from tests.proxy.vendors import Vendors, serving

TOKEN = "3f9c1a" + "ab" * 29
GOOGLE = GoogleAccount.make(3)


@pytest.fixture
async def vendors(short_tmp: Path) -> AsyncIterator[Vendors]:
    async with Vendors(short_tmp) as it:
        yield it


@pytest.fixture
async def stage(short_tmp: Path) -> AsyncIterator[Rehearsal]:
    async with rehearsal(short_tmp) as it:
        yield it


async def send(stage: Rehearsal, phone: Phone, *options: str) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(
        run, "send", "--via", "proxy", "--device-file", "-",
        "--control", str(stage.worker.control), *options,
        text=f"{phone.platform}-v2:{phone.token}\n",
    )  # fmt: skip


@pytest.mark.slow
async def test_an_accepted_test_push_is_followed_to_apple(stage: Rehearsal) -> None:
    done = await send(stage, stage.world.phones.add_apple(TOPIC))
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "OK: Apple accepted the push."
    assert second.startswith("  delivery ")
    assert ", 1 try, " in second


@pytest.mark.slow
async def test_a_message_is_followed_to_the_phones_receipt(stage: Rehearsal) -> None:
    done = await send(stage, stage.world.phones.add_android("mmpush-demo"), "--type", "message",
                      "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["schema"], result["kind"], result["via"]) == (1, "send", "proxy")
    assert result["answer"] == {"status": "OK"}
    assert result["acknowledged_ms"] > 0
    assert result["summary"].startswith("OK: the phone confirmed the push after ")
    assert result["delivery"]["status"] == "OK"
    assert result["exit_code"] == 0


@pytest.mark.slow
async def test_a_dead_device_is_exit_1_with_its_explanation(stage: Rehearsal) -> None:
    phone = stage.world.phones.add_apple(TOPIC, state=PhoneState.DEAD)
    done = await send(stage, phone)
    assert done.returncode == 1
    assert done.stdout.startswith("REMOVE: Apple says that this device token is dead.\n")
    assert "mmpush-tui explain " in done.stdout
    assert phone.token not in done.stdout


@pytest.mark.slow
async def test_a_refusal_is_explained(stage: Rehearsal) -> None:
    stranger = stage.world.phones.add_apple("com.other.app")
    done = await send(stage, stranger, "--json")
    result = json.loads(done.stdout)
    assert result["answer"] == {"status": "REMOVE"}
    assert result["delivery"]["reason"] == "DeviceTokenNotForTopic"
    assert "DeviceTokenNotForTopic" in result["explanation"]["reasons"]
    assert result["exit_code"] == 1


@pytest.mark.slow
async def test_a_foreign_proxy_is_asked_without_being_followed(stage: Rehearsal) -> None:
    phone = stage.world.phones.add_apple(TOPIC)
    done = await asyncio.to_thread(
        run, "send", "--via", "proxy", "--proxy", stage.worker.url, "--device-file", "-",
        text=f"apple_rn-v2:{phone.token}",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "OK: Apple accepted the push.\n")


@pytest.mark.slow
async def test_a_worker_that_asks_for_path_and_credentials_gets_both(vendors: Vendors) -> None:
    vendors.write(
        vendors.apple_entry(), access_user="mm", access_password="s3 cr@t", path_prefix="/hid/den"
    )
    vendors.config.chmod(0o600)
    async with serving(vendors) as stage:
        done = await asyncio.to_thread(
            run, "send", "--via", "proxy", "--device-file", "-", "--json",
            "--control", str(stage.worker.control),
            text=f"apple_rn-v2:{vendors.phones.add_apple().token}\n",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert result["answer"] == {"status": "OK"}
        assert result["at"] == stage.worker.url
        assert not any(secret in done.stdout + done.stderr for secret in ("s3", "hid"))


@pytest.mark.parametrize(("url", "why"), [
    ("http://127.0.0.1:9", "nothing listens there"),
    ("http://no-such-host.invalid:8066", "its name is not known to the name servers of this host"),
])  # fmt: skip
def test_nobody_there_is_exit_3_in_one_line(url: str, why: str, tmp_path: Path) -> None:
    device = tmp_path / "device"
    device.write_text(f"apple_rn-v2:{TOKEN}")
    done = run("send", "--via", "proxy", "--proxy", url, "--device-file", device)
    assert done.returncode == 3
    assert done.stderr == (
        f"mmpush-tui: {url} does not answer: {why}. "
        "Check the address and that the service runs; `mmpush-tui check` names the hop.\n"
    )


@pytest.mark.parametrize("platform", ["apple_rn-v2", "android_rn-v2"])
def test_dry_shows_the_request_without_the_token(platform: str) -> None:
    done = run(
        "send", "--via", "dry", "--device-file", "-", "--type", "message", "--json",
        text=f"{platform}:{TOKEN}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["summary"].startswith("Nothing was sent. ")
    assert result["request"]["method"] == "POST"
    assert "Test push from mmpush-tui" in result["request"]["body"]
    assert TOKEN not in done.stdout


def test_dry_for_people_names_topic_and_address() -> None:
    done = run("send", "--via", "dry", "--device-file", "-", "--topic", "com.example.chat",
               text=f"apple_rn-v2:{TOKEN}")  # fmt: skip
    assert "  POST https://api.push.apple.com/3/device/3f9c1a.." in done.stdout
    assert "  apns-topic: com.example.chat" in done.stdout


def test_dry_says_what_the_configured_targets_would_send(tmp_path: Path) -> None:
    account = GOOGLE.write(tmp_path)
    config = tmp_path / "config.toml"
    config.write_text(
        '[[proxy.apple]]\ntype = "apple_rn"\ntopic = "com.example.chat"\nsandbox = true\n'
        'auth_key_file = "none.p8"\nauth_key_id = "ABC123DEFG"\nteam_id = "DEF123GHIJ"\n'
        f'[[proxy.android]]\ntype = "android_rn"\nservice_account_file = "{account}"\n',
        encoding="utf-8",
    )
    said = [
        run("send", "--via", "dry", "--config", config, "--device-file", "-",
            text=f"{platform}-v2:{TOKEN}").stdout
        for platform in ("apple_rn", "apple_voip_rn", "android_rn")
    ]  # fmt: skip
    for text in said[:2]:
        assert "  POST https://api.sandbox.push.apple.com/3/device/3f9c1a.." in text
        assert "  apns-topic: com.example.chat" in text
    assert f"/v1/projects/{GOOGLE.project_id}/messages:send" in said[2]


def test_dry_goes_without_a_configuration_that_nobody_named(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[proxy\n", encoding="utf-8")
    named = run("send", "--via", "dry", "--config", config, "--device-file", "-",
                text=f"apple_rn-v2:{TOKEN}")  # fmt: skip
    assert named.returncode == 2
    assert f"{config}, line 1" in named.stderr
    found = run("send", "--via", "dry", "--device-file", "-", text=f"apple_rn-v2:{TOKEN}",
                MMPUSH_CONFIG=str(config))  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert "apns-topic: BUNDLE-ID" in found.stdout


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the device file holds 0 words: a device id is one word without blanks."),
        ("a b", "the device file holds 2 words: a device id is one word without blanks."),
        (TOKEN, "the device id has no platform in front."),
        ("apple_rn-v2:null", "the device id has no token: the app had none when it logged in."),
        ("apple_rn-v2:", "the device id has no token: the app had none when it logged in."),
    ],
)
def test_what_is_no_device_id_is_refused_before_anything_is_sent(text: str, sentence: str) -> None:
    done = run("send", "--via", "dry", "--device-file", "-", text=text)
    assert done.returncode == 2
    assert done.stderr.startswith(f"mmpush-tui: {sentence}")
    assert TOKEN not in done.stderr


def test_a_missing_device_file_is_named(tmp_path: Path) -> None:
    done = run("send", "--via", "dry", "--device-file", tmp_path / "none")
    assert done.returncode == 2
    assert done.stderr == (
        f"mmpush-tui: device file {tmp_path / 'none'}: cannot be read: No such file or directory.\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "code", "sentence"),
    [
        (PhoneState.OK, 0, "Mattermost sent a test push and the push proxy accepted it."),
        (PhoneState.DEAD, 1, "Mattermost says that this phone cannot receive notifications."),
        (PhoneState.BAD, 1,
         "Mattermost tried a test push and got no good answer from the push proxy."),
    ],
)  # fmt: skip
async def test_via_server_mattermost_sends_its_own_test_push(
    stage: Rehearsal, state: PhoneState, code: int, sentence: str
) -> None:
    mattermost = stage.world.mattermost
    assert mattermost is not None
    phone = stage.world.phones.add_android("mmpush-demo", state=state)
    settings = {"SendPushNotifications": True, "PushNotificationServer": stage.worker.url}
    rest = MattermostRest(mattermost, config={"EmailSettings": settings})
    await rest.start()
    try:
        done = await asyncio.to_thread(
            run, "send", "--via", "server", "--mattermost-url", rest.url, "--device-file", "-",
            text=f"android_rn-v2:{phone.token}",
        )  # fmt: skip
    finally:
        await rest.aclose()
    assert done.returncode == code, done.stderr
    assert done.stdout.splitlines()[0] == sentence
    assert ("explain" in done.stdout) == (code == 1)
    assert rest.failures == []


def test_via_server_needs_its_address() -> None:
    done = run("send", "--via", "server", "--device-file", "-", text=f"apple_rn-v2:{TOKEN}")
    assert done.returncode == 2
    assert done.stderr == "mmpush-tui: --via server needs --mattermost-url.\n"
