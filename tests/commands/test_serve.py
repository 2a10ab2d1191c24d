"""``serve`` as systemd and a shell see it."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.running import COMMAND, run

UPSTREAM = {
    "ListenAddress": "127.0.0.1:0",
    "ThrottlePerSec": 300,
    "ThrottleMemoryStoreSize": 50000,
    "ApplePushSettings": [{"Type": "apple_rn", "ApplePushTopic": "com.example"}],
    "AndroidPushSettings": [{"Type": "android_rn", "AndroidApiKey": "old"}],
}


@pytest.fixture
def config(short_tmp: Path) -> Path:
    path = short_tmp / "mattermost-push-proxy.json"
    path.write_text(json.dumps(UPSTREAM))
    return path


@pytest.fixture
def serving(config: Path, short_tmp: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [*COMMAND, "serve", "--config", str(config), "--control", str(short_tmp / "c.sock")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_line_says_where_it_listens_and_a_signal_ends_it_with_0(
    serving: "subprocess.Popen[str]", number: signal.Signals, short_tmp: Path
) -> None:
    assert serving.stdout is not None
    line = serving.stdout.readline()
    assert line.startswith("listening on http://127.0.0.1:")
    serving.send_signal(number)
    out, err = serving.communicate(timeout=20)
    assert serving.returncode == 0
    assert out == ""
    assert "targets left blank in the configuration: apple_rn, android_rn" in err
    assert "AndroidApiKey is ignored" in err
    assert "no target can send" in err
    assert not (short_tmp / "c.sock").exists()


def test_without_a_name_it_takes_the_file_that_the_set_up_left(
    config: Path, short_tmp: Path
) -> None:
    ours = short_tmp / "xdg" / "mmpush-tui" / "config.toml"
    ours.parent.mkdir(parents=True)
    ours.write_text(f'[console]\nworker_config = "{config}"\n')
    process = subprocess.Popen(
        [*COMMAND, "serve", "--control", str(short_tmp / "c.sock")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"XDG_CONFIG_HOME": str(short_tmp / "xdg")},
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("listening on http://127.0.0.1:")
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_closed_standard_output_does_not_stop_it(config: Path, short_tmp: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [*COMMAND, "serve", "--config", str(config), "--control", str(short_tmp / "c.sock"),
         "--until-eof"],
        stdin=subprocess.PIPE, stdout=writing, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(writing)
    assert process.stderr is not None
    while "listening" not in (line := process.stderr.readline()):
        assert line, "it ended instead of listening"
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "stopped" in err


def test_listen_outranks_the_file_and_the_environment(short_tmp: Path, config: Path) -> None:
    where = short_tmp / "in.sock"
    process = subprocess.Popen(
        [*COMMAND, "serve", "--config", str(config), "--control", str(short_tmp / "c.sock"),
         "--listen", f"unix:{where}", "--until-eof"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=os.environ | {"MMPUSH_PROXY__LISTEN_ADDRESS": "256.0.0.1:1"},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == f"listening on unix:{where}\n"
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(where))
        client.sendall(b"GET /version HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert not where.exists()


def test_a_port_in_use_names_its_holder_in_one_line(config: Path, short_tmp: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        done = run("serve", "--config", config, "--listen", f"127.0.0.1:{port}")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(
        f"mmpush-tui: listen address 127.0.0.1:{port}: the port is in use by "
    )
    assert f"(pid {os.getpid()})" in done.stderr
    assert done.stderr.endswith("Stop that program, or choose another port with --listen.\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "{",
            "line 1, column 2: this is no JSON: Expecting property name enclosed in double quotes.",
        ),
        ('{"ThrottlePerSec": "canary"}', "ThrottlePerSec: expected a whole number, got text."),
        ("null", "expected a JSON object with ListenAddress and the other settings."),
        ('{"ListenAddress": "nowhere"}', "expected host:port, :port or unix:/path."),
    ],
)
def test_a_broken_configuration_is_one_line_and_exit_2(
    short_tmp: Path, content: str, sentence: str
) -> None:
    path = short_tmp / "config.json"
    path.write_text(content)
    done = run("serve", "--config", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith(f"{sentence}\n")
    assert "canary" not in done.stderr


def test_a_second_worker_on_the_same_control_socket_is_refused(
    serving: "subprocess.Popen[str]", config: Path, short_tmp: Path
) -> None:
    assert serving.stdout is not None
    serving.stdout.readline()
    done = run("serve", "--config", config, "--control", short_tmp / "c.sock")
    assert done.returncode == 2
    assert done.stderr == (
        f"mmpush-tui: socket {short_tmp / 'c.sock'}: another worker listens there.\n"
    )
