"""Our connection against HTTP/2 stacks that we did not write."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import pytest

from mmpush_tui.http2 import Request, Response
from mmpush_tui.http2.connection import BODY_LIMIT, STREAM_CAP, Connection
from mmpush_tui.http2.errors import AmbiguousError, ConnectError, TransportError, UnprocessedError
from mmpush_tui.http2.opening import open_connection
from mmpush_tui.http2.pool import Pool
from tests.http2.foreign import Foreign, needs_nghttpd, needs_node, nghttpd, node
from tests.http2.scripted import TIMEOUT_S, push

pytestmark = pytest.mark.slow

BODY = b"0123456789" * 500
NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 0, 2, 7, 8, 11


@contextlib.asynccontextmanager
async def opened(server: Foreign) -> AsyncIterator[Connection]:
    """Connect; what the test then waits for has an end."""
    async with asyncio.timeout(TIMEOUT_S):
        client = await open_connection(server.route, TIMEOUT_S)
        try:
            yield client
        finally:
            await client.aclose()


async def all_of(client: Connection, requests: Iterable[Request]) -> tuple[list[Response], int]:
    """Send all at once; return their answers and how many were under way at most."""
    peak = 0

    def note(_stream_id: int) -> None:
        nonlocal peak
        peak = max(peak, client.streams)

    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(client.request(it, TIMEOUT_S, note)) for it in requests]
    return [it.result() for it in asked], peak


async def end_of(
    client: Connection | Pool,
    request: Request,
    on_sent: Callable[[int], None] | None = None,
) -> Response | TransportError:
    """Send ``request``; return its answer, or why there is none."""
    try:
        return await client.request(request, TIMEOUT_S, on_sent)
    except TransportError as error:
        return error


async def sent(
    group: asyncio.TaskGroup, client: Connection | Pool, request: Request
) -> asyncio.Task[Response | TransportError]:
    """Begin ``request`` and return when it is on its way, or has failed."""
    is_sent = asyncio.Event()
    asked = group.create_task(end_of(client, request, lambda _stream_id: is_sent.set()))
    asked.add_done_callback(lambda _asked: is_sent.set())
    await is_sent.wait()
    return asked


def body_of(asked: asyncio.Task[Response | TransportError]) -> bytes:
    answer = asked.result()
    assert isinstance(answer, Response), answer
    assert answer.status == 200
    return answer.body


def numbered(count: int, path: str = "/echo") -> list[Request]:
    """Return requests with bodies of about 5 kB, no two of them alike."""
    return [push(b"%d " % n + BODY, path, apns_id=f"{n:032x}") for n in range(count)]


def bodies(requests: Iterable[Request]) -> list[bytes]:
    return [it.body for it in requests]


# nghttpd


@needs_nghttpd
async def test_nghttpd_answers_a_thousand_requests_over_one_connection(tmp_path: Path) -> None:
    device = tmp_path / "3" / "device"
    device.mkdir(parents=True)
    tokens = [f"{n:064x}" for n in range(100)]
    for token in tokens:
        (device / token).write_bytes(token.encode() + BODY)
    paths = [f"/3/device/{token}" for token in tokens] * 10
    with nghttpd(tmp_path) as server:
        async with opened(server) as client:
            answers, peak = await all_of(client, [push(BODY, path) for path in paths])
            assert [it.status for it in answers] == [200] * 1000
            assert [it.body for it in answers] == [
                it.removeprefix("/3/device/").encode() + BODY for it in paths
            ]
            assert len({it.stream_id for it in answers}) == 1000
            assert peak == STREAM_CAP
            assert client.streams == 0
            assert client.is_usable


@needs_nghttpd
@pytest.mark.parametrize(
    "options",
    [
        "",
        "--max-concurrent-streams=1",
        "--max-concurrent-streams=10",
        "--window-bits=6",
        "--window-bits=10 --max-concurrent-streams=10",
        "--window-bits=20 --connection-window-bits=20",
        "--padding=1",
        "--padding=255",
        "--header-table-size=0",
        "--header-table-size=64K",
        "--encoder-header-table-size=0",
        "--encoder-header-table-size=64K",
        "--header-table-size=0 --encoder-header-table-size=0 --padding=255 --window-bits=10",
        "--trailer=apns-note:later",
        "--trailer=apns-note:later --padding=100 --no-content-length",
        "--no-rfc7540-pri",
    ],
)
async def test_nghttpd_echoes_whatever_its_options(tmp_path: Path, options: str) -> None:
    requests = numbered(200)
    with nghttpd(tmp_path, "--echo-upload", *options.split()) as server:
        async with opened(server) as client:
            answers, peak = await all_of(client, requests)
            assert [it.body for it in answers] == bodies(requests)
            assert {it.status for it in answers} == {200}
            assert {it.header("nghttpd-response") for it in answers} == {"echo"}
            limit = client.peer_settings["max_concurrent_streams"]
            assert peak == min(limit, STREAM_CAP)


@needs_nghttpd
async def test_nghttpd_tells_its_settings(tmp_path: Path) -> None:
    options = ("--max-concurrent-streams=7", "--window-bits=10", "--header-table-size=64K")
    with nghttpd(tmp_path, *options) as server:
        async with opened(server) as client:
            told = client.peer_settings
            names = ("max_concurrent_streams", "initial_window_size", "header_table_size")
            assert [told[name] for name in names] == [7, 1023, 65536]


@needs_nghttpd
@pytest.mark.parametrize("options", ["", "--window-bits=10", "--padding=255"])
async def test_nghttpd_gets_a_body_larger_than_its_windows(tmp_path: Path, options: str) -> None:
    body = BODY * 40
    with nghttpd(tmp_path, "--echo-upload", *options.split()) as server:
        async with opened(server) as client:
            answers, _ = await all_of(client, [push(body, "/upload") for _ in range(10)])
            assert {it.header("content-length") for it in answers} == {str(len(body))}
            assert {it.body for it in answers} == {body[:BODY_LIMIT]}
            # What was thrown away has used up no window.
            (after,), _ = await all_of(client, [push(BODY, "/upload")])
            assert after.body == BODY


@needs_nghttpd
@pytest.mark.parametrize("size", [0, len(BODY), 40 * len(BODY)])
async def test_nghttpd_answers_before_the_request_is_complete(tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(BODY)
    with nghttpd(tmp_path, "--early-response") as server:
        async with opened(server) as client:
            answers, _ = await all_of(client, [push(b"x" * size, "/file") for _ in range(50)])
            assert {(it.status, it.body) for it in answers} == {(200, BODY)}


@needs_nghttpd
async def test_nghttpd_pushes_nothing_on_us(tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(BODY)
    (tmp_path / "pushed").write_bytes(BODY)
    with nghttpd(tmp_path, "--push=/page=/pushed", "--verbose") as server:
        async with opened(server) as client:
            answers, _ = await all_of(client, [Request("GET", "/page", ())] * 50)
            assert {(it.status, it.body) for it in answers} == {(200, BODY)}
        assert "PUSH_PROMISE" not in server.log.read_text()


@needs_nghttpd
async def test_nghttpd_allows_no_stream(tmp_path: Path) -> None:
    with nghttpd(tmp_path, "--max-concurrent-streams=0") as server:
        async with opened(server) as client:
            with pytest.raises(UnprocessedError, match="allowed no further stream"):
                await client.request(push(), 0.2)


@needs_nghttpd
async def test_nghttpd_takes_no_bodies(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BODY)
    with nghttpd(tmp_path, "--window-bits=0") as server:
        async with opened(server) as client:
            with pytest.raises(AmbiguousError, match="did not answer within"):
                await client.request(push(BODY, "/file"), 0.2)
            answer = await client.request(Request("GET", "/file", ()), TIMEOUT_S)
            assert (answer.status, answer.body) == (200, BODY)


@needs_nghttpd
async def test_nghttpd_wants_a_certificate_of_ours(tmp_path: Path) -> None:
    with nghttpd(tmp_path, "--verify-client") as server:
        async with asyncio.timeout(TIMEOUT_S):
            with pytest.raises(ConnectError) as caught:
                await open_connection(server.route, TIMEOUT_S)
        assert str(caught.value).startswith(str(server.route.endpoint))


@needs_nghttpd
async def test_nghttpd_is_killed_in_the_middle(tmp_path: Path) -> None:
    answered = 0

    async def ask(client: Connection) -> Response | TransportError:
        nonlocal answered
        end = await end_of(client, push(BODY * 10, "/upload"))
        answered += isinstance(end, Response)
        if answered == 20:
            server.kill()
        return end

    with nghttpd(tmp_path, "--echo-upload") as server:
        async with opened(server) as client:
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(ask(client)) for _ in range(300)]
            ends = [it.result() for it in asked]
            answers = [it for it in ends if isinstance(it, Response)]
            assert {(it.status, it.body) for it in answers} == {(200, BODY * 10)}
            assert len(answers) >= 20
            # Those that never left are known not to have been acted on.
            assert {type(it) for it in ends} == {Response, AmbiguousError, UnprocessedError}
            assert client.streams == 0
            assert not client.is_usable


# Node


@needs_node
@pytest.mark.parametrize("path", ["/echo", "/split"])
async def test_node_answers_a_thousand_requests_over_one_connection(
    tmp_path: Path, path: str
) -> None:
    requests = numbered(1000, path)
    with node(tmp_path) as server:
        async with opened(server) as client:
            answers, peak = await all_of(client, requests)
            assert [it.body for it in answers] == bodies(requests)
            assert {it.status for it in answers} == {200}
            assert peak == STREAM_CAP


@needs_node
@pytest.mark.parametrize(
    "options",
    [
        {"settings": {"maxConcurrentStreams": 1}},
        {"settings": {"maxConcurrentStreams": 10, "initialWindowSize": 100}},
        {"settings": {"headerTableSize": 0}},
        {"settings": {"headerTableSize": 65536, "maxFrameSize": 2**24 - 1}},
        {"paddingStrategy": 1},
        {"paddingStrategy": 2},
    ],
    ids=json.dumps,
)
async def test_node_echoes_whatever_its_options(tmp_path: Path, options: dict[str, object]) -> None:
    requests = numbered(200)
    with node(tmp_path, options) as server:
        async with opened(server) as client:
            answers, _ = await all_of(client, requests)
            assert [it.body for it in answers] == bodies(requests)
            assert [it.header("apns-id") for it in answers] == [f"{n:032x}" for n in range(200)]


@needs_node
@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/nothing", 410, b""),
        ("/trailers", 200, b"with trailers"),
        ("/informational", 200, b"final"),
        ("/huge-headers", 200, b"huge"),
        ("/reset-after-answer", 200, b"whole"),
        ("/early", 413, b'{"reason":"PayloadTooLarge"}'),
        ("/early-and-read", 200, b"early"),
        ("/push", 200, b"ERR_HTTP2_PUSH_DISABLED"),
    ],
)
@pytest.mark.parametrize("size", [0, 2, 40 * len(BODY)])
async def test_node_answers_in_many_ways(
    tmp_path: Path, path: str, status: int, body: bytes, size: int
) -> None:
    requests = [push(b"x" * size, path) for _ in range(30)]
    with node(tmp_path) as server:
        async with opened(server) as client:
            answers, _ = await all_of(client, requests)
            assert {(it.status, it.body) for it in answers} == {(status, body)}
            # It is as good as before.
            (after,), _ = await all_of(client, [push(BODY, "/echo")])
            assert after.body == BODY


@needs_node
async def test_node_sends_headers_that_must_be_continued(tmp_path: Path) -> None:
    with node(tmp_path) as server:
        async with opened(server) as client:
            answers, _ = await all_of(client, [push(path="/huge-headers")] * 3)
            for answer in answers:
                names = [f"x-huge-{n}" for n in range(12)]
                found = [answer.header(name) for name in names]
                assert found == [str(n % 10) * 4000 for n in range(12)]


@needs_node
async def test_an_early_answer_of_node_is_none_of_the_final_ones(tmp_path: Path) -> None:
    with node(tmp_path) as server:
        async with opened(server) as client:
            answer = await client.request(push(path="/informational"), TIMEOUT_S)
            assert (answer.status, answer.header("link")) == (200, "")


@needs_node
@pytest.mark.parametrize("path", ["/reset", "/reset-after-headers"])
@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (INTERNAL_ERROR, AmbiguousError, "reset the stream (INTERNAL_ERROR)"),
        (CANCEL, AmbiguousError, "reset the stream (CANCEL)"),
        (ENHANCE_YOUR_CALM, AmbiguousError, "reset the stream (ENHANCE_YOUR_CALM)"),
        (REFUSED_STREAM, UnprocessedError, "refused the stream"),
    ],
)
async def test_node_resets_a_stream(
    tmp_path: Path, path: str, code: int, kind: type[TransportError], words: str
) -> None:
    with node(tmp_path) as server:
        async with opened(server) as client:
            async with asyncio.TaskGroup() as group:
                others = [group.create_task(client.request(it, TIMEOUT_S)) for it in numbered(20)]
                with pytest.raises(TransportError) as caught:
                    await client.request(push(str(code).encode(), path), TIMEOUT_S)
            assert (type(caught.value), str(caught.value)) == (
                kind,
                f"{server.route.endpoint} {words}",
            )
            assert [it.result().body for it in others] == bodies(numbered(20))
            assert client.is_usable


@needs_node
async def test_node_refuses_a_stream_before_its_body_is_there(tmp_path: Path) -> None:
    with node(tmp_path, {"settings": {"initialWindowSize": 100}}) as server:
        async with opened(server) as client:
            with pytest.raises(UnprocessedError, match="refused the stream"):
                await client.request(push(BODY, "/refused"), TIMEOUT_S)
            assert (await client.request(push(BODY, "/echo"), TIMEOUT_S)).body == BODY


@needs_node
async def test_node_pings_while_we_are_busy(tmp_path: Path) -> None:
    requests = numbered(300)
    with node(tmp_path) as server:
        async with opened(server) as client:
            async with asyncio.TaskGroup() as group:
                pinged = [await sent(group, client, push(b"50", "/pings")) for _ in range(5)]
                answers, _ = await all_of(client, requests)
            assert [it.body for it in answers] == bodies(requests)
            assert [body_of(it) for it in pinged] == [b"pinged"] * 5


@needs_node
@pytest.mark.parametrize(
    ("name", "told", "values"),
    [
        ("initialWindowSize", "initial_window_size", [50, 1_000_000, 0, 65535]),
        ("maxConcurrentStreams", "max_concurrent_streams", [3, 50, 1, 100]),
        ("headerTableSize", "header_table_size", [0, 65536, 100, 4096]),
        ("maxFrameSize", "max_frame_size", [16385, 2**24 - 1, 16384]),
    ],
)
async def test_node_changes_its_settings_while_we_are_busy(
    tmp_path: Path, name: str, told: str, values: list[int]
) -> None:
    requests = numbered(15)
    with node(tmp_path) as server:
        async with opened(server) as client:
            async with asyncio.TaskGroup() as group:
                busy = []
                for value in values:
                    busy += [group.create_task(end_of(client, it)) for it in requests]
                    change = push(b"", "/settings", settings=json.dumps({name: value}))
                    assert (await client.request(change, TIMEOUT_S)).body == b"settled"
                    assert client.peer_settings[told] == value
            expected = bodies(requests) * len(values)
            for end, body in zip([it.result() for it in busy], expected, strict=True):
                # What was under way when the limit fell may be refused.
                is_refused = isinstance(end, UnprocessedError) and name == "maxConcurrentStreams"
                assert is_refused or (isinstance(end, Response) and end.body == body)
            (after,), _ = await all_of(client, [push(BODY, "/echo")])
            assert after.body == BODY


@needs_node
async def test_node_says_goodbye_and_answers_what_it_owes(tmp_path: Path) -> None:
    with node(tmp_path) as server:
        async with opened(server) as client:
            async with asyncio.TaskGroup() as group:
                held = [await sent(group, client, push(BODY, "/hold")) for _ in range(20)]
                last = await sent(group, client, push(path="/close"))
                while client.is_usable:  # noqa: ASYNC110 - the connection does not announce it
                    await asyncio.sleep(0.001)
                with pytest.raises(UnprocessedError):
                    await client.request(push(path="/echo"), TIMEOUT_S)
            assert [body_of(it) for it in (*held, last)] == [b"released"] * 21
            assert client.streams == 0


@needs_node
@pytest.mark.parametrize("path", ["/goaway", "/goaway-twice"])
async def test_node_names_the_last_stream_that_it_will_answer(tmp_path: Path, path: str) -> None:
    with node(tmp_path) as server:
        async with opened(server) as client:
            async with asyncio.TaskGroup() as group:
                first = await sent(group, client, push(BODY, "/hold"))
                later = [await sent(group, client, push(BODY, "/hold")) for _ in range(20)]
                later.append(await sent(group, client, push(path=path)))
            assert body_of(first) == b"released"
            failures = [it.result() for it in later]
            assert {type(it) for it in failures} == {UnprocessedError}
            assert {it.code for it in failures if isinstance(it, TransportError)} == {"goaway"}
            assert not client.is_usable


@needs_node
async def test_a_pool_goes_on_over_a_new_connection_when_node_says_goodbye(tmp_path: Path) -> None:
    with node(tmp_path) as server:
        pool = Pool(server.route)
        try:
            async with asyncio.timeout(TIMEOUT_S), asyncio.TaskGroup() as group:
                first = await sent(group, pool, push(BODY, "/hold"))
                second = await sent(group, pool, push(path="/goaway"))
                await asyncio.wait([second])
                assert (await pool.request(push(BODY, "/echo"), TIMEOUT_S)).body == BODY
            assert body_of(first) == b"released"
            words = f"{server.route.endpoint} said goodbye: Shutdown"
            assert str(second.result()) == words
        finally:
            await pool.aclose()


@needs_node
@pytest.mark.parametrize("path", ["/destroy", "/drop"])
async def test_node_breaks_the_connection_off(tmp_path: Path, path: str) -> None:
    with node(tmp_path) as server:
        async with opened(server) as client:
            async with asyncio.TaskGroup() as group:
                held = [await sent(group, client, push(BODY, "/hold")) for _ in range(20)]
                held.append(await sent(group, client, push(path=path)))
            assert {type(it.result()) for it in held} == {AmbiguousError}
            assert client.streams == 0
            assert not client.is_usable
