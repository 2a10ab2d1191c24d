import pytest

from mmpush_tui.fields import Value
from mmpush_tui.settings.page import Mode
from mmpush_tui.settings.page_fields import ACCEPT_TERMS, REGION
from mmpush_tui.setup import steps
from mmpush_tui.setup.answers import (
    answer_notes,
    apple_type,
    is_loopback,
    is_storable,
    looks_like_content,
    problems,
    server_address,
)
from mmpush_tui.setup.steps import Apps, StepId, When, Where

IN_NAME = "It is in the name of the key's file, AuthKey_KEYID.p8."
GOOD_APPLE: dict[str, Value] = {
    steps.KEY_FILE.key: "/k/AuthKey_ABC123DEFG.p8",
    steps.KEY_ID.key: "ABC123DEFG",
    steps.TEAM_ID.key: "DEF123GHIJ",
    steps.TOPIC.key: "com.example.chat",
}


def apple(**changed: Value) -> dict[str, str]:
    keys = {field.name: field.key for field in steps.BY_ID[StepId.APPLE].fields}
    answers = GOOD_APPLE | {keys[name]: value for name, value in changed.items()}
    found = problems(steps.BY_ID[StepId.APPLE], answers)
    return {key.rpartition(".")[2]: sentence for key, sentence in found.items()}


def test_good_answers_have_no_problems() -> None:
    assert apple() == {}
    assert apple(sandbox=True) == {}


def test_nothing_answered_is_asked_for_field_by_field() -> None:
    found = problems(steps.BY_ID[StepId.APPLE], {})
    assert list(found) == [
        steps.KEY_FILE.key, steps.KEY_ID.key, steps.TEAM_ID.key, steps.TOPIC.key,
    ]  # fmt: skip
    assert found[steps.KEY_FILE.key] == "Name the .p8 file from Apple, or choose Later."
    assert problems(steps.BY_ID[StepId.APPLE], {steps.APPLE_WHEN.key: When.LATER}) == {}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"auth_key_id": ""}, f"The key id is missing. {IN_NAME}"),
        (
            {"auth_key_id": "ABC123DEF"},
            f"The key id is not ten capital letters and digits: it has 9 characters. {IN_NAME}",
        ),
        (
            {"auth_key_id": "abc123defg"},
            f"The key id is not ten capital letters and digits: it has small letters. {IN_NAME}",
        ),
        (
            {"auth_key_id": "ABC-123DEF"},
            f"The key id is not ten capital letters and digits. {IN_NAME}",
        ),
        (
            {"auth_key_id": "ABC123DEF\u0663"},
            f"The key id is not ten capital letters and digits. {IN_NAME}",
        ),
        (
            {"team_id": "ABC123DEFG"},
            "Key id and team id are the same; they never are. The key id is in the name of the "
            "key's file.",
        ),
        (
            {"topic": ""},
            "The topic is missing. It is the bundle id of your iOS app, as com.example.chat.",
        ),
        (
            {"topic": "com.example.chat.voip"},
            "The topic ends in .voip, which is appended where it is needed. Set com.example.chat.",
        ),
        (
            {"topic": "DEF123GHIJ.com.example.chat"},
            "The topic begins with a team id. Set com.example.chat.",
        ),
        (
            {"topic": "chat"},
            "The topic is no bundle id: letters, digits and hyphens with dots between, such as "
            "com.example.chat.",
        ),
        (
            {"topic": "com.example.*"},
            "The topic is no bundle id: letters, digits and hyphens with dots between, such as "
            "com.example.chat.",
        ),
        (
            {"auth_key_file": "-----BEGIN PRIVATE KEY-----"},
            "This looks like the key itself. Save it in a file and give the file's path.",
        ),
        (
            {"auth_key_file": "MIGTAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBHkwdwIBAQQg/bcdefghijk"},
            "This looks like the key itself. Save it in a file and give the file's path.",
        ),
        ({"auth_key_file": "/a" * 600}, "This is too long. Type it again."),
        (
            {"auth_key_file": "/a\x1b[31m"},
            "This has line breaks or invisible characters in it. Type it again.",
        ),
        ({"sandbox": "maybe"}, "This cannot be: expected true or false, got text."),
        ({"apple": "never"}, "This cannot be: expected one of now, later."),
    ],
)
def test_a_wrong_answer_is_told_with_what_to_do(changed: dict[str, Value], expected: str) -> None:
    (name,) = changed
    assert apple(**changed) == {name: expected}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:8086", ""),
        (":8086", ""),
        ("[::1]:8086", ""),
        ("unix:/run/mmpush-tui/in.sock", ""),
        ("", "The address is missing. 127.0.0.1:8086 is for a Mattermost on this host."),
        ("8086", "Write host:port, :port for every interface, or unix:/path."),
        ("http://localhost:8086", "Write host:port, :port for every interface, or unix:/path."),
        ("host:99999", "Write host:port, :port for every interface, or unix:/path."),
        ("127.0.0.1:0", "Port 0 is another port at every start. Choose one, as 8086."),
        (
            "unix:in.sock",
            "A Unix socket needs its full path: unix:/run/mmpush-tui/in.sock",
        ),
        ("unix:/" + "in-" * 36, "The path of a Unix socket has at most 107 bytes."),
    ],
)
def test_listen_addresses(address: str, expected: str) -> None:
    found = problems(steps.BY_ID[StepId.LISTEN], {steps.LISTEN.key: address})
    assert found == ({steps.LISTEN.key: expected} if expected else {})


def test_the_listen_address_has_a_good_default() -> None:
    assert problems(steps.BY_ID[StepId.LISTEN], {}) == {}


def test_consent_is_needed_for_the_hosted_service_only() -> None:
    region = steps.BY_ID[StepId.REGION]
    hosted: dict[str, Value] = {steps.SERVICE.key: Mode.HPNS}
    assert problems(region, hosted) == {
        ACCEPT_TERMS.key: "HPNS needs your consent: accept its terms, or go back and choose TPNS."
    }
    assert problems(region, hosted | {ACCEPT_TERMS.key: True}) == {}
    assert problems(steps.BY_ID[StepId.SERVICE], {steps.SERVICE.key: Mode.TPNS}) == {}
    wrong = problems(region, {REGION.key: "mars", ACCEPT_TERMS.key: True})
    assert wrong == {REGION.key: "This cannot be: expected one of global, us, de, jp."}


def test_the_configuration_file_is_needed_where_it_is_on_this_host() -> None:
    step = steps.BY_ID[StepId.MATTERMOST]
    missing = "Name Mattermost's config.json, or choose Somewhere else."
    assert problems(step, {}) == {steps.CONFIG_FILE.key: missing}
    assert problems(step, {steps.WHERE.key: Where.ELSEWHERE}) == {}


def test_a_proxy_that_could_send_nothing_is_refused_on_the_summary() -> None:
    summary = steps.BY_ID[StepId.SUMMARY]
    later: dict[str, Value] = {
        steps.APPLE_WHEN.key: When.LATER,
        steps.ANDROID_WHEN.key: When.LATER,
    }
    sentence = "Apple and Google are both left for later, so nothing could be sent. Set up one."
    own: dict[str, Value] = {steps.APPS.key: Apps.OWN}
    assert problems(summary, own | later) == {steps.APPLE_WHEN.key: sentence}
    assert problems(summary, own | {steps.APPLE_WHEN.key: When.LATER}) == {}
    assert problems(summary, later) == {}


@pytest.mark.parametrize(
    ("step", "answers", "expected"),
    [
        (
            StepId.LISTEN,
            {steps.WHERE.key: Where.ELSEWHERE},
            "A Mattermost on another host cannot reach this: use :8086 instead.",
        ),
        (StepId.LISTEN, {}, None),
        (
            StepId.LISTEN,
            {steps.LISTEN.key: ":8086"},
            "Every host that reaches this one can post: let only Mattermost through.",
        ),
        (
            StepId.LISTEN,
            {steps.LISTEN.key: "10.0.0.5:8065"},
            "8065 is Mattermost's own port as a rule.",
        ),
        (
            StepId.LISTEN,
            {steps.LISTEN.key: "unix:/run/in.sock"},
            "Mattermost cannot post to a Unix socket: put a reverse proxy in front of it.",
        ),
        (StepId.LISTEN, {steps.LISTEN.key: "10.0.0.5:8086"}, None),
        (StepId.LISTEN, {steps.LISTEN.key: "nonsense"}, None),
        (
            StepId.APPLE,
            GOOD_APPLE | {steps.KEY_ID.key: "XYZ123DEFG"},
            "The key file is named for the key id ABC123DEFG, and its key id is XYZ123DEFG; Apple "
            "will refuse it unless the file was renamed.",
        ),
        (StepId.APPLE, GOOD_APPLE, None),
        (
            StepId.APPLE,
            GOOD_APPLE | {steps.KEY_FILE.key: "/k/push.p8"},
            None,
        ),
        (
            StepId.APPLE,
            GOOD_APPLE | {steps.TOPIC.key: "com.mattermost.rnbeta"},
            "An app with rnbeta in its bundle id calls its platform apple_rnbeta.",
        ),
        (
            StepId.APPLE,
            GOOD_APPLE | {steps.SANDBOX.key: True},
            "The sandbox reaches apps run from Xcode only; TestFlight needs production.",
        ),
        (
            StepId.SERVICE,
            {},
            "TPNS has no uptime promise; do not rely on it for daily work.",
        ),
        (StepId.SERVICE, {steps.SERVICE.key: Mode.HPNS}, None),
    ],
)
def test_notes(step: StepId, answers: dict[str, Value], expected: str | None) -> None:
    assert list(answer_notes(steps.BY_ID[step], answers).values()) == (
        [expected] if expected else []
    )


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:8086", "http://127.0.0.1:8086"),
        ("push.example.com:80", "http://push.example.com:80"),
        (":8086", "http://HOST:8086"),
        ("0.0.0.0:8086", "http://HOST:8086"),
        ("[::]:8086", "http://HOST:8086"),
        ("[::1]:8086", "http://[::1]:8086"),
        ("unix:/x", ""),
    ],
)
def test_what_mattermost_is_told(address: str, expected: str) -> None:
    assert server_address(address) == expected


def test_loopback_and_platform_names() -> None:
    assert is_loopback("localhost:1")
    assert is_loopback("[::1]:1")
    assert not is_loopback("128.0.0.1:1")
    assert not is_loopback("unix:/x")
    assert apple_type("com.mattermost.rnbeta") == "apple_rnbeta"
    assert apple_type("com.example.chat") == "apple_rn"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/home/admin/AuthKey_ABC123DEFG.p8", True),
        ("~/keys/service account.json", True),
        ("/srv/mattermost/a/very/long/path/of/plain/words/and/nothing/else/in/it/key.p8", True),
        (True, True),
        (8086, True),
        ("-----BEGIN PRIVATE KEY-----", False),
        ("two\nlines", False),
        ('{"type": "service_account"}', False),
        ("MIGTAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBHkwdwIBAQQg+bcdefghijk", False),
        ("/CqGSM49AwEHBHkwdwIBAQQg+bcdefghijkMIGTAgEAMBMGByqGSM49AgEGCCqGSM49", False),
        ("bearer ya29.abcdefghij", False),
        ("x" * 2000, False),
    ],
)
def test_what_a_draft_may_keep(value: Value, expected: bool) -> None:
    assert is_storable(value) is expected


PASTED = [
    ("/uZQ3k9JfW1vT5yB8xN2mR7cD4hL6pS0aGqEoIjKtVwXzCbMnAsDfGhJkLqWeRtYu", True),
    ("/uZQ3k9JfW1vT5yB8xN2mR7cD4hL6pS0aGq+oIjKtVw==", True),
    ("uZQ3k9JfW1vT5yB8xN2mR7cD4hL6pS0aGqEoIjKtVwXzCbMnAsDf", True),
    ("-----BEGIN PRIVATE KEY-----", True),
    ("/etc/mattermost/push/keys/production/AuthKey_ABC123DEFG.p8", False),
    ("/opt/mattermost/config/production/mattermostpushproxy", False),
    ("~/keys/AuthKey_ABC123DEFG.p8", False),
    ("com.example.chat", False),
]


@pytest.mark.parametrize(("value", "is_content"), PASTED)
def test_a_line_of_a_key_is_told_from_a_path(value: str, is_content: bool) -> None:
    assert looks_like_content(value) is is_content
    assert is_storable(value) is not is_content
