"""The HTTP/2 client connection that the worker and the checks share."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """One request; the pseudo-headers are made from ``method``, ``path`` and the endpoint.

    Attributes:
        path: the path, already fit for the wire.
        headers: names in lower case.
        unindexed: names of headers that are too secret or too varied for HPACK's tables.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    unindexed: frozenset[str] = frozenset({"authorization"})


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; header names are in lower case.

    Attributes:
        stream_id: the stream it came on, for the journey of a delivery.
        connection: the id of the connection it came on, for :meth:`Pool.retire`.
        authorization: the ``authorization`` header that the pool added to the request.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    stream_id: int
    connection: int = 0
    authorization: str = field(default="", repr=False)

    def header(self, name: str) -> str:
        """Return the first header of that lower-case name, or an empty string."""
        return next((value for key, value in self.headers if key == name), "")
