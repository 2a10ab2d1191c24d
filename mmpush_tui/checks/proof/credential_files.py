"""The files that a configuration names as credentials: whether the worker could use them.

No key is used for anything here, and nothing of one is kept.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from mmpush_tui.checks.model.target import is_address
from mmpush_tui.configuration.config import ProxyConfig
from mmpush_tui.credentials.account import ServiceAccount
from mmpush_tui.credentials.certificate import ClientCertificate
from mmpush_tui.credentials.look import Credential, look_at_android, look_at_apple
from mmpush_tui.findings import Finding, passed
from mmpush_tui.text import clean

_PROJECT: Final = re.compile(r"[\w.:-]{1,100}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialFile:
    """What is known of one target's credential file.

    Attributes:
        finding: the ``config`` check of its target.
        token_uri: where a service account's tokens are granted; empty where it cannot be read.
        project: a service account's Firebase project; empty likewise.
    """

    finding: Finding
    token_uri: str = ""
    project: str = ""


def read_credentials(config: ProxyConfig) -> Mapping[str, CredentialFile]:
    """Return what is found in the credential files of ``config``, by the targets' types.

    Targets that name no file are left out. Reads files: not for the event loop.
    """
    looks: dict[str, Credential[Any]] = {
        target.type: look_at_apple(target) for target in config.apple
    }
    looks |= {target.type: look_at_android(target) for target in config.android}
    return {type_: _described(credential) for type_, credential in looks.items() if credential.path}


def _described(credential: Credential[Any]) -> CredentialFile:
    if credential.refusals:
        refusal = msgspec.structs.replace(
            in_one_message(credential.refusals[0]), see="proxy-target-failed"
        )
        fix = refusal.fix or "Correct the file, or its path in the configuration."
        return CredentialFile(finding=msgspec.structs.replace(refusal, fix=fix))
    name = clean(Path(credential.path).name, 80)
    match credential.loaded:
        case ServiceAccount(project_id=project, token_uri=token_uri):
            message = f"{name} is a service account of project {clean(project, 60)}"
            return CredentialFile(
                finding=passed(message, project=project),
                token_uri=token_uri if is_address(token_uri) else "",
                project=project if _PROJECT.fullmatch(project) else "",
            )
        case ClientCertificate() as certificate:
            return CredentialFile(finding=_on_certificate(name, certificate, credential.warnings))
        case _:
            return CredentialFile(finding=passed(f"{name} holds a P-256 key"))


def in_one_message(refusal: Finding) -> Finding:
    """Return a refusal with the cause in its message, where a check's line shows it."""
    message = ": ".join((refusal.message, *refusal.why))
    return msgspec.structs.replace(refusal, message=message, why=())


def _on_certificate(
    name: str, certificate: ClientCertificate, warnings: tuple[Finding, ...]
) -> Finding:
    ends = f"{certificate.not_after:%Y-%m-%d}"
    if not warnings:
        return passed(f"{name} is a certificate with its key, good until {ends}", ends=ends)
    first, *others = warnings
    return msgspec.structs.replace(
        first,
        why=tuple(it.message for it in others),
        fix="Get a new certificate at developer.apple.com, or change to a .p8 key.",
        evidence={"ends": ends},
    )
