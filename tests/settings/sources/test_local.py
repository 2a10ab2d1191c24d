"""The local-mode socket as a source."""

import os
import socket
from pathlib import Path

import pytest

from mmpush_tui.errors import MmpushError, UnreachableError
from mmpush_tui.settings.page import KEYS, Change, Licence, Stored
from mmpush_tui.settings.sources.local import Local
from mmpush_tui.settings.sources.source import Origin, Place, Source
from mmpush_tui.simulator.mattermost.faults import RestFault
from mmpush_tui.simulator.mattermost.server import MattermostRest
from tests.rights import NOBODY
from tests.settings.sources.test_config_ways import as_user, needs_root
from tests.settings.table import OWN, TPNS

SERVER_VARIABLE = "MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER"


@pytest.fixture
def path(short_tmp: Path) -> Path:
    return short_tmp / "local.sock"


def change(name: str, value: str | int | bool) -> Change:
    return Change(key=KEYS[name], old=None, new=value)


@pytest.mark.parametrize("version", ["10.11.2", "11.8.0"])
async def test_it_reads_and_writes(path: Path, version: str) -> None:
    async with MattermostRest(version=version, licensed=True, socket_path=path) as mattermost:
        local: Source = Local(path)
        assert (local.where.kind, local.where.at) == (Place.LOCAL, str(path))
        loaded = await local.load()
        assert loaded.stored == Stored(send=True, server=TPNS)
        assert (loaded.version, loaded.licence) == (version, Licence())
        saved = await local.save(loaded, [change("server", OWN)])
        assert mattermost.config["EmailSettings"]["PushNotificationServer"] == OWN
        assert (saved.needs, saved.skipped) == ((), ())
        former = await local.former((await local.backups())[0])
        now = await local.load()
        await local.restore(now, former)
        assert mattermost.config["EmailSettings"]["PushNotificationServer"] == TPNS
        await local.reload()
        assert mattermost.violations == []
        await local.aclose()


async def test_a_server_without_any_licence_has_none_of_its_parts(path: Path) -> None:
    async with MattermostRest(socket_path=path):
        local = Local(path)
        loaded = await local.load()
        assert loaded.licence == Licence(hpns=False, id_loaded=False)
        assert [note.message for note in loaded.remarks] == [
            "The server says that it has no licence; what a licence includes cannot be seen over "
            "the local socket."
        ]
        await local.aclose()
        told = Local(path, licence=Licence(hpns=True, id_loaded=False))
        assert (await told.load()).licence == Licence(hpns=True, id_loaded=False)
        await told.aclose()


async def test_the_process_behind_the_socket_tells_its_environment(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with MattermostRest(socket_path=path):
        # It is this very process, whose environment is that of its start.
        local = Local(path, environment={SERVER_VARIABLE: OWN})
        loaded = await local.load()
        assert (loaded.origin, loaded.locked) == (Origin.PROCESS, {})
        await local.aclose()


async def test_secrets_stay_where_they_are(path: Path) -> None:
    config = {"SqlSettings": {"DataSource": "postgres://mm:CANARY@db/mm"}}
    async with MattermostRest(version="11.8.0", socket_path=path, config=config):
        local = Local(path)
        assert "CANARY" not in repr(await local.load())
        await local.aclose()


async def refusal(local: Local) -> str:
    with pytest.raises(MmpushError) as caught:
        await local.load()
    assert isinstance(caught.value, UnreachableError)
    await local.aclose()
    return caught.value.line()


async def test_no_socket(path: Path) -> None:
    assert await refusal(Local(path)) == (
        f"the local socket {path} cannot be used: it does not exist. Switch "
        "ServiceSettings.EnableLocalMode on in config.json and restart Mattermost; "
        "ServiceSettings.LocalModeSocketLocation says where its socket is."
    )


async def test_a_socket_that_was_left(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
        assert await refusal(Local(path)) == (
            f"the local socket {path} cannot be used: nobody is behind it any more. Start "
            "Mattermost; it makes the socket anew."
        )


async def test_what_is_no_socket(path: Path) -> None:
    os.mknod(path)
    told = await refusal(Local(path))
    assert told.startswith(f"the local socket {path} cannot be used: ")


async def test_a_path_longer_than_a_socket_can_have(short_tmp: Path) -> None:
    told = await refusal(Local(short_tmp / ("a" * 200)))
    assert told.endswith("Name the socket: --local SOCKET.")


@needs_root
def test_somebody_elses_socket(short_tmp: Path, path: Path) -> None:
    short_tmp.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(path))
        theirs.listen()
        path.chmod(0o600)
        load = """
from mmpush_tui.settings.sources.local import Local
try:
    asyncio.run(Local(Path(sys.argv[1])).load())
except MmpushError as error:
    print(error.line())
"""
        assert as_user(NOBODY, load, path) == (
            f"the local socket {path} cannot be used: this user may not use it. Run this as the "
            "user that runs Mattermost, or as root."
        )


@pytest.mark.parametrize(
    ("fault", "begins"),
    [
        (RestFault.HTML_PAGE, "is not Mattermost's API: a web page comes back."),
        (RestFault.HANG_UP, "broke the connection off without a whole answer."),
    ],
)
async def test_something_else_behind_it(path: Path, fault: RestFault, begins: str) -> None:
    async with MattermostRest(socket_path=path) as mattermost:
        mattermost.fault = fault
        told = await refusal(Local(path))
        assert told.startswith(f"the Mattermost server behind {path} {begins}")
