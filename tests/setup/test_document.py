import tomllib
from pathlib import Path

import pytest
import tomli_w

from mmpush_tui.fields import Value
from mmpush_tui.settings.page import Licence, Mode, Page, Stored, infer, to_stored
from mmpush_tui.settings.page_fields import ACCEPT_TERMS, REGION
from mmpush_tui.settings.urls import Region
from mmpush_tui.setup import steps
from mmpush_tui.setup.document import document, revised, takes_over
from mmpush_tui.setup.handover import Remaining, on_page, remaining
from mmpush_tui.setup.steps import Apps, Existing, When, Where

STORE: dict[str, Value] = {steps.CONFIG_FILE.key: "/opt/mattermost/config/config.json"}
HPNS: dict[str, Value] = STORE | {
    steps.SERVICE.key: Mode.HPNS,
    REGION.key: Region.DE,
    ACCEPT_TERMS.key: True,
}
OWN: dict[str, Value] = STORE | {
    steps.APPS.key: Apps.OWN,
    steps.KEY_FILE.key: "/keys/AuthKey_ABC123DEFG.p8",
    steps.KEY_ID.key: " ABC123DEFG ",
    steps.TEAM_ID.key: "DEF123GHIJ",
    steps.TOPIC.key: "com.example.chat",
    steps.ACCOUNT_FILE.key: "/keys/account.json",
}
PAGE = "In Mattermost, System Console > Environment > Push Notification Server: choose"
MMCTL = "mmctl config set EmailSettings."


def test_the_store_apps_need_mattermost_only() -> None:
    assert document(STORE) == {"mattermost": {"config_file": "/opt/mattermost/config/config.json"}}
    assert document({steps.WHERE.key: Where.ELSEWHERE}) == {"mattermost": {}}
    assert tomli_w.dumps(document({steps.WHERE.key: Where.ELSEWHERE})) == "[mattermost]\n"


def test_own_apps_get_a_push_proxy() -> None:
    made = document(OWN)
    assert tomllib.loads(tomli_w.dumps(made)) == made
    assert made["proxy"] == {
        "listen_address": "127.0.0.1:8086",
        "throttle_per_sec": 300,
        "throttle_memory_store_size": 50000,
        "apple": [
            {
                "type": "apple_rn",
                "topic": "com.example.chat",
                "auth_key_file": "/keys/AuthKey_ABC123DEFG.p8",
                "auth_key_id": "ABC123DEFG",
                "team_id": "DEF123GHIJ",
                "sandbox": False,
            }
        ],
        "android": [{"type": "android_rn", "service_account_file": "/keys/account.json"}],
    }


def test_what_is_left_for_later_is_left_out() -> None:
    assert "apple" not in document(OWN | {steps.APPLE_WHEN.key: When.LATER})["proxy"]
    assert "android" not in document(OWN | {steps.ANDROID_WHEN.key: When.LATER})["proxy"]


def test_a_beta_app_gets_its_own_platform() -> None:
    made = document(OWN | {steps.TOPIC.key: "com.mattermost.rnbeta"})
    assert made["proxy"]["apple"][0]["type"] == "apple_rnbeta"


def test_what_nobody_was_asked_about_stays() -> None:
    base = {
        "console": {"theme": "dark"},
        "network": {"ca_file": "/ca.pem"},
        "mattermost": {"config_file": "/old.json"},
        "proxy": {
            "enable_metrics": True,
            "throttle_per_sec": 7,
            "apple": [
                {"type": "apple_rnbeta", "topic": "b"},
                {"type": "apple_rn", "topic": "old", "endpoint": "https://relay:443"},
            ],
        },
    }
    made = document(OWN, base)
    assert made["console"] == {"theme": "dark"}
    assert made["network"] == {"ca_file": "/ca.pem"}
    assert made["mattermost"] == {"config_file": "/opt/mattermost/config/config.json"}
    assert made["proxy"]["enable_metrics"] is True
    assert made["proxy"]["throttle_per_sec"] == 7
    assert [entry["type"] for entry in made["proxy"]["apple"]] == ["apple_rnbeta", "apple_rn"]
    assert made["proxy"]["apple"][1]["endpoint"] == "https://relay:443"
    assert made["proxy"]["apple"][1]["topic"] == "com.example.chat"
    assert base["mattermost"] == {"config_file": "/old.json"}
    assert document(STORE, base)["proxy"] == base["proxy"]
    elsewhere = document({steps.WHERE.key: Where.ELSEWHERE}, base)
    assert elsewhere["mattermost"] == {}


@pytest.mark.parametrize("answers", [STORE, OWN, {steps.WHERE.key: Where.ELSEWHERE}])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only this\n",
        "mattermost = {}\n",
        "[mattermost]\nurl = 'x' # no line break behind it",
        "[console] # empty\n",
        "[console]\nworker_config = '/w'\n# about what follows\n[network]\nca_file = '/c'\n",
        "[proxy]\napple = [{type = 'apple_rn'}] # in one line\n",
        "[proxy]\napple = []\n# none yet\n",
        "# only targets\n[[proxy.apple]]\ntype = 'x'\n",
        "[[proxy.apple]]\ntype = 'x'\n# behind\n[proxy]\nlog_level = 'warn'\n",
        "[proxy]\nlog_level = 'warn'\n[network]\n# between\n[[proxy.android]]\ntype = 'y'\n",
        "[network.connect_to]\r\n'a:1' = 'b:2' # Windows\r\n",
    ],
)
def test_a_text_changed_in_place_says_the_same_and_keeps_its_comments(
    text: str, answers: dict[str, Value]
) -> None:
    new = revised(answers, text)
    said = tomllib.loads(new)
    if not said.get("console", True):
        # It is left for the comment in it.
        del said["console"]
    assert said == document(answers, tomllib.loads(text))
    for line in text.splitlines():
        assert line.partition("#")[2] in new


def test_a_configuration_that_is_taken_over_is_not_copied() -> None:
    taken = OWN | {steps.EXISTING_FILE.key: "/opt/p.json"}
    assert document(taken) == document(STORE) | {"console": {"worker_config": "/opt/p.json"}}
    assert takes_over(taken) == "/opt/p.json"
    assert takes_over(taken | {steps.EXISTING.key: Existing.NEW}) == ""
    assert takes_over(taken | {steps.APPS.key: Apps.STORE}) == ""
    assert takes_over(OWN) == ""


def test_what_is_left_to_do_for_a_push_proxy() -> None:
    left = remaining(OWN, Path("/etc/my push/config.toml"), "127.0.0.1:8086")
    assert left == (
        Remaining(
            sentence="Start the push proxy.",
            commands=("mmpush-tui serve --config '/etc/my push/config.toml'",),
        ),
        Remaining(
            sentence=f'{PAGE} "Manually enter Push Notification Service location" and enter '
            "http://127.0.0.1:8086 as Push Notification Server.",
            commands=(
                f"{MMCTL}PushNotificationServer http://127.0.0.1:8086",
                f"{MMCTL}SendPushNotifications true",
            ),
        ),
    )


@pytest.mark.parametrize(
    ("address", "ending", "has_commands"),
    [
        (
            ":8086",
            "enter http://HOST:8086 as Push Notification Server. HOST is this host's name or "
            "address as Mattermost reaches it.",
            True,
        ),
        (
            "unix:/run/in.sock",
            "enter the address of the reverse proxy before unix:/run/in.sock as Push "
            "Notification Server.",
            False,
        ),
    ],
)
def test_an_address_that_cannot_be_pasted_is_explained(
    address: str, ending: str, has_commands: bool
) -> None:
    told = remaining(OWN, Path("/c.toml"), address)[1]
    assert told.sentence.endswith(ending)
    assert bool(told.commands) is has_commands


def test_an_address_that_only_this_host_reaches_is_told_to_a_mattermost_elsewhere() -> None:
    elsewhere = OWN | {steps.WHERE.key: Where.ELSEWHERE}
    told = remaining(elsewhere, Path("/c.toml"), "127.0.0.1:8086")[1]
    assert told.sentence.endswith(" A Mattermost on another host cannot reach that.")
    told = remaining(elsewhere, Path("/c.toml"), "10.0.0.5:8086")[1]
    assert told.sentence.endswith("as Push Notification Server.")


def test_what_was_left_for_later_is_named() -> None:
    left = remaining(OWN | {steps.ANDROID_WHEN.key: When.LATER}, Path("/c.toml"), ":1")
    assert left[-1].sentence == "Android apps get nothing yet: run the set-up again for them."


@pytest.mark.parametrize(
    ("answers", "sentence", "server"),
    [
        (
            STORE,
            f'{PAGE} "Use TPNS connection to send notifications to iOS and Android apps", then '
            "Save.",
            "https://push-test.mattermost.com",
        ),
        (
            HPNS,
            f'{PAGE} "Use HPNS connection with uptime SLA to send notifications to iOS and '
            'Android apps" and the location "Germany", accept the terms, then Save.',
            "https://eu.push.mattermost.com",
        ),
    ],
)
def test_what_is_left_to_do_for_the_store_apps(
    answers: dict[str, Value], sentence: str, server: str
) -> None:
    (left,) = remaining(answers, Path("/c.toml"), "")
    assert left.sentence == sentence
    assert left.commands == (
        f"{MMCTL}PushNotificationServer {server}", f"{MMCTL}SendPushNotifications true",
    )  # fmt: skip


@pytest.mark.parametrize(
    "today",
    [
        Stored(),
        Stored(send=True, server="https://push-test.mattermost.com"),
        Stored(send=True, server="https://us.push.mattermost.com"),
        Stored(send=True, server="http://old:8066"),
    ],
)
def test_the_settings_page_gets_the_same_answers(today: Stored) -> None:
    page: Page = infer(today, Licence())
    stored = to_stored(on_page(OWN, page, "127.0.0.1:8086"))
    assert (stored.send, stored.server) == (True, "http://127.0.0.1:8086")
    stored = to_stored(on_page(STORE, page))
    assert (stored.send, stored.server) == (True, "https://push-test.mattermost.com")
    hosted = on_page(HPNS, page)
    assert (hosted.mode, hosted.region, hosted.agreed) == (Mode.HPNS, Region.DE, True)
    assert to_stored(hosted).server == "https://eu.push.mattermost.com"


def test_a_configuration_that_is_taken_over_is_remembered() -> None:
    taken = OWN | {steps.EXISTING_FILE.key: "/opt/p.json", steps.EXISTING.key: Existing.USE}
    assert document(taken)["console"] == {"worker_config": "/opt/p.json"}
    before = {"console": {"worker_config": "/opt/p.json"}}
    assert "console" not in document(OWN, before)
