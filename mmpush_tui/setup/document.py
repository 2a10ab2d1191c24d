"""The answers as our configuration file. Pure.

Whoever writes a new file does it with tomli-w; tomlkit changes a file that is there. The latter is
large, and loads when there is one.
"""

import copy
import tomllib
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

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
    tables: dict[str, Any] = copy.deepcopy(dict(base or {}))
    _revise(tables, answers)
    return tables


def revised(answers: Answers, before: str) -> str:
    """Return the text of a file as :func:`document` changes it; its comments and order stay.

    Args:
        answers: without problems.
        before: our configuration, which has been parsed.

    Returns:
        The new text, or an empty one where it cannot be changed in place: then it would not say
        what :func:`document` does.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        tables = tomlkit.parse(before)
        _revise(tables, answers)
        new = tomlkit.dumps(tables)
        is_right = _without_empty_console(tomllib.loads(new)) == _without_empty_console(
            document(answers, tomllib.loads(before))
        )
    except (TOMLKitError, ValueError, KeyError, RecursionError):
        # It is younger than the standard library's parser, and stumbles over some odd layouts.
        return ""
    return new if is_right else ""


def _revise(tables: MutableMapping[str, Any], answers: Answers) -> None:
    """Bring a configuration, or a file's tables with their comments, up to date."""
    if not isinstance(tables.get("mattermost"), MutableMapping):
        tables["mattermost"] = {}
    if answer(answers, steps.WHERE) == Where.FILE:
        file = full_path(text(answers, steps.CONFIG_FILE))
        _bring(tables["mattermost"], {"config_file": file})
    else:
        tables["mattermost"].pop("config_file", None)
    if taken := takes_over(answers):
        _bring(tables.setdefault("console", {}), {WORKER_CONFIG.name: taken})
    elif isinstance(console := tables.get("console"), MutableMapping):
        console.pop(WORKER_CONFIG.name, None)
        # A comment at its end is about the table that follows, as likely as not.
        if not console and not _has_comment(console):
            del tables["console"]
    if StepId.LISTEN not in {step.id for step in steps.path(answers)}:
        return
    proxy = tables.setdefault("proxy", {})
    _bring(proxy, {"listen_address": text(answers, steps.LISTEN)})
    for field in PROXY:
        if field.name in _ALWAYS and field.name not in proxy:
            _append(proxy, field.name, field.default)
    if answer(answers, steps.APPLE_WHEN) == When.NOW:
        _put(proxy, "apple", apple_target(answers))
    if answer(answers, steps.ANDROID_WHEN) == When.NOW:
        _put(proxy, "android", android_target(answers))


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


def takes_over(answers: Answers) -> str:
    """Return the push proxy configuration that is used as it is, or an empty string."""
    if not is_own(answers) or answer(answers, steps.EXISTING) != Existing.USE:
        return ""
    return text(answers, steps.EXISTING_FILE)


def _put(proxy: MutableMapping[str, Any], name: str, target: dict[str, Any]) -> None:
    """Bring the entry of the same type up to date, or append one."""
    if not proxy.get(name):
        proxy[name] = [target]
        return
    for entry in proxy[name]:
        if entry.get("type") == target["type"]:
            _bring(entry, target)
            return
    proxy[name].append(target)


def _bring(table: MutableMapping[str, Any], values: Mapping[str, Any]) -> None:
    """Set what is not so already: a value that stays is written as it was."""
    for key, value in values.items():
        if key not in table:
            _append(table, key, value)
        elif table[key] != value:
            table[key] = value


def _append(table: MutableMapping[str, Any], key: str, value: object) -> None:
    """Set a key that is not there yet, in front of comments that lead to what follows."""
    from tomlkit.items import Comment, Table, Whitespace

    body = table.value.body if isinstance(table, Table) else []
    at = len(body)
    while at and isinstance(body[at - 1][1], Comment | Whitespace):
        at -= 1
    rest = body[at:]
    del body[at:]
    table[key] = value
    body.extend(rest)


def _has_comment(table: MutableMapping[str, Any]) -> bool:
    from tomlkit.items import Table

    if not isinstance(table, Table):
        return False
    return bool(table.trivia.comment) or "#" in table.as_string()


def _without_empty_console(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tables say; an empty one that holds a comment says nothing."""
    return {name: table for name, table in tables.items() if table or name != "console"}
