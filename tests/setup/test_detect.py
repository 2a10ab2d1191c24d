import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from mmpush_tui.protocol.paths import running_workers, user_folder
from mmpush_tui.proxy.door.listen import bind_unix
from mmpush_tui.setup import steps
from mmpush_tui.setup.detect import (
    PORTS,
    Found,
    Surroundings,
    look_around,
    suggested,
)
from mmpush_tui.setup.steps import Apps, Where
from tests.rights import as_nobody
from tests.setup import files
from tests.setup.files import keep

EMPTY = Surroundings(mattermost=(), remarks=(), push_proxies=(), ports={})


@pytest.fixture
def root(open_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that stands for /, in it a current folder without anything."""
    here = open_tmp / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return open_tmp


def around(root: Path, environment: Mapping[str, str] | None = None, pid: int = 0) -> Surroundings:
    """Return what is found below ``root`` and at home; other tests run beside this one."""
    found = look_around(environment or {}, root)
    homes = (root, Path(os.environ["HOME"]))

    def ours(items: tuple[Found, ...]) -> tuple[Found, ...]:
        return tuple(item for item in items if any(map(item.path.is_relative_to, homes)))

    return replace(
        found,
        mattermost=ours(found.mattermost),
        push_proxies=ours(found.push_proxies),
        remarks=tuple(
            said for said in found.remarks if f"(pid {pid})" in said or "(pid" not in said
        ),
    )


def make(path: Path, text: str = "{}") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def paths_of(found: tuple[Found, ...]) -> list[Path]:
    return [item.path for item in found]


def test_an_empty_host_has_nothing(root: Path) -> None:
    found = around(root)
    assert (found.mattermost, found.push_proxies, found.remarks) == ((), (), ())
    assert tuple(running_workers()) == ()


def test_the_usual_places_and_the_variable_are_looked_at(root: Path) -> None:
    usual = make(root / "opt/mattermost/config/config.json")
    here = make(root / "here/config/config.json")
    named = make(root / "elsewhere.json")
    found = around(root, {"MM_CONFIG": str(named)}).mattermost
    assert [(item.path, item.reason) for item in found] == [
        (named, "MM_CONFIG names it"),
        (usual, "the usual place"),
        (here, "in the current folder"),
    ]
    assert all(item.is_usable for item in found)
    relative = around(root, {"MM_CONFIG": "config.json"}).mattermost
    assert paths_of(relative) == [here, usual]
    assert around(root, {"MM_CONFIG": str(usual)}).mattermost[0].reason == "MM_CONFIG names it"


def test_one_file_behind_two_names_counts_once(root: Path) -> None:
    usual = make(root / "opt/mattermost/config/config.json")
    (root / "here/config").symlink_to(usual.parent)
    assert paths_of(around(root).mattermost) == [usual]


def test_a_database_is_a_remark_without_its_password(root: Path) -> None:
    found = around(root, {"MM_CONFIG": "postgres://mm:canary@db/mm"})
    assert found.mattermost == ()
    assert found.remarks == (
        "MM_CONFIG keeps Mattermost's configuration in a database: config.json is not used.",
    )


def test_a_file_of_another_user_is_found_and_not_usable(root: Path) -> None:
    usual = make(root / "opt/mattermost/config/config.json")
    usual.chmod(0o600)
    with as_nobody():
        (found,) = around(root).mattermost
    assert found == Found(
        path=usual, reason="the usual place; this user may not read it", is_usable=False
    )


def test_a_folder_that_is_closed_to_this_user_is_no_empty_one(root: Path) -> None:
    usual = make(root / "opt/mattermost/config/config.json")
    usual.parent.chmod(0o700)
    with as_nobody():
        (found,) = around(root).mattermost
    assert (found.path, found.is_usable) == (usual, False)


def upstream(root: Path) -> str:
    account = files.ACCOUNT.write(root)
    apple = [{"Type": "apple"}, {"Type": "apple_rn", "AppleAuthKeyFile": "/k"}]
    return json.dumps(
        {
            "ApplePushSettings": apple,
            "AndroidPushSettings": [{"Type": "android_rn", "ServiceFileLocation": str(account)}],
        }
    )  # fmt: skip


def test_configurations_of_the_reference_proxy_are_judged(root: Path) -> None:
    name = "mattermost-push-proxy.json"
    good = make(root / "opt/mattermost-push-proxy/config" / name, upstream(root))
    broken = make(root / "etc/mattermost-push-proxy" / name, "{")
    blank = Path(os.environ["HOME"]) / "mattermost-push-proxy/config" / name
    make(blank, '{"ApplePushSettings": [{"Type": "apple_rn"}]}')
    found = around(root)
    assert found.push_proxies == (
        Found(path=good, reason="targets: apple_rn, android_rn"),
        Found(
            path=broken,
            reason=f"{broken}, line 1, column 2: this is no JSON: Expecting property name "
            "enclosed in double quotes.",
            is_usable=False,
        ),
        Found(path=blank, reason="no target is filled in", is_usable=False),
    )
    answers = suggested(found)
    assert answers[steps.APPS.key] == Apps.OWN
    assert answers[steps.EXISTING_FILE.key] == str(good)


class Start(Protocol):
    """Starts a program and returns its process id."""

    def __call__(self, name: str, folder: Path, *words: str, **environment: str) -> int: ...


@pytest.fixture
def program(root: Path) -> Iterator[Start]:
    """Starts a shell under another program's name, in a folder of its own, that only waits."""
    started: list[subprocess.Popen[bytes]] = []
    script = make(root / "wait", "read line")

    def start(name: str, folder: Path, *words: str, **environment: str) -> int:
        binary = folder / "bin" / name
        binary.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath("/bin/sh"), binary)
        process = subprocess.Popen(
            [binary, script, *words], cwd=folder, env=os.environ | environment,
            stdin=subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        # It has its new name by now: Popen waits for exec.
        return process.pid

    yield start
    for process in started:
        process.communicate(timeout=20)


def test_a_running_server_tells_its_folder(root: Path, program: Start) -> None:
    config = make(root / "srv/mm/config/config.json")
    pid = program("mattermost", root / "srv/mm")
    (found,) = around(root).mattermost
    assert found == Found(path=config, reason=f"mattermost runs in {root}/srv/mm (pid {pid})")
    assert suggested(around(root)) == {
        steps.WHERE.key: Where.FILE,
        steps.CONFIG_FILE.key: str(config),
    }


def test_a_running_servers_environment_counts(root: Path, program: Start) -> None:
    make(root / "srv/mm/config/config.json")
    own = make(root / "srv/own.json")
    program("mattermost", root / "srv/mm", MM_CONFIG=str(own))
    assert paths_of(around(root).mattermost) == [own]


@pytest.mark.parametrize("words", [("-c", "own.json"), ("--config=own.json",)])
def test_a_running_servers_option_counts_most(
    root: Path, program: Start, words: tuple[str, ...]
) -> None:
    make(root / "srv/mm/config/config.json")
    own = make(root / "srv/mm/own.json")
    program("mattermost", root / "srv/mm", *words, MM_CONFIG="config.json")
    assert paths_of(around(root).mattermost) == [own]


def test_a_running_server_with_a_database_is_a_remark(root: Path, program: Start) -> None:
    pid = program("mattermost", root / "srv/mm", MM_CONFIG="postgres://mm:canary@db/mm")
    found = around(root, pid=pid)
    assert found.mattermost == ()
    assert found.remarks == (
        f"mattermost (pid {pid}) keeps Mattermost's configuration in a database: config.json is "
        "not used.",
    )


def test_a_running_server_whose_files_are_nowhere_is_a_remark(root: Path, program: Start) -> None:
    pid = program("mattermost", root / "srv/mm")
    found = around(root, pid=pid)
    assert found.mattermost == ()
    assert found.remarks == (
        f"mattermost runs here (pid {pid}), but its files are not visible from here: it may run "
        "in a container.",
    )


JAILED = """
import os, sys
with open("/proc/self/comm", "w") as name:
    name.write("mattermost")
os.chroot(sys.argv[1])
print("in", flush=True)
sys.stdin.read()
"""


def test_a_servers_file_in_a_container_is_not_taken_for_ours(root: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    ours = make(root / "srv/mm/config/config.json")
    make(root / "jail" / ours.relative_to("/"))
    script = make(root / "jailed.py", JAILED)
    with subprocess.Popen(
        [sys.executable, script, root / "jail"], cwd=root / "srv/mm",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"in\n"
        found = around(root, pid=process.pid)
    assert found.mattermost == ()
    assert found.remarks[0].endswith("not visible from here: it may run in a container.")


def test_a_running_server_of_another_user_is_a_remark(root: Path, program: Start) -> None:
    pid = program("mattermost", root / "srv/mm")
    with as_nobody():
        remarks = around(root, pid=pid).remarks
    assert remarks == (f"mattermost runs here (pid {pid}), but this user may not see where.",)


def test_a_running_reference_proxy_tells_its_configuration(root: Path, program: Start) -> None:
    config = make(root / "srv/pp/config/mattermost-push-proxy.json", upstream(root))
    program("mattermost-push-proxy", root / "srv/pp")
    assert paths_of(around(root).push_proxies) == [config]
    other = make(root / "srv/other.json", "{}")
    program("mattermost-push-proxy", root / "srv/pp2", "-config", str(other))
    assert set(paths_of(around(root).push_proxies)) == {config, other}


def test_a_name_that_could_act_on_a_terminal_is_passed_over(root: Path, program: Start) -> None:
    folder = root / "\x1b]0;owned\x07"
    make(folder / "config/config.json")
    pid = program("mattermost", folder)
    found = around(root, pid=pid)
    assert found.mattermost == ()
    assert "\\x1b" not in repr(found)


def test_ports_in_use_are_found(root: Path) -> None:
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", PORTS[1]))
        except OSError:
            pytest.skip("the port is in use here")
        listener.listen()
        ports = around(root).ports
    assert f"(pid {os.getpid()})" in ports[PORTS[1]]


def test_running_workers_are_found(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(short_tmp / "s"))
    user_folder().mkdir(parents=True)
    with bind_unix(user_folder() / "8086.sock", 0o600):
        assert tuple(running_workers()) == (user_folder() / "8086.sock",)


def test_nothing_found_means_elsewhere() -> None:
    assert suggested(EMPTY) == {steps.WHERE.key: Where.ELSEWHERE}


def test_an_unusable_proxy_configuration_is_not_suggested(tmp_path: Path) -> None:
    path = keep(tmp_path / "p.json", b"{")
    found = Surroundings(
        mattermost=(), remarks=(), ports={},
        push_proxies=(Found(path=path, reason="broken", is_usable=False),),
    )  # fmt: skip
    assert steps.EXISTING_FILE.key not in suggested(found)
