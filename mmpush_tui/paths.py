"""Paths as people type them, and as they are shown."""

import os
from pathlib import Path


def full_path(text: str) -> str:
    """Return the path that ``text`` stands for: quotes off, ``~`` expanded, counted from here.

    Terminals put quotes around a file that is dropped on them.
    """
    text = text.strip()
    for quote in ("'", '"'):
        if len(text) > 1 and text[0] == text[-1] == quote:
            text = text[1:-1]
    if not text:
        return ""
    text = os.path.expanduser(text)
    try:
        return os.path.abspath(text)
    except OSError:
        # The current folder was removed.
        return text


def short_path(path: str | Path) -> str:
    """Return ``path`` with ``~`` for this user's home folder."""
    text, home = str(path), os.path.expanduser("~")
    if home not in ("", "/", "~") and text.startswith(home + "/"):
        return "~" + text[len(home) :]
    return text
