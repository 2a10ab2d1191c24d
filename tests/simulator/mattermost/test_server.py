"""The Mattermost stand-in's API, asked as a tool asks it: over TCP, TLS and the local socket."""

import asyncio
import json
import re
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from mmpush_tui.settings.urls import REGION_URLS, Region
from mmpush_tui.simulator.mattermost.audit import IN_FLIGHT_LIMIT
from mmpush_tui.simulator.mattermost.faults import RestFault, Trouble
from mmpush_tui.simulator.mattermost.http import BODY_LIMIT
from mmpush_tui.simulator.mattermost.poster import MattermostStandIn
from mmpush_tui.simulator.mattermost.schema import MASK
from mmpush_tui.simulator.mattermost.server import MattermostRest
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("nothing_left")

ADMIN = "adminadminadminadminadmina"
PUSH = "pushpushpushpushpushpushpu"
SITE = "sitesitesitesitesitesitesi"
NOBODY = "nobodynobodynobodynobodyno"
TOKENS = {
    ADMIN: {"manage_system"},
    PUSH: {
        "sysconsole_read_environment_push_notification_server",
        "sysconsole_write_environment_push_notification_server",
    },
    SITE: {"sysconsole_read_site_notifications", "sysconsole_write_site_notifications"},
    NOBODY: set[str](),
}
EXPIRED = (401, "api.context.session_expired.app_error")
FORBIDDEN = (403, "api.context.permissions.app_error")
NOT_FOUND = (404, "api.context.404.app_error")
INVALID = (400, "api.context.invalid_body_param.app_error")
CONFIG = "/api/v4/config"
PATCH = "/api/v4/config/patch"


@asynccontextmanager
async def server(**options: Any) -> AsyncIterator[MattermostRest]:
    async with MattermostRest(**({"tokens": TOKENS} | options)) as rest:
        yield rest
    assert rest.failures == []


@asynccontextmanager
async def client(
    rest: MattermostRest, token: str | None = ADMIN, *, ca: ThrowAwayCA | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=rest.url,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        verify=ca.client_context(()) if ca else True,
        trust_env=False,
        timeout=10,
    ) as http:
        yield http


@asynccontextmanager
async def local(rest: MattermostRest) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.AsyncHTTPTransport(uds=str(rest.socket_path))
    async with httpx.AsyncClient(transport=transport, base_url="http://local", timeout=10) as http:
        yield http


@pytest.fixture
async def rest() -> AsyncIterator[MattermostRest]:
    async with server() as it:
        yield it


@pytest.fixture
async def http(rest: MattermostRest) -> AsyncIterator[httpx.AsyncClient]:
    async with client(rest) as it:
        yield it


def refusal(response: httpx.Response) -> tuple[int, str]:
    error = response.json()
    assert set(error) == {"id", "message", "detailed_error", "request_id", "status_code"}
    assert error["status_code"] == response.status_code
    assert error["request_id"] == response.headers["x-request-id"]
    assert error["detailed_error"] == ""
    assert response.headers["content-type"] == "application/json"
    return response.status_code, error["id"]


def push(**values: Any) -> dict[str, Any]:
    return {"EmailSettings": values}


async def test_every_answer_tells_version_and_licence(rest: MattermostRest) -> None:
    async with client(rest, None) as http:
        answers = [await http.get(path) for path in ("/api/v4/system/ping", CONFIG, "/api/v4/x")]
    for answer in answers:
        version = answer.headers["x-version-id"]
        assert re.fullmatch(r"11\.5\.0\.11\.5\.0\.[0-9a-f]{32}\.false", version)
        assert re.fullmatch(r"[a-z0-9]{26}", answer.headers["x-request-id"])
    assert len({answer.headers["x-request-id"] for answer in answers}) == 3
    assert [answer.status_code for answer in answers] == [200, 401, 404]


@pytest.mark.parametrize("version", ["10.11.2", "11.5.0", "11.8.0"])
async def test_versions_and_hash_follow_the_server(version: str) -> None:
    async with server(version=version, licensed=True) as rest, client(rest) as http:
        first = (await http.get("/api/v4/system/ping")).headers["x-version-id"]
        assert first.startswith(f"{version}.{version}.")
        assert first.endswith(".true")
        await http.put(PATCH, json=push(SendPushNotifications=False))
        assert (await http.get("/api/v4/system/ping")).headers["x-version-id"] != first


async def test_the_configuration_is_masked_and_one_line(
    rest: MattermostRest, http: httpx.AsyncClient
) -> None:
    answer = await http.get(CONFIG)
    assert answer.headers["cache-control"] == "no-cache, no-store, must-revalidate"
    assert answer.content.endswith(b"}\n")
    seen = answer.json()
    assert seen["SqlSettings"]["DataSource"] == seen["EmailSettings"]["SMTPPassword"] == MASK
    assert seen["EmailSettings"]["PushNotificationServer"] == "https://push-test.mattermost.com"
    assert rest.config["EmailSettings"]["SMTPPassword"] == "smtp-secret"
    assert rest.requests == [("GET", CONFIG)]
    assert rest.violations == []


@pytest.mark.parametrize(
    ("token", "server_url", "contents", "site_url"),
    [(ADMIN, True, True, True), (PUSH, True, False, False), (SITE, False, True, False)],
)
async def test_fields_are_shown_by_permission(
    rest: MattermostRest, token: str, server_url: bool, contents: bool, site_url: bool
) -> None:
    async with client(rest, token) as http:
        seen = (await http.get(CONFIG)).json()
    assert (seen["EmailSettings"]["PushNotificationServer"] is not None) == server_url
    assert (seen["TeamSettings"]["MaxNotificationsPerChannel"] is not None) == server_url
    assert (seen["EmailSettings"]["PushNotificationContents"] is not None) == contents
    assert (seen["ServiceSettings"]["SiteURL"] is not None) == site_url
    assert (seen["EmailSettings"]["PushNotificationBuffer"] is not None) == (token == ADMIN)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", CONFIG), ("PUT", PATCH), ("GET", f"{CONFIG}/environment"),
     ("POST", f"{CONFIG}/reload")],
)  # fmt: skip
async def test_without_a_valid_token_there_is_no_session(
    rest: MattermostRest, method: str, path: str
) -> None:
    body = push(SendPushNotifications=False) if method == "PUT" else None
    for token in (None, "unknown"):
        async with client(rest, token) as http:
            assert refusal(await http.request(method, path, json=body)) == EXPIRED
    async with client(rest) as http:
        assert (await http.request(method, path, json=body)).status_code == 200
        rest.expire_token(ADMIN)
        assert refusal(await http.request(method, path, json=body)) == EXPIRED
    assert rest.violations == []


async def test_whoever_has_no_page_of_the_console_is_refused(rest: MattermostRest) -> None:
    async with client(rest, NOBODY) as http:
        assert refusal(await http.get(CONFIG)) == FORBIDDEN
        answer = await http.put(PATCH, json=push(SendPushNotifications=False))
        assert refusal(answer) == FORBIDDEN
        assert refusal(await http.post(f"{CONFIG}/reload")) == FORBIDDEN
        assert (await http.get(f"{CONFIG}/environment")).json() is None
    assert rest.config["EmailSettings"]["SendPushNotifications"] is True


async def test_who_may_only_read_cannot_patch() -> None:
    tokens = {"reader": {"sysconsole_read_environment_push_notification_server"}}
    async with server(tokens=tokens) as rest, client(rest, "reader") as http:
        assert (await http.get(CONFIG)).status_code == 200
        answer = await http.put(PATCH, json=push(SendPushNotifications=False))
        assert refusal(answer) == FORBIDDEN


async def test_a_patch_answers_with_the_configuration_as_it_is_now(
    rest: MattermostRest, http: httpx.AsyncClient
) -> None:
    document: dict[str, dict[str, Any]] = {
        "EmailSettings": {
            "SendPushNotifications": False,
            "PushNotificationServer": "http://push:8066",
            "PushNotificationContents": "id_loaded",
        },
        "TeamSettings": {"MaxNotificationsPerChannel": 50},
    }
    answer = await http.put(PATCH, json=document)
    assert answer.status_code == 200
    for section, values in document.items():
        assert answer.json()[section].items() >= values.items()
        assert rest.config[section].items() >= values.items()
    assert answer.json()["EmailSettings"]["SMTPPassword"] == MASK
    assert answer.json() == (await http.get(CONFIG)).json()
    assert rest.patches == [document]
    assert rest.violations == []


async def test_a_field_without_permission_is_left_out_with_200(rest: MattermostRest) -> None:
    document = push(PushNotificationServer="http://x", PushNotificationContents="generic")
    async with client(rest, PUSH) as http:
        answer = await http.put(PATCH, json=document)
    assert answer.status_code == 200
    assert answer.json()["EmailSettings"]["PushNotificationServer"] == "http://x"
    assert answer.json()["EmailSettings"]["PushNotificationContents"] is None
    assert rest.config["EmailSettings"]["PushNotificationContents"] == "full"


async def test_an_overridden_key_is_left_as_it_is_with_200() -> None:
    environment = {"MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER": "http://env:8066"}
    async with server(environment=environment) as rest, client(rest) as http:
        answer = await http.put(PATCH, json=push(PushNotificationServer="http://x"))
        assert answer.status_code == 200
        assert answer.json()["EmailSettings"]["PushNotificationServer"] == "http://env:8066"
        assert rest.config["EmailSettings"]["PushNotificationServer"] == "http://env:8066"
        assert rest.stored["EmailSettings"]["PushNotificationServer"].endswith("mattermost.com")
        seen = await http.get(f"{CONFIG}/environment")
        assert seen.json() == {"EmailSettings": {"PushNotificationServer": True}}
    async with server(environment=environment) as rest, client(rest, SITE) as http:
        assert (await http.get(f"{CONFIG}/environment")).content == b"null\n"


@pytest.mark.parametrize(
    ("body", "violation"),
    [
        (b"", "a patch that is no strict JSON"),
        (b"{", "a patch that is no strict JSON"),
        (b'{"EmailSettings":{},"EmailSettings":{}}', "a patch that is no strict JSON"),
        (b"null", "a patch that is no object"),
        (b"[]", "a patch that is no object"),
        (b'{"EmailSettings":{"SendPushNotifications":"yes"}}', "a value of another type"),
    ],
)
async def test_a_patch_that_cannot_be_read_is_invalid(
    rest: MattermostRest, body: bytes, violation: str
) -> None:
    # The body is read before permissions are asked for.
    async with client(rest, NOBODY) as http:
        answer = await http.put(PATCH, content=body, headers={"Content-Type": "application/json"})
    assert refusal(answer) == INVALID
    assert len(rest.violations) == 1
    assert violation in rest.violations[0]


async def test_no_notifications_per_channel_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.put(PATCH, json={"TeamSettings": {"MaxNotificationsPerChannel": 0}})
    assert refusal(answer) == (400, "model.config.is_valid.max_notify_per_channel.app_error")
    assert "positive" in answer.json()["message"]


async def test_a_read_only_cluster_refuses_and_shows_why() -> None:
    async with server(cluster_read_only=True) as rest, client(rest) as http:
        answer = await http.put(PATCH, json=push(SendPushNotifications=False))
        assert refusal(answer) == (403, "ent.cluster.save_config.error")
        cluster = (await http.get(CONFIG)).json()["ClusterSettings"]
        assert cluster == {"Enable": True, "ReadOnlyConfig": True}


async def test_reload_reads_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    tokens = {"reloader": {"reload_config"}}
    async with server(file=file, tokens=tokens) as rest, client(rest, "reloader") as http:
        document = json.loads(file.read_text())
        document["EmailSettings"]["PushNotificationServer"] = "http://push:8066"
        file.write_text(json.dumps(document))
        assert (await http.post(f"{CONFIG}/reload")).json() == {"status": "OK"}
        assert rest.config["EmailSettings"]["PushNotificationServer"] == "http://push:8066"
        file.write_text("{")
        answer = await http.post(f"{CONFIG}/reload")
        assert refusal(answer) == (500, "api.config.reload_config.app_error")


async def test_a_restricted_admin_cannot_reload(short_tmp: Path) -> None:
    options = {"restrict_system_admin": True, "socket_path": short_tmp / "mm.socket"}
    async with server(**options) as rest:
        async with client(rest) as http:
            answer = await http.post(f"{CONFIG}/reload")
            assert refusal(answer) == (400, "api.restricted_system_admin")
        async with local(rest) as http:
            assert (await http.post(f"{CONFIG}/reload")).status_code == 200


async def test_the_client_configuration(rest: MattermostRest) -> None:
    path = f"{CONFIG}/client"
    async with client(rest) as http:
        known = (await http.get(path, params={"format": "old"})).json()
        assert refusal(await http.get(path)) == (501, "api.config.client.old_format.app_error")
        assert refusal(await http.get(path, params={"format": "new"})) == INVALID
    assert known["SendPushNotifications"] == "true"
    for token in (None, "unknown"):
        async with client(rest, token) as http:
            limited = (await http.get(path, params={"format": "old"})).json()
        assert limited["Version"] == limited["BuildNumber"] == "11.5.0"
        assert "SendPushNotifications" not in limited


async def test_the_client_licence() -> None:
    path = "/api/v4/license/client"
    old = {"format": "old"}
    async with server() as rest, client(rest) as http:
        assert (await http.get(path, params=old)).json() == {"IsLicensed": "false"}
        assert refusal(await http.get(path)) == (501, "api.license.client.old_format.app_error")
        assert refusal(await http.get(path, params={"format": "x"})) == INVALID
    async with server(licensed=True, mhpns=True, id_loaded=True) as rest:
        async with client(rest) as http:
            assert (await http.get(path, params=old)).json() == {
                "Cloud": "false",
                "IDLoadedPushNotifications": "true",
                "IsLicensed": "true",
                "MHPNS": "true",
                "SkuShortName": "enterprise",
            }
        for token in (None, PUSH):
            async with client(rest, token) as http:
                reduced = (await http.get(path, params=old)).json()
            assert reduced["MHPNS"] == "true"
            assert "SkuShortName" not in reduced


async def test_ping_needs_no_token_and_tests_no_phone_by_itself(rest: MattermostRest) -> None:
    async with client(rest, None) as http:
        assert (await http.get("/api/v4/system/ping")).json() == {"status": "OK"}
        answer = await http.get("/api/v4/system/ping", params={"device_id": "apple_rn-v2:ab"})
        assert answer.json()["CanReceiveNotifications"] == "unknown"


async def test_ping_posts_a_test_push_where_pushes_are_on() -> None:
    mattermost = MattermostStandIn("http://127.0.0.1:1")
    phone = {"device_id": "android_rn-v2:x:y"}

    async def can(http: httpx.AsyncClient) -> str:
        answer: dict[str, str] = (await http.get("/api/v4/system/ping", params=phone)).json()
        return answer["CanReceiveNotifications"]

    async with server(mattermost=mattermost) as rest, client(rest) as http:
        # Nothing leaves this host: a new installation names the test service.
        assert await can(http) == "unknown"
        assert mattermost.total.sent == 0
        await http.put(PATCH, json=push(PushNotificationServer="http://127.0.0.1:9"))
        assert await can(http) == "unknown"
        assert mattermost.total.unanswered == 1
        await http.put(PATCH, json=push(SendPushNotifications=False))
        assert await can(http) == "false"
        hosted = REGION_URLS[Region.GLOBAL]
        await http.put(PATCH, json=push(SendPushNotifications=True, PushNotificationServer=hosted))
        # Nothing is sent to a service that no licence covers.
        assert await can(http) == "false"
        assert mattermost.total.sent == 1
    await mattermost.aclose()


async def test_over_tls_the_authority_is_what_counts(ca: ThrowAwayCA) -> None:
    async with server(ca=ca) as rest:
        assert rest.url.startswith("https://127.0.0.1:")
        async with client(rest, ca=ca) as http:
            answer = await http.get(CONFIG)
            assert (answer.status_code, answer.http_version) == (200, "HTTP/1.1")
            answer = await http.put(PATCH, json=push(SendPushNotifications=False))
            assert answer.json()["EmailSettings"]["SendPushNotifications"] is False
        async with client(rest, ca=ThrowAwayCA()) as http:
            with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
                await http.get(CONFIG)
        async with httpx.AsyncClient(trust_env=False) as http:
            with pytest.raises(httpx.TransportError):
                await http.get(rest.url.replace("https", "http"))


@pytest.fixture
async def both(short_tmp: Path) -> AsyncIterator[MattermostRest]:
    async with server(socket_path=short_tmp / "mm.socket") as it:
        yield it


async def test_local_mode_asks_for_nothing_and_shows_secrets(both: MattermostRest) -> None:
    async with local(both) as http, client(both) as tcp:
        seen = await http.get(CONFIG)
        assert seen.headers["x-version-id"].startswith("11.5.0.")
        assert seen.json()["EmailSettings"]["SMTPPassword"] == "smtp-secret"
        assert seen.json()["ServiceSettings"]["EnableLocalMode"] is True
        location = seen.json()["ServiceSettings"]["LocalModeSocketLocation"]
        assert location == str(both.socket_path)
        changed = await http.put(PATCH, json=push(PushNotificationBuffer=5))
        assert changed.json()["EmailSettings"]["SMTPPassword"] == MASK
        assert (await tcp.get(CONFIG)).json() == changed.json()
        assert (await http.post(f"{CONFIG}/reload")).json() == {"status": "OK"}
        assert (await http.get("/api/v4/system/ping")).json() == {"status": "OK"}
        limited = (await http.get(f"{CONFIG}/client", params={"format": "old"})).json()
        assert "SendPushNotifications" not in limited
        for path in (f"{CONFIG}/environment", "/api/v4/license/client?format=old", "/", "/config"):
            assert refusal(await http.get(path)) == NOT_FOUND
    assert both.violations == []


async def test_local_mode_masked_secrets_before_version_11(short_tmp: Path) -> None:
    async with server(version="10.11.2", socket_path=short_tmp / "s") as rest:
        async with local(rest) as http:
            seen = (await http.get(CONFIG)).json()
        assert seen["EmailSettings"]["SMTPPassword"] == MASK
        assert seen["EmailSettings"]["PushNotificationBuffer"] == 1000


async def test_the_socket_is_private_replaces_a_stale_one_and_goes_at_the_end(
    short_tmp: Path,
) -> None:
    path = short_tmp / "mm.socket"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    async with server(socket_path=path) as rest:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        async with local(rest) as http:
            assert (await http.get("/api/v4/system/ping")).status_code == 200
    assert not path.exists()


async def test_what_is_no_socket_is_not_replaced(short_tmp: Path) -> None:
    path = short_tmp / "mm.socket"
    path.write_text("precious")
    rest = MattermostRest(socket_path=path)
    with pytest.raises(OSError, match="in use"):
        await rest.start()
    await rest.aclose()
    assert path.read_text() == "precious"


async def test_unknown_paths(rest: MattermostRest, http: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", "/api/v4/nothing"), ("GET", "/api/v5/config"), ("POST", CONFIG), ("GET", PATCH),
        ("DELETE", "/"), ("PUT", "/config/patch"),
    ):  # fmt: skip
        assert refusal(await http.request(method, path)) == NOT_FOUND
    async with client(rest, None) as anybody:
        page = await anybody.get("/sub/api/v4/config")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (await http.head(CONFIG)).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "options", "violation"),
    [
        ("GET", CONFIG, {"params": {"access_token": ADMIN}}, "a token in the address"),
        ("GET", f"/api/v4/users/{ADMIN}", {}, "a token in the address"),
        ("GET", CONFIG, {"cookies": {"MMAUTHTOKEN": "x"}}, "a cookie"),
        ("GET", CONFIG, {"headers": {"Authorization": f"BEARER {ADMIN}"}},
         "an Authorization header that is no Bearer token"),
        ("GET", CONFIG, {"headers": {"Authorization": f"token {ADMIN}"}},
         "an Authorization header that is no Bearer token"),
        ("GET", CONFIG, {"headers": [("Authorization", f"Bearer {ADMIN}")] * 2},
         "more than one Authorization header"),
        ("GET", "/", {"headers": {"Authorization": f"Bearer {ADMIN}"}},
         "a token for what is no API"),
        ("GET", "//api/v4/system/ping", {}, "an empty part in the path"),
        ("GET", CONFIG, {"json": {}}, "a body where none belongs"),
        ("PUT", CONFIG, {"json": {}}, "PUT /config, which replaces all"),
        ("PUT", PATCH, {"content": b'{"EmailSettings":{"SendPushNotifications":true}}'},
         "a body of another type than JSON"),
        ("PUT", PATCH, {"json": {}}, "a patch that sets nothing"),
        ("PUT", PATCH, {"json": {"EmailSettings": {}}}, "a patch that sets nothing"),
        ("PUT", PATCH, {"json": {"TeamSettings": {"SiteName": "x"}}},
         "a patch with keys that are no push settings"),
        ("PUT", PATCH, {"json": push(pushnotificationserver="x")},
         "a patch with keys that are no push settings"),
        ("PUT", PATCH, {"json": push(PushNotificationServer=None)},
         "a patch with null, as what one may not read"),
        ("PUT", PATCH, {"json": push(PushNotificationServer=MASK)},
         "a patch with masked secrets"),
        ("PUT", PATCH, {"json": push(PushNotificationServer="x" * BODY_LIMIT)},
         "a body larger than the server takes"),
    ],
)  # fmt: skip
async def test_what_a_careful_client_never_does_is_noted(
    rest: MattermostRest, method: str, path: str, options: dict[str, Any], violation: str
) -> None:
    cookies = options.pop("cookies", None)
    async with httpx.AsyncClient(cookies=cookies, trust_env=False) as http:
        await http.request(method, rest.url + path, **options)
    async with client(rest) as known:
        if method == "PUT":
            await known.put(rest.url + path, **options)
    assert set(rest.violations) == {violation}
    assert not any(ADMIN in text for text in rest.violations)


async def test_tokens_elsewhere_open_nothing(rest: MattermostRest) -> None:
    async with client(rest, None) as http:
        answer = await http.get(CONFIG, params={"access_token": ADMIN})
        assert refusal(answer) == (401, "api.context.token_provided.app_error")
        for header in (f"BEARER {ADMIN}", f"bearer {ADMIN}", f"token {ADMIN}", ADMIN, "Bearer"):
            answer = await http.get(CONFIG, headers={"Authorization": header})
            assert refusal(answer) == EXPIRED


async def test_a_token_over_the_socket_is_noted(both: MattermostRest) -> None:
    async with local(both) as http:
        await http.get(CONFIG, headers={"Authorization": f"Bearer {ADMIN}"})
    assert both.violations == ["a token over the local socket"]


async def test_a_patch_of_all_that_was_read_is_noted(
    rest: MattermostRest, http: httpx.AsyncClient
) -> None:
    before = rest.config
    answer = await http.put(PATCH, json=(await http.get(CONFIG)).json())
    assert answer.status_code == 200
    assert rest.config == before
    assert rest.violations == [
        "a patch with keys that are no push settings", "a patch with masked secrets",
    ]  # fmt: skip


async def test_crowds_are_noted(rest: MattermostRest, http: httpx.AsyncClient) -> None:
    rest.fault = Trouble(RestFault.SLOW, seconds=0.3)
    await asyncio.gather(*(http.get(CONFIG) for _ in range(IN_FLIGHT_LIMIT)))
    assert rest.violations == []
    await asyncio.gather(*(http.get(CONFIG) for _ in range(IN_FLIGHT_LIMIT + 1)))
    assert rest.violations == [f"more than {IN_FLIGHT_LIMIT} requests at once"]


async def test_two_changes_at_once_are_noted_and_one_after_another_are_not(
    rest: MattermostRest, http: httpx.AsyncClient
) -> None:
    rest.fault = Trouble(RestFault.SLOW, seconds=60, times=1)
    with pytest.raises(httpx.ReadTimeout):
        await http.put(PATCH, json=push(SendPushNotifications=False), timeout=0.2)
    # The answer was late, the change was not.
    assert rest.config["EmailSettings"]["SendPushNotifications"] is False
    await http.put(PATCH, json=push(SendPushNotifications=True))
    assert rest.violations == []
    rest.fault = Trouble(RestFault.SLOW, seconds=0.2)
    await asyncio.gather(*(http.put(PATCH, json=push(SendPushNotifications=True)) for _ in "12"))
    assert rest.violations == ["a change while another is under way"]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (RestFault.EXPIRED, EXPIRED),
        (RestFault.FORBIDDEN, FORBIDDEN),
        (RestFault.SERVER_ERROR, (500, "app.save_config.app_error")),
    ],
)
async def test_faults_that_refuse(
    rest: MattermostRest, http: httpx.AsyncClient, fault: RestFault, expected: tuple[int, str]
) -> None:
    rest.fault = fault
    assert rest.fault == Trouble(fault)
    answer = await http.put(PATCH, json=push(SendPushNotifications=False))
    assert refusal(answer) == expected
    assert rest.config["EmailSettings"]["SendPushNotifications"] is True
    rest.fault = None
    assert (await http.get(CONFIG)).status_code == 200


async def test_a_fault_can_be_for_one_path_and_some_times(
    rest: MattermostRest, http: httpx.AsyncClient
) -> None:
    rest.fault = Trouble(RestFault.FORBIDDEN, path=f"{CONFIG}/environment", times=2)
    rest.troubles.add(Trouble(RestFault.SERVER_ERROR, path=CONFIG, times=1))
    environment = [(await http.get(f"{CONFIG}/environment")).status_code for _ in range(3)]
    config = [(await http.get(CONFIG)).status_code for _ in range(2)]
    assert (environment, config) == ([403, 403, 200], [500, 200])
    assert rest.fault is None


async def test_faults_reach_the_socket_too(both: MattermostRest) -> None:
    both.fault = RestFault.SERVER_ERROR
    async with local(both) as http:
        assert (await http.get(CONFIG)).status_code == 500


@pytest.mark.parametrize(
    ("fault", "status"), [(RestFault.HTML_PAGE, 200), (RestFault.BAD_GATEWAY, 502)]
)
async def test_pages_from_something_in_between(
    rest: MattermostRest, http: httpx.AsyncClient, fault: RestFault, status: int
) -> None:
    rest.fault = fault
    answer = await http.get(CONFIG)
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "text/html; charset=utf-8",
    )
    assert answer.text.startswith("<!DOCTYPE html>")
    assert "x-version-id" not in answer.headers


@pytest.mark.parametrize("tls", [False, True])
async def test_redirects_to_a_login(ca: ThrowAwayCA, tls: bool) -> None:
    mine = ca if tls else None
    async with server(ca=mine) as rest, client(rest, ca=ca) as http:
        rest.fault = RestFault.LOGIN_HERE
        answer = await http.get(CONFIG)
        assert (answer.status_code, answer.headers["location"]) == (302, "/login")
        rest.fault = RestFault.LOGIN_ELSEWHERE
        answer = await http.get(CONFIG)
        assert answer.headers["location"] == rest.url.replace("127.0.0.1", "localhost") + "/login"
        assert rest.violations == []
        followed = await http.get(answer.headers["location"])
        assert (followed.status_code, "<html>" in followed.text) == (200, True)
        assert rest.violations == ["a token for what is no API"]


@pytest.mark.parametrize(
    ("fault", "is_done"), [(RestFault.HANG_UP, False), (RestFault.LOST_ANSWER, True)]
)
async def test_no_answer(
    rest: MattermostRest, http: httpx.AsyncClient, fault: RestFault, is_done: bool
) -> None:
    rest.fault = fault
    with pytest.raises(httpx.RemoteProtocolError):
        await http.put(PATCH, json=push(SendPushNotifications=False))
    assert rest.config["EmailSettings"]["SendPushNotifications"] is not is_done


async def test_half_an_answer(rest: MattermostRest, http: httpx.AsyncClient) -> None:
    rest.fault = RestFault.CUT_OFF
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        await http.get(CONFIG)
    rest.fault = RestFault.TRUNCATED_JSON
    answer = await http.put(PATCH, json=push(SendPushNotifications=False))
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"JSON|delimiter|Expecting|Unterminated"):
        answer.json()
    assert rest.config["EmailSettings"]["SendPushNotifications"] is False


async def test_json_that_is_no_object(rest: MattermostRest, http: httpx.AsyncClient) -> None:
    rest.fault = RestFault.NO_OBJECT
    assert (await http.get(CONFIG)).json() == ["maintenance"]


@pytest.mark.parametrize("tls", [False, True])
async def test_a_body_without_end(ca: ThrowAwayCA, tls: bool) -> None:
    async with server(ca=ca if tls else None) as rest:
        rest.fault = RestFault.ENDLESS_BODY
        async with client(rest, ca=ca) as http, http.stream("GET", CONFIG) as answer:
            assert answer.headers["content-type"] == "application/json"
            assert "content-length" not in answer.headers
            async for chunk in answer.aiter_raw(100_000):
                assert chunk.startswith(b'{"ServiceSettings":{"SiteURL":"aaa')
                break
        rest.fault = Trouble(RestFault.ENDLESS_BODY, size=1_000_000)
        async with client(rest, ca=ca) as http:
            assert len((await http.get(CONFIG)).content) > 1_000_000
    # The sockets between us hold a few megabytes, not 200.
    assert 1_000_000 < rest.streamed < 50_000_000


async def test_a_patch_that_skips_in_silence(rest: MattermostRest, http: httpx.AsyncClient) -> None:
    rest.fault = Trouble(RestFault.SKIPS, keys=frozenset({"EmailSettings.PushNotificationServer"}))
    answer = await http.put(
        PATCH, json=push(PushNotificationServer="http://x", SendPushNotifications=False)
    )
    assert answer.status_code == 200
    email = answer.json()["EmailSettings"]
    assert email["PushNotificationServer"] == "https://push-test.mattermost.com"
    assert email["SendPushNotifications"] is False
    assert rest.config["EmailSettings"] == email | {"SMTPPassword": "smtp-secret"}


async def test_an_older_server_lacks_keys() -> None:
    environment = {"MM_EMAILSETTINGS_PUSHNOTIFICATIONBUFFER": "7"}
    async with server(environment=environment) as rest, client(rest) as http:
        rest.fault = Trouble(
            RestFault.OLDER_SERVER, keys=frozenset({"EmailSettings.PushNotificationBuffer"})
        )
        assert "PushNotificationBuffer" not in (await http.get(CONFIG)).json()["EmailSettings"]
        assert (await http.get(f"{CONFIG}/environment")).json() is None
        answer = await http.put(PATCH, json=push(PushNotificationBuffer=5))
        assert answer.status_code == 200
        assert "PushNotificationBuffer" not in answer.json()["EmailSettings"]
        assert rest.config["EmailSettings"]["PushNotificationBuffer"] == 7


async def test_a_connection_is_kept_and_what_is_no_http_ends_it(rest: MattermostRest) -> None:
    port = int(rest.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    # Two requests in one piece, the second with a body in chunks.
    writer.write(
        b"GET /api/v4/system/ping HTTP/1.1\r\nHost: x\r\n\r\n"
        b"PUT /api/v4/config/patch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: application/json\r\nAuthorization: Bearer " + ADMIN.encode() + b"\r\n\r\n"
        b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
    )
    for status in (b"200 OK", b"200 OK"):
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 " + status)
        assert b"connection: keep-alive" in head
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
    writer.write(b"\x16\x03\x01 no HTTP\r\n\r\n")
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert rest.violations == ["a patch that sets nothing"]


async def test_the_end_comes_while_clients_wait() -> None:
    rest = MattermostRest(tokens=TOKENS)
    await rest.start()
    rest.fault = Trouble(RestFault.SLOW, seconds=60)
    async with client(rest) as http, asyncio.TaskGroup() as group:

        async def ask() -> None:
            with pytest.raises(httpx.TransportError):
                await http.get(CONFIG)

        async def is_asked() -> bool:
            return bool(rest.requests)

        group.create_task(ask())
        await eventually(is_asked)
        await rest.aclose()
    assert rest.failures == []
