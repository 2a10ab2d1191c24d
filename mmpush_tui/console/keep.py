"""Files that the user asks for: reports and logs, each with the time in its name."""

from datetime import datetime
from pathlib import Path

from mmpush_tui.text import clean


def keep(folder: Path, name: str, suffix: str, data: bytes) -> str:
    """Write ``data`` to a new file in ``folder`` and return a sentence about it. Blocks.

    Only its owner can read the file: it names hosts and devices.
    """
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    for number in range(100):
        extra = f"-{number}" if number else ""
        path = folder / f"mmpush-{name}-{stamp}{extra}.{suffix}"
        try:
            path.touch(mode=0o600, exist_ok=False)
            path.write_bytes(data)
        except FileExistsError:
            continue
        except OSError as error:
            return f"{clean(path)} cannot be written: {error.strerror}."
        return f"Written to {clean(path)}."
    return f"{clean(folder)} holds too many files of this second."
