"""The worker's log: plain or JSON lines, every one of them cleaned and redacted at the end."""

import logging
import logging.handlers
import queue
import sys
import traceback
from collections.abc import Callable, MutableMapping
from typing import Any, Final

import msgspec
import structlog

from mmpush_tui.errors import ConfigError
from mmpush_tui.proxy.config import ProxyConfig
from mmpush_tui.proxy.events import timestamp
from mmpush_tui.text import presentable

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_LINE_LIMIT: Final = 8000

Log = structlog.typing.FilteringBoundLogger


def start(config: ProxyConfig) -> tuple[Log, Callable[[], None]]:
    """Begin logging as configured.

    Lines are written by a thread of their own, so that a stalled terminal or disk holds up no
    push; when 10,000 wait, further ones are dropped.

    Returns:
        The logger, and what ends the thread after the last line.

    Raises:
        ConfigError: the log file cannot be opened.
    """
    handlers: list[logging.Handler] = []
    if config.enable_console_log:
        handlers.append(logging.StreamHandler(sys.stderr))
    if config.enable_file_log:
        try:
            handlers.append(
                logging.handlers.WatchedFileHandler(config.log_file_location, encoding="utf-8")
            )
        except OSError as error:
            raise ConfigError(
                f"log file {config.log_file_location or '(no LogFileLocation)'}: cannot be opened",
                why=error.strerror or "",
                code="log-file",
            ) from error
    lines: queue.Queue[Any] = queue.Queue(10_000)
    listener = logging.handlers.QueueListener(lines, *handlers)
    listener.start()
    handler = _DroppingHandler(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _json if config.log_format == "json" else _plain,
            ],
        )
    )
    level = _LEVELS[config.log_level]
    for name, least in (("mmpush_tui", level), ("uvicorn", logging.WARNING), ("asyncio", level)):
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.handlers = [handler]
        logger.setLevel(least)
    log: Log = structlog.wrap_logger(
        logging.getLogger("mmpush_tui"),
        processors=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    return log, listener.stop


def traceback_text(error: BaseException) -> str:
    """Return where ``error`` was raised, without locals and without the text of values."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(
        f"{frame.name} {frame.filename}:{frame.lineno}" for frame in reversed(frames)
    )
    return f"{type(error).__name__} in {where}"


class _DroppingHandler(logging.handlers.QueueHandler):
    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            # Nobody reads fast enough; a push matters more than a line about it.
            return


Record = MutableMapping[str, Any]


def _plain(_logger: Any, _method: str, record: Record) -> str:
    level, event = _head(record)
    fields = " ".join(f"{key}={_value(value)}" for key, value in record.items())
    line = f"{timestamp()} {level:<7} {event} {fields}".rstrip()
    return presentable(line, _LINE_LIMIT)


def _json(_logger: Any, _method: str, record: Record) -> str:
    level, event = _head(record)
    line = {"timestamp": timestamp(), "level": level, "msg": _safe(event)}
    line |= {key: _safe(value) for key, value in record.items()}
    return msgspec.json.encode(line).decode()


def _head(record: Record) -> tuple[str, str]:
    # A library's traceback holds values; its type and place are enough.
    if isinstance(info := record.pop("exc_info", None), tuple) and info[1] is not None:
        record["error"] = traceback_text(info[1])
    return str(record.pop("level")), str(record.pop("event"))


def _safe(value: Any) -> Any:
    return presentable(value, _LINE_LIMIT) if isinstance(value, str) else value


def _value(value: Any) -> str:
    text = str(value)
    return f'"{text}"' if " " in text else text
