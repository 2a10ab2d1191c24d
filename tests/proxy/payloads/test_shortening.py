"""Payloads made to fit, identifiers, and the quick way to read a push."""

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mmpush_tui.protocol import gojson, wire
from mmpush_tui.protocol.wire import PushNotification, RefusedError, read_push
from mmpush_tui.proxy.android import payload as android
from mmpush_tui.proxy.apple import payload as apple
from mmpush_tui.proxy.payloads.shortening import PayloadTooLargeError, longest
from mmpush_tui.proxy.upstream import ids


def push(**fields: Any) -> PushNotification:
    return PushNotification(
        **{"server_id": "s1", "device_id": "ab" * 32, "type": "message", "version": "v2"} | fields
    )


TEXTS = ["a", "好", "é", "<", "&", '"', "\\", "\n", "👩‍👩‍👧", "🇦🇹"]


@pytest.mark.parametrize("char", TEXTS)
@pytest.mark.parametrize("names", ["", "Town Square", "好" * 21])
@pytest.mark.parametrize("is_id_loaded", [False, True])
def test_apples_payload_is_as_large_as_it_may_be_and_no_larger(
    char: str, names: str, is_id_loaded: bool
) -> None:
    text = char * (4500 // len(char.encode()))
    made = apple.build(push(message=text, channel_name=names, is_id_loaded=is_id_loaded), 2, "t")
    assert len(made.body) <= apple.LIMIT
    document = json.loads(made.body)
    alert = document["aps"]["alert"]
    shown = alert["body"] if isinstance(alert, dict) else alert
    assert shown.endswith("…")
    assert "\ufffd" not in shown
    assert not shown.endswith(("\u200d…", "\ufe0f…"))
    assert document["type"] == "message"
    # The next character would not have fitted: two for what a joiner or an emoji takes with it.
    assert len(made.body) > apple.LIMIT - 80


@given(
    message=st.text(max_size=3000), sender=st.text(max_size=2000), icon=st.text(max_size=3000),
    kind=st.sampled_from(["message", "session", "clear", "test", "update_badge"]),
)  # fmt: skip
def test_whatever_is_said_it_fits(message: str, sender: str, icon: str, kind: str) -> None:
    it = push(
        message=message, sender_name=sender, override_icon_url=icon, type=kind, channel_name="c",
        channel_id="c1", post_id="p1",
    )  # fmt: skip
    assert len(apple.build(it, 2, "t").body) <= apple.LIMIT
    data = json.loads(android.build(it))["message"]["data"]
    assert sum(len(name) + len(value.encode()) for name, value in data.items()) <= android.LIMIT
    assert json.loads(apple.build(it, 2, "t").body)["post_id"] == "p1"


def test_a_call_may_be_larger() -> None:
    it = push(transport="voip", sender_name="x" * 4500, channel_id="c1")
    made = apple.build(it, 2, "t")
    assert apple.LIMIT < len(made.body) <= apple.VOIP_LIMIT
    it.sender_name = "x" * 9000
    document = json.loads(apple.build(it, 2, "t").body)
    assert "sender_name" not in document
    assert document["channel_id"] == "c1"


def test_ornaments_go_before_what_says_where_to_look() -> None:
    it = push(override_icon_url="https://" + "x" * 4000, sender_name="alice", post_id="p1")
    document = json.loads(apple.build(it, 2, "t").body)
    assert "override_icon_url" not in document
    assert (document["sender_name"], document["post_id"]) == ("alice", "p1")
    data = json.loads(android.build(it))["message"]["data"]
    assert (data["override_icon_url"], data["sender_name"]) == ("", "alice")


@pytest.mark.parametrize("build", [lambda it: apple.build(it, 2, "t"), android.build])
def test_what_cannot_be_made_to_fit_is_refused(build: Any) -> None:
    with pytest.raises(PayloadTooLargeError, match="more than 4096 bytes without its text"):
        build(push(channel_id="x" * 9000))


@given(text=st.text(max_size=200), room=st.integers(0, 300))
@example(text="👩‍👩‍👧", room=12)
def test_the_longest_beginning(text: str, room: int) -> None:
    found = longest(text, room, lambda it: len(it.encode()))
    assert len(found.encode()) <= room
    assert found == text or found == "" or text.startswith(found[:-1])


def test_ids_are_as_they_should_be_and_never_the_same() -> None:
    uuids = {ids.uuid_text() for _ in range(5000)}
    names = {ids.delivery_id() for _ in range(5000)}
    assert len(uuids) == len(names) == 5000
    form = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    assert all(form.fullmatch(it) for it in uuids)
    assert all(re.fullmatch(r"[0-9a-f]{12}", it) for it in names)


# The quick way to read a push gives what the slow one gives.

KEYS = [*wire._SPECS[PushNotification], "DEVICE_ID", "unknown"]
VALUES = st.one_of(
    st.text(max_size=8), st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False),
    st.lists(st.integers(), max_size=2), st.just("\ud800"), st.just("1.5"), st.just(": 1.0"),
)  # fmt: skip


def slowly(body: bytes) -> PushNotification | str:
    try:
        document = gojson.decode(body)
        spec = wire._SPECS[PushNotification]
        return PushNotification(**gojson.fill(document, spec, "PushNotification", wire._GO_TYPES))
    except gojson.GoJSONError as error:
        return str(error)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8))
@example({"badge": 1.0})
@example({"badge": 2**63})
@example({"badge": -(2**63)})
@example({"badge": 1e5})
@example({"b\u0061dge": 1.0})
def test_the_quick_way_gives_what_the_slow_way_gives(document: dict[str, Any]) -> None:
    body = json.dumps({"server_id": "s", "device_id": "d"} | document).encode()
    expected = slowly(body)
    try:
        found: PushNotification | str = wire._decode(body, PushNotification, "x")
    except RefusedError as error:
        found = str(error).removeprefix("x: ")
    assert found == expected
    if isinstance(found, PushNotification):
        assert msgspec.json.decode(msgspec.json.encode(found)) is not None


ODD = [
    b'{"badge":1.0}', b'{"badge" : 1e3}', b'{"badge":3,"badge":1.0}', b'{"cont_ava":-1.5}',
    b'{"badge":12345678901234567890}', b'{"received_at":1.5}', b'{"\\u0062adge":1.0}',
]  # fmt: skip


@pytest.mark.parametrize("body", ODD)
def test_numbers_that_go_refuses_take_the_slow_way(body: bytes) -> None:
    assert wire._may_be_odd(body)


def test_what_mattermost_posts_takes_the_quick_way() -> None:
    body = msgspec.json.encode(push(message='it costs "badge": 1.50, or 3e5 \u00e9 <', badge=3))
    assert not wire._may_be_odd(body)
    assert read_push(body).badge == 3
