"""Google's access token: shared, renewed in time, and what becomes of it when nobody grants one.

Against a token server on a real socket; the token's age alone is measured on a clock of the
tests' own.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mmpush_tui.credentials.account import load_account
from mmpush_tui.http2.connect import client_context
from mmpush_tui.proxy.android.access_token import AccessToken, AccessTokenError
from mmpush_tui.simulator.credentials import TOKEN_URI
from tests.clock import Clock
from tests.proxy.vendors import PROJECT, Google, Mood, Vendors, serving
from tests.waiting import eventually

REFUSED = "Google refuses the service account: Invalid grant: account not found"
FAILED = "the token server 127.0.0.1 answered 503: backend_error"
NO_ANSWER = "the token server 127.0.0.1 does not answer: no answer in time"


@pytest.fixture
async def vendors(short_tmp: Path) -> AsyncIterator[Vendors]:
    async with Vendors(short_tmp) as it:
        yield it


@pytest.fixture
def google(vendors: Vendors) -> Google:
    vendors.google.lifetime = 1000
    return vendors.google


@pytest.fixture
def clock() -> Clock:
    return Clock(0)


@pytest.fixture
async def access(vendors: Vendors, google: Google, clock: Clock) -> AsyncIterator[AccessToken]:
    it = access_token(vendors, clock)
    yield it
    await it.aclose()


def access_token(vendors: Vendors, clock: Clock, token_uri: str = "", **to: str) -> AccessToken:
    account = load_account(vendors.android_entry(token_uri)["service_account_file"])
    tls = client_context(str(vendors.ca_file))
    return AccessToken(account, tls, to, monotonic=clock)


async def got(access: AccessToken, count: int = 1) -> set[str]:
    """Ask for the token ``count`` times at once and return what came."""
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(access.get()) for _ in range(count)]
    return {task.result() for task in asking}


async def refusal(access: AccessToken) -> tuple[str, str]:
    with pytest.raises(AccessTokenError) as error:
        await access.get()
    return str(error.value), error.value.code


async def asked(google: Google, count: int) -> None:
    """Wait until the token server has been asked ``count`` times, and no more often."""

    async def is_so() -> bool:
        return google.asked >= count

    await eventually(is_so)
    assert google.asked == count


async def test_many_at_once_share_one_request(access: AccessToken, google: Google) -> None:
    assert len(await got(access, 50)) == 1
    assert google.asked == google.oauth.granted == 1


async def test_the_end_of_one_who_waits_is_not_the_end_of_the_others(
    access: AccessToken, google: Google
) -> None:
    google.mood = Mood.WAITS
    async with asyncio.TaskGroup() as group:
        first = group.create_task(access.get())
        await asked(google, 1)
        second = group.create_task(access.get())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        google.may_answer.set()
    assert first.cancelled()
    assert second.result() == await access.get()
    assert google.asked == 1


async def test_it_is_renewed_at_four_fifths_of_its_life(
    access: AccessToken, google: Google, clock: Clock
) -> None:
    old = await got(access)
    clock.now = 799.9
    for _ in range(10):
        assert await got(access, 10) == old
        # Time for a request that should not be under way to arrive.
        await asyncio.sleep(0.03)
    assert google.asked == 1
    clock.now = 800
    assert await got(access, 10) == old

    async def is_renewed() -> bool:
        return await got(access) != old

    await eventually(is_renewed)
    clock.now = 1599
    assert await got(access) != old
    assert google.asked == 2


@pytest.mark.slow
async def test_while_the_token_server_hangs_the_old_token_serves_until_its_end(
    access: AccessToken, google: Google, clock: Clock
) -> None:
    old = await got(access)
    google.mood = Mood.HANGS
    for clock.now in (800, 900, 999.9):
        # As long as a push may wait; the token server is given longer.
        async with asyncio.timeout(3):
            assert await got(access, 10) == old
    await asked(google, 2)
    clock.now = 1000
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(refusal(access)) for _ in range(10)]
    assert {task.result() for task in waiting} == {(NO_ANSWER, "token_server_unreachable")}
    assert google.asked == 2


@pytest.mark.parametrize(
    ("mood", "sentence", "code"),
    [
        (Mood.REFUSES, REFUSED, "service_account_refused"),
        (Mood.FAILS, FAILED, "token_server_error"),
    ],
)
async def test_a_failure_is_remembered_for_30_seconds_and_the_old_token_serves_meanwhile(
    access: AccessToken, google: Google, clock: Clock, mood: Mood, sentence: str, code: str
) -> None:
    old = await got(access)
    google.mood = mood
    for clock.now, requests in ((800, 2), (829.9, 2), (830, 3), (859.9, 3), (860, 4)):
        await eventually(partial(has_asked, access, old, google, requests))
        assert await got(access, 10) == old
        assert google.asked == requests

    # The last of them is remembered until 890.
    clock.now = 1000
    for clock.now in (1000, 1010, 1029.9):
        assert [await refusal(access) for _ in range(10)] == [(sentence, code)] * 10
    assert google.asked == 5
    google.mood = Mood.HONEST
    assert await refusal(access) == (sentence, code)
    clock.now = 1030
    new = await got(access, 10)
    assert len(new) == 1
    assert new != old
    assert google.asked == 6


async def has_asked(access: AccessToken, old: set[str], google: Google, requests: int) -> bool:
    # One that is still under way is shared; so it may take more than one call to begin the next.
    assert await got(access) == old
    return google.asked == requests


async def test_an_unreachable_token_server_is_named(access: AccessToken, google: Google) -> None:
    await google.go_down()
    sentence, code = await refusal(access)
    assert sentence == "the token server 127.0.0.1 does not answer: nothing listens there"
    assert code == "token_server_unreachable"


async def test_a_token_that_google_refused_is_replaced_once(
    access: AccessToken, google: Google
) -> None:
    (old,) = await got(access)
    access.forget(old)
    (new,) = await got(access, 10)
    assert new != old
    # A refusal of the old one may come later than that.
    access.forget(old)
    assert await got(access) == {new}
    assert google.asked == 2


@pytest.mark.parametrize("lifetime", [None, "1000", 0, -1, 1e3, 10**12, 10**400], ids=repr)
async def test_a_lifetime_that_is_none_counts_as_an_hour(
    access: AccessToken, google: Google, clock: Clock, lifetime: object
) -> None:
    google.lifetime = lifetime
    old = await got(access)
    clock.now = 0.8 * 3600 - 0.1
    assert await got(access) == old
    assert google.asked == 1
    clock.now = 0.8 * 3600
    assert await got(access) == old
    await asked(google, 2)


async def test_connect_to_leads_to_the_token_server_and_its_name_stays(
    vendors: Vendors, clock: Clock
) -> None:
    to = {"oauth2.googleapis.com:443": urlsplit(vendors.google.endpoint).netloc}
    access = access_token(vendors, clock, TOKEN_URI, **to)
    assert len(await got(access)) == 1
    await access.aclose()
    assert vendors.google.asked == 1


async def test_connect_to_leads_nowhere_that_cannot_prove_the_name(
    vendors: Vendors, clock: Clock
) -> None:
    # Its certificate is good for the address that the connection goes to, not for the name.
    to = {"oauth2.test:443": urlsplit(vendors.google.endpoint).netloc}
    access = access_token(vendors, clock, "https://oauth2.test/token", **to)
    sentence, code = await refusal(access)
    assert sentence.startswith("the token server oauth2.test does not answer: ")
    assert "Hostname mismatch" in sentence
    assert code == "token_server_unreachable"
    await access.aclose()
    assert vendors.google.asked == 0


async def test_who_waits_when_it_is_closed_gets_none(access: AccessToken, google: Google) -> None:
    google.mood = Mood.HANGS
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(refusal(access))
        await asked(google, 1)
        await access.aclose()
    assert waiting.result()[1] == "token_timeout"
    assert await refusal(access) == ("this target was closed", "closed")
    assert google.asked == 1


# From here on, through a worker.

TRANSPORT = "unknown transport error: "


@pytest.mark.slow
async def test_pushes_at_once_share_one_request(vendors: Vendors) -> None:
    vendors.write()
    vendors.google.mood = Mood.WAITS
    phone = vendors.phones.add_android(PROJECT)
    async with serving(vendors) as stage, asyncio.TaskGroup() as group:
        pushes = [group.create_task(stage.push(phone)) for _ in range(30)]
        await eventually(partial(stage.has, "in_flight", 30))
        vendors.google.may_answer.set()
    assert [push.result() for push in pushes] == [{"status": "OK"}] * 30
    assert vendors.google.asked == 1


@pytest.mark.slow
async def test_pushes_to_a_refused_account_ask_once_and_say_so(vendors: Vendors) -> None:
    vendors.write()
    vendors.google.mood = Mood.REFUSES
    phone = vendors.phones.add_android(PROJECT)
    async with serving(vendors) as stage:
        async with asyncio.TaskGroup() as group:
            pushes = [group.create_task(stage.push(phone)) for _ in range(30)]
        answers = [push.result() for push in pushes]
        answers += [await stage.push(phone) for _ in range(10)]
    assert answers == [{"status": "FAIL", "error": TRANSPORT + REFUSED}] * 40
    assert vendors.google.asked == 1


@pytest.mark.slow
async def test_a_hanging_token_server_fails_pushes_only_after_the_old_tokens_end(
    vendors: Vendors,
) -> None:
    vendors.write()
    vendors.google.lifetime = 15
    phone = vendors.phones.add_android(PROJECT)
    async with serving(vendors) as stage, asyncio.timeout(60):
        assert await stage.push(phone) == {"status": "OK"}
        vendors.google.mood = Mood.HANGS
        ok_while_hanging = 0
        while (answer := await stage.push(phone)) == {"status": "OK"}:
            ok_while_hanging += vendors.google.asked == 2
            await asyncio.sleep(0.05)
        assert ok_while_hanging > 0
        assert answer == {"status": "FAIL", "error": TRANSPORT + NO_ANSWER}
        assert [await stage.push(phone) for _ in range(10)] == [answer] * 10
    assert vendors.google.asked == 2


@pytest.mark.slow
async def test_a_push_waits_for_the_token_server_no_longer_than_its_own_deadline(
    vendors: Vendors,
) -> None:
    # A request to the token server may take 5 seconds.
    vendors.write(send_timeout_sec=1)
    vendors.google.mood = Mood.HANGS
    phone = vendors.phones.add_android(PROJECT)
    async with serving(vendors) as stage, asyncio.timeout(60):
        error = f"{TRANSPORT}the token server does not answer in time"
        assert await stage.push(phone) == {"status": "FAIL", "error": error}
        assert (await stage.ends())[-1].reason == "token_timeout"
        while (answer := await stage.push(phone))["error"] == error:
            continue
        assert answer == {"status": "FAIL", "error": TRANSPORT + NO_ANSWER}
        assert await stage.push(phone) == answer
    assert vendors.google.asked == 1


@pytest.mark.slow
async def test_a_revoked_token_is_replaced_with_one_request(vendors: Vendors) -> None:
    vendors.write()
    phone = vendors.phones.add_android(PROJECT)
    async with serving(vendors) as stage:
        assert await stage.push(phone) == {"status": "OK"}
        vendors.google.oauth.revoke_all()
        assert await stage.push(phone) == {"status": "OK"}
        assert (await stage.ends())[-1].tries == 2
        # Soon after, another refusal is not the token's fault.
        vendors.google.oauth.revoke_all()
        assert (await stage.push(phone))["status"] == "FAIL"
    assert vendors.google.asked == 2


@pytest.mark.slow
async def test_a_worker_obeys_connect_to_for_google_and_its_token_server(vendors: Vendors) -> None:
    there = urlsplit(vendors.google.endpoint).netloc
    names = ("oauth2.googleapis.com:443", "fcm.googleapis.com:443")
    vendors.write(
        android=vendors.android_entry(TOKEN_URI, endpoint=""),
        connect_to=dict.fromkeys(names, there),
    )
    async with serving(vendors) as stage:
        assert await stage.push(vendors.phones.add_android(PROJECT)) == {"status": "OK"}
    assert vendors.google.asked == 1
