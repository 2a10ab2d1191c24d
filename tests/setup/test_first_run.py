"""The whole way: questions answered, the file written, the worker started with it."""

import asyncio
import shlex
import socket
import sys
from pathlib import Path

import httpx
import pytest

from mmpush_tui.configuration.locations import find_config
from mmpush_tui.findings import Severity
from mmpush_tui.settings.page import Licence, infer
from mmpush_tui.settings.sources.config_file import ConfigFile
from mmpush_tui.setup import steps
from mmpush_tui.setup.credentials import look_at_apple_key
from mmpush_tui.setup.draft import Draft, discard_draft, draft_path, load_draft, save_draft
from mmpush_tui.setup.handover import on_page
from mmpush_tui.setup.proof import prove_step
from mmpush_tui.setup.steps import Apps, StepId
from mmpush_tui.setup.write import apply, plan
from mmpush_tui.simulator.credentials import AppleKey
from mmpush_tui.watching.client import ControlClient
from tests.setup import files


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@pytest.mark.slow
async def test_from_nothing_to_a_worker_that_is_ready(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The control socket lies under here, whose path must be short.
    monkeypatch.setenv("XDG_STATE_HOME", str(short_tmp / "s"))
    mattermost = files.keep(short_tmp / "config.json", b'{"EmailSettings": {}}')
    port = free_port()
    key = AppleKey.make().write(short_tmp)
    derived = look_at_apple_key(str(key)).evidence

    draft = Draft()
    typed = {
        steps.APPS: Apps.OWN,
        steps.CONFIG_FILE: str(mattermost),
        steps.KEY_FILE: str(key),
        steps.KEY_ID: derived["auth_key_id"],
        steps.TEAM_ID: AppleKey.make().team_id,
        steps.TOPIC: "com.example.chat",
        steps.ACCOUNT_FILE: str(files.ACCOUNT.write(short_tmp)),
        steps.LISTEN: f"127.0.0.1:{port}",
    }
    for field, value in typed.items():
        draft = draft.with_answer(field.key, value)
        # Interrupted after every answer.
        save_draft(draft.at(StepId.APPS))
        draft, sentence = load_draft()
        assert sentence == ""
    for step in steps.path(draft.answers):
        proof = await prove_step(step, draft.answers)
        assert proof is None or proof.severity is Severity.PASS, proof

    planned = plan(draft.answers)
    applied = apply(planned)
    discard_draft()
    assert not draft_path().exists()
    assert find_config({}) == applied.path

    command = shlex.split(planned.remaining[0].commands[0])
    assert command.pop(0) == "mmpush-tui"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mmpush_tui", *command,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            line = await process.stdout.readline()
        assert line == f"listening on http://127.0.0.1:{port}\n".encode()
        async with ControlClient(short_tmp / "s/mmpush-tui/workers" / f"{port}.sock") as control:
            status = await control.status()
        states = {target["type"]: target["state"] for target in status["targets"]}
        assert states == {"apple_rn": "ready", "android_rn": "ready"}

        today = infer((await ConfigFile(mattermost).load()).stored, Licence())
        page = on_page(draft.answers, today, planned.address)
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"{page.server}/version")
        assert answer.json()["product"].startswith("mmpush-tui")
        process.terminate()
        async with asyncio.timeout(30):
            _, err = await process.communicate()
        assert process.returncode == 0
        assert b"warn" not in err.lower()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
