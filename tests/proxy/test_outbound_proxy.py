"""Pushes through a company's proxy that refuses, fails and recovers (38)."""

import asyncio
from pathlib import Path
from typing import get_args

import pytest

from mmpush_tui.errors import UsageError
from mmpush_tui.proxy.delivery.target_admission import BREAKER_OPEN
from mmpush_tui.simulator.acts.base import Side
from mmpush_tui.simulator.net.connect_proxy import ConnectProxy, Mood
from tests.proxy.upstream_bench import Upstream, upstream
from tests.waiting import eventually

SIDES: tuple[Side, ...] = ("apns", "fcm")


def port(it: Upstream) -> int:
    number: int = it.sides["apns"].server.port
    return number


async def test_all_connections_go_through_it_the_one_for_access_tokens_too(tmp_path: Path) -> None:
    async with (
        ConnectProxy("ann:s3cret") as proxy,
        upstream(tmp_path, entries={"proxy": proxy.url}) as it,
    ):
        assert (await it.push("apns")).status == "OK"
        assert (await it.push("fcm")).status == "OK"
        apns, fcm = it.sides["apns"].server.port, it.sides["fcm"].server.port
        assert sorted(proxy.targets) == sorted([f"127.0.0.1:{apns}", *[f"127.0.0.1:{fcm}"] * 2])
        assert proxy.violations == []


REFUSED = [
    ("auth", "wants credentials, or others than it was given (it answers 407 Proxy Authentication "
     "Required)", "proxy_auth"),
    ("forbidden", "does not let anybody connect there (it answers 403 Forbidden)", "proxy_refused"),
    ("html", "speaks no HTTP: is this its port?", "proxy_not_http"),
    ("no-http", "speaks no HTTP: is this its port?", "proxy_not_http"),
    ("endless", "speaks no HTTP: is this its port?", "proxy_not_http"),
]  # fmt: skip


@pytest.mark.parametrize(("mood", "words", "alarm"), REFUSED)
async def test_a_proxy_that_refuses_is_named_and_the_next_push_finds_it_mended(
    tmp_path: Path, mood: Mood, words: str, alarm: str
) -> None:
    async with (
        ConnectProxy("ann:s3cret") as proxy,
        upstream(tmp_path, entries={"proxy": proxy.url}) as it,
    ):
        proxy.mood = mood
        answer = await it.push("apns")
        assert answer.error == (
            f"unknown transport error: the proxy 127.0.0.1:{proxy.port} on the way to "
            f"127.0.0.1:{port(it)} {words}"
        )
        await asyncio.sleep(0)
        assert [reason for reason, _ in it.alarms] == [alarm]
        assert "s3cret" not in str(it.alarms)
        proxy.mood = "good"
        await eventually(lambda: arrives(it))


async def arrives(it: Upstream) -> bool:
    return (await it.push("apns")).status == "OK"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("unavailable", "cannot reach it at the moment (it answers 503 Service Unavailable)"),
        ("bad-gateway", "cannot reach it (it answers 502 Bad Gateway)"),
        ("hang-up", "hung up instead of connecting"),
    ],
)
async def test_what_may_be_over_soon_is_tried_again(tmp_path: Path, mood: Mood, words: str) -> None:
    async with (
        ConnectProxy() as proxy,
        upstream(tmp_path, entries={"proxy": proxy.url}, answer_within_s=4) as it,
    ):
        proxy.mood = mood
        answer = await it.push("apns")
        assert answer.error.endswith(words)
        assert len(proxy.targets) > 1
        proxy.mood = "good"
        await eventually(lambda: arrives(it))


@pytest.mark.slow
async def test_a_proxy_that_hangs_is_given_up(tmp_path: Path) -> None:
    async with (
        ConnectProxy() as proxy,
        upstream(tmp_path, entries={"proxy": proxy.url}, answer_within_s=5.6) as it,
    ):
        proxy.mood = "hang"
        assert (await it.push("apns")).error == (
            f"unknown transport error: the proxy 127.0.0.1:{proxy.port} did not answer (proxy) "
            "within 5 s"
        )
        proxy.mood = "good"
        await eventually(lambda: arrives(it))


@pytest.mark.parametrize("mood", ["pieces", "announced"])
async def test_an_answer_in_an_odd_form_is_an_answer(tmp_path: Path, mood: Mood) -> None:
    async with ConnectProxy() as proxy, upstream(tmp_path, entries={"proxy": proxy.url}) as it:
        proxy.mood = mood
        assert (await it.push("apns")).status == "OK"


@pytest.mark.slow
async def test_a_proxy_that_restarts_costs_no_push(tmp_path: Path) -> None:
    async with ConnectProxy() as proxy, upstream(tmp_path, entries={"proxy": proxy.url}) as it:
        assert (await it.push("apns")).status == "OK"
        await proxy.drop()
        assert {answer.status for answer in await it.pushes("apns", 10)} == {"OK"}


async def test_nobody_at_the_proxys_address(tmp_path: Path) -> None:
    async with upstream(tmp_path, entries={"proxy": "http://127.0.0.1:1"}, answer_within_s=1) as it:
        answer = await it.push("apns")
        assert answer.error == "unknown transport error: 127.0.0.1:1 refused the connection"


def test_every_mood_is_acted_out_here() -> None:
    acted = {mood for mood, *_ in REFUSED} | {
        "good", "unavailable", "bad-gateway", "hang-up", "hang", "pieces", "announced",
    }  # fmt: skip
    assert acted == set(get_args(Mood))
    assert BREAKER_OPEN == "breaker_open"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["auth", "forbidden", "unavailable", "html", "hang-up"])
async def test_the_named_fault_is_the_proxys_and_pushes_go_on_unaided_after_it(
    tmp_path: Path, kind: str
) -> None:
    async with (
        ConnectProxy("ann:s3cret") as proxy,
        upstream(tmp_path, entries={"proxy": proxy.url}, answer_within_s=4) as it,
    ):
        for side in SIDES:
            it.sides[side].outbound = proxy
            assert (await it.push(side)).status == "OK"
        await it.sides["apns"].faults.raise_("outbound-proxy", kind=kind)
        for side in SIDES:
            answer = await it.push(side)
            assert f"the proxy 127.0.0.1:{proxy.port} on the way to" in answer.error
        await it.sides["apns"].faults.clear()
        await eventually(lambda: arrives(it))


async def test_without_a_proxy_its_fault_is_refused_in_words(tmp_path: Path) -> None:
    async with upstream(tmp_path) as it:
        with pytest.raises(UsageError) as caught:
            await it.sides["apns"].faults.raise_("outbound-proxy")
        assert caught.value.line() == (
            "there is no outbound proxy here. Start one that has it: "
            "`mmpush-tui simulate --outbound-proxy`."
        )
        assert it.sides["apns"].faults.active() == ()
