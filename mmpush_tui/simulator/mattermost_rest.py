"""The part of Mattermost's REST API that a phone uses before it trusts its server with pushes."""

import socket
from urllib.parse import parse_qs

import msgspec

from mmpush_tui.proxy.ingress import HttpServer, Receive, Scope, Send, respond
from mmpush_tui.simulator.mattermost import MattermostStandIn, Session
from mmpush_tui.tasks import Tasks


class MattermostRest:
    """``GET /api/v4/system/ping`` on loopback, device test included.

    With ``device_id`` the server posts a test push and reports what came of it as
    ``CanReceiveNotifications``: ``true``, ``false`` after REMOVE, ``unknown`` after everything
    else.

    Args:
        mattermost: the server it is the front of.
    """

    def __init__(self, mattermost: MattermostStandIn) -> None:
        self._mattermost = mattermost
        self._sock = socket.create_server(("127.0.0.1", 0))
        self._server = HttpServer(self._app, self._sock, 5)
        self.failures: list[str] = []
        self._tasks = Tasks(lambda name, error: self.failures.append(f"{name}: {error!r}"))
        self.url = f"http://127.0.0.1:{self._sock.getsockname()[1]}"

    async def start(self) -> None:
        """Accept requests."""
        self._tasks.spawn("rest", self._server.run_until_stopped())
        await self._server.accepting.wait()

    async def aclose(self) -> None:
        """Answer what is under way and end."""
        self._server.should_exit = True
        await self._tasks.join(10)
        await self._tasks.aclose()

    async def _app(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["path"] != "/api/v4/system/ping" or scope["method"] != "GET":
            await respond(send, 404, b'{"id":"api.context.404.app_error","status_code":404}')
            return
        answer = {"status": "OK"}
        query = parse_qs(scope["query_string"].decode())
        if device_id := query.get("device_id", [""])[-1]:
            answer["CanReceiveNotifications"] = await self._test(device_id)
        await respond(send, 200, msgspec.json.encode(answer))

    async def _test(self, device_id: str) -> str:
        session = Session(device_id)
        test = self._mattermost.compose(session, type="test", version="2", badge=-1)
        result = await self._mattermost.post(session, test)
        return {"ok": "true", "removed": "false"}.get(result, "unknown")
