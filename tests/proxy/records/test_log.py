import asyncio
import contextlib
import json
import logging
import sys
import unicodedata
from asyncio import StreamReader
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from mmpush_tui.configuration import config
from mmpush_tui.errors import ConfigError
from mmpush_tui.proxy.records import log
from mmpush_tui.text import Secret
from tests.waiting import eventually

FORMATS = ["plain", "json"]


@pytest.fixture(autouse=True)
def _loggers_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(logging, "raiseExceptions", logging.raiseExceptions)
    loggers = [logging.getLogger(name) for name in ("mmpush_tui", "httpx", "asyncio")]
    before = [(logger, logger.handlers, logger.propagate, logger.level) for logger in loggers]
    yield
    for logger, handlers, propagate, level in before:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def settings(folder: Path, **options: str | bool) -> config.ProxyConfig:
    values: dict[str, str | bool] = {"enable_console_log": False, "log_level": "debug"}
    path = folder / "config.toml"
    lines = [f"{name} = {json.dumps(value)}" for name, value in (values | options).items()]
    path.write_text("\n".join(["[proxy]", *lines, ""]))
    return config.load(path, {})


def written(
    folder: Path, log_format: str, work: Callable[[log.Log], None], **more: str | bool
) -> list[str]:
    """Return the lines that ``work`` leaves in the log file."""
    path = folder / "worker.log"
    logger, stop = log.start(
        settings(
            folder, enable_file_log=True, log_file_location=str(path), log_format=log_format, **more
        )
    )
    try:
        work(logger)
    finally:
        stop()
    text = path.read_text()
    assert not text or text.endswith("\n")
    return text.split("\n")[:-1]


APNS = "0123456789abcdef" * 4
FCM = "dGhpc0lzQW5JbnN0YW5jZQ:APA91b" + "Ab3_-" * 26
JWT = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJBQkNERTEyMzQ1In0.c2lnbmF0dXJl"
PEM = "-----BEGIN PRIVATE KEY-----\nMIGTAgEAMBMG\nByqGSM49AgEG\n-----END PRIVATE KEY-----\n"
CANARIES = [
    pytest.param(APNS, "89abcdef", id="APNs token"),
    pytest.param(FCM, "APA91b", id="FCM token"),
    pytest.param(JWT, "eyJpc3Mi", id="JWT"),
    pytest.param(PEM, "MIGTAgEA", id="PEM"),
    pytest.param(f"https://user:{'pa55word'}@proxy.test", "pa55word", id="password"),
    pytest.param("Bearer s3cr3tt0k3n", "s3cr3tt0k3n", id="bearer"),
]


class Opaque:
    """A value of a type that no encoder knows."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


PLACES: list[Any] = [
    pytest.param(lambda logger, text: logger.info(text), id="message"),
    pytest.param(lambda logger, text: logger.info(f"sent to {text} again"), id="within a message"),
    pytest.param(lambda logger, text: logger.info("sent", did=text), id="field"),
    pytest.param(lambda logger, text: logger.info("sent", did=f"x {text} y"), id="within a field"),
    pytest.param(lambda logger, text: logger.info("sent", did=[text]), id="list"),
    pytest.param(lambda logger, text: logger.info("sent", did=(1, text)), id="tuple"),
    pytest.param(lambda logger, text: logger.info("sent", did={"a": {"b": text}}), id="dict"),
    pytest.param(lambda logger, text: logger.info("sent", did=ValueError(text)), id="exception"),
    pytest.param(lambda logger, text: logger.info("sent", did=Opaque(text)), id="any object"),
    pytest.param(lambda logger, text: logger.info("sent", did=Secret(text)), id="Secret"),
    pytest.param(lambda logger, text: logger.info("sent", did=text.encode()), id="bytes"),
    pytest.param(
        lambda _, text: logging.getLogger("httpx.error").error("got %s", text),
        id="argument of a library's record",
    ),
    pytest.param(lambda _, text: logging.getLogger("asyncio").error(text), id="asyncio's message"),
    pytest.param(lambda logger, text: raised(logger, text), id="raised and logged"),
    pytest.param(lambda _, text: raised(logging.getLogger("httpx"), text), id="library's raise"),
]


def raised(logger: Any, text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("it failed")


@pytest.mark.parametrize("log_format", FORMATS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("secret", "part"), CANARIES)
def test_no_secret_is_ever_written(
    secret: str,
    part: str,
    place: Callable[[log.Log, str], None],
    log_format: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    lines = written(tmp_path, log_format, lambda logger: place(logger, secret))
    assert len(lines) == 1
    assert part not in lines[0]
    assert "".join(capfd.readouterr()) == ""


@pytest.mark.parametrize("log_format", FORMATS)
def test_no_half_of_a_secret_is_left_at_the_end_of_a_long_line(
    log_format: str, tmp_path: Path
) -> None:
    def work(logger: log.Log) -> None:
        for before in range(7900, 8000, 12):
            logger.info("sent", did="x " * (before // 2) + APNS)

    for line in written(tmp_path, log_format, work):
        assert len(line) > 7900
        assert "6789abcdef" not in line


HOSTILE = "a\x1b]52;c;QQ==\x07b\x1b[2Jc\r\nd\te\x00f\x9bg\u202eh\u200bi\ud800j\x85k"


@pytest.mark.parametrize("log_format", FORMATS)
@pytest.mark.parametrize("logger_name", ["ours", "httpx.error"])
def test_control_characters_are_neutralised(
    logger_name: str, log_format: str, tmp_path: Path
) -> None:
    def work(logger: log.Log) -> None:
        if logger_name == "ours":
            logger.warning(HOSTILE, platform=HOSTILE)
        else:
            logging.getLogger(logger_name).warning("%s", HOSTILE)

    lines = written(tmp_path, log_format, work)
    assert len(lines) == 1
    assert not {unicodedata.category(char) for char in lines[0]} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set("\u202e\u200b") & set(lines[0])
    assert "abc d e" in lines[0]
    assert "QQ==" not in lines[0]


@pytest.mark.parametrize("log_format", FORMATS)
@pytest.mark.parametrize(
    "beginning", ["\x1b]0;", "\x1bP", "\x9d", "\x1b[", "-----BEGIN PRIVATE KEY-----\nMIGT"]
)
def test_an_open_end_in_one_field_swallows_no_other(
    beginning: str, log_format: str, tmp_path: Path
) -> None:
    lines = written(
        tmp_path,
        log_format,
        lambda logger: logger.warning("refused", platform=beginning + "x", reason="important"),
    )
    assert len(lines) == 1
    assert "important" in lines[0]


def test_a_field_of_a_plain_line_forges_no_other(tmp_path: Path) -> None:
    def work(logger: log.Log) -> None:
        logger.info("refused", platform='x" status="OK')
        logger.info("refused", platform="x status=OK")
        logger.info("refused", platform="x=1")

    for line in written(tmp_path, "plain", work):
        name, _, value = line.partition(" refused ")[2].partition("=")
        assert name == "platform"
        assert json.loads(value) in ('x" status="OK', "x status=OK", "x=1")


def test_plain_lines(tmp_path: Path) -> None:
    def work(logger: log.Log) -> None:
        logger.info("worker is ready", at="http://127.0.0.1:8086", targets=2)
        logger.warning("slow", ms=12.5, is_final=True)
        logger.error("two words", reason="no answer")

    lines = written(tmp_path, "plain", work)
    assert [line.partition("Z ")[2] for line in lines] == [
        "info    worker is ready at=http://127.0.0.1:8086 targets=2",
        "warning slow ms=12.5 is_final=True",
        'error   two words reason="no answer"',
    ]
    times = [line.partition("Z ")[0] for line in lines]
    assert times == sorted(times)
    assert all(len(time) == len("2026-01-02T03:04:05.678") for time in times)


def test_json_lines(tmp_path: Path) -> None:
    def work(logger: log.Log) -> None:
        logger.info("worker is ready", at="http://127.0.0.1:8086", targets=2, ms=1.5, is_on=True)
        logger.warning("none", reason=None)

    first, second = (json.loads(line) for line in written(tmp_path, "json", work))
    assert list(first) == ["timestamp", "level", "msg", "at", "targets", "ms", "is_on"]
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "level": "info",
        "msg": "worker is ready",
        "at": "http://127.0.0.1:8086",
        "targets": 2,
        "ms": 1.5,
        "is_on": True,
    }
    assert second["reason"] is None


ODD_VALUES = [
    pytest.param(2**70, id="number of more than 64 bits"),
    pytest.param(16**5000, id="number too long to write"),
    pytest.param(float("nan"), id="NaN"),
    pytest.param(float("inf"), id="infinity"),
    pytest.param({1: {2: 3}}, id="numbers as keys"),
    pytest.param({"a": {"b"}}, id="set"),
    pytest.param("x" * 1_000_000, id="a million letters"),
    pytest.param(["x" * 1000] * 1000, id="long list"),
]


@pytest.mark.parametrize("value", ODD_VALUES)
@pytest.mark.parametrize("log_format", FORMATS)
def test_any_value_is_written_in_one_line_that_ends(
    log_format: str, value: object, tmp_path: Path
) -> None:
    lines = written(tmp_path, log_format, lambda logger: logger.info("odd", value=value, last=1))
    assert len(lines) == 1
    assert len(lines[0]) < 100_000
    if log_format == "json":
        assert json.loads(lines[0])["last"] == 1
    else:
        assert lines[0].endswith(" last=1")


LEVELS = [
    pytest.param("debug", ["debug", "info", "warning", "error"], id="debug"),
    pytest.param("info", ["info", "warning", "error"], id="info"),
    pytest.param("warn", ["warning", "error"], id="warn"),
    pytest.param("error", ["error"], id="error"),
]


@pytest.mark.parametrize(("level", "expected"), LEVELS)
def test_writes_what_is_as_severe_as_configured(
    level: str, expected: list[str], tmp_path: Path
) -> None:
    def work(logger: log.Log) -> None:
        logger.debug("x")
        logger.info("x")
        logger.warning("x")
        logger.error("x")

    lines = written(tmp_path, "json", work, log_level=level)
    assert [json.loads(line)["level"] for line in lines] == expected


def test_takes_only_warnings_from_the_http_server(tmp_path: Path) -> None:
    def work(_: log.Log) -> None:
        logging.getLogger("httpx.access").info("GET /")
        logging.getLogger("httpx.error").warning("odd")

    lines = written(tmp_path, "json", work)
    assert [json.loads(line)["msg"] for line in lines] == ["odd"]


@pytest.mark.parametrize("log_format", FORMATS)
@pytest.mark.parametrize("of_library", [True, False], ids=["library", "ours"])
def test_an_exception_is_its_type_and_place(
    of_library: bool, log_format: str, tmp_path: Path
) -> None:
    lines = written(
        tmp_path,
        log_format,
        lambda logger: raised(logging.getLogger("httpx") if of_library else logger, "canary"),
    )
    assert len(lines) == 1
    assert "ValueError in raised " in lines[0]
    assert "test_log.py:" in lines[0]
    assert "canary" not in lines[0]


def test_a_traceback_holds_neither_locals_nor_texts() -> None:
    canary = "canary-5f0c"

    def inner(value: str) -> None:
        raise KeyError(value + canary)

    def outer(value: str) -> None:
        inner(value)

    with pytest.raises(KeyError) as error:
        outer(canary)
    text = log.traceback_text(error.value)
    assert "canary-5f0c" not in text
    assert "raise KeyError" not in text
    innermost, caller, *_ = text.split(" < ")
    assert innermost.startswith(f"KeyError in inner {__file__}:")
    assert caller.startswith(f"outer {__file__}:")


def test_a_traceback_of_an_error_never_raised_is_its_type() -> None:
    assert log.traceback_text(ValueError("canary")) == "ValueError in "


def test_writes_to_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logger, stop = log.start(settings(tmp_path, enable_console_log=True))
    logger.info("ready")
    stop()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith(" info    ready\n")


def test_records_reach_no_handler_but_ours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def work(logger: log.Log) -> None:
        for name in ("httpx.error", "asyncio", "mmpush_tui.proxy"):
            logging.getLogger(name).error("raw %s", APNS)
        logger.error("raw", did=APNS)

    assert len(written(tmp_path, "plain", work)) == 4
    assert caplog.records == []


def test_writes_to_standard_error_where_both_are_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logger, stop = log.start(settings(tmp_path))
    logger.error("ready")
    stop()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(" error   ready\n")
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_writes_on_behind_what_is_there(tmp_path: Path) -> None:
    written(tmp_path, "plain", lambda logger: logger.info("first"))
    lines = written(tmp_path, "plain", lambda logger: logger.info("second"))
    assert [line.rpartition(" ")[2] for line in lines] == ["first", "second"]


def test_closes_the_file_when_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    logger, stop = log.start(settings(tmp_path, enable_file_log=True, log_file_location=str(path)))
    logger.info("x")
    assert str(path) in {file.path for file in psutil.Process().open_files()}
    stop()
    assert str(path) not in {file.path for file in psutil.Process().open_files()}


async def test_goes_on_in_a_new_file_after_rotation(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    logger, stop = log.start(settings(tmp_path, enable_file_log=True, log_file_location=str(path)))
    try:
        logger.info("first")

        async def is_written() -> bool:
            return "first" in path.read_text()

        await eventually(is_written)
        path.rename(tmp_path / "worker.log.1")
        logger.info("second")
    finally:
        stop()
    assert "second" in path.read_text()
    assert "second" not in (tmp_path / "worker.log.1").read_text()


# In a process of its own, because a thread that waits for a stalled pipe cannot be ended.
LOGGING = """
import sys
from pathlib import Path
from mmpush_tui.configuration import config
from mmpush_tui.proxy.records import log

logger, stop = log.start(config.load(Path(sys.argv[1]), {}))
for number in range(20_000):
    logger.info("x" * 100, number=number)
print("logged", flush=True)
stop()
print("ended", flush=True)
"""


@contextlib.asynccontextmanager
async def logging_process(folder: Path) -> AsyncIterator[tuple[Process, StreamReader]]:
    """Start a process that logs 20,000 lines; yield it and its standard output."""
    settings(folder, enable_console_log=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        LOGGING,
        str(folder / "config.toml"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # Above this, what the process writes to standard error stays in the pipe, unread.
        limit=1024,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            yield process, process.stdout
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_drops_lines_rather_than_wait_for_a_reader_that_stalls(tmp_path: Path) -> None:
    async with logging_process(tmp_path) as (process, output):
        assert await output.readline() == b"logged\n"
        _, errors = await process.communicate()
    lines = errors.splitlines()
    assert lines[0].endswith(b" number=0")
    told = [line for line in lines if b"lines of the log were dropped" in line]
    dropped = sum(int(line.partition(b"warning ")[2].split()[0]) for line in told)
    assert 0 < dropped == 20_000 - (len(lines) - len(told))


async def test_ends_although_nobody_reads(tmp_path: Path) -> None:
    async with logging_process(tmp_path) as (_, output):
        assert await output.readline() == b"logged\n"
        assert await output.readline() == b"ended\n"


BAD_FILES = [
    pytest.param("none/worker.log", "No such file or directory", id="no such folder"),
    pytest.param(".", "Is a directory", id="a folder"),
    pytest.param("config.toml/x", "Not a directory", id="below a file"),
]


@pytest.mark.parametrize(("name", "why"), BAD_FILES)
def test_says_why_the_log_file_cannot_be_opened(name: str, why: str, tmp_path: Path) -> None:
    found = settings(tmp_path, enable_file_log=True, log_file_location=name)
    with pytest.raises(ConfigError) as error:
        log.start(found)
    where = found.log_file_location
    assert error.value.line() == f"log file {where}: cannot be opened: {why}."
