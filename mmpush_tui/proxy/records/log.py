"""The worker's log: plain or JSON lines, every value of them cleaned and redacted."""

import contextlib
import logging
import logging.handlers
import queue
import sys
import threading
import traceback
from collections.abc import Callable, MutableMapping
from typing import Any, Final

import msgspec
import structlog

from mmpush_tui.configuration.config import ProxyConfig
from mmpush_tui.errors import ConfigError
from mmpush_tui.protocol.event import timestamp
from mmpush_tui.proxy.records.log_file import LogFile
from mmpush_tui.text import presentable, redact

QUEUE_LIMIT: Final = 10_000
"""Lines that may wait for a slow terminal or disk; further ones are dropped."""
_STOP_WITHIN_S: Final = 2.0
_VALUE_LIMIT: Final = 8000
_ITEM_LIMIT: Final = 50
_OWN: Final = frozenset({"timestamp", "level", "msg"})
"""Fields of each JSON line that no other field may stand for."""
_INT64: Final = range(-(2**63), 2**63)
_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}

Log = structlog.typing.FilteringBoundLogger
Record = MutableMapping[str, Any]


def start(config: ProxyConfig) -> tuple[Log, Callable[[], bool]]:
    """Begin logging as configured.

    Terminal and file each have a thread of their own, so that one that stalls holds up neither
    the other, nor a push, nor the end of the worker.

    Returns:
        The logger, and what writes the last lines and ends the threads; it returns false where
        that could not be done soon and a thread still waits for its terminal or disk.

    Raises:
        ConfigError: the log file cannot be opened.
    """
    # What cannot be written is lost; logging's own complaint would print the raw record.
    logging.raiseExceptions = False
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_log_level],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _json if config.log_format == "json" else _plain,
        ],
    )
    writers = [_Writer(handler, formatter) for handler in _handlers(config)]
    level = _LEVELS[config.log_level]
    for name, least in (("mmpush_tui", level), ("httpx", logging.WARNING), ("asyncio", level)):
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.handlers = list(writers)
        logger.setLevel(least)
    log: Log = structlog.wrap_logger(
        logging.getLogger("mmpush_tui"),
        processors=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )

    def stop() -> bool:
        # Every one of them, whatever became of the others.
        ended = [writer.stop() for writer in writers]
        return all(ended)

    return log, stop


def traceback_text(error: BaseException) -> str:
    """Return where ``error`` was raised, without locals and without the text of values."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(
        f"{frame.name} {frame.filename}:{frame.lineno}" for frame in reversed(frames)
    )
    return f"{type(error).__name__} in {where}"


def _handlers(config: ProxyConfig) -> list[logging.Handler]:
    handlers: list[logging.Handler] = []
    if config.enable_console_log:
        handlers.append(logging.StreamHandler(sys.stderr))
    if config.enable_file_log:
        try:
            handlers.append(
                LogFile(config.log_file_location, config.log_file_max_mb, config.log_files_kept)
            )
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"log file {config.log_file_location or '(no LogFileLocation)'}: cannot be opened",
                why=error.strerror or "" if isinstance(error, OSError) else "this is no path",
                code="log-file",
            ) from error
    return handlers


class _Writer(logging.handlers.QueueHandler):
    """Has lines written by a thread of its own."""

    def __init__(self, handler: logging.Handler, formatter: logging.Formatter) -> None:
        self._lines: queue.Queue[logging.LogRecord | None] = queue.Queue(QUEUE_LIMIT)
        super().__init__(self._lines)
        self.setFormatter(formatter)
        self._handler = handler
        self._dropped = 0
        """Lines that found no room to wait in."""
        self._reported_dropped = self._reported_lost = self._lost = 0
        self._reported_trouble = ""
        # A daemon, because a write to a stalled terminal never returns.
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self._lines.put_nowait(record)
        except queue.Full:
            # Nobody reads fast enough; a push matters more than a line about it.
            self._dropped += 1

    def _run(self) -> None:
        while (record := self._lines.get()) is not None:
            self._handler.handle(record)
            self._tell_dropped()
            if isinstance(self._handler, LogFile):
                self._tell_file(self._handler)
        self._tell_dropped(at_least=1)

    def _tell_dropped(self, at_least: int = QUEUE_LIMIT) -> None:
        dropped = self._dropped - self._reported_dropped
        if dropped and (dropped >= at_least or self._lines.empty()):
            self._reported_dropped += dropped
            self._say(
                f"{dropped} lines of the log were dropped: they came faster than they could be "
                "written"
            )

    def _tell_file(self, file: LogFile) -> None:
        if file.lost > self._lost:
            self._lost = file.lost
        elif self._lost > self._reported_lost:
            # The latest was written again.
            count = self._lost - self._reported_lost
            self._reported_lost = self._lost
            self._say(f"{count} lines of the log could not be written: {file.cause}")
        if file.trouble != self._reported_trouble:
            self._reported_trouble = file.trouble
            if file.trouble:
                self._say(f"the log file is full and cannot be put aside: {file.trouble}")

    def _say(self, words: str) -> None:
        record = logging.LogRecord("mmpush_tui", logging.WARNING, "", 0, words, None, None)
        record.msg = self.format(record)
        self._handler.handle(record)

    def stop(self) -> bool:
        """Write what waits, as far as it can be written soon, and close the file."""
        with contextlib.suppress(queue.Full):
            self._lines.put(None, timeout=_STOP_WITHIN_S)
            self._thread.join(_STOP_WITHIN_S)
        if self._thread.is_alive():
            return False
        self._handler.close()
        return True


def _plain(_logger: Any, _method: str, record: Record) -> str:
    level, event = _head(record)
    # Value by value: an escape sequence that one of them leaves open must not eat the next.
    fields = "".join(f" {_safe(key)}={_quoted(value)}" for key, value in record.items())
    # The last net: what was cut into parts, or put together here, is one line now.
    return redact(f"{timestamp()} {level:<7} {_safe(event)}{fields}")


def _json(_logger: Any, _method: str, record: Record) -> str:
    level, event = _head(record)
    line = {"timestamp": timestamp(), "level": level, "msg": _safe(event)}
    for key, value in record.items():
        name = str(_safe(key))
        line[f"{name}_" if name in _OWN else name] = _safe(value)
    # Not over the whole line, as in _plain: a pattern would run on from one field into the next.
    return msgspec.json.encode(line).decode()


def _head(record: Record) -> tuple[str, str]:
    # A traceback holds values; the exception's type and place are enough.
    exc_info = record.pop("exc_info", None)
    if exc_info is True:
        exc_info = sys.exc_info()
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if isinstance(error, BaseException):
        record["error"] = traceback_text(error)
    return str(record.pop("level")), str(record.pop("event"))


def _safe(value: Any) -> Any:
    match value:
        case None | bool() | float():
            return value
        case int() if value in _INT64:
            return value
        case int():
            return "a very large number"
        case list() | tuple():
            return _joined([_safe(item) for item in value[:_ITEM_LIMIT]])
        case dict():
            items = list(value.items())[:_ITEM_LIMIT]
            return {str(_safe(key)): _safe(item) for key, item in items}
        case _:
            return presentable(value, _VALUE_LIMIT)


def _joined(items: list[Any]) -> list[Any]:
    """Return ``items``, or as one text what is a secret once they stand side by side."""
    text = "\n".join(item for item in items if isinstance(item, str))
    redacted = redact(text)
    return items if redacted == text else [presentable(redacted, _VALUE_LIMIT)]


def _quoted(value: Any) -> str:
    text = str(_safe(value))
    if text and not any(char in ' "=\\' for char in text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
