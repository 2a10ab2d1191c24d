"""The log file: its size, and what others do to it."""

import json
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmpush_tui.configuration.config import ProxyConfig, load
from mmpush_tui.proxy.records import log, log_file
from mmpush_tui.proxy.records.log_file import LogFile
from tests.rights import disk, fill


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("x", logging.INFO, "", 0, text, None, None)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file, "_MB", 100)


@pytest.mark.usefixtures("small")
def test_is_put_aside_at_its_size_and_so_many_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "push.log"
    path.touch(mode=0o640)
    path.chmod(0o640)
    file = LogFile(str(path), 1, 2)
    for number in range(60):
        file.emit(record(f"line {number:02} of ten"))
    file.close()
    assert sorted(it.name for it in tmp_path.iterdir()) == ["push.log", "push.log.1", "push.log.2"]
    assert (path.with_suffix(".log.1")).read_text().splitlines()[-1].startswith("line")
    kept = (tmp_path / "push.log.2").read_text() + (tmp_path / "push.log.1").read_text()
    kept += path.read_text()
    numbers = [int(line.split()[1]) for line in kept.splitlines()]
    assert numbers == list(range(numbers[0], 60))
    assert all(it.stat().st_mode & 0o777 == 0o640 for it in tmp_path.iterdir())
    assert all(it.stat().st_size < 120 for it in tmp_path.iterdir())


@pytest.mark.usefixtures("small")
def test_none_may_be_kept(tmp_path: Path) -> None:
    file = LogFile(str(tmp_path / "push.log"), 1, 0)
    for _ in range(20):
        file.emit(record("a line of some length"))
    file.close()
    assert [it.name for it in tmp_path.iterdir()] == ["push.log"]


def test_without_a_limit_it_grows(tmp_path: Path) -> None:
    file = LogFile(str(tmp_path / "push.log"), 0, 5)
    for _ in range(1000):
        file.emit(record("x" * 1000))
    file.close()
    assert [it.name for it in tmp_path.iterdir()] == ["push.log"]


def test_goes_on_after_others_moved_removed_or_cut_it(tmp_path: Path) -> None:
    path = tmp_path / "push.log"
    file = LogFile(str(path), 1, 5)
    file.emit(record("one"))
    path.rename(tmp_path / "old.log")
    file.emit(record("two"))
    assert path.read_text() == "two\n"
    path.unlink()
    file.emit(record("three"))
    assert path.read_text() == "three\n"
    os.truncate(path, 0)
    file.emit(record("four"))
    assert path.read_text() == "four\n"
    assert (tmp_path / "old.log").read_text() == "one\n"
    file.close()


def test_a_folder_that_is_gone_costs_lines_until_it_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    file = LogFile(str(folder / "push.log"), 1, 5)
    (folder / "push.log").unlink()
    folder.rmdir()
    file.emit(record("one"))
    assert (file.lost, file.cause) == (1, "No such file or directory")
    folder.mkdir()
    file.emit(record("two"))
    assert (folder / "push.log").read_text() == "two\n"
    file.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with disk(tmp_path / "disk", 64) as folder:
        yield folder


def config(folder: Path) -> ProxyConfig:
    path = folder / "c.toml"
    path.write_text(
        "[proxy]\nenable_file_log = true\nenable_console_log = false\n"
        f'log_file_location = "{folder}/disk/push.log"\nlog_format = "json"\n'
        "log_files_kept = 1\n"
    )
    return load(path, {})


@pytest.mark.slow
def test_a_full_disk_costs_lines_and_it_is_said_how_many(small_disk: Path, tmp_path: Path) -> None:
    logger, stop = log.start(config(tmp_path))
    filler = small_disk / "filler"
    fill(filler)
    for number in range(400):
        logger.info("a line that is lost", number=number)
    time.sleep(0.5)
    filler.unlink()
    logger.info("a line that is kept")
    assert stop()
    lines = (small_disk / "push.log").read_text().splitlines()
    assert '"msg":"a line that is kept"' in lines[-2]
    assert "lines of the log could not be written: No space left on device" in lines[-1]
    assert '"level":"warning"' in lines[-1]


@pytest.mark.usefixtures("small")
def test_one_that_cannot_be_put_aside_grows_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "push.log"
    (tmp_path / "push.log.1" / "full").mkdir(parents=True)
    file = LogFile(str(path), 1, 1)
    for number in range(20):
        file.emit(record(f"a line of some length, {number}"))
    assert len(path.read_text().splitlines()) == 20
    assert (file.lost, file.trouble) == (0, "Is a directory")
    file.close()


def test_a_folder_in_its_place_is_said_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "_MB", 1)
    (tmp_path / "disk" / "push.log.1" / "full").mkdir(parents=True)
    logger, stop = log.start(config(tmp_path))
    for number in range(3):
        logger.info("a line", number=number)
    assert stop()
    lines = (tmp_path / "disk" / "push.log").read_text().splitlines()
    assert len(lines) == 4
    told = "the log file is full and cannot be put aside: Is a directory"
    assert [json.loads(line)["msg"] for line in lines].count(told) == 1


CANARIES = [
    ("ab" * 32, "abab"), ("x" * 22 + ":" + "APA91b" + "y" * 134, "yyyy"),
    ("-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\n-----END PRIVATE KEY-----", "MIGH"),
    ("eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJURUFN.c2lnbmF0dXJl", "TEAM"),
    ("http://ann:s3cret@proxy.test:3128", "s3cret"),
]  # fmt: skip


@pytest.mark.parametrize("form", ["plain", "json"])
@pytest.mark.parametrize(("secret", "part"), CANARIES)
def test_no_secret_is_in_a_line_wherever_it_stood(
    secret: str, part: str, form: str, tmp_path: Path
) -> None:
    path = tmp_path / "c.toml"
    path.write_text(
        "[proxy]\nenable_file_log = true\nenable_console_log = false\n"
        f'log_file_location = "{tmp_path}/push.log"\nlog_format = "{form}"\n'
    )
    logger, stop = log.start(load(path, {}))
    logger.info(secret)
    logger.info("value", value=secret, nested={"a": [secret, {secret: 1}]})
    logger.info("key", **{secret: 1})
    halves = [secret[: len(secret) // 2], secret[len(secret) // 2 :]]
    logger.info("parts " + "".join(halves))
    logger.info("lines", lines=secret.split("\n"))
    try:
        raise ValueError(secret)
    except ValueError:
        logger.exception("raised")
    assert stop()
    written = (tmp_path / "push.log").read_text()
    assert len(written.splitlines()) == 6
    assert part not in written.replace("abab..", "").replace("ababab..", "")


def test_a_json_field_neither_swallows_another_nor_stands_for_ours(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    logger, stop = log.start(config(tmp_path))
    logger.info("it", at="http://a:b@c.test", next="who@there", msg="x", timestamp=1, last=":/d@e")
    assert stop()
    (line,) = (tmp_path / "disk" / "push.log").read_text().splitlines()
    found = json.loads(line)
    assert found.pop("timestamp").endswith("Z")
    assert found == {
        "level": "info", "msg": "it", "at": "http://[secret]@c.test", "next": "who@there",
        "msg_": "x", "timestamp_": 1, "last": ":/[secret]@e",
    }  # fmt: skip
