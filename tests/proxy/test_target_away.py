"""What becomes of pushes when a target is away, wrong or overloaded: delivery as a whole."""

import asyncio
import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from mmpush_tui.protocol.wire import Answer
from mmpush_tui.simulator.acts.base import Side
from tests.proxy.upstream_bench import TYPES, Upstream, upstream
from tests.waiting import eventually

TRANSPORT = "unknown transport error: "


def recovered(it: Upstream) -> list[str]:
    return [event.status for event in it.bus._ring if event.kind == "state"]


def breaker(it: Upstream, side: Side) -> str:
    return it.deliveries.admissions[TYPES[side]].breaker.state


async def post(it: Upstream, side: Side, **fields: object) -> Answer:
    phone = it.phone(side, 0)
    push = {
        "server_id": "server-1", "type": "message", "version": "v2", "message": "hello",
        "platform": f"{TYPES[side]}-v2", "device_id": phone.token,
    } | fields  # fmt: skip
    return await it.deliveries.push(msgspec.json.encode(push))


# The breaker


@pytest.mark.slow
@pytest.mark.parametrize("side", ["apns", "fcm"])
async def test_who_is_away_is_asked_now_and_then_and_everybody_else_is_told_at_once(
    tmp_path: Path, side: Side
) -> None:
    async with upstream(tmp_path) as it:
        assert (await it.push(side)).status == "OK"
        await it.sides[side].faults.raise_("upstream-down")
        first = await it.pushes(side, 5)
        assert {answer.status for answer in first} == {"FAIL"}
        assert breaker(it, side) == "open"
        await eventually(lambda: it.alarms)
        assert [reason for reason, _ in it.alarms] == ["breaker_open"]
        assert it.alarms[0][1].startswith(f"{TYPES[side]}: 127.0.0.1:")
        before = it.count(side)
        answers = await it.pushes(side, 200)
        told = re.compile("refused the connection; (tried again in [0-9]+ s|another push tries)$")
        refused = [answer for answer in answers if told.search(answer.error)]
        # All but one that may have tried whether somebody is there again.
        assert len(refused) >= 199
        assert all(answer.error.startswith(TRANSPORT) for answer in answers)
        assert (it.count(side) - before).requests == 0
        other: Side = "fcm" if side == "apns" else "apns"
        assert (await it.push(other)).status == "OK"
        await it.sides[side].faults.clear()
        async with asyncio.timeout(40):
            while (await it.push(side)).status != "OK":  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.1)
        assert breaker(it, side) == "closed"
        assert recovered(it) == ["reached"]
        assert {answer.status for answer in await it.pushes(side, 20)} == {"OK"}


@pytest.mark.slow
async def test_who_takes_connections_and_never_answers_opens_it_too(tmp_path: Path) -> None:
    async with upstream(tmp_path, answer_within_s=2.0, try_within_s=0.8) as it:
        assert (await it.push("apns")).status == "OK"
        await it.sides["apns"].faults.raise_("slow", seconds=30)
        answers = await it.pushes("apns", 6)
        assert {answer.status for answer in answers} == {"FAIL"}
        assert breaker(it, "apns") == "open"
        assert "; tried again in" in (await it.push("apns")).error
        await it.sides["apns"].faults.clear()


# The guard


async def test_removals_are_held_until_somebody_lets_them_pass(tmp_path: Path) -> None:
    async with upstream(tmp_path) as it:
        await it.sides["apns"].faults.raise_("apple-refuses", reason="DeviceTokenNotForTopic")
        answers = [await it.push("apns") for _ in range(8)]
        assert Counter(answer.status for answer in answers) == {"REMOVE": 5, "FAIL": 3}
        assert answers[-1].error == (
            "unknown send response error: status=400 reason=DeviceTokenNotForTopic, not removed: "
            "every device of apple_rn gets this answer, so the topic is not the bundle id of the "
            "app that registered"
        )
        await eventually(lambda: it.alarms)
        reason, words = it.alarms[0]
        assert reason == "remove_guard"
        assert words == (
            "apple_rn: 5 devices in a row were refused with DeviceTokenNotForTopic and none was "
            "accepted, so further removals are held: probably the topic is not the bundle id of "
            "the app that registered. When the setting is right, mmpush-tui release apple_rn lets "
            "them pass, and so does the first push that is accepted"
        )
        assert it.deliveries.admissions["apple_rn"].guard is not None
        assert it.deliveries.admissions["apple_rn"].guard.held == 3
        assert it.deliveries.release("android_rn") is False
        assert it.deliveries.release("apple_rn") is True
        assert (await it.push("apns")).status == "REMOVE"
        assert recovered(it) == ["released"]
        await it.sides["apns"].faults.clear()


async def test_the_first_success_lets_removals_pass(tmp_path: Path) -> None:
    async with upstream(tmp_path) as it:
        await it.sides["apns"].faults.raise_("apple-refuses", times=7)
        answers = [(await it.push("apns")).status for _ in range(8)]
        assert answers == ["REMOVE"] * 5 + ["FAIL"] * 2 + ["OK"]
        await it.sides["apns"].faults.raise_("apple-refuses")
        assert {(await it.push("apns")).status for _ in range(8)} == {"REMOVE"}
        await it.sides["apns"].faults.clear()


async def test_without_the_guard_every_removal_is_passed_on(tmp_path: Path) -> None:
    async with upstream(tmp_path, remove_guard=False) as it:
        await it.sides["apns"].faults.raise_("apple-refuses")
        assert {(await it.push("apns")).status for _ in range(8)} == {"REMOVE"}
        await it.sides["apns"].faults.clear()


# Limits


@pytest.mark.slow
async def test_more_than_the_limit_are_refused_at_once_and_the_other_target_goes_on(
    tmp_path: Path,
) -> None:
    async with upstream(tmp_path, in_flight_limit=50) as it:
        await it.sides["apns"].faults.raise_("slow", seconds=2)
        answers = asyncio.gather(*(it.push("apns") for _ in range(500)))
        await asyncio.sleep(0)
        assert (await it.push("fcm")).status == "OK"
        counted = Counter(
            answer.error if answer.status == "FAIL" else answer.status for answer in await answers
        )
        assert counted == {
            "OK": 50,
            f"{TRANSPORT}overloaded, 50 pushes to apple_rn are under way": 450,
        }
        assert it.deliveries.in_flight == 0
        await it.sides["apns"].faults.clear()


# The same push twice


async def test_by_default_the_same_push_twice_is_two_pushes(tmp_path: Path) -> None:
    async with upstream(tmp_path) as it:
        for _ in range(2):
            assert (await post(it, "apns", ack_id="same")).status == "OK"
        assert it.count("apns").requests == 2


async def test_with_dedupe_it_is_one_with_the_same_answer(tmp_path: Path) -> None:
    async with upstream(tmp_path, dedupe_sec=30) as it:
        answers = await asyncio.gather(*(post(it, "apns", ack_id="same") for _ in range(3)))
        assert [answer.status for answer in answers] == ["OK"] * 3
        assert (await post(it, "apns", ack_id="same")).status == "OK"
        assert it.count("apns").requests == 1
        for fields in (
            {"ack_id": "other"}, {"ack_id": "same", "type": "session"},
            {"ack_id": "same", "server_id": "server-2"},
            {"ack_id": "same", "device_id": it.phone("apns", 1).token},
            {"ack_id": ""}, {"ack_id": ""},
        ):  # fmt: skip
            assert (await post(it, "apns", **fields)).status == "OK"
        assert it.count("apns").requests == 7


# No access token


TOKEN_SERVER = [
    ("skew", "Google refuses the token request because this host's clock is wrong", "clock_skew"),
    ("signature", "Google refuses the service account: Invalid JWT Signature.",
     "service_account_refused"),
    ("account", "Google refuses the service account: Invalid grant: account not found",
     "service_account_refused"),
    ("unavailable", "the token server 127.0.0.1 answered 503: the answer is not Google's", ""),
    ("html", "the token server 127.0.0.1 answered 200: the answer is not Google's", ""),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "words", "alarm"), TOKEN_SERVER)
async def test_without_an_access_token_pushes_fail_fast_and_it_is_not_asked_for_every_one(
    tmp_path: Path, kind: str, words: str, alarm: str
) -> None:
    async with upstream(tmp_path) as it:
        await it.sides["fcm"].faults.raise_("token-server", kind=kind)
        answers = await it.pushes("fcm", 20)
        assert {answer.status for answer in answers} == {"FAIL"}
        assert answers[0].error.startswith(f"{TRANSPORT}{words}")
        assert it.count("fcm").requests == 1
        await asyncio.sleep(0)
        assert [reason for reason, _ in it.alarms] == ([alarm] if alarm else [])
        assert (await it.push("apns")).status == "OK"
        await it.sides["fcm"].faults.clear()
        token = it.target("fcm")._access_token  # type: ignore[attr-defined]
        token._failure_until = 0.0
        assert (await it.push("fcm")).status == "OK"


@pytest.mark.slow
async def test_a_token_server_that_hangs_is_not_waited_for_twice(tmp_path: Path) -> None:
    async with upstream(tmp_path) as it:
        await it.sides["fcm"].faults.raise_("token-server", kind="hang")
        answers = await it.pushes("fcm", 5)
        assert {answer.error for answer in answers} == {
            f"{TRANSPORT}the token server 127.0.0.1 does not answer: no answer in time"
        }
        asked = it.count("fcm").requests
        assert (await it.push("fcm")).status == "FAIL"
        assert it.count("fcm").requests == asked
        await it.sides["fcm"].faults.clear()


@pytest.mark.parametrize(("kind", "granted"), [("short-life", 2), ("no-life", 1)])
async def test_a_token_of_odd_life_serves(tmp_path: Path, kind: str, granted: int) -> None:
    async with upstream(tmp_path) as it:
        await it.sides["fcm"].faults.raise_("token-server", kind=kind)
        assert (await it.push("fcm")).status == "OK"
        await asyncio.sleep(1.1 if granted > 1 else 0)
        assert (await it.push("fcm")).status == "OK"
        assert it.sides["fcm"].oauth.granted == granted  # type: ignore[union-attr]
        await it.sides["fcm"].faults.clear()
