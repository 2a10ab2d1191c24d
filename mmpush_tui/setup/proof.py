"""The proof of a step: its answers used as the worker or the console would use them.

Nothing here asks Apple or Google; that belongs to the reachability checks.
"""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import tomli_w

from mmpush_tui.configuration import config
from mmpush_tui.configuration.config import ProxyConfig
from mmpush_tui.configuration.document import parse_document
from mmpush_tui.errors import ConfigError, MmpushError
from mmpush_tui.findings import Finding, Severity, failed, passed
from mmpush_tui.paths import full_path
from mmpush_tui.protocol import paths
from mmpush_tui.protocol.paths import is_alive
from mmpush_tui.proxy.door import listen as listening
from mmpush_tui.proxy.targets import Targets
from mmpush_tui.settings.page import Mode
from mmpush_tui.settings.page_fields import REGION, page_words
from mmpush_tui.settings.sources.config_file import ConfigFile
from mmpush_tui.setup import steps
from mmpush_tui.setup.answers import problems
from mmpush_tui.setup.document import android_target, apple_target
from mmpush_tui.setup.steps import Answers, Step, StepId, When, Where, answer, text
from mmpush_tui.tasks import beside
from mmpush_tui.text import clean, clip

_IN_MEMORY: Final = Path("setup.toml")
"""The name of a configuration that is in no file."""


async def prove_step(step: Step, answers: Answers) -> Finding | None:
    """Return what trying the answers of ``step`` shows; None where there is nothing to try.

    Files are read in a thread; the caller sets the deadline.
    """
    if problem := next(iter(problems(step, answers).values()), ""):
        return failed(problem)
    match step.id:
        case StepId.MATTERMOST if answer(answers, steps.WHERE) == Where.FILE:
            return await mattermost(answers)
        case StepId.EXISTING if answer(answers, steps.EXISTING) == steps.Existing.USE:
            return await existing(answers)
        case StepId.APPLE if answer(answers, steps.APPLE_WHEN) == When.NOW:
            return await apple(answers)
        case StepId.ANDROID if answer(answers, steps.ANDROID_WHEN) == When.NOW:
            return await android(answers)
        case StepId.LISTEN:
            return await beside("listen", _try_to_listen, text(answers, steps.LISTEN))
        case _:
            return None


async def mattermost(answers: Answers) -> Finding:
    """Return what the push settings of the named config.json are today.

    Derives ``mode`` and ``server``, as the settings page has them.
    """
    try:
        loaded = await ConfigFile(Path(full_path(text(answers, steps.CONFIG_FILE)))).load()
    except MmpushError as error:
        return error.finding
    page = loaded.page
    match page.mode:
        case Mode.OFF:
            today = "sends no push notifications"
        case Mode.HPNS:
            today = f"uses HPNS, location {page_words(REGION.name, page.region)}"
        case Mode.TPNS:
            today = "uses TPNS"
        case Mode.CUSTOM if page.server.strip():
            today = f"uses the push proxy at {clip(clean(page.server), 100)}"
        case _:
            today = "has no push proxy's address"
    return passed(f"Readable: Mattermost {today} today.", mode=page.mode.value, server=page.server)


async def apple(answers: Answers) -> Finding:
    """Return whether the worker could send to Apple with these answers."""
    target = apple_target(answers)
    environment = "the sandbox" if target["sandbox"] else "production"
    return await _build(
        {"apple": [target]},
        f"Ready to send to {target['topic']} in {environment}. Apple was not asked yet: "
        "a key made for App Store Connect looks the same from here.",
    )


async def android(answers: Answers) -> Finding:
    """Return whether the worker could send to Google with these answers."""
    return await _build(
        {"android": [android_target(answers)]},
        "Ready to send to Android apps. Google was not asked yet.",
    )


async def existing(answers: Answers) -> Finding:
    """Return how many targets of a configuration that is taken over could send."""
    try:
        taken = await beside("load", config.load, Path(text(answers, steps.EXISTING_FILE)), {})
    except ConfigError as error:
        return error.finding
    ready, disabled = await _targets(taken)
    # Entries of the reference proxy's sample that nobody filled in are no fault.
    reasons = [reason for reason, is_blank in disabled if not is_blank]
    where = f"it listens on {taken.listen_address}"
    if not ready:
        why = reasons[0] if reasons else "Its targets are not filled in."
        return failed(f"None of its targets can send. {why}")
    message = f"Ready to send: {', '.join(ready)}; {where}."
    if reasons:
        return Finding(severity=Severity.WARN, message=f"{message} Set aside: {reasons[0]}")
    return _with_warnings(message, taken.warnings)


async def _build(entries: dict[str, Any], message: str) -> Finding:
    written = parse_document(tomli_w.dumps({"proxy": entries}), _IN_MEMORY)
    proxy_config = config.convert_document(written, {})
    ready, disabled = await _targets(proxy_config)
    if not ready:
        return failed(disabled[0][0])
    # Of these, the ones about missing settings are not about the target.
    readable = [it for it in proxy_config.warnings if it.code == "config-secret-readable"]
    return _with_warnings(message, readable)


async def _targets(proxy_config: ProxyConfig) -> tuple[list[str], list[tuple[str, bool]]]:
    """Return the types that can send, and for the others the reason and whether it is blank."""
    targets = await beside("targets", Targets.build, proxy_config)
    try:
        disabled = [(item.reason, item.is_blank) for item in targets.disabled.values()]
        return list(targets.ready), disabled
    finally:
        await targets.aclose()


def _with_warnings(message: str, warnings: Sequence[Finding]) -> Finding:
    if not warnings:
        return passed(message)
    return Finding(severity=Severity.WARN, message=f"{message} {warnings[0].message}")


def _try_to_listen(address: str) -> Finding:
    if address.startswith("unix:"):
        return _try_unix(Path(address.removeprefix("unix:")))
    _, port = listening.split(address)
    try:
        listening.bind(address).close()
    except ConfigError as error:
        if error.code != "port-in-use":
            return error.finding
        if any(path.stem == str(port) for path in paths.running_workers()):
            return Finding(
                severity=Severity.WARN,
                message="A push proxy of this program listens there already.",
                fix="Let it reload after the file is written, or choose another port for a "
                "second one.",
            )
        return failed(f"{error.what}.", "Stop that program, or choose another port.")
    return passed(f"{address} is free.")


def _try_unix(path: Path) -> Finding:
    """Judge a socket's path without making one there."""
    with contextlib.suppress(OSError):
        if path.is_socket() and is_alive(path):
            return failed(
                "Another program listens on this socket.",
                "Stop that program, or choose another path.",
            )
        if path.exists() and not path.is_socket():
            return failed("Something else is there.", "Choose another path.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return failed(
            "This user cannot make files in that folder.",
            "Make the folder, or choose one that is yours.",
        )
    return passed("The socket can be made there.")
