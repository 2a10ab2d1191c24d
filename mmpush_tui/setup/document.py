"""The answers as our configuration file. Pure."""

import copy
from collections.abc import Mapping
from typing import Any, Final

import tomli_w

from mmpush_tui.configuration.schema import PROXY, WORKER_CONFIG
from mmpush_tui.paths import full_path
from mmpush_tui.setup import steps
from mmpush_tui.setup.answers import apple_type, is_own
from mmpush_tui.setup.steps import Answers, Existing, StepId, When, Where, answer, text

_ALWAYS: Final = ("throttle_per_sec", "throttle_memory_store_size")
"""Settings that the worker warns about where they are missing."""


def document(answers: Answers, base: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the configuration that follows from the answers.

    Args:
        answers: without problems.
        base: what the file holds today; what nobody was asked about stays, a target of the same
            type is brought up to date, others are kept.
    """
    made: dict[str, Any] = copy.deepcopy(dict(base or {}))
    mattermost = made.get("mattermost")
    made["mattermost"] = mattermost = mattermost if isinstance(mattermost, dict) else {}
    if answer(answers, steps.WHERE) == Where.FILE:
        mattermost["config_file"] = full_path(text(answers, steps.CONFIG_FILE))
    else:
        mattermost.pop("config_file", None)
    console = made.setdefault("console", {})
    if taken := takes_over(answers):
        console[WORKER_CONFIG.name] = taken
    elif isinstance(console, dict):
        console.pop(WORKER_CONFIG.name, None)
    if not console:
        del made["console"]
    ids = {step.id for step in steps.path(answers)}
    if StepId.LISTEN not in ids:
        return made
    proxy = made.setdefault("proxy", {})
    proxy["listen_address"] = text(answers, steps.LISTEN)
    for field in PROXY:
        if field.name in _ALWAYS:
            proxy.setdefault(field.name, field.default)
    if answer(answers, steps.APPLE_WHEN) == When.NOW:
        _put(proxy.setdefault("apple", []), apple_target(answers))
    if answer(answers, steps.ANDROID_WHEN) == When.NOW:
        _put(proxy.setdefault("android", []), android_target(answers))
    return made


def apple_target(answers: Answers) -> dict[str, Any]:
    """Return the entry of ``[[proxy.apple]]`` that follows from the answers."""
    topic = text(answers, steps.TOPIC)
    return {
        "type": apple_type(topic),
        "topic": topic,
        "auth_key_file": full_path(text(answers, steps.KEY_FILE)),
        "auth_key_id": text(answers, steps.KEY_ID),
        "team_id": text(answers, steps.TEAM_ID),
        "sandbox": bool(answer(answers, steps.SANDBOX)),
    }


def android_target(answers: Answers) -> dict[str, Any]:
    """Return the entry of ``[[proxy.android]]`` that follows from the answers."""
    return {
        "type": "android_rn",
        "service_account_file": full_path(text(answers, steps.ACCOUNT_FILE)),
    }


def to_toml(made: Mapping[str, Any]) -> str:
    """Return a configuration as the text of its file."""
    return tomli_w.dumps(made)


def takes_over(answers: Answers) -> str:
    """Return the push proxy configuration that is used as it is, or an empty string."""
    if not is_own(answers) or answer(answers, steps.EXISTING) != Existing.USE:
        return ""
    return text(answers, steps.EXISTING_FILE)


def _put(entries: list[dict[str, Any]], target: dict[str, Any]) -> None:
    """Bring the entry of the same type up to date, or append one."""
    for entry in entries:
        if entry.get("type") == target["type"]:
            entry.update(target)
            return
    entries.append(target)
