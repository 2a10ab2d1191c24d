"""The delivery log on the command line, beside a worker that delivers."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mmpush_tui.simulator.credentials import TOPIC
from mmpush_tui.simulator.phones import PhoneState
from tests.commands.running import COMMAND, run
from tests.proxy.rehearsal import Rehearsal, rehearsal

pytestmark = pytest.mark.slow


@pytest.fixture
async def stage(short_tmp: Path) -> AsyncIterator[Rehearsal]:
    async with rehearsal(short_tmp) as it:
        phones = it.world.phones
        await it.push(phones.add_apple(TOPIC))
        await it.push(phones.add_android("mmpush-demo"))
        await it.push(phones.add_apple(TOPIC, state=PhoneState.DEAD))
        await it.world.settle(10)
        yield it


async def deliveries(stage: Rehearsal, *options: str) -> "subprocess.CompletedProcess[str]":
    control = str(stage.worker.control)
    return await asyncio.to_thread(run, "deliveries", "--control", control, *options)


async def push_on(stage: Rehearsal) -> None:
    """Push until cancelled; a follower may attach at any time."""
    phone = stage.world.phones.add_apple(TOPIC)
    while await stage.push(phone):  # noqa: ASYNC110 - the follower is another process
        await asyncio.sleep(0.1)


async def test_the_list_says_what_mattermost_was_told_and_why(stage: Rehearsal) -> None:
    done = await deliveries(stage)
    assert done.returncode == 0, done.stderr
    header, *lines = done.stdout.splitlines()
    assert header.split() == ["time", "platform", "answer", "ms", "type", "device", "reason"]
    assert [line.split()[1:3] for line in lines] == [
        ["apple_rn", "OK"], ["android_rn", "OK"], ["apple_rn", "REMOVE"],
    ]  # fmt: skip
    assert lines[2].endswith(" Unregistered")


async def test_json_is_one_object_with_whole_events(stage: Rehearsal) -> None:
    document = json.loads((await deliveries(stage, "--json", "--filter", "status:remove")).stdout)
    assert (document["schema"], document["kind"]) == (1, "deliveries")
    (event,) = document["deliveries"]
    assert event["reason"] == "Unregistered"
    assert event["v"] == 1
    assert event["run"] == document["run"]


@pytest.mark.parametrize(
    ("expression", "count"),
    [("platform:apple", 2), ("-platform:apple", 1), ("status:FAIL", 0), (">1s", 0), ("<60s ok", 2)],
)
async def test_a_filter_keeps_what_matches(stage: Rehearsal, expression: str, count: int) -> None:
    done = await deliveries(stage, "--json", "--filter", expression)
    assert len(json.loads(done.stdout)["deliveries"]) == count


async def test_nothing_that_matches_is_said_on_standard_error(stage: Rehearsal) -> None:
    done = await deliveries(stage, "--filter", "status:FAIL")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "None matches.\n")


async def test_follow_begins_with_the_past_and_ends_with_the_worker(stage: Rehearsal) -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "deliveries", "--follow", "--json", "--control", str(stage.worker.control),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    run_id = (await stage.client.status())["run"]
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        pushing = group.create_task(push_on(stage))
        first: dict[str, object] = {}
        while first.get("phase") != "answered":
            first = json.loads(await process.stdout.readline())
        pushing.cancel()
    assert first["run"] == run_id
    assert set(first) >= {"v", "run", "seq", "at", "kind", "id", "target", "phase", "status",
                          "reason", "ms", "tries"}  # fmt: skip
    await stage.worker.stop()
    async with asyncio.timeout(20):
        rest, err = await process.communicate()
    assert process.returncode == 0
    assert json.loads(rest.splitlines()[-1])["status"] == "drained"
    assert err.decode() == "The worker ended.\n"


async def test_follow_for_people_shows_the_receipt_too(stage: Rehearsal) -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "deliveries", "-f", "--control", str(stage.worker.control),
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(20):
        header, *past = [(await process.stdout.readline()).decode() for _ in range(4)]
        assert header.startswith("time")
        assert [line.split()[2] for line in past] == ["OK", "OK", "REMOVE"]
        async with asyncio.TaskGroup() as group:
            pushing = group.create_task(push_on(stage))
            while "by the phone itself" not in (await process.stdout.readline()).decode():
                continue
            pushing.cancel()
    process.kill()
    await process.wait()


async def test_resuming_behind_another_run_is_told_as_a_gap(stage: Rehearsal) -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "deliveries", "--follow", "--json", "--after", "another-run:7",
        "--filter", "status:none-such", "--control", str(stage.worker.control),
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(20):
        gap = json.loads(await process.stdout.readline())
    assert (gap["kind"], gap["status"]) == ("gap", "unknown")
    process.kill()
    await process.wait()


async def test_the_only_worker_is_found_by_itself(stage: Rehearsal) -> None:
    from mmpush_tui.protocol import paths

    folder = paths.user_folder()
    folder.mkdir(parents=True)
    (folder / "8086.sock").symlink_to(stage.worker.control)
    done = await asyncio.to_thread(run, "deliveries")
    assert done.returncode == 0, done.stderr
    (folder / "8087.sock").symlink_to(stage.worker.control)
    done = await asyncio.to_thread(run, "deliveries")
    assert done.returncode == 2
    assert done.stderr.startswith("mmpush-tui: several workers run: ")
    assert done.stderr.endswith("Name the one you mean with --control.\n")


def test_without_a_worker_it_says_how_to_start_one() -> None:
    done = run("deliveries")
    assert done.returncode == 3
    assert done.stderr == (
        "mmpush-tui: no running worker was found. Start one with mmpush-tui serve, or name its "
        "control socket with --control.\n"
    )


def test_a_socket_without_a_worker_is_unreachable(short_tmp: Path) -> None:
    done = run("deliveries", "--control", short_tmp / "none.sock")
    assert done.returncode == 3
    assert f"the worker at {short_tmp / 'none.sock'} does not answer" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("stat:FAIL", "filter 'stat:FAIL': no key 'stat'. Did you mean status:?"),
        ("status:", "filter 'status:': nothing follows the colon."),
    ],
)
def test_a_wrong_filter_is_explained(expression: str, sentence: str) -> None:
    done = run("deliveries", "--filter", expression)
    assert done.returncode == 2
    assert done.stderr.startswith(f"mmpush-tui: {sentence}")
    assert "Words that must all match" in done.stderr
