"""``mmpush-tui check`` from a shell: its lines, its JSON, its exit codes, its end."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mmpush_tui.configuration import config as configuration
from mmpush_tui.configuration.config import ProxyConfig
from mmpush_tui.simulator.mattermost.server import MattermostRest
from mmpush_tui.simulator.world import World
from tests.commands.running import COMMAND, run
from tests.test_structure import imported_by
from tests.waiting import eventually

pytestmark = pytest.mark.slow

KEYS = {"schema", "kind", "started_at", "duration_ms", "verdict", "checks", "exit_code"}
VERDICT_KEYS = {
    "status", "code", "check", "summary", "why", "fix", "confidence", "then", "links",
}  # fmt: skip
CHECK_KEYS = {
    "id", "target", "stage", "address", "status", "code", "message", "fix", "needs", "ms",
    "evidence", "why", "see", "summary", "confidence", "began_ms",
}  # fmt: skip
LINE = re.compile(
    r"\[(?:ok|skip|WARN|FAIL)\] +(?:config|dns|tcp|tls|alpn|http2|app|credential):[a-z/_-]+  \S.*"
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    await world.start()
    yield world
    await world.aclose()


def mattermost(folder: Path, server: str, *, send: bool = True, site: str = "") -> Path:
    """Write a Mattermost config.json that names ``server``."""
    path = folder / "config.json"
    document = {
        "ServiceSettings": {"SiteURL": site},
        "EmailSettings": {"SendPushNotifications": send, "PushNotificationServer": server},
    }
    path.write_text(json.dumps(document))
    return path


def config_of(world: World) -> ProxyConfig:
    return configuration.load(world.config, {})


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
    return port


def found(folder: Path, pattern: str) -> Path:
    return next(folder.glob(pattern))


async def check(*arguments: str | Path, **env: str) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(run, "check", *arguments, **env)


# All is well


async def test_every_hop_of_settings_and_configuration(world: World, tmp_path: Path) -> None:
    settings = mattermost(tmp_path, "https://push-test.mattermost.com")
    done = await check("--config", world.config, "--mattermost-config", settings)
    assert (done.returncode, done.stderr) == (0, "")
    *results, empty, verdict, counts = done.stdout.splitlines()
    assert empty == ""
    assert len(results) == 27
    assert [line for line in results if not LINE.fullmatch(line)] == []
    assert all(line.startswith("[ok]   ") for line in results)
    assert verdict == (
        "VERDICT  Everything that was checked can be reached: Mattermost's test push service "
        "(TPNS), the endpoint of apple_rn, the token server of android_rn and the endpoint of "
        "android_rn."
    )
    assert re.fullmatch(r"27 ok in \d+\.\d s", counts)
    assert world.violations == []
    assert list(world.phones.received) == []


async def test_the_json_has_the_published_shape(world: World) -> None:
    done = await check("--config", world.config, "--json", "tpns", "apns")
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    report: dict[str, Any] = json.loads(done.stdout)
    assert set(report) == KEYS
    assert (report["schema"], report["kind"], report["exit_code"]) == (1, "check", 0)
    assert set(report["verdict"]) == VERDICT_KEYS
    assert all(set(found) == CHECK_KEYS for found in report["checks"])
    assert [found["id"] for found in report["checks"]] == [
        "dns:tpns", "tcp:tpns", "tls:tpns", "app:tpns",
        "config:apns/apple_rn", "dns:apns/apple_rn", "tcp:apns/apple_rn", "tls:apns/apple_rn",
        "alpn:apns/apple_rn", "http2:apns/apple_rn", "app:apns/apple_rn",
        "credential:apns/apple_rn",
    ]  # fmt: skip


async def test_the_command_line_alone_is_enough(world: World) -> None:
    leads = [f"--connect-to={host}={address}" for host, address in world.connect_to.items()]
    done = await check("hpns", "fcm", *leads, "--ca-file", world.ca_file)
    assert done.returncode == 0, done.stdout
    assert "app:hpns" in done.stdout
    assert "app:fcm-token" in done.stdout


async def test_an_upstream_configuration_works_as_it_is(world: World, tmp_path: Path) -> None:
    key, account = found(tmp_path, "*.p8"), found(tmp_path, "mmpush-demo-*.json")
    document = {
        "ListenAddress": ":8066", "ThrottlePerSec": 1, "ThrottleMemoryStoreSize": 1,
        "ApplePushSettings": [
            {"Type": "apple_rn", "ApplePushTopic": "com.mattermost.rnbeta",
             "AppleAuthKeyFile": str(key), "AppleAuthKeyID": key.stem.removeprefix("AuthKey_"),
             "AppleTeamID": config_of(world).apple[0].team_id,
             "Endpoint": world.apns.endpoint, "CAFile": str(world.ca_file)},
            {"Type": "apple_rnbeta"},
        ],
        "AndroidPushSettings": [
            {"Type": "android_rn", "ServiceFileLocation": str(account), "AndroidApiKey": "old",
             "Endpoint": world.fcm.endpoint, "CAFile": str(world.ca_file)},
        ],
    }  # fmt: skip
    path = tmp_path / "mattermost-push-proxy.json"
    path.write_text(json.dumps(document))
    done = await check("--config", path)
    assert done.returncode == 0, done.stdout
    assert done.stderr.startswith("mmpush-tui: AndroidApiKey is ignored: ")
    assert "apple_rnbeta" not in done.stdout


async def test_the_configuration_is_found_where_it_belongs(world: World, tmp_path: Path) -> None:
    done = await check("apns", MMPUSH_CONFIG=str(world.config))
    assert done.returncode == 0
    assert "app:apns/apple_rn" in done.stdout


# Something is broken


async def test_what_is_broken_is_named_with_its_fix(world: World) -> None:
    await world.apns.faults.raise_("upstream-down")
    done = await check("--config", world.config)
    assert done.returncode == 1
    address = world.apns.endpoint.removeprefix("https://")
    assert f"[FAIL] tcp:apns/apple_rn  {address}  {address} refused the connection  " in done.stdout
    assert (
        f"\n       fix: Start what serves {address}, or correct the address.\n"
        "       see: mmpush-tui explain network-upstream-blocked\n"
    ) in done.stdout
    assert "[skip] app:apns/apple_rn  skipped (needs tcp:apns/apple_rn)\n" in done.stdout
    verdict = done.stdout.partition("\n\n")[2].splitlines()
    assert verdict[0] == (f"VERDICT  Nothing listens at {address}, the endpoint of this target.")
    assert verdict[-1].startswith("17 ok, 1 failed, 5 skipped in ")


async def test_a_bad_credential_file_is_a_failed_check(world: World, tmp_path: Path) -> None:
    found(tmp_path, "*.p8").write_text("-----BEGIN PRIVATE KEY-----\nnone\n")
    done = await check("--config", world.config, "--json", "apns")
    report = json.loads(done.stdout)
    assert (done.returncode, report["exit_code"]) == (1, 1)
    assert report["verdict"]["check"] == "config:apns/apple_rn"
    assert report["verdict"]["code"] == "apple-key-invalid"
    statuses = {found["stage"]: found["status"] for found in report["checks"]}
    assert statuses.pop("config") == "fail"
    assert set(statuses.values()) == {"pass"}


async def test_the_push_proxy_of_the_settings_is_not_there(tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        done = await check("--mattermost-config", mattermost(tmp_path, url))
    assert done.returncode == 1
    assert "[FAIL] tcp:mpns" in done.stdout
    assert "see: mmpush-tui explain proxy-connection-refused" in done.stdout


async def test_mattermost_itself_is_asked_at_its_site_url(tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        site = f"http://127.0.0.1:{sock.getsockname()[1]}"
        settings = mattermost(tmp_path, "", site=site)
        done = await check("mattermost", "--mattermost-config", settings)
        assert "[FAIL] tcp:mattermost" in done.stdout
        done = await check(
            "mattermost", "--mattermost-config", settings, MM_SERVICESETTINGS_SITEURL="https://"
        )
        assert done.returncode == 2
        assert "the address of the Mattermost server is not known" in done.stderr


async def test_the_time_is_over(mute_port: int) -> None:
    done = await check(f"https://127.0.0.1:{mute_port}", "--timeout", "0.5", "--json")
    assert done.returncode == 4
    assert json.loads(done.stdout)["verdict"]["code"] == "deadline"


# Wrong usage


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["apsn"], "there is no target 'apsn'. Did you mean apns? "),
    ([], "there is nothing to check: no Mattermost configuration was named and no "),
    (["--config", "/nowhere.toml"], "/nowhere.toml: there is no such file. "),
    (["--mattermost-config", "/nowhere.json"], "/nowhere.json does not exist. "),
    (["tpns", "--ca-file", "/nowhere.pem"], "CA file /nowhere.pem: cannot be read: "),
    (["tpns", "--connect-to", "a:1"], "--connect-to 'a:1': expected HOST:PORT=ADDR:PORT. "),
    (["tpns", "--connect-to", "a:1=b:0"], "--connect-to 'a:1=b:0': expected HOST:PORT="),
    (["tpns", "--timeout", "0"], "Invalid value for '--timeout': "),
    (["mpns"], "Mattermost's settings name no push proxy of your own. "),
])  # fmt: skip
async def test_what_cannot_be_done_is_one_sentence(arguments: list[str], sentence: str) -> None:
    done = await check(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"mmpush-tui: {sentence}"), done.stderr
    assert done.stderr.count("\n") == 1


async def test_settings_that_cannot_be_read_are_wrong_configuration(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"EmailSettings": {"PushNotificationServer": "secret')
    done = await check("--mattermost-config", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert str(path) in done.stderr
    assert "secret" not in done.stderr


async def test_push_that_is_off_is_said(tmp_path: Path) -> None:
    settings = mattermost(tmp_path, "https://push-test.mattermost.com", send=False)
    done = await check("--mattermost-config", settings)
    assert done.returncode == 2
    assert "push notifications are switched off in Mattermost" in done.stderr


async def test_without_a_file_the_running_worker_says_which(world: World, short_tmp: Path) -> None:
    env = {"XDG_STATE_HOME": str(short_tmp)}
    world.config.write_text(
        re.sub(r'(?m)^listen_address = .*$', f'listen_address = "127.0.0.1:{free_port()}"',
               world.config.read_text())
    )  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "serve", "--config", world.config.name, cwd=world.config.parent,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env=os.environ | env,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            assert (await process.stdout.readline()).startswith(b"listening on ")
        done = await check("worker", **env)
        said = f"mmpush-tui: by the running worker's configuration {world.config}\n"
        assert (done.returncode, done.stderr) == (0, said)
        assert "[ok]   app:worker" in done.stdout
        done = await check(**env)
        assert (done.returncode, done.stderr) == (0, said)
        assert "[ok]   credential:apns/apple_rn" in done.stdout
        assert (await check("http://127.0.0.1:1", **env)).stderr == ""
    finally:
        process.terminate()
        await process.wait()
    done = await check("worker", **env)
    assert done.returncode == 2
    assert "the worker cannot be asked: its configuration was not found" in done.stderr


# The end


def test_ctrl_c_ends_it_and_shows_what_there_is(mute_port: int) -> None:
    command = [*COMMAND, "check", f"https://127.0.0.1:{mute_port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        seen = [child.stdout.readline(), child.stdout.readline()]
        child.send_signal(signal.SIGINT)
        rest, _ = child.communicate(timeout=60)
        assert child.returncode == 130
    assert seen[0].startswith("[ok]   dns:127.0.0.1:")
    assert seen[1].startswith("[ok]   tcp:127.0.0.1:")
    assert "VERDICT (possible)  The checks were stopped; the 2 that were done found nothing" in rest
    assert "2 ok in " in rest


def test_ctrl_c_ends_it_while_settings_are_waited_for(mute_port: int) -> None:
    # The command is there once it has connected.
    env = {
        "MMPUSH_MATTERMOST__URL": f"http://127.0.0.1:{mute_port}",
        "MMPUSH_MATTERMOST__TOKEN": "x" * 26,
    }
    command = [*COMMAND, "check", "hpns", "--timeout", "60"]
    with subprocess.Popen(command, env=os.environ | env, stdout=subprocess.DEVNULL) as child:
        eventually_connected(child.pid, mute_port)
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 130


def eventually_connected(pid: int, port: int) -> None:
    """Wait until a process has a connection to a port of loopback."""
    ends_at = time.monotonic() + 30
    wanted = f"0100007F:{port:04X} 01 "
    while wanted not in Path(f"/proc/{pid}/net/tcp").read_text():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def test_ctrl_c_leaves_a_whole_json_object() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.settimeout(60)
        command = [*COMMAND, "check", f"https://127.0.0.1:{sock.getsockname()[1]}", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            connection, _ = sock.accept()
            with connection:
                connection.settimeout(60)
                # The first byte of TLS: the check of it is under way.
                assert connection.recv(1) == b"\x16"
                child.send_signal(signal.SIGINT)
                out, _ = child.communicate(timeout=60)
            assert child.returncode == 130
    report = json.loads(out)
    assert report["exit_code"] == 130
    assert [found["stage"] for found in report["checks"]] == ["dns", "tcp"]


def test_a_run_that_is_stopped_does_not_replace_the_latest_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "mmpush.prom"
    path.write_text("mmpush_check_up 0.0\n")
    with socket.create_server(("127.0.0.1", 0)) as sock:
        command = [*COMMAND, "check", f"http://127.0.0.1:{sock.getsockname()[1]}",
                   "--format", "prometheus", "--output", str(path)]  # fmt: skip
        with subprocess.Popen(command) as child:
            sock.settimeout(60)
            connection, _ = sock.accept()
            with connection:
                connection.settimeout(60)
                assert connection.recv(1)
                child.send_signal(signal.SIGTERM)
                assert child.wait(60) == 130
    assert path.read_text() == "mmpush_check_up 0.0\n"


def test_monitoring_hears_of_a_run_that_is_stopped_before_it_began(mute_port: int) -> None:
    env = {
        "MMPUSH_MATTERMOST__URL": f"http://127.0.0.1:{mute_port}",
        "MMPUSH_MATTERMOST__TOKEN": "x" * 26,
    }
    command = [*COMMAND, "check", "hpns", "--timeout", "60", "--format", "nagios"]
    with subprocess.Popen(
        command, env=os.environ | env, stdout=subprocess.PIPE, text=True
    ) as child:
        eventually_connected(child.pid, mute_port)
        child.send_signal(signal.SIGTERM)
        out, _ = child.communicate(timeout=10)
        assert child.returncode == 3
    assert out == "PUSH UNKNOWN - The checks were stopped before they began.\n"


@pytest.mark.parametrize("option", ["--watch", "--timeout"])
def test_nan_is_no_number_of_seconds(option: str) -> None:
    done = run("check", "http://127.0.0.1:1", option, "nan")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"mmpush-tui: Invalid value for '{option}': nan is not in the")


@pytest.mark.parametrize("as_json", [False, True])
def test_the_exit_code_is_true_where_nobody_reads(as_json: bool) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        command = [*COMMAND, "check", f"http://127.0.0.1:{sock.getsockname()[1]}"]
        child = subprocess.Popen(
            [*command, *(["--json"] if as_json else [])],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert child.stdout is not None
        child.stdout.close()
        assert child.stderr is not None
        with child.stderr:
            assert child.stderr.read() == b""
        assert child.wait(60) == 1


def test_output_that_cannot_be_written_is_said(mute_port: int) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, "check", f"http://127.0.0.1:{mute_port}"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "mmpush-tui: the output cannot be written: No space left on device.\n"


def test_help_loads_no_network_stack() -> None:
    loaded = imported_by("from mmpush_tui.cli import run; assert run(['check', '--help']) == 0")
    assert not loaded & {"asyncio", "ssl", "httpx", "h2", "cryptography", "textual", "rich"}


async def test_a_check_loads_no_textual(world: World) -> None:
    code = (
        "from mmpush_tui.cli import run; "
        f"assert run(['check', '--config', {str(world.config)!r}, 'apns']) == 0"
    )
    loaded = await asyncio.to_thread(imported_by, code)
    assert not loaded & {"textual", "uvicorn"}


def test_a_file_that_never_answers_does_not_hold_it_beyond_its_time(short_tmp: Path) -> None:
    config = short_tmp / "config.toml"
    os.mkfifo(config)
    done = run("check", "apns", "--config", config, "--timeout", "1")
    assert done.returncode == 4
    assert done.stderr.splitlines()[-1] == (
        "mmpush-tui: the configuration or a file that it names could not be read within 1 s. "
        "Look whether its file system answers, and whether it is a plain file."
    )


@pytest.mark.parametrize("is_option", [True, False])
def test_authorities_that_never_answer_do_not_either(short_tmp: Path, is_option: bool) -> None:
    os.mkfifo(short_tmp / "ca.pem")
    config = short_tmp / "config.toml"
    config.write_text("" if is_option else '[network]\nca_file = "ca.pem"\n')
    option = ("--ca-file", short_tmp / "ca.pem") if is_option else ()
    done = run("check", "http://127.0.0.1:1", "--config", config, *option, "--timeout", "1")
    assert done.returncode == 4
    assert "could not be read within 1 s" in done.stderr.splitlines()[-1]


def test_a_configuration_without_an_end_is_not_read_whole(short_tmp: Path) -> None:
    config = short_tmp / "config.toml"
    config.symlink_to("/dev/zero")
    done = run("check", "apns", "--config", config)
    assert done.returncode == 2
    assert done.stderr == (
        f"mmpush-tui: {config}: larger than 1 MiB, so it is no configuration file.\n"
    )


def test_a_pipe_in_place_of_a_key_is_named(short_tmp: Path) -> None:
    fifo = short_tmp / "AuthKey_ABC123DEFG.p8"
    os.mkfifo(fifo)
    config = short_tmp / "config.toml"
    config.write_text(
        f'[[proxy.apple]]\ntype = "apple_rn"\ntopic = "a.b"\nauth_key_file = "{fifo}"\n'
        'auth_key_id = "ABC123DEFG"\nteam_id = "DEF123GHIJ"\nendpoint = "https://127.0.0.1:1"\n'
    )
    done = run("check", "apns", "--config", config, "--timeout", "5", "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)["checks"][0]
    assert (found["stage"], found["status"], found["code"]) == (
        "config", "fail", "apple-key-missing",
    )  # fmt: skip
    assert found["message"].endswith("cannot be read: it is no ordinary file")


# Other forms


async def test_one_line_for_monitoring(world: World) -> None:
    done = await check("tpns", "--config", world.config, "--format", "nagios")
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    assert done.stdout.startswith("PUSH OK - Everything that was checked can be reached: ")
    assert "| 'time'=" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "begin"),
    [
        (("http://127.0.0.1:1",), 2, "PUSH CRITICAL - Nothing listens at 127.0.0.1:1"),
        (("nobody",), 3, "PUSH UNKNOWN - there is no target 'nobody'. Known are"),
        (("--config", "/none"), 3, "PUSH UNKNOWN - "),
        (("--connect-to", "x"), 3, "PUSH UNKNOWN - --connect-to 'x': expected HOST:PORT"),
        (("--source", "x"), 3, "PUSH UNKNOWN - --source 'x': expected an address"),
        (("--watch", "5"), 3, "PUSH UNKNOWN - --watch and --format nagios do not go together."),
        (("--timeout", "soon"), 3, "PUSH UNKNOWN - Invalid value for '--timeout'"),
        (("--json",), 3, "PUSH UNKNOWN - --json and --format nagios do not go together."),
        (("--quick",), 3, "PUSH UNKNOWN - No such option"),
    ],
)
async def test_monitoring_hears_of_everything(
    arguments: tuple[str, ...], code: int, begin: str
) -> None:
    done = await check(*arguments, "--format", "nagios")
    assert done.returncode == code
    assert done.stdout.startswith(begin)
    assert done.stdout.count("\n") == 1


async def test_a_file_for_the_collector(world: World, tmp_path: Path) -> None:
    path = tmp_path / "mmpush.prom"
    arguments = ("tpns", "--config", world.config, "--format", "prometheus", "--output", path)
    done = await check(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "mmpush_check_up 1.0\n" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o644
    assert [it for it in os.listdir(tmp_path) if "mmpush.prom" in it] == ["mmpush.prom"]


async def test_only_plain_files_are_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "there").write_text("old")
    (tmp_path / "link").symlink_to("there")
    arguments = ("http://127.0.0.1:1", "--json", "--output")
    done = await check(*arguments, tmp_path / "pipe")
    assert done.returncode == 1
    assert done.stderr == (
        f"mmpush-tui: {tmp_path}/pipe cannot be written: it is not a plain file. "
        "Name a file that can be written, or leave out --output to print.\n"
    )
    assert (tmp_path / "pipe").is_fifo()
    assert (await check(*arguments, tmp_path / "link")).stderr == ""
    assert (tmp_path / "link").is_symlink()
    assert json.loads((tmp_path / "there").read_text())["kind"] == "check"
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe", "there"]


async def test_a_report_for_a_ticket(world: World) -> None:
    done = await check("tpns", "--config", world.config, "--format", "markdown")
    assert done.returncode == 0
    assert done.stdout.startswith("## Push: Everything that was checked can be reached")


BAD_FORMS = [
    (("--watch", "5", "--format", "markdown"), "--watch and --format markdown do not go together."),
    (("--output", "x"), "--output needs --format json, markdown, nagios or prometheus."),
    (("--output", "/none/x", "--json"), "/none/x cannot be written: No such file or directory."),
    (("--output", "x" * 300, "--json"), "x cannot be written: File name too long."),
    (("--source", "here"), "--source 'here': expected an address of this host."),
]  # fmt: skip


@pytest.mark.parametrize(("options", "sentence"), BAD_FORMS)
async def test_options_that_cannot_be_obeyed(options: tuple[str, ...], sentence: str) -> None:
    done = await check("http://127.0.0.1:1", *options)
    assert done.returncode in (1, 2)
    assert sentence in done.stderr


@pytest.mark.slow
async def test_watching_goes_on_until_it_is_ended(world: World, tmp_path: Path) -> None:
    command = [*COMMAND, "check", "tpns", "--config", str(world.config),
               "--watch", "1"]  # fmt: skip
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while not (line := await process.stdout.readline()).startswith(b"VERDICT"):
            assert line
        await process.stdout.readline()
        assert b"as before: Everything that was checked" in await process.stdout.readline()
        await world.tpns.aclose()
        while b"changed:" not in (line := await process.stdout.readline()):
            assert line
        while not (line := await process.stdout.readline()).startswith(b"VERDICT"):
            assert line
        assert b"test push service" in line
        process.send_signal(signal.SIGINT)
        assert await process.wait() in (1, 130)


@pytest.mark.slow
async def test_watching_as_json_is_a_line_each(world: World) -> None:
    command = [*COMMAND, "check", "tpns", "--config", str(world.config),
               "--watch", "1", "--json"]  # fmt: skip
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(60):
        reports = [json.loads(await process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert [it["exit_code"] for it in reports] == [0, 0]
    assert reports[0]["started_at"] < reports[1]["started_at"]


@pytest.mark.slow
def test_watching_gives_each_warning_once(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[proxy]\nlisten_address = "127.0.0.1:1"\nthrottle_per_sec = 300\n')
    command = [*COMMAND, "check", "worker", "--config", str(config), "--watch", "1", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert [json.loads(child.stdout.readline())["exit_code"] for _ in range(2)] == [1, 1]
        child.send_signal(signal.SIGTERM)
        _, said = child.communicate(timeout=60)
    assert said.decode() == (
        f"mmpush-tui: {config}: proxy.throttle_memory_store_size is missing; 50000 is used\n"
    )


async def test_watching_outlives_a_configuration_that_is_being_changed(world: World) -> None:
    command = [*COMMAND, "check", "tpns", "--config", str(world.config),
               "--watch", "1"]  # fmt: skip
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    good = world.config.read_text()
    async with asyncio.timeout(60):
        while not (line := await process.stdout.readline()).startswith(b"VERDICT"):
            assert line
        world.config.write_text(good[: len(good) // 2] + "\n[")
        while b"  not checked: " not in (line := await process.stdout.readline()):
            assert line
        assert str(world.config) in line.decode()
        world.config.write_text(good)
        while b"as before: Everything that was checked" not in line:
            line = await process.stdout.readline()
            assert line
        process.send_signal(signal.SIGTERM)
        assert await process.wait() in (0, 130)


async def test_monitoring_hears_that_a_later_run_could_not_be(world: World, tmp_path: Path) -> None:
    path = tmp_path / "push.nagios"
    command = [*COMMAND, "check", "tpns", "--config", str(world.config), "--watch", "1",
               "--format", "nagios", "--output", str(path)]  # fmt: skip

    async def says(begin: str) -> bool:
        return path.exists() and path.read_text().startswith(begin)

    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    await eventually(lambda: says("PUSH OK - "), 60)
    world.config.write_text("[")
    async with asyncio.timeout(60):
        assert b"  not checked: " in await process.stderr.readline()
    await eventually(lambda: says("PUSH UNKNOWN - "))
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 2


@pytest.mark.parametrize("as_json", [False, True])
async def test_watching_ends_where_nobody_reads_any_more(world: World, as_json: bool) -> None:
    command = [*COMMAND, "check", "tpns", "--config", str(world.config), "--watch", "1",
               *(["--json"] if as_json else [])]  # fmt: skip

    def read_one_line() -> tuple[int, bytes]:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stderr is not None
            assert child.stdout.readline()
            child.stdout.close()
            told = child.stderr.read()
            return child.wait(60), told

    assert await asyncio.to_thread(read_one_line) == (0, b"")


# Mattermost by its local socket


async def test_mattermost_is_asked_on_its_local_socket(short_tmp: Path) -> None:
    toml = short_tmp / "config.toml"
    toml.write_text(f'[mattermost]\nlocal_socket = "{short_tmp}/local.sock"\n')
    async with MattermostRest(
        version="11.8.0", licensed=True, mhpns=True, tokens={},
        socket_path=short_tmp / "local.sock",
    ):  # fmt: skip
        done = await check("mattermost", MMPUSH_CONFIG=str(toml))
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.startswith("[ok]   app:mattermost  Mattermost answers on ")
    done = await check("mattermost", MMPUSH_CONFIG=str(toml))
    assert done.returncode == 1
    assert "[FAIL] app:mattermost" in done.stdout
    assert "see: mmpush-tui explain mattermost-local-socket" in done.stdout


def test_a_worker_is_asked_as_it_wants_to_be(short_tmp: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    toml = short_tmp / "config.toml"
    toml.write_text(
        f'[proxy]\nlisten_address = "127.0.0.1:{port}"\npath_prefix = "/s3cretPath"\n'
        'access_user = "us@er"\naccess_password = "pa/ss:word"\n'
    )
    toml.chmod(0o600)
    command = [*COMMAND, "serve", "--config", str(toml), "--control", str(short_tmp / "c.sock")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline().startswith("listening on ")
        done = run("check", "worker", "--config", toml, "--json")
        worker.terminate()
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["verdict"]["code"] == "ok"
    assert not any(secret in done.stdout for secret in ("s3cretPath", "pa/ss", "us@er"))
