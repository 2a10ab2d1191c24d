"""Whatever comes, in whatever pieces: the same events, and never an exception.

The fuzz here runs for seconds, with the same cases each time. ``MMPUSH_FUZZ_SECONDS=600`` makes it
run longer, with other cases each time; the seed of a failure is in its message.
"""

import itertools
import os
import random
import time
import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpush_tui.http2.core import BODY_LIMIT, HEADERS_LIMIT, Core
from mmpush_tui.http2.events import Answered, Broken, Event, Reset, Unprocessed
from tests.http2.scripted import extension, push

STEADY = settings(deadline=None, derandomize=True, max_examples=200)
STREAMS = 4
FUZZ_S = float(os.environ.get("MMPUSH_FUZZ_SECONDS", "0"))


def asking(count: int = STREAMS, body: bytes = b"x" * 50) -> Core:
    """Return a core with requests under way, whose bodies wait for a window."""
    core = Core("api.example.com")
    core.receive(SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 20}).serialize())
    for _ in range(count):
        core.begin(push(body))
    core.take()
    return core


def conversation() -> list[bytes]:
    """Return the frames of a legal conversation that has something of everything."""
    encoder = Encoder()

    def block(*headers: tuple[str, str]) -> bytes:
        return encoder.encode(headers)

    first = block((":status", "200"), ("apns-id", "A" * 36))
    second = block((":status", "400"), ("apns-id", "B" * 36), ("x-long", "y" * 200))
    trailers = block(("grpc-status", "0"))
    frames: list[Frame | bytes] = [
        SettingsFrame(0, settings={3: 100, 4: 65535}),
        PingFrame(0, b"12345678"),
        HeadersFrame(1, first, flags=["END_HEADERS", "END_STREAM"]),
        WindowUpdateFrame(0, window_increment=1000),
        HeadersFrame(3, second[:7]),
        ContinuationFrame(3, second[7:100]),
        ContinuationFrame(3, second[100:], flags=["END_HEADERS"]),
        DataFrame(3, b'{"rea', pad_length=3, flags=["PADDED"]),
        extension(0x42, 3, b"whatever"),
        RstStreamFrame(5, error_code=7),
        RstStreamFrame(5, error_code=5),
        DataFrame(3, b'son":"x"}'),
        GoAwayFrame(0, last_stream_id=2**31 - 1, error_code=0),
        HeadersFrame(3, trailers, flags=["END_HEADERS", "END_STREAM"]),
        GoAwayFrame(0, last_stream_id=5, error_code=0, additional_data=b"max_age"),
    ]
    return [it if isinstance(it, bytes) else it.serialize() for it in frames]


def run(pieces: Sequence[bytes]) -> tuple[list[Event], bytes]:
    """Return all events of ``pieces`` and all that was sent."""
    core = asking()
    events: list[Event] = []
    sent = b""
    for piece in pieces:
        events += core.receive(piece)
        sent += core.take()
    return events, sent


DATA = b"".join(conversation())
WHOLE = run([DATA])


def test_the_conversation_has_what_it_should() -> None:
    names = [type(it).__name__ for it in WHOLE[0]]
    assert names == [
        "SettingsChanged", "Sent", "Sent", "Sent", "Sent", "Answered", "Reset", "Goodbye",
        "Answered", "Goodbye", "Unprocessed",
    ]  # fmt: skip


@pytest.mark.parametrize("place", range(1, len(DATA)))
def test_cut_at_every_place(place: int) -> None:
    assert run([DATA[:place], DATA[place:]]) == WHOLE


def test_byte_by_byte() -> None:
    assert run([DATA[place : place + 1] for place in range(len(DATA))]) == WHOLE


@STEADY
@given(st.lists(st.integers(0, len(DATA)), max_size=30).map(sorted))
def test_cut_into_many_pieces(places: list[int]) -> None:
    bounds = [0, *places, len(DATA)]
    pieces = [DATA[start:end] for start, end in itertools.pairwise(bounds)]
    assert run(pieces) == WHOLE


# What may be in any order


def answer_frames(stream_id: int) -> list[bytes]:
    """Return the frames of one answer, which HPACK does not bind to others."""
    block = b"\x88\x00\x01n" + bytes((len(str(stream_id)),)) + str(stream_id).encode()
    return [
        HeadersFrame(stream_id, block, flags=["END_HEADERS"]).serialize(),
        DataFrame(stream_id, b"one").serialize(),
        DataFrame(stream_id, b"two", pad_length=2, flags=["PADDED"]).serialize(),
        DataFrame(stream_id, b"", flags=["END_STREAM"]).serialize(),
    ]


BETWEEN = [
    PingFrame(0, b"12345678").serialize(),
    SettingsFrame(0, settings={4: 65535}).serialize(),
    SettingsFrame(0, settings={3: 1}).serialize(),
    WindowUpdateFrame(0, window_increment=7).serialize(),
    WindowUpdateFrame(1, window_increment=70).serialize(),
    WindowUpdateFrame(5, window_increment=70).serialize(),
    extension(0x42, 0, b"?"),
    GoAwayFrame(0, last_stream_id=2**31 - 1).serialize(),
]


@STEADY
@given(st.randoms(use_true_random=False), st.integers(0, len(BETWEEN)))
def test_legal_orders_give_the_same_answers(chance: Any, count: int) -> None:
    left = {stream_id: answer_frames(stream_id) for stream_id in (1, 3, 5, 7)}
    others = chance.sample(BETWEEN, count)
    said = []
    while left or others:
        if others and chance.random() < 0.3:
            said.append(others.pop())
        elif left:
            stream_id = chance.choice(sorted(left))
            said.append(left[stream_id].pop(0))
            if not left[stream_id]:
                del left[stream_id]
    events, _ = run([b"".join(said)])
    found = {it.stream_id: (it.status, it.headers[1:], it.body) for it in events
             if isinstance(it, Answered)}  # fmt: skip
    assert found == {it: (200, (("n", str(it)),), b"onetwo") for it in (1, 3, 5, 7)}
    assert not [it for it in events if isinstance(it, Broken | Reset | Unprocessed)]


# What is wrong


@STEADY
@given(
    st.lists(st.tuples(st.sampled_from(["flip", "drop", "add", "twice", "swap"]),
                       st.integers(0, 2**32)), min_size=1, max_size=6),
    st.integers(0, len(DATA)),
)  # fmt: skip
def test_damaged_conversations_are_no_surprise(damages: list[tuple[str, int]], place: int) -> None:
    said = conversation()
    for kind, number in damages:
        index = number % len(said)
        frame = bytearray(said[index])
        match kind:
            case "flip":
                frame[number // 7 % len(frame)] ^= 1 << number % 8
                said[index] = bytes(frame)
            case "drop":
                del frame[number // 7 % len(frame)]
                said[index] = bytes(frame)
            case "add":
                frame.insert(number // 7 % len(frame), number % 256)
                said[index] = bytes(frame)
            case "twice":
                said.insert(index, said[index])
            case _:
                other = number // 7 % len(said)
                said[index], said[other] = said[other], said[index]
    data = b"".join(said)
    # What is sent may differ: a goodbye takes the place of what had no time to leave.
    events, _ = run([data])
    assert run([data[:place], data[place:]])[0] == events
    # An end is an end.
    assert not [it for it in events[:-1] if isinstance(it, Broken)]


# Fuzz


def random_frame(chance: random.Random) -> bytes:
    """Return a frame that is legal, nearly legal, or nothing of the kind."""
    kind = chance.choice([0, 1, 3, 4, 6, 7, 8, 9, 2, 5, chance.randrange(256)])
    stream_id = chance.choice([0, 1, 3, 5, 7, 9, 2, chance.randrange(2**31)])
    flags = chance.choice([0, 1, 4, 5, 8, 0x20, 0x2D, chance.randrange(256)])
    match kind:
        case 1 | 9:
            payload = chance.choice(
                [b"\x88", b"\x88\x00\x01a\x01b", b"\x82\x86", b"", chance.randbytes(20)]
            )
        case 3 | 8:
            payload = chance.choice(
                [b"\0\0\0\1", b"\x7f\xff\xff\xff", bytes(4), chance.randbytes(3)]
            )
        case 4:
            values = [0, 1, 100, 65535, 16384, chance.randrange(2**32)]
            payload = b"".join(
                chance.randrange(1, 8).to_bytes(2, "big") + chance.choice(values).to_bytes(4, "big")
                for _ in range(chance.randrange(4))
            )
        case 6:
            payload = chance.choice([bytes(8), chance.randbytes(chance.randrange(12))])
        case 7:
            payload = chance.choice([b"\0\0\0\x05", b"\x7f\xff\xff\xff"]) + bytes(4) + b"debug"
        case _:
            payload = chance.randbytes(chance.choice([0, 1, 9, 200, 16384]))
    if chance.random() < 0.05:
        payload = payload[: chance.randrange(len(payload) + 1)]
    header = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream_id.to_bytes(4, "big")
    return header + payload


def fuzz(seed: int) -> int:
    """Feed one core with random frames until it has enough; return how many bytes that were."""
    chance = random.Random(seed)  # noqa: S311 - a test's chance
    core = asking() if chance.random() < 0.9 else Core("api.example.com")
    fed = 0
    for _ in range(chance.randrange(1, 60)):
        data = random_frame(chance) if chance.random() < 0.97 else chance.randbytes(30)
        fed += len(data)
        while data:
            size = chance.choice([len(data), 1, 9, 10, chance.randrange(1, len(data) + 1)])
            events = core.receive(data[:size])
            data = data[size:]
            for event in events[:-1]:
                assert not isinstance(event, Broken)
        if core.room > 0 and chance.random() < 0.5:
            core.begin(push(b"x" * chance.choice([0, 10, 100_000])))
        if chance.random() < 0.7:
            core.take()
        assert len(core._reader._rest) <= 16384 + 9
        assert all(len(it.body) <= BODY_LIMIT for it in core._streams.values())
        pieces = core._continued[2] if core._continued else []
        assert sum(map(len, pieces)) <= HEADERS_LIMIT + 16384
        assert core._unsent.keys() <= core._streams.keys()
    return fed


def test_random_frames_are_no_surprise() -> None:
    if not FUZZ_S:
        for seed in range(3000):
            fuzz(seed)
        return
    until = time.monotonic() + FUZZ_S
    seed = first = random.SystemRandom().randrange(2**48)
    while time.monotonic() < until:
        try:
            fuzz(seed)
        except BaseException as error:
            raise AssertionError(f"seed {seed}") from error
        seed += 1
    # With -rP pytest shows it.
    os.write(1, f"{seed - first} cases\n".encode())


FLOODS: list[tuple[str, list[bytes]]] = [
    ("PING", [PingFrame(0, b"12345678").serialize()] * 50),
    ("SETTINGS", [SettingsFrame(0, settings={n: n for n in range(100, 200)}).serialize()] * 9),
    ("DATA of one byte", [DataFrame(1, b"x").serialize()] * 90),
    ("empty DATA", [DataFrame(1, b"").serialize()] * 90),
    ("DATA on a closed stream", [DataFrame(3, b"x" * 900).serialize()] * 5),
    ("RST_STREAM on a closed stream", [RstStreamFrame(3).serialize()] * 90),
    ("news", [HeadersFrame(5, b"\x08\x03103", flags=["END_HEADERS"]).serialize()] * 50),
    ("window", [WindowUpdateFrame(0, window_increment=1).serialize()] * 50),
    ("GOAWAY", [GoAwayFrame(0, last_stream_id=7, additional_data=b"x" * 900).serialize()] * 9),
    ("unknown", [extension(0x42, 0, b"x" * 900)] * 9),
]


@pytest.mark.parametrize("frames", [it[1] for it in FLOODS], ids=[it[0] for it in FLOODS])
def test_floods_do_not_add_up(frames: list[bytes]) -> None:
    """Megabytes of what is legal leave nothing behind, as long as what is to be sent is taken.

    Who does not take it is the shell while its peer reads nothing; it then reads nothing either.
    """
    core = asking(body=b"")
    core.receive(HeadersFrame(1, b"\x88", flags=["END_HEADERS"]).serialize())
    core.cancel(3)
    core.take()
    data = b"".join(frames)
    tracemalloc.start()
    try:
        for _ in range(20):
            core.receive(data)
            core.take()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(max(400_000 // len(data), 20)):
            core.receive(data)
            core.take()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < BODY_LIMIT + 65536
