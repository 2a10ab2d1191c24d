"""The delivery journal: what is in it, for how long, and what a bad disk does to it."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmpush_tui.cli import run
from mmpush_tui.protocol.event import Event
from mmpush_tui.proxy.events import EventBus
from mmpush_tui.proxy.records import journal, journal_file
from mmpush_tui.proxy.records.journal import Journal
from mmpush_tui.proxy.records.journal_file import default_journal
from mmpush_tui.proxy.records.journal_queries import ack_number, find_delivery, read_journal
from tests.rights import NOBODY, disk, fill

EVERY_S = 0.02


def event(bus: EventBus, number: int = 0, **fields: object) -> Event:
    told = {
        "phase": "answered", "id": f"id-{number}", "target": "apple_rn", "platform": "apple_rn",
        "type": "message", "device": "c0ffee..", "status": "OK", "http": 200, "tries": 1,
        "upstream_id": "u", "bytes": 600, "ms": {"total": 12.5, "upstream": 9.5},
    } | fields  # fmt: skip
    return bus.publish("delivery", **told)


class Complaints(list[str]):
    def until(self, count: int) -> list[str]:
        deadline = time.monotonic() + 40
        while len(self) < count:
            assert time.monotonic() < deadline, self
            time.sleep(0.01)
        return list(self)


def opened(
    path: Path, said: Complaints, days: int = 14, rows: int = 1_000_000, *, is_named: bool = False
) -> Journal:
    return Journal(
        path, days=days, rows=rows, complain=said.append, is_named=is_named, every_s=EVERY_S
    )


def filled(path: Path, count: int) -> None:
    said, bus = Complaints(), EventBus()
    it = opened(path, said)
    for number in range(count):
        it.add(event(bus, number), f"ack-{number}")
    it.close()
    assert (it.lost, said) == (0, [])


def count(path: Path) -> int:
    with sqlite3.connect(path) as database:
        found: int = database.execute("SELECT count(*) FROM delivery").fetchone()[0]
        return found


def test_what_was_written_is_read_the_newest_last(tmp_path: Path) -> None:
    said, bus = Complaints(), EventBus()
    it = opened(tmp_path / "j.db", said)
    first = event(bus, 1)
    second = event(bus, 2, status="FAIL", reason="BadTopic", message="no", ms={"total": 0.5})
    it.add(first, "ack-1")
    it.add(second, "")
    it.close()
    found = read_journal(tmp_path / "j.db")
    assert [each.id for each in found] == ["id-1", "id-2"]
    for made, kept in zip((first, second), found, strict=True):
        assert abs(len(made.at) - len(kept.at)) == 0
        assert kept == type(kept)(**{
            name: getattr(kept if name == "at" else made, name) for name in made.__struct_fields__
        })  # fmt: skip
    assert [each.id for each in read_journal(tmp_path / "j.db", limit=1)] == ["id-2"]
    assert read_journal(tmp_path / "j.db", since=time.time() + 1) == []
    assert said == []


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    os.umask(0o022)
    filled(tmp_path / "new" / "j.db", 1)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    for path in (tmp_path / "new").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_neither_ack_id_nor_anything_said_is_in_it(tmp_path: Path) -> None:
    filled(tmp_path / "j.db", 300)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"c0ffee.." in content
    assert b"ack-2" not in content


def test_a_receipt_finds_its_delivery_after_a_restart(tmp_path: Path) -> None:
    filled(tmp_path / "j.db", 3)
    said = Complaints()
    it = opened(tmp_path / "j.db", said)
    found = find_delivery(tmp_path / "j.db", "ack-1")
    assert found is not None
    assert (found.id, found.target) == ("id-1", "apple_rn")
    assert 0 <= found.device_ms < 60_000
    assert find_delivery(tmp_path / "j.db", "ack-9") is None
    it.acknowledged("ack-1")
    it.acknowledged("ack-9")
    it.close()
    times = [each.ms.get("device") for each in read_journal(tmp_path / "j.db")]
    assert times[0] is None
    assert times[1] is not None
    assert times[2] is None


def test_more_than_a_statement_holds_are_all_written(tmp_path: Path) -> None:
    filled(tmp_path / "j.db", 1234)
    assert count(tmp_path / "j.db") == 1234


def pruned(path: Path, days: int, rows: int, expected: int) -> None:
    said = Complaints()
    it = opened(path, said, days, rows)
    deadline = time.monotonic() + 40
    while count(path) != expected:
        assert time.monotonic() < deadline, count(path)
        time.sleep(0.02)
    it.close()
    assert said == []


def test_only_so_many_are_kept_and_their_space_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    filled(path, 12_000)
    size = path.stat().st_size
    pruned(path, 14, 1000, 1000)
    assert read_journal(path)[0].id == "id-11000"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert path.stat().st_size < size / 4


def test_only_so_long_they_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    filled(path, 100)
    with sqlite3.connect(path) as database:
        # Anywhere: the clock may have been set back meanwhile.
        database.execute("UPDATE delivery SET at = at - 3 * 86400000 WHERE rowid % 5 < 2")
    pruned(path, 2, 1_000_000, 60)


def test_a_broken_file_is_put_aside_and_said(tmp_path: Path) -> None:
    path, said = tmp_path / "j.db", Complaints()
    path.write_bytes(b"this is no database, " * 1000)
    it = opened(path, said)
    it.add(event(EventBus()), "")
    it.close()
    assert count(path) == 1
    aside = [each.name for each in tmp_path.iterdir() if ".broken-" in each.name]
    assert said == [f"the journal {path} was damaged; it is kept as {aside[0]} and a new one begun"]


def test_damage_inside_is_put_aside_as_soon_as_it_is_met(tmp_path: Path) -> None:
    path, said = tmp_path / "j.db", Complaints()
    filled(path, 3000)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    it = opened(path, said)
    for number in range(10):
        it.add(event(EventBus(), number), f"ack-{number}")
    it.close()
    assert [each.id for each in read_journal(path)] == [f"id-{number}" for number in range(10)]
    aside = [each.name for each in tmp_path.iterdir() if ".broken-" in each.name]
    assert said == [f"the journal {path} was damaged; it is kept as {aside[0]} and a new one begun"]


NOT_OURS: list[tuple[str, bytes, str]] = [
    ("config.toml", b"[proxy]\nport = 1\n", "it is there and no journal; name another path, or "
     "move it away"),
    ("other.db", b"SQLite format 3\0" + bytes(84) + b"x" * 4000, "it is the database of another "
     "program; name another path"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "why"), NOT_OURS)
def test_what_is_not_ours_is_left_as_it_is(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    path, said = tmp_path / name, Complaints()
    path.write_bytes(content)
    it = opened(path, said, is_named=True)
    it.add(event(EventBus()), "")
    it.close()
    assert said == [f"the journal {path} cannot be written, pushes go on without: {why}"]
    assert path.read_bytes() == content
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_another_programs_database_gets_no_tables(tmp_path: Path) -> None:
    path, said = tmp_path / "its.db", Complaints()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE its (x)")
    before = path.read_bytes()
    opened(path, said, is_named=False).close()
    assert path.read_bytes() == before
    assert said[0].endswith("it is the database of another program; name another path")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path, said = tmp_path / "it", Complaints()
    make(path)
    it = opened(path, said, is_named=True)
    it.close()
    assert not it._thread.is_alive()
    assert said[0].endswith("it is no file that a database can be in; name another path")


def readable(path: Path) -> int:
    """Return how many can be read; looks, and makes nothing."""
    try:
        return len(read_journal(path))
    except sqlite3.Error:
        return 0


def test_a_removed_one_is_made_again(tmp_path: Path) -> None:
    path, said = tmp_path / "j.db", Complaints()
    it = opened(path, said)
    it.add(event(EventBus(), 1), "")
    while readable(path) != 1:
        time.sleep(0.01)
    # Its write-ahead log stays behind, full of the old pages.
    path.unlink()
    it.add(event(EventBus(), 2), "")
    while readable(path) != 1:
        time.sleep(0.01)
    it.close()
    assert [each.id for each in read_journal(path)] == ["id-2"]
    assert said == []


def test_one_worker_alone_writes_and_the_next_takes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_AGAIN_S", 0.05)
    path, said = tmp_path / "j.db", Complaints()
    first = opened(path, Complaints())
    first.add(event(EventBus(), 1), "")
    while count_or_none(path) != 1:
        time.sleep(0.01)
    second = opened(path, said)
    second.add(event(EventBus(), 2), "")
    assert said.until(1)[0] == (
        f"the journal {path} cannot be written, pushes go on without: another worker writes to it"
    )
    first.close()
    assert said.until(2)[1] == f"the journal {path} can be written again"
    second.close()
    assert [each.id for each in read_journal(path)] == ["id-1", "id-2"]


def test_what_sqlite_cannot_hold_costs_nothing_else(tmp_path: Path) -> None:
    path, said, bus = tmp_path / "j.db", Complaints(), EventBus()
    it = opened(path, said)
    it.add(event(bus, 1), "")
    it.add(event(bus, 2, type="half \ud83d", http=2**70), "")
    it.add(event(bus, 3), "")
    it.close()
    found = read_journal(path)
    assert [each.id for each in found] == ["id-1", "id-2", "id-3"]
    assert (found[1].type, found[1].http) == ("half ?", 2**63 - 1)
    assert (said, it.lost) == ([], 0)


def test_receipts_count_against_what_may_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "WAITING_LIMIT", 100)
    it = Journal(tmp_path / "j.db", days=1, rows=1000, complain=print, every_s=60)
    for number in range(300):
        it.acknowledged(f"ack-{number}")
    assert (len(it._waiting), it.lost) == (100, 200)
    it.close()


def test_of_several_with_an_ack_id_the_latest_is_meant(tmp_path: Path) -> None:
    path, said, bus = tmp_path / "j.db", Complaints(), EventBus()
    it = opened(path, said)
    for number in range(3):
        it.add(event(bus, number), "same")
    it.acknowledged("same")
    it.acknowledged("same")
    it.close()
    assert [each.ms.get("device") is not None for each in read_journal(path)] == [
        False,
        False,
        True,
    ]
    assert find_delivery(path, "same") is None


def test_one_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path, said = tmp_path / "j.db", Complaints()
    filled(path, 0)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    it = opened(path, said)
    it.add(event(EventBus()), "")
    it.close()
    assert said == [
        f"the journal {path} cannot be written, pushes go on without: it was made by a newer "
        "mmpush-tui"
    ]


def test_another_program_that_holds_it_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_file, "_BUSY_S", 0.05)
    monkeypatch.setattr(journal, "_AGAIN_S", 0.05)
    path, said, bus = tmp_path / "j.db", Complaints(), EventBus()
    filled(path, 1)
    it = opened(path, said)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    it.add(event(bus, 1), "")
    assert said.until(1)[0] == (
        f"the journal {path} cannot be written, pushes go on without: database is locked"
    )
    holder.execute("COMMIT")
    holder.close()
    assert said.until(2)[1:] == [f"the journal {path} can be written again"]
    it.close()
    assert count(path) == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with disk(tmp_path / "disk", 256) as folder:
        yield folder


@pytest.mark.slow
def test_a_full_disk_costs_what_is_not_written_and_nothing_else(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_AGAIN_S", 0.05)
    monkeypatch.setattr(journal, "WAITING_LIMIT", 200)
    monkeypatch.setattr(journal, "_BATCH", 50)
    path, said, bus = small_disk / "j.db", Complaints(), EventBus()
    filler = small_disk / "filler"
    it = opened(path, said)
    it.add(event(bus), "")
    while not path.exists() or not count_or_none(path):
        time.sleep(0.02)
    fill(filler)
    for number in range(5000):
        it.add(event(bus, number), f"ack-{number}")
    assert said.until(1)[0] == (
        f"the journal {path} cannot be written, pushes go on without: database or disk is full"
    )
    filler.unlink()
    it.add(event(bus, 9999), "")
    # It may grow until the disk is full again; that it goes on is what counts.
    assert "can be written again" in " ".join(said.until(2))
    it.close()
    assert it.lost >= 1000


def count_or_none(path: Path) -> int:
    try:
        return count(path)
    except sqlite3.Error:
        return 0


WRITER = """
import sys, time
from pathlib import Path
from mmpush_tui.proxy.events import EventBus
from mmpush_tui.proxy.records.journal import Journal
bus = EventBus()
it = Journal(Path(sys.argv[1]), days=1, rows=1000000, complain=print, every_s=0.02)
for number in range(int(sys.argv[2])):
    it.add(bus.publish("delivery", phase="answered", id=str(number), ms={"total": 1.0}), "")
    if number % 100 == 0:
        time.sleep(0.01)
it.close()
print("done", flush=True)
"""


@pytest.mark.slow
def test_a_folder_that_may_not_be_written_is_said(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    user = ["/usr/bin/setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    python = shutil.which("python3", path="/usr/bin")
    if (
        python is None
        or subprocess.run(
            [*user, sys.executable, "-c", ""], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("another user cannot run this Python")
    done = subprocess.run(
        [*user, sys.executable, "-c", WRITER, str(closed / "j.db"), "5"], check=True,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert f"the journal {closed}/j.db cannot be written, pushes go on without: " in done.stdout
    assert done.stdout.endswith("done\n")


@pytest.mark.slow
def test_a_kill_in_the_middle_leaves_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path), "1000000"])
    deadline = time.monotonic() + 40
    while not path.exists() or count_or_none(path) < 500:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    kept = count(path)
    assert kept >= 500
    filled(path, 3)
    assert count(path) == kept + 3
    assert [int(each.id) for each in read_journal(path, limit=kept + 3)[:-3]] == list(range(kept))


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}:/other")
    assert default_journal(8086, "127.0.0.1:8086") == tmp_path / "journal-8086.db"
    assert default_journal(0, "unix:/run/push.sock") == tmp_path / "journal-push.db"
    monkeypatch.delenv("STATE_DIRECTORY")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_journal(1, "x") == tmp_path / "mmpush-tui" / "journals" / "journal-1.db"


def test_an_ack_id_is_a_number_that_sqlite_holds() -> None:
    assert 0 <= ack_number("a") < 2**63
    assert ack_number("a") != ack_number("b")
    assert ack_number("\ud800") >= 0


# From the command line


def test_the_command_reads_it_without_a_worker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "j.db")
    filled(tmp_path / "j.db", 30)
    assert run(["deliveries", "--journal", path, "--limit", "5"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6
    assert run(["deliveries", "--journal", path, "--since", "2h", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["deliveries"]
    assert [it["id"] for it in found] == [f"id-{number}" for number in range(30)]
    assert run(["deliveries", "--journal", path, "--filter", "status:FAIL"]) == 0
    assert capsys.readouterr().err == "None matches.\n"


REFUSED = [
    (["--journal", "{}/none"], 1, "there is no such file. Name a journal with --journal; a "
     "worker's status names its own."),
    (["--journal", "{}/text"], 1, "cannot be read as a journal: file is not a database."),
    (["--journal", "{}/text", "--since", "soon"], 2, "expected a time such as 30m, 2h or 7d."),
    (["--journal", "{}/text", "--follow"], 2, "a journal cannot be followed."),
    (["--since", "2h", "--follow"], 2, "Leave out --journal and --since, or --follow."),
    (["--since", "2h"], 1, "journals holds no journal. Name a journal with --journal; a "
     "worker's status names its own."),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "words"), REFUSED)
def test_the_command_says_why_not(
    arguments: list[str], code: int, words: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "text").write_text("no database at all, " * 100)
    assert run(["deliveries", *(it.format(tmp_path) for it in arguments)]) == code
    assert words in capsys.readouterr().err


def test_without_a_worker_the_only_journal_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    filled(default_journal(8086, ""), 3)
    assert run(["deliveries", "--since", "2h", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["deliveries"]) == 3
    filled(default_journal(8087, ""), 3)
    assert run(["deliveries", "--since", "2h"]) == 2
    folder = tmp_path / "mmpush-tui" / "journals"
    assert capsys.readouterr().err.endswith(
        f"no worker runs, and there are several journals: {folder}/journal-8086.db, "
        f"{folder}/journal-8087.db. Name the one you mean with --journal.\n"
    )
