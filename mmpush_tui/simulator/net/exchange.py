"""One request to a stand-in and the answer to it, apart from any connection."""

from dataclasses import dataclass, field
from typing import Final

FINDINGS_LIMIT: Final = 1000
"""Entries kept of each kind; one is already a failed test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedRequest:
    """A whole request as the client sent it.

    Attributes:
        headers: names and values in the order they came, pseudo-headers included. Values are
            Latin-1 text, so that any byte survives.
        body: the body, cut at the server's cap.
        size: bytes of the body as sent; more than ``body`` holds where it was cut.
    """

    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    size: int = 0
    stream_id: int = 0

    def values(self, name: str) -> list[str]:
        """Return all values of the header ``name``, in lower case."""
        return [value for key, value in self.headers if key == name]

    def value(self, name: str) -> str | None:
        """Return the first value of the header ``name``, in lower case, or None."""
        return next(iter(self.values(name)), None)

    @property
    def method(self) -> str:
        """The ``:method``."""
        return self.value(":method") or ""

    @property
    def path(self) -> str:
        """The ``:path``."""
        return self.value(":path") or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedResponse:
    """An answer.

    Attributes:
        headers: names in lower case; without ``:status``.
        data: one DATA frame each, the last with END_STREAM; none puts END_STREAM on HEADERS.
        padding: bytes that each DATA frame is padded with.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    data: tuple[bytes, ...] = ()
    padding: int = 0

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.data)


@dataclass(slots=True)
class TrafficCounts:
    """What clients did so far.

    Attributes:
        connections: TCP connections that were accepted.
        secured: those whose TLS handshake was completed.
        begun: requests whose headers came.
        completed: requests that came to their end.
    """

    connections: int = 0
    secured: int = 0
    begun: int = 0
    completed: int = 0


@dataclass(slots=True)
class Findings:
    """What went wrong at a stand-in; tests assert that both lists are empty.

    Attributes:
        errors: our own failures: what a handler raised that it should not have.
        violations: what a client did that HTTP/2 or the vendor's rules forbid. Never with text
            of the client's, which may hold tokens.
    """

    errors: list[Exception] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def fail(self, error: Exception) -> None:
        """Record a failure of ours."""
        if len(self.errors) < FINDINGS_LIMIT:
            self.errors.append(error)

    def violate(self, text: str) -> None:
        """Record what a client did wrong."""
        if len(self.violations) < FINDINGS_LIMIT:
            self.violations.append(text)
