"""A reload, by order and by signal: what serves on, what is new, and what is said about it."""

import asyncio
import dataclasses
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from mmpush_tui.simulator.credentials import AppleKey
from tests.proxy.vendors import PROJECT, Serving, Vendors, serving

pytestmark = pytest.mark.slow

FIRST, SECOND = AppleKey.make(1), AppleKey.make(2)


@pytest.fixture
async def vendors(short_tmp: Path) -> AsyncIterator[Vendors]:
    async with Vendors(short_tmp, [FIRST, SECOND]) as it:
        yield it


@pytest.fixture
async def stage(vendors: Vendors) -> AsyncIterator[Serving]:
    vendors.write(vendors.apple_entry())
    async with serving(vendors) as it:
        yield it


async def pushed(stage: Serving) -> str:
    """Push to an iPhone and return the provider token that Apple saw, whatever it made of it."""
    before = len(stage.vendors.apple.tokens)
    await stage.push(stage.vendors.phones.add_apple())
    (token,) = stage.vendors.apple.tokens[before:]
    return token


async def reload(stage: Serving, how: str) -> None:
    if how == "signal":
        await stage.reload_by_signal()
    else:
        assert (await stage.reload())["reloaded"] is True


@pytest.mark.parametrize("how", ["order", "signal"])
async def test_a_reload_with_the_same_key_goes_on_with_the_same_token(
    stage: Serving, how: str
) -> None:
    token = await pushed(stage)
    vendors = stage.vendors
    # Settings around the key may change: a target more, a shorter deadline.
    vendors.write(
        vendors.apple_entry(),
        vendors.apple_entry(type="apple_rnbeta"),
        retry_timeout_sec=5,
    )
    await reload(stage, how)
    assert await pushed(stage) == token
    await reload(stage, how)
    assert await pushed(stage) == token
    beta = vendors.phones.add_apple()
    assert await stage.push(beta, "apple_rnbeta") == {"status": "OK"}
    assert set(vendors.apple.tokens) == {token}


@pytest.mark.parametrize("how", ["order", "signal"])
async def test_a_reload_with_another_key_and_team_makes_a_new_token(
    stage: Serving, how: str
) -> None:
    first = await pushed(stage)
    vendors = stage.vendors
    vendors.write(vendors.apple_entry(SECOND))
    await reload(stage, how)
    assert await stage.push(vendors.phones.add_apple()) == {"status": "OK"}
    second = vendors.apple.tokens[-1]
    assert second != first
    assert await pushed(stage) == second
    names_key(second, SECOND)

    # Back again, and no renewal is counted: the first one is still good.
    vendors.write(vendors.apple_entry(FIRST))
    await reload(stage, how)
    assert await pushed(stage) == first


def names_key(token: str, key: AppleKey) -> None:
    """Assert that ``token`` is made by ``key``."""
    assert jwt.get_unverified_header(token)["kid"] == key.key_id
    assert jwt.decode(token, key.public_key, algorithms=["ES256"])["iss"] == key.team_id


OTHERS = [
    pytest.param(lambda key: dataclasses.replace(key, key_id="OTHERKEYID"), id="key id"),
    pytest.param(lambda key: dataclasses.replace(key, team_id="OTHERTEAM1"), id="team id"),
    pytest.param(
        lambda key: dataclasses.replace(SECOND, key_id=key.key_id, team_id=key.team_id),
        id="file of the same name",
    ),
]


@pytest.mark.parametrize("other", OTHERS)
async def test_another_key_id_team_or_key_alone_makes_a_new_token_too(
    stage: Serving, other: Callable[[AppleKey], AppleKey]
) -> None:
    first = await pushed(stage)
    changed = other(FIRST)
    stage.vendors.write(stage.vendors.apple_entry(changed))
    await reload(stage, "order")
    second = await pushed(stage)
    assert second != first
    names_key(second, changed)
    assert await pushed(stage) == second


@pytest.mark.parametrize("how", ["order", "signal"])
async def test_a_target_that_keeps_its_old_key_keeps_its_token_then_and_afterwards(
    stage: Serving, how: str
) -> None:
    token = await pushed(stage)
    vendors = stage.vendors
    vendors.write(vendors.apple_entry(auth_key_file=str(vendors.folder / "none.p8")))
    await reload(stage, how)
    assert await pushed(stage) == token
    vendors.write(vendors.apple_entry())
    await reload(stage, how)
    assert await pushed(stage) == token


BLANK: dict[str, Any] = {"auth_key_file": "", "auth_key_id": "", "team_id": "", "topic": ""}


async def test_the_answer_names_what_cannot_send_and_what_sends_with_its_old_credentials(
    stage: Serving,
) -> None:
    vendors = stage.vendors
    none = str(vendors.folder / "none.p8")
    beta = vendors.phones.add_apple()

    vendors.write(
        vendors.apple_entry(auth_key_file=none),
        vendors.apple_entry(type="apple_rnbeta", auth_key_file=none),
        vendors.apple_entry(type="apple_sample", **BLANK),
        android={"type": "android_sample"},
    )
    assert await stage.reload() == {
        "reloaded": True, "kept": ["apple_rn"], "disabled": ["apple_rnbeta"],
        "needs_restart": False, "restart_for": [],
    }  # fmt: skip
    assert await stage.push(vendors.phones.add_apple()) == {"status": "OK"}
    answer = await stage.push(beta, "apple_rnbeta")
    assert answer["status"] == "FAIL"
    assert answer["error"].endswith(f"Apple key {none}: cannot be read: No such file or directory.")

    vendors.write(
        vendors.apple_entry(),
        vendors.apple_entry(type="apple_rnbeta"),
        vendors.apple_entry(type="apple_sample", **BLANK),
    )
    assert await stage.reload() == {
        "reloaded": True, "kept": [], "disabled": [], "needs_restart": False, "restart_for": [],
    }  # fmt: skip
    assert await stage.push(beta, "apple_rnbeta") == {"status": "OK"}


async def test_a_broken_file_is_said_and_keeps_everything(stage: Serving) -> None:
    stage.vendors.config.write_text("proxy = [")
    answer = await stage.reload()
    assert (answer["reloaded"], answer["kept"]) == (False, [])
    assert "this is no TOML" in answer["error"]
    assert await stage.push(stage.vendors.phones.add_apple()) == {"status": "OK"}
    assert await stage.push(stage.vendors.phones.add_android(PROJECT)) == {"status": "OK"}


async def test_reloads_at_the_same_time_lose_no_target_that_is_kept(stage: Serving) -> None:
    vendors = stage.vendors
    vendors.write(
        vendors.apple_entry(), android=vendors.android_entry(service_account_file="/none.json")
    )
    async with asyncio.TaskGroup() as group:
        orders = [group.create_task(stage.reload()) for _ in range(5)]
    assert [order.result()["kept"] for order in orders] == [["android_rn"]] * 5
    assert [order.result()["disabled"] for order in orders] == [[]] * 5
    assert await stage.push(vendors.phones.add_android(PROJECT)) == {"status": "OK"}


HANGING = [
    pytest.param("config.toml", id="configuration"),
    pytest.param("ca.pem", id="CA file"),
]


async def test_a_pipe_in_place_of_a_key_hangs_nothing(stage: Serving) -> None:
    path = stage.vendors.folder / f"AuthKey_{FIRST.key_id}.p8"
    path.unlink()
    os.mkfifo(path)
    done = await stage.reload()
    assert (done["reloaded"], done["kept"]) == (True, ["apple_rn"])
    assert await stage.push(stage.vendors.phones.add_apple()) == {"status": "OK"}


@pytest.mark.parametrize("name", HANGING)
async def test_a_file_that_hangs_fails_the_reload_and_nothing_else(
    stage: Serving, name: str
) -> None:
    path = stage.vendors.folder / name
    saved = path.read_bytes()
    path.unlink()
    # Whoever reads this waits for somebody to write.
    os.mkfifo(path)
    assert await stage.reload() == {
        "reloaded": False,
        "kept": [],
        "error": "configuration and credentials took over 10 s to read; is a file server away?",
    }
    assert await stage.push(stage.vendors.phones.add_apple()) == {"status": "OK"}
    path.unlink()
    path.write_bytes(saved)
    path.chmod(0o600)
    await reload(stage, "signal")
    assert await stage.push(stage.vendors.phones.add_apple()) == {"status": "OK"}
    assert await stage.worker.stop(timeout_s=20) == 0
