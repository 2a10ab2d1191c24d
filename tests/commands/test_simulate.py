"""Stand-ins for a push proxy that somebody else starts."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mmpush_tui.simulator.faults import FAULTS
from mmpush_tui.simulator.mattermost.faults import RestFault
from tests.commands.running import COMMAND, run

TIMEOUT_S = 60


class Simulated:
    """A simulation under way that tells in JSON."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def next(self, kind: str) -> dict[str, Any]:
        """Return the next thing of ``kind`` that it tells."""
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            told: dict[str, Any] = json.loads(line)
            if told["kind"] == kind:
                return told
        raise AssertionError(f"it ended without {kind}")

    def order(self, words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{words}\n")
        self.process.stdin.flush()


@contextlib.contextmanager
def simulating(*arguments: str, stdin: int = subprocess.PIPE) -> Iterator[Simulated]:
    command = [*COMMAND, "simulate", "--json", *arguments]
    with subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Simulated(process)
        finally:
            process.kill()


def test_the_list_has_every_fault() -> None:
    listed = json.loads(run("simulate", "--list", "--json").stdout)
    assert [it["name"] for it in listed["faults"]] == [fault.name for fault in FAULTS]
    assert listed["faults"][2] == {
        "name": "slow", "title": "Slow answers", "where": "both", "group": "general",
        "parameters": {"seconds": 2.0}, "help": FAULTS[2].help,
    }  # fmt: skip
    done = run("simulate", "--list")
    assert "refused-stream:times=1,both=no  (both)" in done.stdout
    assert "shutdown:times=1  (Apple)" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_what_cannot_begin_says_why(tmp_path: Path) -> None:
    done = run("simulate", "--fault", "slw")
    assert (done.returncode, "Did you mean slow?" in done.stderr) == (2, True)
    (tmp_path / "mine.txt").write_text("mine")
    done = run("simulate", "--folder", str(tmp_path))
    assert done.returncode == 2
    assert f"{tmp_path} holds files that no simulation wrote" in done.stderr
    assert os.listdir(tmp_path) == ["mine.txt"]


@pytest.mark.slow
def test_a_folder_named_from_here_holds_what_is_found_from_anywhere(tmp_path: Path) -> None:
    with simulating("--folder", os.path.relpath(tmp_path / "a")) as it:
        config = Path(it.next("ready")["config"])
        assert config.is_absolute()
        done = run("config", "check", config)
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with simulating("--folder", str(tmp_path / "a")) as first:
        port = first.next("ready")["apns"].rpartition(":")[2]
        done = run("simulate", "--apns-port", port)
        assert done.returncode == 2
        assert f"port {port} of this host cannot be used for apns" in done.stderr


@pytest.mark.slow
def test_a_worker_from_the_printed_configuration_delivers(tmp_path: Path) -> None:
    folder = tmp_path / "simulation"
    with simulating("--folder", str(folder), "--strict", "--fault", "unavailable@apns") as it:
        ready = it.next("ready")
        assert ready["faults"] == ["unavailable"]
        assert ready["config"] == str(folder / "config.toml")
        tokens = Path(os.environ["XDG_STATE_HOME"], "mmpush-tui", "provider-tokens.json")
        kept: set[str] = set()
        environment = {**os.environ, "MMPUSH_PROXY__LISTEN_ADDRESS": "127.0.0.1:0"}
        for config in ("config.toml", "mattermost-push-proxy.json"):
            arguments = ["serve", "--config", str(folder / config), "--listen", "127.0.0.1:0",
                         "--control", str(tmp_path / "c.sock")]  # fmt: skip
            with subprocess.Popen(
                [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True, env=environment,
            ) as worker:  # fmt: skip
                assert worker.stdout is not None
                url = worker.stdout.readline().split()[-1]
                for name in ("iphone.txt", "android.txt"):
                    done = run("send", "--via", "proxy", "--proxy", url, "--control",
                               str(tmp_path / "c.sock"), "--device-file",
                               str(folder / name))  # fmt: skip
                    assert done.returncode == 0, done.stdout + done.stderr
                worker.terminate()
                assert worker.wait(TIMEOUT_S) == 0
            kept.add(tokens.read_text())
        # Apple wants 20 minutes between two of them, so the second worker used the first one's.
        assert len(kept) == 1
        assert tokens.stat().st_mode & 0o777 == 0o600
        first = it.next("request")
        assert (first["side"], first["status"], first["reason"]) == (
            "apns", 503, "ServiceUnavailable",
        )  # fmt: skip
        it.order("status")
        status = it.next("status")
        assert (status["delivered"], status["duplicates"], status["violations"]) == (4, 0, [])
        it.order("quit")
        assert it.next("end")["delivered"] == 4
        assert it.process.wait(TIMEOUT_S) == 0
    # What was asked for by name stays.
    assert (folder / "ca.pem").exists()


@pytest.mark.slow
def test_orders_and_their_refusals(tmp_path: Path) -> None:
    with simulating("--folder", str(tmp_path / "a")) as it:
        it.next("ready")
        it.order("raise goaway@fcm:times=2")
        assert it.next("raised")["fault"] == "goaway@fcm:times=2"
        it.order("raise slow:seconds=1")
        it.order("faults")
        assert it.next("faults")["active"] == ["goaway", "slow"]
        it.order("clear slow")
        it.order("status")
        assert it.next("status")["faults"] == ["goaway"]
        it.order("clear")
        it.order("status")
        assert it.next("status")["faults"] == []
        for order, words in {
            "riase slow": "there is no order riase. Did you mean raise?",
            "raise slw": "there is no fault slw. Did you mean slow?",
            "clear slw": "there is no fault slw. Did you mean slow?",
            "raise slow:seconds=x": "the fault slow takes a number for seconds, not x",
        }.items():
            it.order(order)
            assert it.next("refused")["error"].rstrip(".") == words.rstrip(".")
        it.order("help")
        assert "raise" in it.next("help")["orders"]
        # The end of the orders is not the end.
        assert it.process.stdin is not None
        it.process.stdin.close()
        time.sleep(0.3)
        assert it.process.poll() is None
        it.process.send_signal(signal.SIGTERM)
        it.next("end")
        assert it.process.wait(TIMEOUT_S) == 0


@pytest.mark.slow
def test_without_orders_it_goes_on(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(short_tmp))
    with simulating(stdin=subprocess.DEVNULL) as it:
        folder = Path(it.next("ready")["folder"])
        assert folder.parent == short_tmp
        assert folder.exists()
        it.process.send_signal(signal.SIGINT)
        it.next("end")
        assert it.process.wait(TIMEOUT_S) == 0
        # What nobody asked for is gone.
        assert not folder.exists()


# Mattermost


@pytest.fixture(name="_nothing_of_ours")
def _without_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("MM_", "MMPUSH_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def shown(*place: str) -> dict[str, Any]:
    done = run("settings", "show", "--json", *place)
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.slow
@pytest.mark.usefixtures("_nothing_of_ours")
def test_mattermosts_settings_are_shown_set_and_compared_at_every_place(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(short_tmp))
    with simulating("--mattermost", "--no-vendors") as it:
        ready = it.next("ready")
        assert ready.keys() == {"schema", "kind", "folder", "faults", "mattermost"}
        server = ready["mattermost"]
        assert (server["version"], server["licence"]) == ("11.8.0", ["hpns", "id_loaded"])
        token_file, socket = Path(server["token_file"]), Path(server["socket"])
        assert {path.stat().st_mode & 0o777 for path in (token_file, socket)} == {0o600}
        rest = ("--mattermost-url", server["url"], "--token-file", str(token_file))
        local, file = ("--local", str(socket)), ("--mattermost-config", server["config"])
        page = shown(*rest)
        assert page["values"]["mode"] == "tpns"
        assert page["licence"] == {"hpns": True, "id_loaded": True}
        done = run("settings", "set", "mode=custom", "server=http://127.0.0.1:8086", *rest)
        assert (done.returncode, done.stderr) == (0, "")
        for place in (rest, local, file):
            assert shown(*place)["values"]["server"] == "http://127.0.0.1:8086"
        done = run("settings", "diff", *rest)
        assert "then  https://push-test.mattermost.com" in done.stdout
        done = run("settings", "set", "contents=generic", *local)
        assert (done.returncode, done.stderr) == (0, "")
        done = run("settings", "set", "max_notifications=7", "--reload", *file)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        values = shown(*rest)["values"]
        assert (values["contents"], values["max_notifications"]) == ("generic", 7)
        it.process.send_signal(signal.SIGINT)
        end = it.next("end")
        assert (end["violations"], end["mattermost"]["requests"] > 10) == ([], True)
        assert token_file.parent.parent == Path(ready["folder"])
        assert it.process.wait(TIMEOUT_S) == 0
    assert list(short_tmp.iterdir()) == []


@pytest.mark.slow
@pytest.mark.usefixtures("_nothing_of_ours")
def test_licence_version_variables_and_faults_of_mattermost(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MM_EMAILSETTINGS_PUSHNOTIFICATIONCONTENTS", "generic")
    folder = short_tmp / "simulation"
    arguments = ("--mattermost", "--licence", "none", "--mattermost-version", "10.11")
    with simulating(*arguments, "--folder", str(folder), "--fault", "html-page:times=1") as it:
        monkeypatch.delenv("MM_EMAILSETTINGS_PUSHNOTIFICATIONCONTENTS")
        ready = it.next("ready")
        assert ready["faults"] == ["html-page@mattermost:times=1"]
        assert ready["apns"].startswith("https://127.0.0.1:")
        server = ready["mattermost"]
        rest = ("--mattermost-url", server["url"], "--token-file", server["token_file"])
        done = run("settings", "show", *rest)
        assert (done.returncode, "a web page comes back" in done.stderr) == (3, True)
        request = it.next("request")
        assert (request["side"], request["method"], request["path"]) == (
            "mattermost", "GET", "/api/v4/config",
        )  # fmt: skip
        page = shown(*rest)
        assert page["licence"] == {"hpns": False, "id_loaded": False}
        assert page["server_version"] == "10.11.0"
        assert page["locked"] == {"contents": "MM_EMAILSETTINGS_PUSHNOTIFICATIONCONTENTS"}
        it.order("raise expired@mattermost")
        assert it.next("raised")["fault"] == "expired@mattermost"
        it.order("raise slow@fcm")
        it.order("faults")
        assert it.next("faults")["active"] == ["expired@mattermost", "slow"]
        done = run("settings", "show", *rest)
        assert (done.returncode, "does not take the access token" in done.stderr) == (1, True)
        it.order("clear expired@mattermost")
        it.order("status")
        assert it.next("status")["faults"] == ["slow"]
        it.order("raise expird@mattermost")
        assert "Did you mean expired?" in it.next("refused")["error"]
        it.order("quit")
        assert it.process.wait(TIMEOUT_S) == 0
    # The settings stay as what was asked for by name; what is good for nothing any more is gone.
    assert os.listdir(folder / "mattermost") == ["config.json"]
    with simulating("--mattermost", "--folder", str(folder), "--no-vendors") as it:
        it.next("ready")
        it.process.send_signal(signal.SIGTERM)
        assert it.process.wait(TIMEOUT_S) == 0


@pytest.mark.slow
@pytest.mark.usefixtures("_nothing_of_ours")
def test_mattermosts_own_test_push_goes_to_the_push_proxy_of_its_settings(tmp_path: Path) -> None:
    folder = tmp_path / "simulation"
    with simulating("--mattermost", "--folder", str(folder)) as it:
        ready = it.next("ready")
        server = ready["mattermost"]
        rest = ("--mattermost-url", server["url"], "--token-file", server["token_file"])
        send = ("send", "--via", "server", "--mattermost-url", server["url"], "--device-file",
                str(folder / "iphone.txt"))  # fmt: skip
        # Nothing leaves this host: a new installation names Mattermost's test service.
        assert "no good answer" in run(*send).stdout
        arguments = ["serve", "--config", ready["config"], "--listen", "127.0.0.1:0", "--control",
                     str(tmp_path / "c.sock")]  # fmt: skip
        with subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as worker:
            assert worker.stdout is not None
            url = worker.stdout.readline().split()[-1]
            assert run("settings", "set", "mode=custom", f"server={url}", *rest).returncode == 0
            done = run(*send)
            assert "the push proxy accepted it" in done.stdout
            worker.terminate()
            assert worker.wait(TIMEOUT_S) == 0
        it.order("status")
        assert it.next("status")["delivered"] == 1


def test_options_of_mattermost_need_it_and_say_what_is_wrong() -> None:
    for arguments, words in {
        ("--licence", "none"): "--licence is about the Mattermost server that is played",
        ("--mattermost", "--licence", "hpn"): "Did you mean hpns?",
        ("--mattermost", "--mattermost-version", "9.5"): "Mattermost 9.5 is not played",
        ("--mattermost", "--no-vendors", "--apns-port", "1"): "--apns-port is about Apple and",
        ("--mattermost", "--no-vendors", "--fault", "goaway"): "Mattermost has no fault goaway",
        ("--mattermost", "--no-vendors", "--fault", "slow@fcm"): "slow is a fault of Apple or",
        ("--fault", "expired@mattermost"): "expired is a fault of Mattermost, which is not played",
    }.items():
        done = run("simulate", *arguments)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr


def test_the_list_has_mattermosts_faults_too() -> None:
    listed = json.loads(run("simulate", "--mattermost", "--list", "--json").stdout)["faults"]
    names = [it["name"] for it in listed]
    assert names == [*(fault.name for fault in FAULTS), *RestFault]
    done = run("simulate", "--mattermost", "--no-vendors", "--list")
    assert done.stdout.startswith("expired@mattermost:path=none,times=none\n    401:")
