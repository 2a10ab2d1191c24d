"""What a careful client of Mattermost's API never does, noted where one does it."""

import contextlib
from collections.abc import Collection, Iterator
from typing import Final

from mmpush_tui.simulator.mattermost.config import AppError, ConfigPatch, ConfigStore
from mmpush_tui.simulator.mattermost.http import BODY_LIMIT, Wire
from mmpush_tui.simulator.mattermost.schema import PUSH_KEYS
from mmpush_tui.simulator.net import strictjson
from mmpush_tui.simulator.net.exchange import Findings, ServedRequest

API: Final = "/api/v4"
BEARER: Final = "Bearer "
IN_FLIGHT_LIMIT: Final = 6
"""Requests at once that a client of one server's settings has any use for."""
_READS: Final = ("GET", "HEAD")


class Audit:
    """Looks at requests before they are answered. The notes hold no text of the client's.

    Args:
        tokens: the tokens that must be nowhere but in the Authorization header.
    """

    def __init__(self, tokens: Collection[str]) -> None:
        self._tokens = tokens
        self._findings = Findings()
        self._in_flight: list[tuple[ServedRequest, Wire]] = []

    @property
    def violations(self) -> list[str]:
        """What was found, the latest last."""
        return self._findings.violations

    @contextlib.contextmanager
    def of(self, request: ServedRequest, path: str, wire: Wire) -> Iterator[None]:
        """Judge ``request``, which is under way for as long as this lasts."""
        self._judge_token(request, path, wire.is_local)
        self._judge_body(request)
        self._judge_company(request)
        self._note("an empty part in the path", "//" in path)
        self._note(
            "PUT /config, which replaces all",
            (request.method, path) == ("PUT", f"{API}/config"),
        )
        self._in_flight.append((request, wire))
        try:
            yield
        finally:
            self._in_flight.remove((request, wire))

    def document(self, body: bytes) -> object:
        """Return the document of a patch.

        Raises:
            AppError: it is none.
        """
        try:
            document: object = strictjson.loads(body)
        except ValueError as error:
            self._findings.violate("a patch that is no strict JSON")
            raise AppError(400, "api.context.invalid_body_param.app_error") from error
        return document

    def change(self, document: object, store: ConfigStore) -> ConfigPatch:
        """Return what a patch would set.

        Raises:
            AppError: it is no object, or a value has another type than its key.
        """
        try:
            change = store.read(document)
        except AppError:
            self._findings.violate("a patch that is no object, or a value of another type in it")
            raise
        self._note("a patch that sets nothing", not change.named)
        self._note("a patch with keys that are no push settings", not change.named <= PUSH_KEYS)
        self._note("a patch with null, as what one may not read", change.has_null)
        self._note("a patch with masked secrets", any(map(_is_masked, change.values.values())))
        return change

    def _judge_token(self, request: ServedRequest, path: str, is_local: bool) -> None:
        headers = request.values("authorization")
        self._note(
            "a token in the address",
            "access_token=" in request.path or any(token in request.path for token in self._tokens),
        )
        self._note("a cookie", bool(request.values("cookie")))
        self._note("more than one Authorization header", len(headers) > 1)
        self._note(
            "an Authorization header that is no Bearer token",
            any(not header.startswith(BEARER) for header in headers),
        )
        self._note("a token over the local socket", is_local and bool(headers))
        self._note("a token for what is no API", bool(headers) and not path.startswith(f"{API}/"))

    def _judge_body(self, request: ServedRequest) -> None:
        if request.size == 0:
            return
        kind = (request.value("content-type") or "").partition(";")[0].strip()
        is_read = request.method in _READS
        self._note("a body where none belongs", is_read)
        self._note("a body of another type than JSON", not is_read and kind != "application/json")
        self._note("a body larger than the server takes", request.size > BODY_LIMIT)

    def _judge_company(self, request: ServedRequest) -> None:
        # Who has given up on a request may send the next.
        others = [other for other, wire in self._in_flight if not wire.is_gone]
        self._note(f"more than {IN_FLIGHT_LIMIT} requests at once", len(others) >= IN_FLIGHT_LIMIT)
        self._note(
            "a change while another is under way",
            request.method not in _READS and any(other.method not in _READS for other in others),
        )

    def _note(self, text: str, is_so: bool) -> None:
        if is_so:
            self._findings.violate(text)


def _is_masked(value: object) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(isinstance(item, str) and item and not item.strip("*") for item in values)
