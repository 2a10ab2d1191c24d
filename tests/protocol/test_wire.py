import contextlib
import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mmpush_tui.protocol.wire import (
    OK,
    REMOVE,
    PushNotification,
    PushNotificationAck,
    RefusedError,
    cut_utf8,
    fail,
    missing_platform,
    read_ack,
    read_push,
    split_platform,
)

POSTED = (
    b'{"ack_id":"ack1","platform":"apple_rn-v2","server_id":"srv1","device_id":"dev1",'
    b'"post_id":"post1","category":"CAN_REPLY","sound":"default","message":"hi","badge":3,'
    b'"cont_ava":1,"team_id":"team1","channel_id":"ch1","root_id":"root1",'
    b'"channel_name":"Town Square","type":"message","sub_type":"calls","transport":"voip",'
    b'"sender_id":"u1","sender_name":"alice","override_username":"bot",'
    b'"override_icon_url":"https://x.test/i.png","from_webhook":"true","version":"v2",'
    b'"is_crt_enabled":true,"is_id_loaded":true,"signature":"sig.jwt"}'
)


def test_reads_every_field_that_the_server_posts() -> None:
    assert read_push(POSTED) == PushNotification(
        ack_id="ack1",
        platform="apple_rn-v2",
        server_id="srv1",
        device_id="dev1",
        post_id="post1",
        category="CAN_REPLY",
        sound="default",
        message="hi",
        badge=3,
        cont_ava=1,
        team_id="team1",
        channel_id="ch1",
        root_id="root1",
        channel_name="Town Square",
        type="message",
        sub_type="calls",
        transport="voip",
        sender_id="u1",
        sender_name="alice",
        override_username="bot",
        override_icon_url="https://x.test/i.png",
        from_webhook="true",
        version="v2",
        is_crt_enabled=True,
        is_id_loaded=True,
        signature="sig.jwt",
    )


def test_reads_a_test_push_without_ack_id_and_signature() -> None:
    push = read_push(
        b'{"ack_id":"","platform":"android_rn","server_id":"srv1","device_id":"a:b","post_id":"",'
        b'"badge":-1,"type":"test","version":"2","is_crt_enabled":false,"is_id_loaded":false,'
        b'"signature":""}'
    )
    assert (push.type, push.badge, push.device_id) == ("test", -1, "a:b")
    assert (push.ack_id, push.signature) == ("", "")


def test_posts_what_the_server_posts() -> None:
    assert msgspec.json.encode(read_push(POSTED)) == POSTED


# Each text is that of Go's encoding/json; admins search the server's log for these words.
SYNTAX = [
    pytest.param(b"", "EOF", id="nothing"),
    pytest.param(b" \n\t\r ", "EOF", id="white space"),
    pytest.param(b"{", "unexpected EOF", id="open object"),
    pytest.param(b'{"badge"', "unexpected EOF", id="cut behind a key"),
    pytest.param(b'{"badge":', "unexpected EOF", id="cut behind a colon"),
    pytest.param(b'{"badge":1', "unexpected EOF", id="cut behind a value"),
    pytest.param(b'{"badge":1,', "unexpected EOF", id="cut behind a comma"),
    pytest.param(b'{"message":"hel', "unexpected EOF", id="cut in a string"),
    pytest.param(b'{"message":"\\', "unexpected EOF", id="cut in an escape"),
    pytest.param(b'{"message":"\\u12', "unexpected EOF", id="cut in a hexadecimal escape"),
    pytest.param(b'{"badge":-', "unexpected EOF", id="cut behind a minus"),
    pytest.param(b'{"is_id_loaded":tru', "unexpected EOF", id="cut in a literal"),
    pytest.param(POSTED[:-1], "unexpected EOF", id="cut at the last byte"),
    pytest.param(
        b"device_id=x", "invalid character 'd' looking for beginning of value", id="a form"
    ),
    pytest.param(b"<html>", "invalid character '<' looking for beginning of value", id="HTML"),
    pytest.param(b"\\", r"invalid character '\\' looking for beginning of value", id="backslash"),
    pytest.param(b"'", r"invalid character '\'' looking for beginning of value", id="apostrophe"),
    pytest.param(b"\x00{}", r"invalid character '\x00' looking for beginning of value", id="NUL"),
    pytest.param(b"\x0c{}", r"invalid character '\f' looking for beginning of value", id="FF"),
    pytest.param(
        b"\xef\xbb\xbf{}", "invalid character 'ï' looking for beginning of value", id="UTF-8 BOM"
    ),
    pytest.param(
        "{}".encode("utf-16"),
        "invalid character 'ÿ' looking for beginning of value",
        id="UTF-16 with its BOM",
    ),
    pytest.param(
        "{}".encode("utf-16-le"),
        r"invalid character '\x00' looking for beginning of object key string",
        id="UTF-16 without a BOM",
    ),
    pytest.param(
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
        r"invalid character '\x1f' looking for beginning of value",
        id="gzip",
    ),
    pytest.param(
        b"{'badge':1}",
        r"invalid character '\'' looking for beginning of object key string",
        id="single quotes",
    ),
    pytest.param(
        b"{badge:1}",
        "invalid character 'b' looking for beginning of object key string",
        id="key without quotes",
    ),
    pytest.param(
        b'{"badge":1,}',
        "invalid character '}' looking for beginning of object key string",
        id="comma before the end",
    ),
    pytest.param(b'{"badge" 1}', "invalid character '1' after object key", id="no colon"),
    pytest.param(b'{"badge"}', "invalid character '}' after object key", id="key alone"),
    pytest.param(
        b'{"badge":}', "invalid character '}' looking for beginning of value", id="no value"
    ),
    pytest.param(
        b'{"badge":1 "x":2}',
        "invalid character '\"' after object key:value pair",
        id="no comma between pairs",
    ),
    pytest.param(
        b'{"x":[1 2]}', "invalid character '2' after array element", id="no comma between elements"
    ),
    pytest.param(
        b'{"x":[1}', "invalid character '}' after array element", id="array closed as an object"
    ),
    pytest.param(
        b'{"x":"["]', "invalid character ']' after object key:value pair", id="bracket in a string"
    ),
    pytest.param(
        b'{"x":[1,]}', "invalid character ']' looking for beginning of value", id="array's comma"
    ),
    pytest.param(
        b'{"x":nul!}', "invalid character '!' in literal null (expecting 'l')", id="broken null"
    ),
    pytest.param(
        b'{"x":True}', "invalid character 'T' looking for beginning of value", id="Python's True"
    ),
    pytest.param(
        b'{"x":tRue}', "invalid character 'R' in literal true (expecting 'r')", id="broken true"
    ),
    pytest.param(
        b'{"message":"a\nb"}', r"invalid character '\n' in string literal", id="line break"
    ),
    pytest.param(b'{"message":"a\tb"}', r"invalid character '\t' in string literal", id="tab"),
    pytest.param(
        b'{"message":"a\x00b"}', r"invalid character '\x00' in string literal", id="NUL in a string"
    ),
    pytest.param(
        b'{"message":"a\x1b[31m"}', r"invalid character '\x1b' in string literal", id="ESC"
    ),
    pytest.param(
        b'{"message":"\\q"}', "invalid character 'q' in string escape code", id="unknown escape"
    ),
    pytest.param(
        b'{"message":"\\u12g4"}',
        r"invalid character 'g' in \u hexadecimal character escape",
        id="broken hexadecimal escape",
    ),
    pytest.param(
        b'{"badge":NaN}', "invalid character 'N' looking for beginning of value", id="NaN"
    ),
    pytest.param(
        b'{"badge":Infinity}', "invalid character 'I' looking for beginning of value", id="infinity"
    ),
    pytest.param(
        b'{"badge":-Infinity}', "invalid character 'I' in numeric literal", id="minus infinity"
    ),
    pytest.param(
        b'{"badge":+1}', "invalid character '+' looking for beginning of value", id="plus"
    ),
    pytest.param(
        b'{"badge":01}', "invalid character '1' after object key:value pair", id="zero in front"
    ),
    pytest.param(
        b'{"badge":1.}',
        "invalid character '}' after decimal point in numeric literal",
        id="point without digits",
    ),
    pytest.param(
        b'{"badge":1e}', "invalid character '}' in exponent of numeric literal", id="no exponent"
    ),
    pytest.param(
        b"[" * 100_000, "invalid character '[' exceeded max depth", id="100,000 open arrays"
    ),
    pytest.param(
        b'{"x":' * 100_000, "invalid character '{' exceeded max depth", id="100,000 open objects"
    ),
    pytest.param(
        b"[" * 100_000 + b"]" * 100_000,
        "invalid character '[' exceeded max depth",
        id="100,000 arrays",
    ),
]

INTO = "json: cannot unmarshal"
FIELD = "into Go struct field PushNotification"
TYPES = [
    pytest.param(b"[]", f"{INTO} array into Go value of type model.PushNotification", id="array"),
    pytest.param(b'"x"', f"{INTO} string into Go value of type model.PushNotification", id="text"),
    pytest.param(b"5", f"{INTO} number into Go value of type model.PushNotification", id="number"),
    pytest.param(b"true", f"{INTO} bool into Go value of type model.PushNotification", id="true"),
    pytest.param(b'{"badge":"1"}', f"{INTO} string {FIELD}.badge of type int", id='badge "1"'),
    pytest.param(b'{"badge":""}', f"{INTO} string {FIELD}.badge of type int", id='badge ""'),
    pytest.param(b'{"badge":1.0}', f"{INTO} number 1.0 {FIELD}.badge of type int", id="badge 1.0"),
    pytest.param(b'{"badge":1e2}', f"{INTO} number 1e2 {FIELD}.badge of type int", id="badge 1e2"),
    pytest.param(b'{"badge":true}', f"{INTO} bool {FIELD}.badge of type int", id="badge true"),
    pytest.param(b'{"badge":[1]}', f"{INTO} array {FIELD}.badge of type int", id="badge [1]"),
    pytest.param(b'{"badge":{}}', f"{INTO} object {FIELD}.badge of type int", id="badge {}"),
    pytest.param(
        b'{"badge":1e400}', f"{INTO} number 1e400 {FIELD}.badge of type int", id="badge 1e400"
    ),
    pytest.param(
        b'{"badge":1180591620717411303424}',
        f"{INTO} number 1180591620717411303424 {FIELD}.badge of type int",
        id="badge 2^70",
    ),
    pytest.param(
        b'{"badge":9223372036854775808}',
        f"{INTO} number 9223372036854775808 {FIELD}.badge of type int",
        id="badge 2^63",
    ),
    pytest.param(
        b'{"badge":-9223372036854775809}',
        f"{INTO} number -9223372036854775809 {FIELD}.badge of type int",
        id="badge -2^63-1",
    ),
    pytest.param(b'{"cont_ava":"1"}', f"{INTO} string {FIELD}.cont_ava of type int", id="cont_ava"),
    pytest.param(b'{"message":5}', f"{INTO} number {FIELD}.message of type string", id="message 5"),
    pytest.param(
        b'{"message":false}', f"{INTO} bool {FIELD}.message of type string", id="message false"
    ),
    pytest.param(
        b'{"message":["x"]}', f"{INTO} array {FIELD}.message of type string", id="message list"
    ),
    pytest.param(
        b'{"server_id":{"a":1}}', f"{INTO} object {FIELD}.server_id of type string", id="server_id"
    ),
    pytest.param(
        b'{"DEVICE_ID":7}', f"{INTO} number {FIELD}.device_id of type string", id="key in capitals"
    ),
    pytest.param(
        b'{"transport":1}',
        f"{INTO} number {FIELD}.transport of type model.PushTransport",
        id="transport",
    ),
    pytest.param(
        b'{"sub_type":1}',
        f"{INTO} number {FIELD}.sub_type of type model.PushSubType",
        id="sub_type",
    ),
    pytest.param(
        b'{"is_crt_enabled":"true"}',
        f"{INTO} string {FIELD}.is_crt_enabled of type bool",
        id="boolean in quotes",
    ),
    pytest.param(
        b'{"is_id_loaded":1}', f"{INTO} number {FIELD}.is_id_loaded of type bool", id="boolean 1"
    ),
    pytest.param(
        b'{"badge":"1","message":5}', f"{INTO} string {FIELD}.badge of type int", id="two, in order"
    ),
]


@pytest.mark.parametrize(("body", "words"), [*SYNTAX, *TYPES])
def test_refuses_in_the_words_of_go(body: bytes, words: str) -> None:
    with pytest.raises(RefusedError) as error:
        read_push(body)
    assert str(error.value) == f"Failed to read message body: {words}"


def test_names_a_number_of_any_length() -> None:
    with pytest.raises(RefusedError) as error:
        read_push(b'{"badge":' + b"1" * 5000 + b"}")
    beginning = "Failed to read message body: json: cannot unmarshal number 1111111111"
    assert str(error.value).startswith(beginning)
    assert str(error.value).endswith("into Go struct field PushNotification.badge of type int")


MISSING = [
    pytest.param(b"null", "Failed because of missing server Id", id="null"),
    pytest.param(b"{}", "Failed because of missing server Id", id="empty object"),
    pytest.param(b'{"device_id":"d"}', "Failed because of missing server Id", id="no server"),
    pytest.param(
        b'{"server_id":"","device_id":""}', "Failed because of missing server Id", id="both empty"
    ),
    pytest.param(
        b'{"server_id":null,"device_id":"d"}', "Failed because of missing server Id", id="null id"
    ),
    pytest.param(
        b'{"server_id":"srv1"}',
        "Failed because of missing device Id serverId=srv1",
        id="no device",
    ),
    pytest.param(
        b'{"server_id":"srv1","device_id":""}',
        "Failed because of missing device Id serverId=srv1",
        id="empty device",
    ),
]


@pytest.mark.parametrize(("body", "refusal"), MISSING)
def test_refuses_without_server_and_device_in_this_order(body: bytes, refusal: str) -> None:
    with pytest.raises(RefusedError) as error:
        read_push(body)
    assert str(error.value) == refusal


def test_refuses_an_unknown_platform_in_the_reference_proxys_words() -> None:
    assert missing_platform("blackberry", "srv1") == (
        "Did not send message because of missing platform property type=blackberry serverId=srv1"
    )


def posted(fields: bytes) -> PushNotification:
    return read_push(b'{"server_id":"s","device_id":"d",' + fields + b"}")


def plain(**fields: str | int | bool) -> PushNotification:
    return msgspec.structs.replace(PushNotification(server_id="s", device_id="d"), **fields)


FIELDS = [
    pytest.param(b'"MESSAGE":"x","Badge":2', plain(message="x", badge=2), id="key case"),
    pytest.param(b'"message":"x","message":"y"', plain(message="y"), id="the last of two"),
    pytest.param(b'"message":"x","Message":"y"', plain(message="y"), id="the last of two cases"),
    pytest.param(
        b'"message":"x","MESSAGE":"y","message":"z"', plain(message="z"), id="the last of three"
    ),
    pytest.param(
        b'"mess_age":"x","hunter2":[1,{"a":null}],"":5', plain(), id="keys nobody knows"
    ),
    pytest.param(b'"PostType":"x","app_version":7', plain(), id="keys of other versions"),
    pytest.param(b'"message":null,"badge":null', plain(), id="null fields"),
    pytest.param(b'"is_crt_enabled":null', plain(), id="null boolean"),
    pytest.param(b'"badge":-0', plain(badge=0), id="minus zero"),
    pytest.param(b'"badge":9223372036854775807', plain(badge=2**63 - 1), id="badge 2^63-1"),
    pytest.param(b'"badge":-9223372036854775808', plain(badge=-(2**63)), id="badge -2^63"),
    pytest.param(b'"x":1e400,"y":' + b"9" * 5000, plain(), id="numbers nobody reads"),
    pytest.param(b'"message":"a\xffb"', plain(message="a\ufffdb"), id="a byte that is no UTF-8"),
    pytest.param(b'"message":"\xc3"', plain(message="\ufffd"), id="half a character"),
    pytest.param(b'"message":"\\ud800"', plain(message="\ufffd"), id="lone high surrogate"),
    pytest.param(b'"message":"a\\udc00b"', plain(message="a\ufffdb"), id="lone low surrogate"),
    pytest.param(
        b'"message":"\\ude00\\ud83d"', plain(message="\ufffd\ufffd"), id="surrogates the wrong way"
    ),
    pytest.param(b'"message":"\\ud83d\\ude00"', plain(message="😀"), id="surrogate pair"),
    pytest.param(b'"message":"\\ud83dA"', plain(message="\ufffdA"), id="surrogate and a letter"),
    pytest.param(b'"message":"\\u0000\\u001b[31m\\n\\u202e"', plain(message="\0\x1b[31m\n\u202e"),
                 id="hostile characters, escaped"),
    pytest.param(b'"x":"\\ud800","message":"y"', plain(message="y"), id="surrogate elsewhere"),
    pytest.param(b'"x":["\\ud800"],"message":"y"', plain(message="y"), id="surrogate further in"),
    pytest.param(b'"\\ud800":"x","message":"y"', plain(message="y"), id="surrogate in a key"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "push"), FIELDS)
def test_accepts_what_go_accepts(fields: bytes, push: PushNotification) -> None:
    assert posted(fields) == push


AROUND = [
    pytest.param(b" \r\n\t%s", id="white space before"),
    pytest.param(b"%s \n", id="white space after"),
    pytest.param(b"%s garbage", id="garbage after"),
    pytest.param(b"%s}}]", id="brackets after"),
    pytest.param(b"%s\x00\xff", id="bytes after"),
    pytest.param(b'%s{"message":"second"}', id="a second document"),
]


@pytest.mark.parametrize("around", AROUND)
def test_reads_the_first_value_only(around: bytes) -> None:
    assert read_push(around % b'{"server_id":"s","device_id":"d","message":"first"}') == plain(
        message="first"
    )


ACK = b'{"id":"ack1","received_at":1767323045678,"platform":"ios","type":"message"'


def test_reads_a_receipt() -> None:
    expected = PushNotificationAck(
        id="ack1",
        received_at=1767323045678,
        platform="ios",
        type="message",
        post_id="post1",
        is_id_loaded=True,
    )
    assert read_ack(ACK + b',"post_id":"post1","is_id_loaded":true}') == expected
    assert read_ack(ACK + b"}") == msgspec.structs.replace(expected, post_id="", is_id_loaded=False)


BAD_ACKS = [
    pytest.param(b"", "Failed to read ack body: EOF", id="nothing"),
    pytest.param(ACK, "Failed to read ack body: unexpected EOF", id="cut"),
    pytest.param(
        b"[]",
        f"Failed to read ack body: {INTO} array into Go value of type model.PushNotificationAck",
        id="array",
    ),
    pytest.param(
        b'{"id":5}',
        f"Failed to read ack body: {INTO} number into Go struct field "
        "PushNotificationAck.id of type string",
        id="id 5",
    ),
    pytest.param(
        b'{"received_at":"1767323045678"}',
        f"Failed to read ack body: {INTO} string into Go struct field "
        "PushNotificationAck.received_at of type int64",
        id="time in quotes",
    ),
    pytest.param(b"null", "Failed because of missing ack Id", id="null"),
    pytest.param(b"{}", "Failed because of missing ack Id", id="empty object"),
    pytest.param(
        b'{"platform":"ios","type":"message"}', "Failed because of missing ack Id", id="no id"
    ),
    pytest.param(
        b'{"id":"a","type":"message"}', "Failed because of missing ack platform", id="no platform"
    ),
    pytest.param(b'{"id":"a"}', "Failed because of missing ack platform", id="id alone"),
    pytest.param(
        b'{"id":"a","platform":"ios"}', "Failed because of missing ack type", id="no type"
    ),
    pytest.param(
        b'{"id":"a","platform":"ios","type":""}', "Failed because of missing ack type", id="empty"
    ),
]


@pytest.mark.parametrize(("body", "refusal"), BAD_ACKS)
def test_refuses_a_bad_receipt(body: bytes, refusal: str) -> None:
    with pytest.raises(RefusedError) as error:
        read_ack(body)
    assert str(error.value) == refusal


PLATFORMS = [
    pytest.param("apple_rn", ("apple_rn", 1), id="without a version"),
    pytest.param("apple_rn-v2", ("apple_rn", 2), id="version 2"),
    pytest.param("android_rnbeta-v2", ("android_rnbeta", 2), id="beta"),
    pytest.param("apple_rn-v10", ("apple_rn", 10), id="version 10"),
    pytest.param("apple_rn-v0", ("apple_rn", 0), id="version 0"),
    pytest.param("apple_rn-v-1", ("apple_rn", -1), id="below zero"),
    pytest.param("apple_rn-v+2", ("apple_rn", 2), id="with a plus"),
    pytest.param("apple_rn-v007", ("apple_rn", 7), id="with zeros"),
    pytest.param("apple_rn-v", ("apple_rn", 1), id="no number"),
    pytest.param("apple_rn-vabc", ("apple_rn", 1), id="letters"),
    pytest.param("apple_rn-v2 ", ("apple_rn", 1), id="a space behind"),
    pytest.param("apple_rn-v2\n", ("apple_rn", 1), id="a line break behind"),
    pytest.param("apple_rn-v2.1", ("apple_rn", 1), id="a fraction"),
    pytest.param("apple_rn-v1_0", ("apple_rn", 1), id="an underscore"),
    pytest.param("apple_rn-v٣", ("apple_rn", 1), id="other digits"),
    pytest.param("apple_rn-v2-v3", ("apple_rn", 1), id="two versions"),
    pytest.param("apple_rn-v" + "9" * 20, ("apple_rn", 1), id="twenty digits"),
    pytest.param("apple_rn-v" + "9" * 5000, ("apple_rn", 1), id="5000 digits"),
    pytest.param("apple-voip-v2", ("apple", 1), id="-v within the name"),
    pytest.param("-v2", ("", 2), id="no name"),
    pytest.param("", ("", 1), id="nothing"),
    pytest.param("blackberry", ("blackberry", 1), id="unheard of"),
]


@pytest.mark.parametrize(("platform", "parts"), PLATFORMS)
def test_splits_the_platform_at_its_version(platform: str, parts: tuple[str, int]) -> None:
    assert split_platform(platform) == parts


LONG = [
    pytest.param("a" * 2046, "a" * 2046, id="2046 bytes"),
    pytest.param("a" * 2047, "a" * 2047, id="2047 bytes"),
    pytest.param("a" * 2048, "a" * 2046, id="2048 bytes"),
    pytest.param("a" * 4000, "a" * 2046, id="4000 bytes"),
    pytest.param("漢" * 682, "漢" * 682, id="2046 bytes of CJK"),
    pytest.param("漢" * 683, "漢" * 682, id="2049 bytes of CJK"),
    pytest.param("a" * 2045 + "é", "a" * 2045 + "é", id="two bytes that end at 2047"),
    pytest.param("a" * 2046 + "é", "a" * 2046, id="two bytes over the edge"),
    pytest.param("a" * 2045 + "éa", "a" * 2045, id="two bytes across the cut"),
    pytest.param("a" * 2044 + "漢a", "a" * 2044, id="three bytes across the cut"),
    pytest.param("a" * 2043 + "😀a", "a" * 2043, id="four bytes across the cut"),
    pytest.param("a" * 2042 + "😀aa", "a" * 2042 + "😀", id="four bytes before the cut"),
    pytest.param(
        "a" * 2039 + "👨\u200d👩", "a" * 2039 + "👨\u200d", id="a joined emoji across the cut"
    ),
]


@pytest.mark.parametrize(("message", "kept"), LONG)
def test_cuts_a_long_message_between_characters(message: str, kept: str) -> None:
    body = msgspec.json.encode(plain(message=message))
    assert read_push(body).message == kept
    escaped = json.dumps({"server_id": "s", "device_id": "d", "message": message}).encode()
    assert read_push(escaped).message == kept


NAMES = [
    pytest.param("a" * 64, "a" * 64, id="64 bytes"),
    pytest.param("a" * 65, "a" * 64, id="65 bytes"),
    pytest.param("é" * 32, "é" * 32, id="64 bytes of two each"),
    pytest.param("é" * 33, "é" * 32, id="66 bytes of two each"),
    pytest.param("漢" * 21, "漢" * 21, id="63 bytes of CJK"),
    pytest.param("漢" * 22, "漢" * 21, id="66 bytes of CJK"),
    pytest.param("a" * 63 + "é", "a" * 63, id="two bytes across the cut"),
    pytest.param("a" * 62 + "😀", "a" * 62, id="four bytes across the cut"),
    pytest.param("a" * 60 + "😀", "a" * 60 + "😀", id="four bytes that end at 64"),
]


@pytest.mark.parametrize(("name", "kept"), NAMES)
def test_cuts_a_long_channel_name_between_characters(name: str, kept: str) -> None:
    assert read_push(msgspec.json.encode(plain(channel_name=name))).channel_name == kept


UTF8 = st.text(st.characters(codec="utf-8"))


@given(UTF8, st.integers(0, 40), st.integers(0, 5))
def test_a_cut_keeps_as_many_characters_as_fit(text: str, limit: int, less: int) -> None:
    keep = max(limit - less, 0)
    cut = cut_utf8(text, limit, keep)
    assert text.startswith(cut)
    if len(text.encode()) <= limit:
        assert cut == text
    else:
        assert len(cut.encode()) <= keep
        assert len(text[: len(cut) + 1].encode()) > keep


@given(st.binary(max_size=200))
@example(b"\xff")
@example(b'{"a":-')
@example(b'{"\\')
def test_refuses_bytes_and_never_breaks(body: bytes) -> None:
    for read in (read_push, read_ack):
        with contextlib.suppress(RefusedError):
            read(body)


@given(st.integers(0, len(POSTED) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_refuses_or_reads_a_broken_push(position: int, put: bytes, removed: int) -> None:
    body = POSTED[:position] + put + POSTED[position + removed :]
    with contextlib.suppress(RefusedError):
        # Whatever is read can be sent on.
        msgspec.json.encode(read_push(body))


def test_refuses_every_beginning_of_a_push() -> None:
    for end in range(1, len(POSTED)):
        with pytest.raises(RefusedError) as error:
            read_push(POSTED[:end])
        assert str(error.value) == "Failed to read message body: unexpected EOF"


SHORT = st.text(st.characters(codec="utf-8"), max_size=12)
INT64 = st.integers(-(2**63), 2**63 - 1)
PUSHES = st.builds(
    PushNotification,
    **{
        field.name: {str: SHORT, int: INT64, bool: st.booleans()}[field.type]
        for field in msgspec.structs.fields(PushNotification)
    }
    | {"server_id": SHORT.filter(bool), "device_id": SHORT.filter(bool)},
)


@given(PUSHES)
def test_keeps_every_field_of_any_push(push: PushNotification) -> None:
    assert read_push(msgspec.json.encode(push)) == push


@given(PUSHES)
def test_keeps_every_field_in_any_case_and_escaped(push: PushNotification) -> None:
    document = {name.upper(): value for name, value in msgspec.structs.asdict(push).items()}
    assert read_push(json.dumps(document).encode()) == push
    assert read_push(json.dumps(document, indent=1).encode() + b"trailing") == push


def test_answers_hold_nothing_but_text() -> None:
    assert msgspec.json.encode(OK) == b'{"status":"OK"}'
    assert msgspec.json.encode(REMOVE) == b'{"status":"REMOVE"}'
    assert msgspec.json.encode(fail("no")) == b'{"status":"FAIL","error":"no"}'


def test_a_push_shows_neither_text_nor_names_nor_its_device() -> None:
    shown = repr(read_push(POSTED.replace(b"dev1", b"0123456789abcdef" * 4)))
    assert shown == "PushNotification('message' to 012345..)"
