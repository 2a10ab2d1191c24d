"""What HTTP/2 allows and nobody expects."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from h2.settings import SettingCodes
from hyperframe.frame import PingFrame

from mmpush_tui.simulator.acts.base import Answer, Behaviour, Exchange, Fault, one_of
from mmpush_tui.simulator.net.exchange import ServedResponse

_PINGS: Final = 50
_PADDING: Final = 200
_UNKNOWN_TYPE: Final = 0x42
_FILLER: Final = ("x-filler", "x" * 12_000)


@dataclass(frozen=True, slots=True)
class OddFrames(Behaviour):
    """No header table, unknown frames, PINGs, an answer announced, a large header list, padding."""

    def settings(self, first: Mapping[int, int]) -> Mapping[int, int]:
        """Take the header table away, and name settings that nobody knows."""
        return {**first, SettingCodes.HEADER_TABLE_SIZE: 0, 0x4A4A: 0x42}

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Answer in the oddest way that HTTP/2 allows."""
        connection, stream_id = exchange.connection, exchange.request.stream_id
        for where in (0, stream_id):
            body = b"unknown"
            header = struct.pack(">HBBBL", 0, len(body), _UNKNOWN_TYPE, 0xFF, where)
            connection.send_bytes(header + body)
        for number in range(_PINGS):
            connection.send_frame(PingFrame(0, opaque_data=number.to_bytes(8, "big")))
        connection.inform(stream_id, 103, (("link", "</style.css>; rel=preload"),))
        response = await honest()
        if response is None:
            return None
        headers = (*response.headers, _FILLER)
        return replace(response, headers=headers, padding=_PADDING)


@dataclass(frozen=True, slots=True)
class SplitBody(Behaviour):
    """Bodies come in three padded DATA frames and an empty one."""

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Cut the body."""
        response = await honest()
        if response is None or not response.data:
            return response
        body = response.body
        third = max(len(body) // 3, 1)
        pieces = (body[:third], body[third : 2 * third], body[2 * third :], b"")
        return replace(response, data=pieces, padding=9)


@dataclass(frozen=True, slots=True)
class OddApnsId(Behaviour):
    """The answer's ``apns-id`` is not that of the request.

    Attributes:
        kind: ``upper``, ``missing`` or ``wrong``.
    """

    kind: str = "upper"

    def __post_init__(self) -> None:
        one_of("kind", self.kind, "upper", "missing", "wrong")

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Answer with another id, or none."""
        response = await honest()
        if response is None:
            return None
        others = tuple(it for it in response.headers if it[0] != "apns-id")
        apns_id = dict(response.headers).get("apns-id", "")
        match self.kind:
            case "upper":
                others = (*others, ("apns-id", apns_id.upper()))
            case "wrong":
                others = (*others, ("apns-id", "00000000-0000-4000-8000-000000000000"))
            case _:
                pass
        return replace(response, headers=others)


FAULTS: Final = (
    Fault(
        "odd-frames", "Odd but legal frames", "both",
        "No header table, unknown frames, 50 PINGs, an informational answer, 12 KB of headers and "
        "padding. All of it must be tolerated.",
        OddFrames,
    ),
    Fault(
        "split-error", "Answers in pieces", "both",
        "Bodies come in three padded DATA frames and an empty one. They must be put together "
        "before they are read.",
        SplitBody,
    ),
    Fault(
        "odd-apns-id", "Odd apns-id in the answer", "apns",
        "The answer's apns-id is in upper case, missing or another one. Answers must be matched "
        "by their stream.",
        OddApnsId,
    ),
)  # fmt: skip
