import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpush_tui.protocol.wire import PushNotification
from mmpush_tui.proxy.apple.payload import ApnsPush, build

TOPIC = "com.mattermost.rn"
TOKEN = "0123456789abcdef" * 4

MESSAGE = PushNotification(
    ack_id="ack1",
    platform="apple_rn",
    server_id="srv1",
    device_id=TOKEN,
    post_id="post1",
    category="CAN_REPLY",
    message="@alice: hi :smile:",
    badge=3,
    team_id="team1",
    channel_id="ch1",
    channel_name="Town Square",
    type="message",
    sender_id="u1",
    sender_name="alice",
    version="v2",
    signature="sig.jwt",
)
CLEAR = PushNotification(server_id="srv1", device_id=TOKEN, type="clear", channel_id="ch1")
VOIP = PushNotification(
    server_id="srv1",
    device_id=TOKEN,
    post_id="post1",
    channel_id="ch1",
    root_id="root1",
    type="message",
    sub_type="calls",
    transport="voip",
    sender_id="u1",
)


def but(push: PushNotification, **fields: str | int | bool) -> PushNotification:
    return msgspec.structs.replace(push, **fields)


# The reference proxy's own bodies, byte for byte; ":smile:" becomes the emoji and one space.
GOLDEN = [
    pytest.param(
        MESSAGE,
        2,
        '{"ack_id":"ack1","aps":{"alert":{"body":"@alice: hi 😄 ","title":"Town Square"},"badge":3,'
        '"category":"CAN_REPLY","content-available":1,"mutable-content":1,"sound":"default",'
        '"thread-id":"ch1"},"channel_id":"ch1","channel_name":"Town Square",'
        '"is_crt_enabled":false,"post_id":"post1","sender_id":"u1","sender_name":"alice",'
        '"server_id":"srv1","signature":"sig.jwt","sub_type":"","team_id":"team1",'
        '"type":"message","version":"v2"}',
        id="1 message v2 with a channel",
    ),
    pytest.param(
        but(MESSAGE, version="v1"),
        2,
        '{"ack_id":"ack1","aps":{"alert":"@alice: hi 😄 ","badge":3,'
        '"category":"CAN_REPLY","content-available":1,"mutable-content":1,"sound":"default",'
        '"thread-id":"ch1"},"channel_id":"ch1","channel_name":"Town Square",'
        '"is_crt_enabled":false,"post_id":"post1","sender_id":"u1","sender_name":"alice",'
        '"server_id":"srv1","signature":"sig.jwt","sub_type":"","team_id":"team1",'
        '"type":"message","version":"v1"}',
        id="2 message v1 with a channel",
    ),
    pytest.param(
        but(MESSAGE, channel_name=""),
        2,
        '{"ack_id":"ack1","aps":{"alert":"@alice: hi 😄 ","badge":3,'
        '"category":"CAN_REPLY","content-available":1,"mutable-content":1,"sound":"default",'
        '"thread-id":"ch1"},"channel_id":"ch1",'
        '"is_crt_enabled":false,"post_id":"post1","sender_id":"u1","sender_name":"alice",'
        '"server_id":"srv1","signature":"sig.jwt","sub_type":"","team_id":"team1",'
        '"type":"message","version":"v2"}',
        id="2 message v2 without a channel name",
    ),
    pytest.param(
        but(MESSAGE, badge=-1),
        2,
        '{"ack_id":"ack1","aps":{"alert":{"body":"@alice: hi 😄 ","title":"Town Square"},'
        '"category":"CAN_REPLY","content-available":1,"mutable-content":1,"sound":"default",'
        '"thread-id":"ch1"},"channel_id":"ch1","channel_name":"Town Square",'
        '"is_crt_enabled":false,"post_id":"post1","sender_id":"u1","sender_name":"alice",'
        '"server_id":"srv1","signature":"sig.jwt","sub_type":"","team_id":"team1",'
        '"type":"message","version":"v2"}',
        id="3 message with badge -1",
    ),
    pytest.param(
        PushNotification(server_id="srv1", device_id=TOKEN, type="message", message="x"),
        1,
        '{"aps":{"alert":"x","badge":0,"content-available":1,"mutable-content":1,'
        '"sound":"default"},"is_crt_enabled":false,"server_id":"srv1",'
        '"signature":"NO_SIGNATURE","sub_type":"","type":"message","version":""}',
        id="3 message without anything optional",
    ),
    pytest.param(
        but(MESSAGE, is_crt_enabled=True, root_id="root1"),
        2,
        '{"ack_id":"ack1","aps":{"alert":{"body":"@alice: hi 😄 ","title":"Town Square"},"badge":3,'
        '"category":"CAN_REPLY","content-available":1,"mutable-content":1,"sound":"default",'
        '"thread-id":"root1"},"channel_id":"ch1","channel_name":"Town Square",'
        '"is_crt_enabled":true,"post_id":"post1","root_id":"root1","sender_id":"u1",'
        '"sender_name":"alice","server_id":"srv1","signature":"sig.jwt","sub_type":"",'
        '"team_id":"team1","type":"message","version":"v2"}',
        id="4 message in a collapsed thread",
    ),
    pytest.param(
        but(MESSAGE, root_id="root1"),
        2,
        '{"ack_id":"ack1","aps":{"alert":{"body":"@alice: hi 😄 ","title":"Town Square"},"badge":3,'
        '"category":"CAN_REPLY","content-available":1,"mutable-content":1,"sound":"default",'
        '"thread-id":"ch1"},"channel_id":"ch1","channel_name":"Town Square",'
        '"is_crt_enabled":false,"post_id":"post1","root_id":"root1","sender_id":"u1",'
        '"sender_name":"alice","server_id":"srv1","signature":"sig.jwt","sub_type":"",'
        '"team_id":"team1","type":"message","version":"v2"}',
        id="4 message in a thread that is not collapsed",
    ),
    pytest.param(
        but(MESSAGE, is_crt_enabled=True),
        2,
        '{"ack_id":"ack1","aps":{"alert":{"body":"@alice: hi 😄 ","title":"Town Square"},"badge":3,'
        '"category":"CAN_REPLY","content-available":1,"mutable-content":1,"sound":"default",'
        '"thread-id":"ch1"},"channel_id":"ch1","channel_name":"Town Square",'
        '"is_crt_enabled":true,"post_id":"post1","sender_id":"u1","sender_name":"alice",'
        '"server_id":"srv1","signature":"sig.jwt","sub_type":"","team_id":"team1",'
        '"type":"message","version":"v2"}',
        id="4 message that begins a thread",
    ),
    pytest.param(
        CLEAR,
        1,
        '{"aps":{"badge":0,"content-available":1,"thread-id":"ch1"},"channel_id":"ch1",'
        '"is_crt_enabled":false,"server_id":"srv1","signature":"NO_SIGNATURE","sub_type":"",'
        '"type":"clear"}',
        id="5 clear for app version 1",
    ),
    pytest.param(
        CLEAR,
        2,
        '{"aps":{"badge":1,"content-available":1,"thread-id":"ch1"},"channel_id":"ch1",'
        '"is_crt_enabled":false,"server_id":"srv1","signature":"NO_SIGNATURE","sub_type":"",'
        '"type":"clear"}',
        id="5 clear for app version 2",
    ),
    pytest.param(
        but(CLEAR, badge=5),
        2,
        '{"aps":{"badge":5,"content-available":1,"thread-id":"ch1"},"channel_id":"ch1",'
        '"is_crt_enabled":false,"server_id":"srv1","signature":"NO_SIGNATURE","sub_type":"",'
        '"type":"clear"}',
        id="5 clear with badge 5",
    ),
    pytest.param(
        but(CLEAR, badge=-1),
        2,
        '{"aps":{"content-available":1,"thread-id":"ch1"},"channel_id":"ch1",'
        '"is_crt_enabled":false,"server_id":"srv1","signature":"NO_SIGNATURE","sub_type":"",'
        '"type":"clear"}',
        id="5 clear with badge -1",
    ),
    pytest.param(
        PushNotification(server_id="srv1", device_id=TOKEN, type="update_badge", badge=7),
        2,
        '{"aps":{"badge":7},"is_crt_enabled":false,"server_id":"srv1",'
        '"signature":"NO_SIGNATURE","sub_type":"","type":"update_badge"}',
        id="6 update_badge",
    ),
    pytest.param(
        PushNotification(server_id="srv1", device_id=TOKEN, type="update_badge"),
        2,
        '{"aps":{"badge":0},"is_crt_enabled":false,"server_id":"srv1",'
        '"signature":"NO_SIGNATURE","sub_type":"","type":"update_badge"}',
        id="6 update_badge to 0 for app version 2",
    ),
    pytest.param(
        PushNotification(
            server_id="srv1",
            device_id=TOKEN,
            type="session",
            message="Session expired",
            version="v2",
        ),
        2,
        '{"aps":{"alert":"Session expired","badge":0,"mutable-content":1,"sound":"default"},'
        '"is_crt_enabled":false,"server_id":"srv1","signature":"NO_SIGNATURE","sub_type":"",'
        '"type":"session","version":"v2"}',
        id="7 session",
    ),
    pytest.param(
        PushNotification(server_id="srv1", device_id=TOKEN, type="test"),
        2,
        '{"aps":{"badge":0,"content-available":1},"is_crt_enabled":false,"server_id":"srv1",'
        '"signature":"NO_SIGNATURE","sub_type":"","type":"test"}',
        id="8 test",
    ),
    pytest.param(
        PushNotification(server_id="srv1", device_id=TOKEN, type="test", badge=-1, version="2"),
        2,
        '{"aps":{"content-available":1},"is_crt_enabled":false,"server_id":"srv1",'
        '"signature":"NO_SIGNATURE","sub_type":"","type":"test"}',
        id="8 test as the server posts it",
    ),
    pytest.param(
        PushNotification(
            ack_id="ack1",
            server_id="srv1",
            device_id=TOKEN,
            post_id="post1",
            category="CAN_REPLY",
            message="You've received a new message.",
            badge=2,
            team_id="team1",
            channel_id="ch1",
            type="message",
            sender_id="u1",
            version="v2",
            is_id_loaded=True,
        ),
        2,
        '{"ack_id":"ack1","aps":{"alert":{"body":"You\'ve received a new message."},"badge":2,'
        '"category":"CAN_REPLY","content-available":1,"mutable-content":1,"sound":"default",'
        '"thread-id":"ch1"},"channel_id":"ch1","id_loaded":true,"is_crt_enabled":false,'
        '"post_id":"post1","sender_id":"u1","server_id":"srv1","signature":"NO_SIGNATURE",'
        '"sub_type":"","team_id":"team1","type":"message","version":"v2"}',
        id="9 id_loaded",
    ),
    pytest.param(
        but(
            VOIP,
            ack_id="ack1",
            channel_name="Town Square",
            sender_name="alice",
            signature="sig.jwt",
        ),
        2,
        '{"ack_id":"ack1","aps":{"content-available":1},"channel_id":"ch1",'
        '"channel_name":"Town Square","id_loaded":false,"post_id":"post1","sender_id":"u1",'
        '"sender_name":"alice","server_id":"srv1","signature":"sig.jwt","sub_type":"calls",'
        '"thread_id":"root1","type":"message"}',
        id="10 VoIP with names",
    ),
    pytest.param(
        but(VOIP, is_id_loaded=True),
        2,
        '{"aps":{"content-available":1},"channel_id":"ch1","id_loaded":true,"post_id":"post1",'
        '"sender_id":"u1","server_id":"srv1","signature":"NO_SIGNATURE","sub_type":"calls",'
        '"thread_id":"root1","type":"message"}',
        id="11 VoIP without names, id_loaded",
    ),
    pytest.param(
        PushNotification(server_id="srv1", device_id=TOKEN, transport="voip"),
        2,
        '{"aps":{"content-available":1},"channel_id":"","id_loaded":false,"post_id":"",'
        '"sender_id":"","server_id":"srv1","signature":"NO_SIGNATURE","sub_type":"",'
        '"thread_id":"","type":""}',
        id="11 VoIP keeps its fixed keys when they are empty",
    ),
]


@pytest.mark.parametrize(("push", "app_version", "body"), GOLDEN)
def test_body_is_the_reference_proxys_byte_for_byte(
    push: PushNotification, app_version: int, body: str
) -> None:
    assert build(push, app_version, TOPIC).body.decode() == body


OPTIONAL = {
    "ack_id": "ack1",
    "channel_id": "ch1",
    "team_id": "team1",
    "sender_id": "u1",
    "sender_name": "alice",
    "post_id": "post1",
    "root_id": "root1",
    "override_username": "bot",
    "override_icon_url": "https://x.test/i.png",
    "from_webhook": "true",
}
TYPES = ["message", "session", "clear", "update_badge", "test", "", "unheard_of"]


def document(push: PushNotification, app_version: int = 2) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(build(push, app_version, TOPIC).body)
    return found


@pytest.mark.parametrize("is_id_loaded", [False, True], ids=["full", "id_loaded"])
@pytest.mark.parametrize("type_", TYPES)
def test_every_type_carries_all_optional_keys(type_: str, is_id_loaded: bool) -> None:
    push = PushNotification(server_id="srv1", device_id=TOKEN, type=type_)
    filled = document(but(push, is_id_loaded=is_id_loaded, **OPTIONAL))
    assert {name: filled.get(name) for name in OPTIONAL} == OPTIONAL
    assert filled["aps"]["thread-id"] == "ch1"
    empty = document(but(push, is_id_loaded=is_id_loaded))
    assert not set(OPTIONAL) & set(empty)
    assert "thread-id" not in empty["aps"]


@pytest.mark.parametrize("name", OPTIONAL)
def test_an_optional_key_does_not_need_the_others(name: str) -> None:
    push = PushNotification(server_id="srv1", device_id=TOKEN, type="clear")
    found = document(but(push, **{name: OPTIONAL[name]}))
    assert set(found) & set(OPTIONAL) == {name}


THREADS = [
    pytest.param("ch1", "root1", True, "root1", id="collapsed"),
    pytest.param("ch1", "root1", False, "ch1", id="not collapsed"),
    pytest.param("ch1", "", True, "ch1", id="collapsed without a root"),
    pytest.param("", "root1", True, None, id="no channel"),
    pytest.param("", "", False, None, id="neither"),
]


@pytest.mark.parametrize(("channel_id", "root_id", "is_crt_enabled", "thread_id"), THREADS)
@pytest.mark.parametrize("type_", TYPES)
def test_thread_is_the_channel_or_the_collapsed_root(
    type_: str, channel_id: str, root_id: str, is_crt_enabled: bool, thread_id: str | None
) -> None:
    push = PushNotification(
        server_id="srv1",
        device_id=TOKEN,
        type=type_,
        channel_id=channel_id,
        root_id=root_id,
        is_crt_enabled=is_crt_enabled,
    )
    found = document(push)
    assert found["aps"].get("thread-id") == thread_id
    assert found["is_crt_enabled"] is is_crt_enabled


BADGES = [
    pytest.param("clear", 0, 1, 0, id="clear for version 1"),
    pytest.param("clear", 0, 0, 0, id="clear for version 0"),
    pytest.param("clear", 0, 2, 1, id="clear for version 2"),
    pytest.param("clear", 0, 3, 1, id="clear for version 3"),
    pytest.param("clear", -1, 2, None, id="clear with -1"),
    pytest.param("clear", -2, 2, -2, id="clear with -2"),
    pytest.param("message", 0, 2, 0, id="message"),
    pytest.param("message", -1, 2, None, id="message with -1"),
    pytest.param("update_badge", 0, 2, 0, id="update_badge"),
    pytest.param("test", -1, 1, None, id="test with -1"),
]


@pytest.mark.parametrize(("type_", "badge", "app_version", "sent"), BADGES)
def test_badge(type_: str, badge: int, app_version: int, sent: int | None) -> None:
    push = PushNotification(server_id="srv1", device_id=TOKEN, type=type_, badge=badge)
    assert document(push, app_version)["aps"].get("badge") == sent


TRANSPORTS = [
    pytest.param("", "com.mattermost.rn", "alert", id="none"),
    pytest.param("voip", "com.mattermost.rn.voip", "voip", id="voip"),
    pytest.param("carrier_pigeon", "com.mattermost.rn", "alert", id="unheard of"),
    pytest.param("VOIP", "com.mattermost.rn", "alert", id="voip in capitals"),
]


@pytest.mark.parametrize(("transport", "topic", "push_type"), TRANSPORTS)
@pytest.mark.parametrize("type_", TYPES)
def test_topic_and_push_type_follow_the_transport_alone(
    type_: str, transport: str, topic: str, push_type: str
) -> None:
    push = but(MESSAGE, type=type_, transport=transport)
    apns = build(push, 2, TOPIC)
    assert apns == ApnsPush(topic, push_type, apns.body)


def test_a_call_without_voip_is_a_message() -> None:
    found = document(but(MESSAGE, sub_type="calls"))
    assert found["sub_type"] == "calls"
    assert found["aps"]["alert"] == {"body": "@alice: hi 😄 ", "title": "Town Square"}


ALERTS = [
    pytest.param(but(MESSAGE, message=""), '{"title":"Town Square"}', id="title alone"),
    pytest.param(but(MESSAGE, message="", channel_name=""), '""', id="empty text"),
    pytest.param(but(MESSAGE, message="", is_id_loaded=True), "{}", id="id_loaded, empty"),
    pytest.param(
        but(MESSAGE, channel_name=":smile:"),
        '{"body":"@alice: hi 😄 ","title":":smile:"}',
        id="titles keep their codes",
    ),
    pytest.param(
        but(MESSAGE, is_id_loaded=True),
        '{"body":"@alice: hi :smile:"}',
        id="id_loaded keeps its codes and has no title",
    ),
    pytest.param(
        but(MESSAGE, type="session", message=":smile:", version="v1"),
        '"😄 "',
        id="session texts are expanded",
    ),
    pytest.param(
        but(MESSAGE, type="session", message="Bye"),
        '{"body":"Bye","title":"Town Square"}',
        id="session with a channel",
    ),
]


@pytest.mark.parametrize(("push", "alert"), ALERTS)
def test_alert(push: PushNotification, alert: str) -> None:
    assert f'"aps":{{"alert":{alert},"badge"' in build(push, 2, TOPIC).body.decode()


@pytest.mark.parametrize("type_", ["clear", "update_badge", "test", "", "unheard_of"])
def test_other_types_show_nothing(type_: str) -> None:
    found = document(but(MESSAGE, type=type_))
    assert not {"alert", "sound", "category", "mutable-content"} & set(found["aps"])
    assert not {"version", "channel_name", "id_loaded"} & set(found)


ESCAPED = [
    pytest.param("<b> & </b>", r"\u003cb\u003e \u0026 \u003c/b\u003e", id="HTML"),
    pytest.param("a\u2028b\u2029c", r"a\u2028b\u2029c", id="line and paragraph separators"),
    pytest.param('"quoted" \\ back', r"\"quoted\" \\ back", id="quotes and backslash"),
    pytest.param("tab\tnew\nret\r", r"tab\tnew\nret\r", id="tab and line breaks"),
    pytest.param("\b\f", r"\b\f", id="backspace and form feed"),
    pytest.param("\x00\x07\x0b\x1b\x1f", r"\u0000\u0007\u000b\u001b\u001f", id="other controls"),
    pytest.param("\x7f\x80\x9b\u202e\ufeff", "\x7f\x80\x9b\u202e\ufeff", id="above stays as it is"),
    pytest.param("漢字かなカナ한글", "漢字かなカナ한글", id="CJK stays UTF-8"),
    pytest.param("👨\u200d👩\u200d👦", "👨\u200d👩\u200d👦", id="emoji stay UTF-8"),
    pytest.param("'it''s' / ~", "'it''s' / ~", id="apostrophe and slash"),
    pytest.param(r"\u003c", r"\\u003c", id="an escape that is text"),
]


@pytest.mark.parametrize(("text", "escaped"), ESCAPED)
def test_escapes_as_go_does(text: str, escaped: str) -> None:
    push = PushNotification(server_id="srv1", device_id=TOKEN, type="message", message=text)
    expected = (
        f'{{"aps":{{"alert":"{escaped}","badge":0,"content-available":1,"mutable-content":1,'
        '"sound":"default"},"is_crt_enabled":false,"server_id":"srv1",'
        '"signature":"NO_SIGNATURE","sub_type":"","type":"message","version":""}'
    )
    assert build(push, 2, TOPIC).body == expected.encode()


TEXT = st.text(st.characters(codec="utf-8"), max_size=60).filter(lambda text: ":" not in text)


@given(TEXT, TEXT, st.integers(-2, 10))
def test_any_text_arrives_as_it_was(message: str, channel_name: str, badge: int) -> None:
    push = but(MESSAGE, message=message, channel_name=channel_name, badge=badge, version="v1")
    body = build(push, 2, TOPIC).body
    assert json.loads(body)["aps"]["alert"] == message
    assert json.loads(body).get("channel_name", "") == channel_name
    assert not set(b"<>&") & set(body)


def test_the_device_is_in_no_body() -> None:
    for transport in ("", "voip"):
        assert TOKEN.encode() not in build(but(MESSAGE, transport=transport), 2, TOPIC).body
