"""The console on a real terminal: what is drawn, what is left behind, what terminals do to it."""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.console.emulator import Terminal

pytestmark = pytest.mark.slow

_LISTENING = re.compile(r"worker running (127\.0\.0\.1:\d+)")


@pytest.fixture
def demo(short_tmp: Path) -> Iterator[Terminal]:
    # A size that somebody exported must not outlive a change of the window.
    environment = {"TMPDIR": str(short_tmp), "COLUMNS": "80", "LINES": "24"}
    with Terminal("demo", environment=environment) as terminal:
        terminal.see("worker running 127.0.0.1:")
        children = _children(terminal)
        yield terminal
    # The worker of a demo that was killed ends by itself, and removes its socket.
    psutil.wait_procs(children, timeout=20)


def _address(terminal: Terminal) -> str:
    found = _LISTENING.search(terminal.text)
    assert found, terminal.text
    return found[1]


def _children(terminal: Terminal) -> list[psutil.Process]:
    return psutil.Process(terminal.process.pid).children(recursive=True)


def _status(terminal: Terminal) -> dict[str, Any]:
    """Return what the demo's worker says of itself, past the console."""
    (worker,) = _children(terminal)
    command = worker.cmdline()
    control = command[command.index("--control") + 1]
    with httpx.Client(transport=httpx.HTTPTransport(uds=control)) as client:
        status: dict[str, Any] = client.get("http://worker/status").json()
    return status


def _wait_for(condition: Any, what: str, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def _assert_nothing_is_left(children: list[psutil.Process], folder: Path) -> None:
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
    assert list(folder.glob("mmpush-demo-*")) == []


def test_the_demo_shows_deliveries_without_a_keystroke(demo: Terminal, short_tmp: Path) -> None:
    demo.see("[3 Worker]")
    demo.see("apple_rn")
    demo.see("android_rn")
    demo.see(" OK ")
    children = _children(demo)
    demo.send("q")
    assert demo.wait() == 0
    assert demo.is_restored()
    _assert_nothing_is_left(children, short_tmp)


def test_with_standard_error_elsewhere_it_says_why_it_does_not_open(short_tmp: Path) -> None:
    command = ("sh", "-c", f"exec {sys.executable} -m mmpush_tui demo 2>/dev/null")
    with Terminal(environment={"TMPDIR": str(short_tmp)}, command=command) as terminal:
        assert terminal.wait() == 2
        _wait_for(
            lambda: b"mmpush-tui: the console needs a terminal" in terminal.written, "the sentence"
        )


def test_every_screen_is_reached_by_its_key(demo: Terminal) -> None:
    for key, name, sign in (
        ("1", "Overview", "Mattermost ─"),
        ("2", "Settings", "Push Notification Server location"),
        ("4", "Checks", "Nothing has been checked yet"),
        ("5", "Setup", "Which apps do your users have?"),
        ("3", "Worker", "apple_rn"),
    ):
        demo.send(key)
        demo.see(f"[{key} {name}]")
        if name != "Settings":
            demo.see(sign)
    demo.send("?")
    demo.see("On the Worker screen")
    demo.send("\x1b")
    demo.not_see("On the Worker screen")


def test_the_checks_of_the_demo_are_all_good(demo: Terminal) -> None:
    demo.send("1")
    demo.see("[1 Overview]")
    demo.send("c")
    demo.see("[4 Checks]")
    demo.see("GOOD")


def test_it_follows_the_window(demo: Terminal) -> None:
    for columns, lines in ((120, 40), (60, 20), (200, 60), (40, 12)):
        demo.resize(columns, lines)
        demo.see("q quit")
        deadline = time.monotonic() + 30
        while "q quit" not in demo.lines[lines - 1]:
            assert time.monotonic() < deadline, f"{columns}x{lines}:\n{demo.text}"
            time.sleep(0.1)
    demo.resize(20, 6)
    demo.see("columns")
    demo.resize(80, 24)
    demo.see("[3 Worker]")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(
    demo: Terminal, short_tmp: Path, number: signal.Signals
) -> None:
    children = _children(demo)
    demo.process.send_signal(number)
    assert demo.wait() == 130
    assert demo.is_restored()
    _assert_nothing_is_left(children, short_tmp)


def test_ctrl_c_leaves_the_demo(demo: Terminal) -> None:
    demo.send("\x03")
    assert demo.wait() == 0
    assert demo.is_restored()


def test_ctrl_z_gives_the_terminal_back_and_takes_it_again(demo: Terminal) -> None:
    process = psutil.Process(demo.process.pid)
    demo.send("\x1a")
    _wait_for(lambda: process.status() == psutil.STATUS_STOPPED, "it did not stop")
    assert demo.is_restored()
    demo.process.send_signal(signal.SIGCONT)
    demo.see("[3 Worker]")
    demo.send("1")
    demo.see("[1 Overview]")
    demo.send("q")
    assert demo.wait() == 0
    assert demo.is_restored()


def test_a_stop_and_a_continue_from_outside_leave_it_whole(demo: Terminal) -> None:
    process = psutil.Process(demo.process.pid)
    for _ in range(3):
        demo.process.send_signal(signal.SIGSTOP)
        _wait_for(lambda: process.status() == psutil.STATUS_STOPPED, "it did not stop")
        demo.process.send_signal(signal.SIGCONT)
    demo.send("1")
    demo.see("[1 Overview]")
    demo.send("q")
    assert demo.wait() == 0
    assert demo.is_restored()


def test_signals_that_come_as_a_pair_are_one_request(demo: Terminal, short_tmp: Path) -> None:
    children = _children(demo)
    demo.process.send_signal(signal.SIGTERM)
    demo.process.send_signal(signal.SIGHUP)
    assert demo.wait() == 130
    assert demo.is_restored()
    _assert_nothing_is_left(children, short_tmp)


@pytest.mark.parametrize("hears_hangups", [True, False])
def test_a_closed_terminal_ends_it(short_tmp: Path, hears_hangups: bool) -> None:
    environment = {"TMPDIR": str(short_tmp)}
    deaf = "" if hears_hangups else "trap '' HUP;"
    command = ["sh", "-c", f'{deaf} exec "$0" -m mmpush_tui "$@"', sys.executable]
    with Terminal("demo", environment=environment, command=command) as demo:
        demo.see("worker running 127.0.0.1:")
        children = _children(demo)
        os.close(demo.slave)
        demo.close()
        assert demo.wait(30) != 0
        _assert_nothing_is_left(children, short_tmp)
        demo.slave = os.open(os.devnull, os.O_RDWR)


def test_while_the_terminal_stalls_the_worker_goes_on_and_the_console_recovers(
    demo: Terminal,
) -> None:
    demo.see(" OK ")
    demo.stall()
    before = _status(demo)["counts"]["received"]
    _wait_for(lambda: _status(demo)["counts"]["received"] >= before + 25, "the worker stands still")
    cpu = psutil.Process(demo.process.pid).cpu_percent(1.0)
    assert cpu < 60, "the console spins"
    demo.resume()
    demo.send("1")
    demo.see("[1 Overview]")
    demo.send("3")
    demo.see("FOLLOW")
    demo.send("q")
    assert demo.wait() == 0
    assert demo.is_restored()


def test_after_frames_were_dropped_the_screen_is_whole(demo: Terminal) -> None:
    demo.send("\x1b[15~")
    demo.see("Which apps do your users have?")
    before: list[str] = []
    while before != (before := demo.lines[2:20]):
        time.sleep(1)
    demo.send("1")
    demo.see("[1 Overview]")
    demo.stall()
    for keys in ["1", "3", "4"] * 40:
        demo.send(keys)
        time.sleep(0.08)
    demo.send("\x1b[15~")
    time.sleep(1)
    demo.resume()
    demo.see("[5 Setup]")
    _wait_for(lambda: demo.lines[2:20] == before, "something of another screen is left", 20)


def test_a_stalled_terminal_does_not_keep_it_from_ending(demo: Terminal, short_tmp: Path) -> None:
    demo.see(" OK ")
    demo.stall()
    children = _children(demo)
    before = _status(demo)["counts"]["received"]
    _wait_for(lambda: _status(demo)["counts"]["received"] >= before + 10, "the worker stands still")
    demo.process.send_signal(signal.SIGTERM)
    assert demo.wait() == 130
    _assert_nothing_is_left(children, short_tmp)


_CRASHING = """
import sys
from mmpush_tui.cli import run
from mmpush_tui.console.overview.screen import OverviewScreen

def draw(self):
    secret = "canary-local"
    raise ValueError("canary-text " + secret)

OverviewScreen.draw = draw
sys.exit(run(["demo"]))
"""


def test_a_fault_of_ours_is_one_sentence_and_a_report(short_tmp: Path) -> None:
    environment = {"TMPDIR": str(short_tmp), "XDG_STATE_HOME": str(short_tmp / "state")}
    command = [sys.executable, "-c", _CRASHING]
    with Terminal(environment=environment, command=command) as demo:
        demo.see("worker running 127.0.0.1:")
        children = _children(demo)
        demo.send("1")
        assert demo.wait() == 70
        assert demo.is_restored()
        text = " ".join(demo.text.split())
        assert "this is a fault of mmpush-tui" in text
        assert "ValueError" in text
        assert b"canary" not in bytes(demo.written)
        assert b"Traceback" not in bytes(demo.written)
        _assert_nothing_is_left(children, short_tmp)
    (report,) = (short_tmp / "state" / "mmpush-tui").glob("crash-*.txt")
    assert "ValueError" in report.read_text()
    assert "canary" not in report.read_text()


_SGR = re.compile(rb"\x1b\[([0-9;]*)m")
_COLOURS = {*range(30, 39), *range(40, 49), *range(90, 98), *range(100, 108)}


def test_without_colours_there_is_not_one(short_tmp: Path) -> None:
    environment = {"TMPDIR": str(short_tmp), "NO_COLOR": "1", "COLORTERM": "truecolor"}
    with Terminal("demo", environment=environment) as demo:
        demo.see("worker running 127.0.0.1:")
        for key, name in (("1", "Overview"), ("2", "Settings"), ("\x1b[15~", "Setup")):
            demo.send(key)
            demo.see(f"{name}]")
        demo.send("\x1b[13~")
        demo.see("[3 Worker]")
        demo.send("v")
        demo.see("Let the demo fail on purpose")
        codes = {int(code) for found in _SGR.findall(bytes(demo.written))
                 for code in found.split(b";") if code}  # fmt: skip
        assert codes & _COLOURS == set()
        assert 7 in codes, "what is marked is reversed"


HOSTILE = {
    "osc52": "\x1b]52;c;Y2FuYXJ5\x07",
    "title": "\x1b]0;canary\x07",
    "csi": "\x1b[2J\x1b[31mcanary",
    "c1": "\x9b2J\x9d0;canary\x9c",
    "bidi": "\u202ecanary\u2066",
    "markup": "[/x] [bold] [@click=app.quit]canary[/]",
    "long": "canary" * 1700,
    "newlines": "a\r\nb\x0bc\x0c\x85\u2028d",
    "nul": "\x00\x08\x7f",
    "wide": "日本" * 40,
}


def _hostile_pushes(text: str) -> list[dict[str, Any]]:
    fields = (
        "ack_id", "platform", "server_id", "device_id", "post_id", "category", "sound", "message",
        "team_id", "channel_id", "root_id", "channel_name", "type", "sub_type", "transport",
        "sender_id", "sender_name", "override_username", "override_icon_url", "from_webhook",
        "version", "signature",
    )  # fmt: skip
    good = {"platform": "apple_rn-v2", "device_id": "ab" * 32, "server_id": "s", "type": "message"}
    return [*(good | {name: text} for name in fields), dict.fromkeys(fields, text)]


@pytest.mark.parametrize("kind", HOSTILE)
def test_nothing_of_a_hostile_push_reaches_the_terminal(demo: Terminal, kind: str) -> None:
    text = HOSTILE[kind]
    url = f"http://{_address(demo)}/api/v1/send_push"
    pushes = _hostile_pushes(text)
    before = _status(demo)["counts"]["received"]
    with httpx.Client() as client:
        for push in pushes:
            client.post(url, content=json.dumps(push).encode(), timeout=30)
        client.post(url.replace("send_push", "ack"), content=json.dumps(pushes[-1]).encode())
    assert _status(demo)["counts"]["received"] >= before + len(pushes)
    for keys in ("k", "k", "\r", "\x1b", "n", "1", "2", "4", "3"):
        demo.send(keys)
        time.sleep(0.4)
    demo.see("[3 Worker]")
    written = bytes(demo.written)
    assert b"\x1b]52" not in written
    assert b"\x1b]0;" not in written
    assert b"\xc2\x9b" not in written
    assert b"\x9d0;canary" not in written
    assert "\u202e".encode() not in written
    assert b"\x00" not in written
    assert b"\x1b[31mcanary" not in written
    demo.send("q")
    assert demo.wait() == 0


@pytest.mark.slow
def test_what_is_set_up_in_the_demo_goes_with_it() -> None:
    with Terminal("demo", "--no-remote") as terminal:
        terminal.see("OK")
        terminal.send("5")
        terminal.see("Setup")
        terminal.send("\x0f")
        terminal.see("[1 Overview]")
        terminal.send("q")
        assert terminal.wait() == 0
    home = Path(os.environ["HOME"])
    assert [path for path in home.rglob("*") if path.is_file()] == []
