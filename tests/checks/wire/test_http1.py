"""One answer in HTTP/1.1, however it comes."""

import asyncio
import contextlib

import pytest

from mmpush_tui.checks.wire.http1 import BODY_LIMIT, ask_over_http1
from mmpush_tui.http2 import Request, Response
from mmpush_tui.http2.channel import abort
from mmpush_tui.http2.errors import TransportError
from tests.checks.peers import TIMEOUT_S, server

GET = Request("GET", "/version", (("accept", "*/*"),))


async def asked(said: bytes, request: Request = GET) -> Response:
    async with server(said) as it, asyncio.timeout(TIMEOUT_S):
        halves = await asyncio.open_connection("127.0.0.1", it.port)
        try:
            return await ask_over_http1(halves, request, "host")
        finally:
            abort(halves[1].transport)


async def test_an_answer_with_a_length() -> None:
    found = await asked(b"HTTP/1.1 404 Not Found\r\nX-A: b\r\nContent-Length: 2\r\n\r\nokmore")
    assert (found.status, found.body, found.header("x-a")) == (404, b"ok", "b")


async def test_the_first_whole_answer_counts() -> None:
    said = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na"
    found = await asked(said + b"HTTP/1.1 500 No\r\nx: y\r\ncontent-length: 1\r\n\r\nb")
    assert (found.status, found.body, found.header("x")) == (200, b"a", "")


async def test_an_answer_in_chunks() -> None:
    said = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    assert (await asked(said)).body == b"abc"


async def test_an_answer_until_the_end() -> None:
    assert (await asked(b"HTTP/1.0 200 OK\r\n\r\nall of it")).body == b"all of it"


async def test_an_answer_without_a_body() -> None:
    found = await asked(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert (found.status, found.body) == (204, b"")


async def test_interim_answers_are_passed_over() -> None:
    said = (
        b"HTTP/1.1 103 Early Hints\r\nx: 1\r\n\r\n"
        b"HTTP/1.1 200 OK\r\ny: 2\r\ncontent-length: 1\r\n\r\na"
    )
    found = await asked(said)
    assert (found.status, found.body) == (200, b"a")
    assert (found.header("x"), found.header("y")) == ("", "2")


async def test_a_body_beyond_measure_is_cut() -> None:
    found = await asked(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (BODY_LIMIT * 3))
    assert found.body == b"x" * BODY_LIMIT


async def test_a_body_without_end_is_left() -> None:
    gone = asyncio.Event()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        gone.set()

    listening = await asyncio.start_server(pour, "127.0.0.1", 0)
    async with asyncio.timeout(TIMEOUT_S):
        halves = await asyncio.open_connection(*listening.sockets[0].getsockname())
        found = await ask_over_http1(halves, GET, "host")
        abort(halves[1].transport)
        await gone.wait()
        listening.close()
        await listening.wait_closed()
    assert len(found.body) == BODY_LIMIT


async def test_a_broken_body_leaves_the_head() -> None:
    found = await asked(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")
    assert found.status == 200


async def test_an_upgrade_nobody_asked_for() -> None:
    said = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n"
    with pytest.raises(TransportError) as caught:
        await asked(said)
    assert caught.value.code == "not_http"


@pytest.mark.parametrize(("said", "code", "words"), [
    (b"", "closed", "the connection was closed without an answer"),
    (b"HTTP/1.1 200 OK\r\nx", "not_http", "the answer is no HTTP"),
    (b"\x00\x01", "not_http", "the answer is no HTTP"),
    (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000, "not_http", "the answer is no HTTP"),
    (b"HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n", "not_http", "the answer is no HTTP"),
    (b"\x15\x03\x03\x00\x02", "http_to_tls", "the answer is TLS, not HTTP"),
])  # fmt: skip
async def test_what_is_no_answer(said: bytes, code: str, words: str) -> None:
    with pytest.raises(TransportError) as caught:
        await asked(said)
    assert (caught.value.code, str(caught.value)) == (code, words)


async def test_a_body_is_sent_with_its_length() -> None:
    heads: list[bytes] = []

    def say(head: bytes) -> bytes:
        heads.append(head)
        return b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"

    request = Request("POST", "/token", (("content-type", "text/plain"),), b"body")
    async with server(say) as it, asyncio.timeout(TIMEOUT_S):
        halves = await asyncio.open_connection("127.0.0.1", it.port)
        await ask_over_http1(halves, request, "host:1")
        abort(halves[1].transport)
    assert heads == [
        b"POST /token HTTP/1.1\r\nhost: host:1\r\ncontent-type: text/plain\r\n"
        b"content-length: 4\r\nconnection: close\r\n\r\n"
    ]
