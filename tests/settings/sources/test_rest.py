"""The REST API as a source, against a stand-in that is stricter than the real server."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mmpush_tui.errors import ConfigError, MmpushError, UsageError
from mmpush_tui.exits import exit_code_of
from mmpush_tui.settings.page import Change, Contents, Licence, Mode, Stored
from mmpush_tui.settings.sources import api
from mmpush_tui.settings.sources.rest import Rest
from mmpush_tui.settings.sources.source import Origin, Place, Source, page_notes
from mmpush_tui.settings.urls import Region
from mmpush_tui.simulator.mattermost.faults import RestFault, Trouble
from mmpush_tui.simulator.mattermost.server import MattermostRest
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.text import Secret
from tests.settings.table import CONTENTS, MAX, OLD_US, OWN, SEND, SERVER, TPNS, US

TOKEN = "canarytokencanarytokencana"
READ_ALL = {
    "sysconsole_read_environment_push_notification_server",
    "sysconsole_read_site_notifications",
}
PATCH = "/api/v4/config/patch"
CONFIG = "/api/v4/config"


def changes(**values: str | int | bool) -> list[Change]:
    keys = {"send": SEND, "server": SERVER, "contents": CONTENTS, "max": MAX}
    return [Change(key=keys[name], old=None, new=value) for name, value in values.items()]


def server(**options: Any) -> MattermostRest:
    usual: dict[str, Any] = {
        "tokens": {TOKEN: {"manage_system"}},
        "licensed": True,
        "mhpns": True,
        "id_loaded": True,
    }
    return MattermostRest(**(usual | options))


def source(mattermost: MattermostRest, token: str = TOKEN, **options: Any) -> Rest:
    return Rest(mattermost.url, Secret(token), **options)


@pytest.fixture
async def mattermost() -> AsyncIterator[MattermostRest]:
    async with server() as standing:
        yield standing
        assert standing.failures == []


def mode(path: str) -> int:
    return os.stat(path).st_mode & 0o777


async def refusal(work: Any, exit_: int) -> str:
    with pytest.raises(MmpushError) as caught:
        await work
    assert exit_code_of(caught.value) == exit_
    assert "canary" not in caught.value.line()
    assert "canary" not in repr(caught.value)
    return caught.value.line()


async def test_it_is_a_source(mattermost: MattermostRest) -> None:
    rest: Source = source(mattermost)
    assert (rest.where.kind, rest.where.at) == (Place.REST, mattermost.url)
    await rest.aclose()


async def test_everything_the_page_needs_is_read(mattermost: MattermostRest) -> None:
    rest = source(mattermost)
    loaded = await rest.load()
    assert loaded.stored == Stored(send=True, server=TPNS, contents="full", max_notifications=1000)
    assert loaded.licence == Licence(hpns=True, id_loaded=True)
    assert (loaded.version, loaded.origin, loaded.locked) == ("11.5.0", Origin.SERVER, {})
    assert (loaded.hidden, loaded.remarks) == (frozenset(), ())
    assert mattermost.violations == []
    await rest.aclose()


@pytest.mark.parametrize(
    ("version", "region", "shown"),
    [("10.11.2", Region.US, OLD_US), ("11.5.0", Region.US, OLD_US), ("11.6.0", Region.US, US)],
)
async def test_the_regions_are_those_of_the_servers_version(
    version: str, region: Region, shown: str
) -> None:
    config = {"EmailSettings": {"SendPushNotifications": True, "PushNotificationServer": OLD_US}}
    async with server(version=version, config=config) as standing:
        rest = source(standing)
        page = (await rest.load()).page
        assert (page.mode, page.region, page.server) == (Mode.HPNS, region, shown)
        await rest.aclose()


@pytest.mark.parametrize(
    ("options", "licence"),
    [
        (
            {"licensed": False, "mhpns": False, "id_loaded": False},
            Licence(hpns=False, id_loaded=False),
        ),
        ({"mhpns": False}, Licence(hpns=False, id_loaded=True)),
        ({"id_loaded": False}, Licence(hpns=True, id_loaded=False)),
    ],
)  # fmt: skip
async def test_the_servers_word_on_its_licence_counts(
    options: dict[str, bool], licence: Licence
) -> None:
    async with server(**options) as standing:
        rest = source(standing, licence=Licence(hpns=True, id_loaded=True))
        assert (await rest.load()).licence == licence
        await rest.aclose()


async def test_only_what_changes_is_sent_and_read_back(mattermost: MattermostRest) -> None:
    rest = source(mattermost)
    loaded = await rest.load()
    saved = await rest.save(loaded, changes(server=OWN, max=20))
    assert mattermost.patches == [
        {
            "EmailSettings": {"PushNotificationServer": OWN},
            "TeamSettings": {"MaxNotificationsPerChannel": 20},
        }
    ]
    assert mattermost.config["EmailSettings"]["PushNotificationServer"] == OWN
    assert (saved.needs, saved.skipped, saved.can_reload) == ((), (), True)
    assert (await rest.load()).stored == Stored(send=True, server=OWN, max_notifications=20)
    assert mattermost.violations == []
    await rest.aclose()


async def test_the_state_before_is_kept_and_brought_back(mattermost: MattermostRest) -> None:
    rest = source(mattermost)
    loaded = await rest.load()
    saved = await rest.save(loaded, changes(send=False, contents="generic"))
    assert saved.backup is not None
    assert (mode(saved.backup), mode(os.path.dirname(saved.backup))) == (0o600, 0o700)
    assert await rest.backups() == [saved.backup]
    now, former = await rest.load(), await rest.former(saved.backup)
    assert former.stored == loaded.stored
    await rest.restore(now, former)
    assert (await rest.load()).stored == loaded.stored
    assert len(await rest.backups()) == 2
    await rest.aclose()


async def test_a_backup_of_another_server_is_refused(
    mattermost: MattermostRest, tmp_path: Path
) -> None:
    rest = source(mattermost)
    saved = await rest.save(await rest.load(), changes(max=7))
    assert saved.backup is not None
    await rest.aclose()
    async with server() as other:
        rest = source(other)
        assert await rest.backups() == []
        assert await refusal(rest.former(saved.backup), 2) == (
            f"{saved.backup} is a backup of {mattermost.url}, not of {other.url}. Name one that "
            "`settings restore --list` shows."
        )
        wrong = tmp_path / "wrong.json"
        wrong.write_text('{"schema": 1}')
        assert await refusal(rest.former(str(wrong)), 2) == (
            f"{wrong} is no backup of Mattermost's settings. Name one that `settings restore "
            "--list` shows."
        )
        await rest.aclose()


async def test_what_the_server_passes_over_is_named(mattermost: MattermostRest) -> None:
    mattermost.fault = Trouble(RestFault.SKIPS, keys=frozenset({SERVER}))
    rest = source(mattermost)
    saved = await rest.save(await rest.load(), changes(server=OWN, max=20))
    assert saved.skipped == (SERVER,)
    assert mattermost.config["TeamSettings"]["MaxNotificationsPerChannel"] == 20
    await rest.aclose()


async def test_rights_to_read_alone_change_nothing() -> None:
    rights = READ_ALL | {"sysconsole_write_site_notifications"}
    async with server(tokens={TOKEN: rights}) as standing:
        rest = source(standing)
        loaded = await rest.load()
        saved = await rest.save(loaded, changes(server=OWN, contents="generic"))
        assert saved.skipped == (SERVER,)
        assert (await rest.load()).stored == Stored(send=True, server=TPNS, contents="generic")
        await rest.aclose()


async def test_what_the_user_may_not_see_is_not_guessed() -> None:
    rights = {"sysconsole_read_environment_push_notification_server",
              "sysconsole_write_environment_push_notification_server"}  # fmt: skip
    async with server(tokens={TOKEN: rights}) as standing:
        rest = source(standing)
        loaded = await rest.load()
        assert loaded.hidden == {"contents"}
        assert loaded.held == {
            "contents": "the token's user may not see it: sysconsole_read_site_notifications is "
            "missing"
        }
        codes = [note.code for note in page_notes(loaded, loaded.page)]
        assert not [code for code in codes if code.startswith(("contents", "id-loaded"))]
        saved = await rest.save(loaded, changes(contents="generic", max=5))
        assert saved.skipped == (CONTENTS,)
        former = await rest.former(saved.backup or "")
        assert CONTENTS not in former.keys
        await rest.aclose()
    async with server(tokens={TOKEN: {"sysconsole_read_site_notifications"}}) as standing:
        rest = source(standing)
        assert await refusal(rest.load(), 1) == (
            f"the token's user may not see the push settings of {standing.url}: the permission "
            "sysconsole_read_environment_push_notification_server is missing. Use the token of a "
            "system admin, or give the role that permission."
        )
        await rest.aclose()


async def test_what_the_environment_holds_is_left_alone() -> None:
    environment = {"MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER": OWN}
    async with server(environment=environment) as standing:
        rest = source(standing)
        loaded = await rest.load()
        assert loaded.locked == {"server": "MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER"}
        assert loaded.held["server"] == (
            "set by MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER, as the server says"
        )
        assert loaded.stored.server == OWN
        saved = await rest.save(loaded, changes(server=TPNS, max=5))
        assert saved.skipped == (SERVER,)
        assert standing.patches == [{"TeamSettings": {"MaxNotificationsPerChannel": 5}}]
        await rest.aclose()


async def test_an_older_server_lacks_keys() -> None:
    async with server() as standing:
        standing.fault = Trouble(RestFault.OLDER_SERVER, keys=frozenset({CONTENTS}))
        rest = source(standing)
        loaded = await rest.load()
        assert (loaded.stored.contents, loaded.hidden) == (Contents.FULL, frozenset())
        saved = await rest.save(loaded, changes(contents="generic"))
        assert saved.skipped == (CONTENTS,)
        await rest.aclose()


async def test_somebody_elses_change_is_not_overwritten(mattermost: MattermostRest) -> None:
    rest, other = source(mattermost), source(mattermost)
    loaded = await rest.load()
    await other.save(await other.load(), changes(max=5))
    assert await refusal(rest.save(loaded, changes(server=OWN)), 1) == (
        f"the settings on {mattermost.url} were changed by someone else since they were read, so "
        "nothing was written. Load them again and repeat the change."
    )
    assert mattermost.config["EmailSettings"]["PushNotificationServer"] == TPNS
    await rest.aclose()
    await other.aclose()


async def test_nothing_is_sent_where_the_state_before_cannot_be_kept(
    mattermost: MattermostRest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").write_text("a file")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    rest = source(mattermost)
    loaded = await rest.load()
    told = await refusal(rest.save(loaded, changes(server=OWN)), 1)
    assert told.startswith("nothing was changed: the former settings could not be kept in ")
    assert told.endswith(
        "Not a directory. Make the folder writable, or name another with XDG_STATE_HOME."
    )
    assert mattermost.patches == []
    await rest.aclose()


TOKEN_FIX = (
    "it was revoked, has expired, is of another server, or tokens are switched off there "
    "(ServiceSettings.EnableUserAccessTokens). Make a new one in Mattermost under Profile, "
    "Security, Personal Access Tokens."
)
NO_API = (
    "Name the address that users open Mattermost by (ServiceSettings.SiteURL), and let a reverse "
    "proxy or a login in front of it pass /api/v4 on."
)
ELSEWHERE = (
    "Name the address that Mattermost itself has, with the right http or https; behind a login "
    "page, let /api/v4 through, or use --local on the server."
)
FAULTS = {
    RestFault.EXPIRED: (1, "{url} does not take the access token: " + TOKEN_FIX),
    RestFault.FORBIDDEN: (
        1,
        "the token's user has no right to that on {url}: it needs to be a system admin, or have a "
        "role with the permission for the Push Notification Server page. Use the token of a system "
        "admin.",
    ),
    RestFault.SERVER_ERROR: (
        1,
        "Mattermost failed with status 500 (app.save_config.app_error): Something went wrong. Its "
        "log says more; look "
        "for the same words there.",
    ),
    RestFault.HTML_PAGE: (
        3, "{url} is not Mattermost's API: a web page comes back. " + NO_API,
    ),
    RestFault.BAD_GATEWAY: (
        3,
        "{url} is down: the reverse proxy in front of it answers 502. Start Mattermost, or look at "
        "its log.",
    ),
    RestFault.LOGIN_HERE: (3, "{url} sends its callers elsewhere, to /login. " + ELSEWHERE),
    RestFault.LOGIN_ELSEWHERE: (
        3, "{url} sends its callers elsewhere, to {elsewhere}. " + ELSEWHERE,
    ),
    RestFault.HANG_UP: (
        3,
        "{url} broke the connection off without a whole answer. Try again; if it stays, look at "
        "its log, or at what stands in between.",
    ),
    RestFault.CUT_OFF: (
        3,
        "{url} broke the connection off without a whole answer. Try again; if it stays, look at "
        "its log, or at what stands in between.",
    ),
    RestFault.TRUNCATED_JSON: (
        3, "{url} is not Mattermost's API: no JSON comes back. " + NO_API,
    ),
    RestFault.NO_OBJECT: (3, "{url} is not Mattermost's API: no JSON comes back. " + NO_API),
    RestFault.ENDLESS_BODY: (
        3, "{url} is not Mattermost's API: its answer has no end. " + NO_API,
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_bad_answer_has_its_sentence(
    mattermost: MattermostRest, fault: RestFault
) -> None:
    exit_, line = FAULTS[fault]
    mattermost.fault = fault
    rest = source(mattermost)
    elsewhere = mattermost.url.replace("127.0.0.1", "localhost")
    told = await refusal(rest.load(), exit_)
    assert told == line.format(url=mattermost.url, elsewhere=elsewhere)
    assert mattermost.violations == []
    await rest.aclose()


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in (
    RestFault.CUT_OFF, RestFault.TRUNCATED_JSON)])  # fmt: skip
async def test_a_save_that_fails_changes_nothing_and_says_so(
    mattermost: MattermostRest, fault: RestFault
) -> None:
    exit_, line = FAULTS[fault]
    rest = source(mattermost)
    loaded = await rest.load()
    mattermost.fault = Trouble(fault, path=PATCH)
    told = await refusal(rest.save(loaded, changes(server=OWN)), exit_)
    what = line.format(url=mattermost.url, elsewhere="").partition(":")[0].partition(".")[0]
    assert told.startswith(what)
    if exit_ == 3:
        assert ", and the settings are as they were" in told
    assert (await rest.load()).stored == loaded.stored
    await rest.aclose()


@pytest.mark.parametrize(
    "fault", [RestFault.LOST_ANSWER, RestFault.CUT_OFF, RestFault.TRUNCATED_JSON]
)
async def test_a_lost_answer_is_made_up_for_by_looking(
    mattermost: MattermostRest, fault: RestFault
) -> None:
    rest = source(mattermost)
    loaded = await rest.load()
    mattermost.fault = Trouble(fault, path=PATCH)
    saved = await rest.save(loaded, changes(server=OWN))
    assert saved.skipped == ()
    assert (await rest.load()).stored.server == OWN
    await rest.aclose()


@pytest.mark.parametrize("fault", [RestFault.FORBIDDEN, RestFault.HANG_UP, RestFault.SKIPS])
async def test_what_was_not_done_leaves_no_state_to_go_back_to(
    mattermost: MattermostRest, fault: RestFault
) -> None:
    rest = source(mattermost)
    first = await rest.save(await rest.load(), changes(max=7))
    loaded = await rest.load()
    mattermost.fault = Trouble(fault, path=PATCH, keys=frozenset({SERVER}))
    try:
        saved = await rest.save(loaded, changes(server=OWN))
    except MmpushError:
        pass
    else:
        assert (saved.backup, saved.skipped) == (None, (SERVER,))
    assert await rest.backups() == [first.backup]
    await rest.aclose()


async def test_json_of_something_else_is_no_configuration() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"status":"OK"}')
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as standing:
        rest = Rest(f"http://127.0.0.1:{standing.sockets[0].getsockname()[1]}", Secret(TOKEN))
        told = await refusal(rest.load(), 3)
        assert "what comes back is no configuration of Mattermost's" in told
        await rest.aclose()


async def test_of_a_lost_answer_the_part_that_was_done_is_said() -> None:
    rights = READ_ALL | {"sysconsole_write_site_notifications"}
    async with server(tokens={TOKEN: rights}) as standing:
        rest = source(standing)
        loaded = await rest.load()
        standing.fault = Trouble(RestFault.LOST_ANSWER, path=PATCH)
        saved = await rest.save(loaded, changes(server=OWN, contents="generic"))
        assert saved.skipped == (SERVER,)
        assert saved.backup is not None
        await rest.aclose()


async def test_a_server_that_dies_while_saving_leaves_it_open(mattermost: MattermostRest) -> None:
    rest = source(mattermost)
    loaded = await rest.load()
    mattermost.troubles.add(Trouble(RestFault.LOST_ANSWER, path=PATCH))
    mattermost.troubles.add(Trouble(RestFault.SLOW, path=CONFIG, times=1, seconds=0))
    mattermost.troubles.add(Trouble(RestFault.HANG_UP, path=CONFIG))
    assert await refusal(rest.save(loaded, changes(server=OWN)), 3) == (
        f"{mattermost.url} broke the connection off without a whole answer, and whether the "
        "settings were saved is not known. Look at them again before you repeat it."
    )
    await rest.aclose()


async def test_an_invalid_value_is_refused_in_the_servers_words(mattermost: MattermostRest) -> None:
    rest = source(mattermost)
    told = await refusal(rest.save(await rest.load(), changes(max=0)), 1)
    assert told.startswith(
        "Mattermost refused the settings (model.config.is_valid.max_notify_per_channel.app_error): "
    )
    assert told.endswith("Nothing was changed.")
    await rest.aclose()


async def test_a_read_only_cluster_is_named() -> None:
    async with server(cluster_read_only=True) as standing:
        rest = source(standing)
        assert await refusal(rest.save(await rest.load(), changes(server=OWN)), 1) == (
            "Mattermost refused to save: its cluster keeps the configuration read-only "
            "(ClusterSettings.ReadOnlyConfig). Change config.json on every node and reload each, "
            "or switch ReadOnlyConfig off."
        )
        await rest.aclose()


async def test_reload(mattermost: MattermostRest) -> None:
    rest = source(mattermost)
    await rest.reload()
    assert ("POST", "/api/v4/config/reload") in mattermost.requests
    await rest.aclose()
    async with server(restrict_system_admin=True) as standing:
        rest = source(standing)
        assert await refusal(rest.reload(), 1) == (
            "Mattermost refused: ExperimentalSettings.RestrictSystemAdmin is on. Reload on the "
            "server itself: `mmctl --local config reload`."
        )
        await rest.aclose()


async def test_a_server_of_slow_answers_is_waited_for(mattermost: MattermostRest) -> None:
    mattermost.fault = Trouble(RestFault.SLOW, seconds=0.3)
    rest = source(mattermost)
    assert (await rest.load()).stored.server == TPNS
    await rest.aclose()


async def test_a_server_of_no_answers_is_given_up(
    mattermost: MattermostRest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "REQUEST_TIMEOUT_S", 0.2)
    mattermost.fault = Trouble(RestFault.SLOW, seconds=30)
    rest = source(mattermost)
    assert await refusal(rest.load(), 4) == (
        f"{mattermost.url} did not answer within 0 s. Try again; where it is always so slow, look "
        "at the server itself."
    )
    await rest.aclose()


async def test_a_certificate_of_ones_own_needs_its_authority(tmp_path: Path) -> None:
    ca = ThrowAwayCA()
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(ca.root_pem)
    async with server(ca=ca) as standing:
        rest = source(standing)
        told = await refusal(rest.load(), 3)
        assert told.startswith(f"{standing.url} shows a certificate that is not trusted: ")
        assert told.endswith(
            "Where your company has its own certificate authority, name its certificate with "
            "--ca-file FILE."
        )
        await rest.aclose()
        rest = source(standing, ca_file=ca_file)
        assert (await rest.load()).stored.server == TPNS
        await rest.aclose()


async def test_tls_to_a_plain_port_is_named(mattermost: MattermostRest) -> None:
    url = mattermost.url.replace("http:", "https:")
    rest = Rest(url, Secret(TOKEN))
    told = await refusal(rest.load(), 3)
    # Some versions of Python have no word for the reason.
    assert told.startswith(f"TLS with {url} failed")
    assert told.endswith("Where Mattermost speaks plain HTTP on this port, write http://.")
    await rest.aclose()


async def test_connect_to_leads_elsewhere_under_the_same_name(tmp_path: Path) -> None:
    ca = ThrowAwayCA()
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(ca.root_pem)
    async with server(ca=ca) as standing:
        port = standing.url.rpartition(":")[2]
        rest = Rest(
            "https://localhost/",
            Secret(TOKEN),
            ca_file=ca_file,
            connect_to={"localhost:443": f"127.0.0.1:{port}"},
        )
        assert rest.where.at == "https://localhost"
        assert (await rest.load()).stored.server == TPNS
        await rest.aclose()


async def test_nobody_there() -> None:
    rest = Rest("http://127.0.0.1:1", Secret(TOKEN))
    assert await refusal(rest.load(), 3) == (
        "http://127.0.0.1:1 cannot be reached: nothing listens there. Check the port, and that "
        "Mattermost runs."
    )
    await rest.aclose()
    rest = Rest("https://mattermost.invalid", Secret(TOKEN))
    told = await refusal(rest.load(), 3)
    assert told.startswith("https://mattermost.invalid cannot be reached: ")
    await rest.aclose()


@pytest.mark.parametrize(
    ("url", "at"),
    [
        ("https://chat.example.com/", "https://chat.example.com"),
        (" https://chat.example.com/team/ ", "https://chat.example.com/team"),
        ("https://chat.example.com/api/v4/", "https://chat.example.com"),
        ("http://10.0.0.1:8065?x=1#y", "http://10.0.0.1:8065"),
    ],
)
async def test_addresses_are_taken_as_people_paste_them(url: str, at: str) -> None:
    rest = Rest(url, Secret(TOKEN))
    assert rest.where.at == at
    await rest.aclose()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "chat.example.com",
        "ftp://chat",
        "https://",
        "https://user:canary@chat",
        "https://a b",
        "https://chat:port",
        "https://chat:0",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Rest(url, Secret(TOKEN))
    assert caught.value.line() == (
        "the address of the Mattermost server is none: expected https://HOST or http://HOST:PORT, "
        "without a user name. Use the one that users open Mattermost by."
    )


@pytest.mark.parametrize("token", ["", "two words", "a\nb", "ä", "a" * 513])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(UsageError, match="the access token is none"):
        Rest("https://chat.example.com", Secret(token))


def test_what_is_no_authority_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "ca.pem"
    wrong.write_text("canary")
    for path, why in ((wrong, "it holds no certificate in PEM form"),
                      (tmp_path / "none", "No such file or directory")):  # fmt: skip
        with pytest.raises(ConfigError) as caught:
            Rest("https://chat.example.com", Secret(TOKEN), ca_file=path)
        assert caught.value.line() == (
            f"{path} cannot be used: {why}. Name the PEM file of the certificate authority."
        )


async def test_a_token_in_the_clear_is_warned_of(mattermost: MattermostRest) -> None:
    there = mattermost.url.removeprefix("http://")
    rest = Rest("http://chat.example.com", Secret(TOKEN), connect_to={"chat.example.com:80": there})
    assert [note.code for note in (await rest.load()).remarks] == ["rest-http"]
    await rest.aclose()


async def test_a_proxy_variable_of_no_use_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://")
    with pytest.raises(UsageError, match="a proxy variable of the environment cannot be used"):
        Rest("https://chat.example.com", Secret(TOKEN))
    assert os.environ["HTTPS_PROXY"] == "nonsense://"


async def test_a_source_shows_no_token() -> None:
    rest = Rest("https://chat.example.com", Secret(TOKEN))
    assert "canary" not in f"{rest!r} {vars(rest)!r} {vars(rest._api)!r}"
    await rest.aclose()
