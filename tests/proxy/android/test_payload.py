import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpush_tui.protocol.wire import PushNotification
from mmpush_tui.proxy.android.payload import build, data

TOKEN = "dGhpc0lzQW5JbnN0YW5jZQ:APA91bFj"

FULL = PushNotification(
    ack_id="ack1",
    platform="android_rn",
    server_id="srv1",
    device_id=TOKEN,
    post_id="post1",
    category="CAN_REPLY",
    sound="default",
    message="@alice: hi :smile:",
    badge=3,
    cont_ava=1,
    team_id="team1",
    channel_id="ch1",
    root_id="root1",
    channel_name="Town Square",
    type="message",
    sub_type="calls",
    sender_id="u1",
    sender_name="alice",
    override_username="bot",
    override_icon_url="https://x.test/i.png?a=1&b=2",
    from_webhook="true",
    version="v2",
    is_crt_enabled=True,
    signature="sig.jwt",
)


def but(push: PushNotification, **fields: str | int | bool) -> PushNotification:
    return msgspec.structs.replace(push, **fields)


def bare(type_: str, **fields: str | int | bool) -> PushNotification:
    return but(PushNotification(server_id="srv1", device_id=TOKEN, type=type_), **fields)


END = '},"android":{"priority":"high"},"token":"dGhpc0lzQW5JbnN0YW5jZQ:APA91bFj"}}'

GOLDEN = [
    pytest.param(
        FULL,
        '{"message":{"data":{"ack_id":"ack1","badge":"3","category":"CAN_REPLY",'
        '"channel_id":"ch1","channel_name":"Town Square","from_webhook":"true",'
        '"is_crt_enabled":"true","message":"@alice: hi 😄 ",'
        '"override_icon_url":"https://x.test/i.png?a=1\\u0026b=2","override_username":"bot",'
        '"post_id":"post1","root_id":"root1","sender_id":"u1","sender_name":"alice",'
        '"server_id":"srv1","signature":"sig.jwt","sub_type":"calls","team_id":"team1",'
        '"type":"message","version":"v2"',
        id="message",
    ),
    pytest.param(
        bare("message"),
        '{"message":{"data":{"ack_id":"","badge":"0","category":"","channel_id":"",'
        '"channel_name":"","from_webhook":"","is_crt_enabled":"false","message":"",'
        '"override_icon_url":"","override_username":"","post_id":"","sender_id":"",'
        '"sender_name":"","server_id":"srv1","signature":"NO_SIGNATURE","sub_type":"",'
        '"team_id":"","type":"message","version":""',
        id="message with nothing in it",
    ),
    pytest.param(
        bare("session", message="Bye :smile:", version="v2", badge=-1),
        '{"message":{"data":{"ack_id":"","category":"","channel_id":"",'
        '"channel_name":"","from_webhook":"","is_crt_enabled":"false","message":"Bye 😄 ",'
        '"override_icon_url":"","override_username":"","post_id":"","sender_id":"",'
        '"sender_name":"","server_id":"srv1","signature":"NO_SIGNATURE","sub_type":"",'
        '"team_id":"","type":"session","version":"v2"',
        id="session",
    ),
    pytest.param(
        but(FULL, type="clear"),
        '{"message":{"data":{"ack_id":"ack1","badge":"3","category":"CAN_REPLY",'
        '"channel_id":"ch1","is_crt_enabled":"true","root_id":"root1","server_id":"srv1",'
        '"signature":"sig.jwt","sub_type":"calls","type":"clear","version":"v2"',
        id="clear",
    ),
    pytest.param(
        bare("clear", channel_id="ch1"),
        '{"message":{"data":{"ack_id":"","badge":"0","category":"","channel_id":"ch1",'
        '"is_crt_enabled":"false","server_id":"srv1","signature":"NO_SIGNATURE","sub_type":"",'
        '"type":"clear","version":""',
        id="clear with badge 0",
    ),
    pytest.param(
        bare("update_badge", badge=7, sound="none", cont_ava=1),
        '{"message":{"data":{"ack_id":"","badge":"7","category":"","channel_id":"",'
        '"is_crt_enabled":"false","server_id":"srv1","signature":"NO_SIGNATURE","sub_type":"",'
        '"type":"update_badge","version":""',
        id="update_badge",
    ),
    pytest.param(
        bare("test", badge=-1, version="2"),
        '{"message":{"data":{"ack_id":"","category":"","channel_id":"",'
        '"is_crt_enabled":"false","server_id":"srv1","signature":"NO_SIGNATURE","sub_type":"",'
        '"type":"test","version":"2"',
        id="test",
    ),
    pytest.param(
        but(FULL, is_id_loaded=True),
        '{"message":{"data":{"ack_id":"ack1","badge":"3","category":"CAN_REPLY",'
        '"channel_id":"ch1","id_loaded":"true","is_crt_enabled":"true",'
        '"message":"@alice: hi :smile:","post_id":"post1","root_id":"root1","sender_id":"u1",'
        '"sender_name":"Someone","server_id":"srv1","signature":"sig.jwt","sub_type":"calls",'
        '"team_id":"team1","type":"message","version":"v2"',
        id="id_loaded",
    ),
    pytest.param(
        bare("message", is_id_loaded=True, badge=-1),
        '{"message":{"data":{"ack_id":"","category":"","channel_id":"","id_loaded":"true",'
        '"is_crt_enabled":"false","message":"","post_id":"","sender_id":"",'
        '"sender_name":"Someone","server_id":"srv1","signature":"NO_SIGNATURE","sub_type":"",'
        '"team_id":"","type":"message","version":""',
        id="id_loaded with nothing in it",
    ),
]


@pytest.mark.parametrize(("push", "beginning"), GOLDEN)
def test_body_is_the_reference_proxys_byte_for_byte(push: PushNotification, beginning: str) -> None:
    assert build(push).decode() == beginning + END


@pytest.mark.parametrize(("push", "beginning"), GOLDEN)
def test_transport_means_nothing_here(push: PushNotification, beginning: str) -> None:
    assert build(but(push, transport="voip")).decode() == beginning + END


ALWAYS = {
    "ack_id",
    "type",
    "sub_type",
    "version",
    "channel_id",
    "is_crt_enabled",
    "server_id",
    "category",
    "signature",
}
MESSAGE = {
    "team_id",
    "sender_id",
    "sender_name",
    "message",
    "channel_name",
    "post_id",
    "override_username",
    "override_icon_url",
    "from_webhook",
}
ID_LOADED = {"post_id", "message", "id_loaded", "sender_id", "sender_name", "team_id"}

KEYS = [
    pytest.param("message", False, ALWAYS | MESSAGE, id="message"),
    pytest.param("session", False, ALWAYS | MESSAGE, id="session"),
    pytest.param("clear", False, ALWAYS, id="clear"),
    pytest.param("update_badge", False, ALWAYS, id="update_badge"),
    pytest.param("test", False, ALWAYS, id="test"),
    pytest.param("", False, ALWAYS, id="no type"),
    pytest.param("unheard_of", False, ALWAYS, id="a type unheard of"),
    pytest.param("message", True, ALWAYS | ID_LOADED, id="message, id_loaded"),
    pytest.param("session", True, ALWAYS | ID_LOADED, id="session, id_loaded"),
    pytest.param("clear", True, ALWAYS | ID_LOADED, id="clear, id_loaded"),
]


@pytest.mark.parametrize(("type_", "is_id_loaded", "keys"), KEYS)
def test_keys_follow_the_type(type_: str, is_id_loaded: bool, keys: set[str]) -> None:
    for push in (FULL, bare("")):
        found = data(but(push, type=type_, is_id_loaded=is_id_loaded, root_id="", badge=-1))
        assert set(found) == keys
        assert all(type(value) is str for value in found.values())


@pytest.mark.parametrize("type_", ["message", "clear", "update_badge", "test"])
def test_root_and_badge_come_only_with_a_value(type_: str) -> None:
    without = data(bare(type_, badge=-1))
    assert set(data(bare(type_, badge=0))) - set(without) == {"badge"}
    assert set(data(bare(type_, badge=-1, root_id="r"))) - set(without) == {"root_id"}
    assert data(bare(type_, badge=-2))["badge"] == "-2"


def test_a_message_is_escaped_as_go_does() -> None:
    body = build(bare("message", message='<b>&"\u2028\u2029\x1b 漢')).decode()
    assert r'"message":"\u003cb\u003e\u0026\"\u2028\u2029\u001b 漢"' in body


def parsed(push: PushNotification) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(build(push))
    return found


TEXT = st.text(st.characters(codec="utf-8"), max_size=60).filter(lambda text: ":" not in text)


@given(TEXT, TEXT)
def test_any_text_arrives_as_it_was(message: str, token: str) -> None:
    found = parsed(but(FULL, message=message, device_id=token))["message"]
    assert found["data"]["message"] == message
    assert found["token"] == token
    assert list(found["data"]) == sorted(found["data"])
