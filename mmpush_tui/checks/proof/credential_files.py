"""The files that a configuration names as credentials: whether the worker could use them.

No key is used for anything here, and nothing of one is kept.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from mmpush_tui.checks.model.target import is_address
from mmpush_tui.configuration.config import AndroidSettings, AppleSettings, ProxyConfig
from mmpush_tui.credentials.certificate import load_certificate
from mmpush_tui.credentials.identity import flaws, missing_of_key, network_of
from mmpush_tui.errors import ConfigError
from mmpush_tui.findings import Finding, Severity, passed
from mmpush_tui.proxy.android.access_token import load_account
from mmpush_tui.proxy.apple.provider_token import load_key
from mmpush_tui.text import clean

S = TypeVar("S", AppleSettings, AndroidSettings)

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

    Targets that name no file are left out. Reads files: not for the event loop.
    """
    found = {}
    for apple in config.apple:
        if apple.certificate_file and missing_of_key(apple):
            found[apple.type] = _looked_at(_certificate, apple)
        elif apple.auth_key_file:
            found[apple.type] = _looked_at(_apple, apple)
    for android in config.android:
        if android.service_account_file:
            found[android.type] = _looked_at(_android, android)
    return found


def _apple(settings: AppleSettings) -> Credential:
    load_key(settings.auth_key_file)
    for flaw in flaws(settings):
        raise flaw
    return Credential(finding=passed(f"{_name(settings.auth_key_file)} holds a P-256 key"))


def _certificate(settings: AppleSettings) -> Credential:
    path = settings.certificate_file
    certificate = load_certificate(path, settings.certificate_password, settings.topic)
    cautions = certificate.cautions(settings.topic, network_of(settings), datetime.now(UTC))
    ends = f"{certificate.not_after:%Y-%m-%d}"
    if cautions:
        return Credential(
            finding=Finding(
                severity=Severity.WARN,
                code=cautions[0].code,
                message=cautions[0].message,
                why=tuple(it.message for it in cautions[1:]),
                fix="Get a new certificate at developer.apple.com, or change to a .p8 key.",
                evidence={"ends": ends},
            )
        )
    return Credential(
        finding=passed(f"{_name(path)} is a certificate with its key, good until {ends}", ends=ends)
    )


def _android(settings: AndroidSettings) -> Credential:
    path = settings.service_account_file
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


def _looked_at(look: Callable[[S], Credential], settings: S) -> Credential:
    try:
        return look(settings)
    except ConfigError as error:
        message = f"{error.what}: {error.why}" if error.why else error.what
        finding = Finding(
            severity=Severity.FAIL,
            code=error.code or "credential_file",
            message=message,
            fix=error.fix or "Correct the file, or its path in the configuration.",
            see="proxy-target-failed",
        )
        return Credential(finding=finding)


def _name(path: str) -> str:
    return clean(Path(path).name, 80)
