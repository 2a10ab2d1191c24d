"""What is left of a crash: a file without locals, and one sentence."""

import os
import traceback
from datetime import UTC, datetime
from pathlib import Path

from mmpush_tui import __version__, files
from mmpush_tui.text import presentable


def report(error: BaseException, folder: Path) -> str:
    """Write where ``error`` happened to a file in ``folder`` and return what to say, a sentence.

    The report holds files, lines and functions. It holds neither locals nor the error's text,
    which can quote what nobody may see.
    """
    name = type(error).__name__
    lines = [f"mmpush-tui {__version__}", datetime.now(UTC).isoformat(timespec="seconds")]
    cause: BaseException | None = error
    while cause is not None and len(lines) < 500:
        lines.append(name if cause is error else f"after {type(cause).__name__}")
        frames = traceback.extract_tb(cause.__traceback__)
        lines += [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        cause = cause.__cause__ or cause.__context__
    path = _write("".join(presentable(line, 400) + "\n" for line in lines), folder)
    where = f"The report is in {path}." if path else "No report could be written."
    return (
        f"mmpush-tui: this is a fault of mmpush-tui {__version__}: {name}. {where} "
        "A worker that was running goes on: mmpush-tui deliveries --follow shows it."
    )


def _write(text: str, folder: Path) -> Path | None:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    path = folder / f"crash-{stamp}-{os.getpid()}.txt"
    try:
        files.make_folder(folder)
        files.write_new(path, text.encode(errors="replace"))
    except OSError:
        return None
    return path
