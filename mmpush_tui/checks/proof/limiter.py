"""How often credentials are tried: once a minute each, whoever asks, with the answer kept.

Apple takes many new sign-in tokens and many bad device tokens for an attack.
"""

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import platformdirs

from mmpush_tui import files
from mmpush_tui.findings import Finding, Severity

APART_S: Final = 60.0
"""Seconds between two questions about one credential."""
_LIMIT: Final = 256 * 1024
_LOCK_WITHIN_S: Final = 10.0
_REMEMBERED: Final[dict[Path, "list[Kept]"]] = {}


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A question that was asked.

    Attributes:
        group: the credential it was about.
        asked: all that it was about: credential, address and app.
        at: when, seconds since 1970.
        finding: the answer; None as long as there is none.
    """

    group: str
    asked: str
    at: float
    finding: Finding | None = None


class ProbeLimiter:
    """Keeps what was asked lately in a file, for this user alone.

    Every method reads or writes files: not for the event loop.

    Args:
        path: the file; another one beside it, with ``.lock``, keeps runs apart.
        now: wall clock, seconds since 1970.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now

    def take(self, group: str, question: str) -> Finding | None:
        """Return the answer there is, or None where the question may be asked now.

        With None the turn is taken: :meth:`keep` is to follow.
        """
        with self._locked():
            entries = self._read()
            recent = next((entry for entry in entries if entry.group == _short(group)), None)
            if recent is None:
                turn = Kept(group=_short(group), asked=_short(question), at=self._now())
                self._write([*entries, turn])
                return None
        age_s = max(self._now() - recent.at, 0.0)
        if recent.asked == _short(question) and (answer := recent.finding) is not None:
            message = f"{answer.message}, asked {age_s:.0f} s ago"
            return msgspec.structs.replace(answer, message=message)
        wait_s = max(APART_S - age_s, 1.0)
        return Finding(
            severity=Severity.SKIP, code="probe_waits",
            message=f"tried {age_s:.0f} s ago; once a minute is enough, next in {wait_s:.0f} s",
        )  # fmt: skip

    def keep(self, group: str, question: str, finding: Finding) -> None:
        """Keep the answer to a question."""
        with self._locked():
            entries = [it for it in self._read() if it.group != _short(group)]
            entry = Kept(
                group=_short(group), asked=_short(question), at=self._now(), finding=finding
            )
            self._write([*entries, entry])

    def drop(self, group: str) -> None:
        """Forget that a question was to be asked, because it was not."""
        with self._locked():
            self._write([it for it in self._read() if it.group != _short(group)])

    def _read(self) -> list[Kept]:
        """Return what was asked within the last minute."""
        try:
            data, _ = files.read_plain(self._path, _LIMIT)
            entries = msgspec.json.decode(data, type=list[Kept])
        except (OSError, ValueError, RecursionError):
            entries = _REMEMBERED.get(self._path, [])
        now = self._now()
        return [it for it in entries if 0 <= now - it.at < APART_S]

    def _write(self, entries: list[Kept]) -> None:
        # Where no file can be written, this process at least remembers.
        _REMEMBERED[self._path] = entries
        with contextlib.suppress(OSError):
            files.replace(self._path, msgspec.json.encode(entries))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with contextlib.ExitStack() as held:
            # Where no lock can be had, the question is asked all the same.
            with contextlib.suppress(OSError):
                held.enter_context(files.file_lock(self._path, wait_s=_LOCK_WITHIN_S))
            yield


def default_limits() -> Path:
    """Return where it is kept: in the user's state folder."""
    return platformdirs.user_state_path("mmpush-tui") / "check-proofs.json"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
