"""``mmpush-tui`` and ``python -m mmpush_tui``."""

import gc
import os
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    _open_closed_streams()
    _have_a_home()
    from mmpush_tui.cli import run

    code = run(sys.argv[1:])
    # The process ends and its memory goes as a whole. Python would look through every module for
    # garbage first, several times: a fifth of the time that a short command takes.
    gc.freeze()
    sys.exit(code)


def _open_closed_streams() -> None:
    """Put /dev/null where a standard stream is closed, as in ``mmpush-tui serve >&-``.

    Else the next file or socket gets its number, and is written to in its place.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is this one: those below were opened before it.
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def _have_a_home() -> None:
    """Live in ``/`` where the user has no home folder, as a container's number of a user may.

    What cannot be written there is then refused with its path, like every other file.
    """
    if os.path.expanduser("~") == "~":
        os.environ["HOME"] = "/"


if __name__ == "__main__":
    main()
