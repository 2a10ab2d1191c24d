"""Files that the user asks for: reports and logs, each with the time in its name."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from textual.app import App

from mmpush_tui import files
from mmpush_tui.errors import FailedError
from mmpush_tui.paths import short_path
from mmpush_tui.tasks import beside
from mmpush_tui.text import clean

_MOST: Final = 100
_TOLD_S: Final = 8
_REFUSED_S: Final = 20


def keep_file(folder: Path, name: str, suffix: str, data: bytes) -> Path:
    """Write ``data`` to a new file in ``folder`` and return its path. Blocks.

    Only its owner can read the file: it names hosts and devices.

    Raises:
        FailedError: it cannot be written; nothing of it is left.
    """
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    names = (f"-{number}" if number else "" for number in range(_MOST))
    paths = [folder / f"mmpush-{name}-{stamp}{more}.{suffix}" for more in names]
    try:
        return files.write_first(paths, data)
    except FileExistsError as error:
        raise FailedError(
            f"{folder} holds {_MOST} files of this second", code="keep-too-many"
        ) from error
    except OSError as error:
        raise FailedError(
            f"{paths[0]} cannot be written", why=error.strerror or "", code="keep-failed"
        ) from error


async def keep_and_tell(
    app: App[Any], folder: Path, name: str, suffix: str, data: Callable[[], bytes]
) -> None:
    """Write what ``data`` returns as :func:`keep_file` does, and say where, or why not.

    ``data`` is called in a thread of its own: making it may take long.
    """
    try:
        path = await beside("keep", lambda: keep_file(folder, name, suffix, data()))
    except FailedError as error:
        app.notify(error.line(), severity="error", timeout=_REFUSED_S)
    else:
        where = clean(short_path(path.parent))
        app.notify(f"Written to {path.name} in {where}.", timeout=_TOLD_S)
