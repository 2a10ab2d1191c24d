"""The files that a configuration names as credentials: whether the worker could use them.

No key is used for anything here, and nothing of one is kept.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mmpush_tui.checks.findings import Finding, passed
from mmpush_tui.checks.report import Status
from mmpush_tui.checks.target import is_address
from mmpush_tui.errors import ConfigError
from mmpush_tui.proxy.android.access_token import load_account
from mmpush_tui.proxy.apple.provider_token import load_key
from mmpush_tui.proxy.config import ProxyConfig
from mmpush_tui.text import clean

_PROJECT: Final = re.compile(r"[\w.:-]{1,100}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What is known of one target's credential file.

    Attributes:
        finding: the ``config`` check of its target.
        token_uri: where a service account's tokens are granted; empty where it cannot be read.
        project: a service account's Firebase project; empty likewise.
    """

    finding: Finding
    token_uri: str = ""
    project: str = ""


def read(config: ProxyConfig) -> Mapping[str, Credential]:
    """Return what is found in the credential files of ``config``, by the targets' types.

    Targets that name no file, or a certificate, are left out. Reads files: not for the event
    loop.
    """
    found = {}
    for apple in config.apple:
        if apple.auth_key_file:
            found[apple.type] = _looked_at(_apple, apple.auth_key_file)
    for android in config.android:
        if android.service_account_file:
            found[android.type] = _looked_at(_android, android.service_account_file)
    return found


def _apple(path: str) -> Credential:
    load_key(path)
    return Credential(finding=passed(f"{_name(path)} holds a P-256 key"))


def _android(path: str) -> Credential:
    account = load_account(path)
    project = account.project_id if _PROJECT.fullmatch(account.project_id) else ""
    return Credential(
        finding=passed(
            f"{_name(path)} is a service account of project {clean(account.project_id, 60)}",
            project=account.project_id,
        ),
        token_uri=account.token_uri if is_address(account.token_uri) else "",
        project=project,
    )


def _looked_at(look: Callable[[str], Credential], path: str) -> Credential:
    try:
        return look(path)
    except ConfigError as error:
        message = f"{error.what}: {error.why}" if error.why else error.what
        finding = Finding(
            status=Status.FAIL,
            code=error.code or "credential_file",
            message=message,
            fix=error.fix or "Correct the file, or its path in the configuration.",
            see="proxy-target-failed",
        )
        return Credential(finding=finding)


def _name(path: str) -> str:
    return clean(Path(path).name, 80)
