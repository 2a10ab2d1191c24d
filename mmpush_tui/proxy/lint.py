"""Everything that is wrong with a configuration and its credentials, each with its remedy.

The worker says the first of it for each target when it starts; here all is said, without one.
Reads files.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from mmpush_tui.configuration import config as configuration
from mmpush_tui.configuration.config import AndroidSettings, AppleSettings, ProxyConfig
from mmpush_tui.configuration.document import read_document
from mmpush_tui.configuration.problems import Problems
from mmpush_tui.configuration.schema import in_words_of_file
from mmpush_tui.credentials.advice import host_of, on_apple, on_type
from mmpush_tui.credentials.certificate import load_certificate
from mmpush_tui.credentials.identity import flaws, missing_of_key
from mmpush_tui.errors import ConfigError
from mmpush_tui.findings import Finding, Severity
from mmpush_tui.proxy.android.access_token import load_account
from mmpush_tui.proxy.apple.provider_token import load_key
from mmpush_tui.proxy.delivery.push_access import PushAccess
from mmpush_tui.proxy.door.gate import Gate, header_warning
from mmpush_tui.proxy.door.tls import server_context
from mmpush_tui.proxy.exposure import wildcard_warning
from mmpush_tui.proxy.targets import Targets

_GOOGLE_TOKENS: Final = "oauth2.googleapis.com"


class Linted(NamedTuple):
    """What became of a configuration.

    Attributes:
        config: the configuration; with defaults in place of values that cannot be.
        findings: what is wrong with it, errors first.
        is_refused: the file itself is wrong, so that no worker starts with it. Then nothing is
            said of the files it names.
    """

    config: ProxyConfig
    findings: list[Finding]
    is_refused: bool


def lint(path: Path, environment: Mapping[str, str]) -> Linted:
    """Return the configuration at ``path`` and everything that is wrong with it.

    Args:
        path: our file or upstream's.
        environment: where overrides and proxies are looked for.

    Raises:
        ConfigError: it cannot be read or parsed at all.
    """
    problems = Problems(is_strict=False)
    config = configuration.convert_document(read_document(path), environment, problems)
    is_refused = problems.has_failures
    if not is_refused:
        # What follows from a default in place of a value would be about what nobody wrote.
        targets = Targets.build(config, environment=environment)
        _judge_worker(config, problems)
        for finding in _on_targets(config, targets):
            problems.add(finding)
    distinct: dict[tuple[str, str], Finding] = {}
    for finding in map(partial(in_words_of_file, path), problems.findings):
        # The same file can be wrong in two ways of looking at it.
        distinct.setdefault((finding.about, finding.line()), finding)
    findings = sorted(distinct.values(), key=lambda it: it.severity is not Severity.FAIL)
    return Linted(config, findings, is_refused)


def _judge_worker(config: ProxyConfig, problems: Problems) -> None:
    opened = None
    with problems.gathering():
        opened = Gate.from_config(config, _ignore), PushAccess.from_config(config)
    with problems.gathering():
        server_context(config)
    if opened is not None:
        gate, access = opened
        for code, sentence in (
            ("wildcard", wildcard_warning(config, gate.access, access)),
            ("throttle-header", header_warning(config)),
        ):
            if sentence:
                problems.warn(code, sentence)


def _on_targets(config: ProxyConfig, targets: Targets) -> Iterator[Finding]:
    disabled = targets.disabled
    if not targets.ready and all(it.is_blank for it in disabled.values()):
        what = "no target is filled in" if disabled else "no target is configured"
        yield Finding(
            severity=Severity.FAIL, code="no-targets", message=f"{what}, so no push can be sent"
        )
    entries: list[AppleSettings | AndroidSettings] = [*config.apple, *config.android]
    for each in entries:
        why = disabled.get(each.type)
        if why and why.is_blank and not _is_begun(each):
            yield _warned(why.finding.code, f"left blank: {why.reason}", each.type)
            continue
        yield from (_about(each.type, advice) for advice in on_type(each.type))
        if isinstance(each, AppleSettings):
            yield from (_about(each.type, advice) for advice in on_apple(each))
            yield from _on_apple_files(each)
        else:
            yield from _on_account(each)
        if why:
            yield _about(each.type, why.finding)
    yield from targets.warnings


def _is_begun(entry: AppleSettings | AndroidSettings) -> bool:
    """Return whether somebody filled in more than the reference proxy's sample has."""
    return isinstance(entry, AppleSettings) and bool(entry.auth_key_id or entry.team_id)


def _on_apple_files(apple: AppleSettings) -> Iterator[Finding]:
    for flaw in flaws(apple):
        yield _failed(flaw, apple.type)
    is_key_used = not missing_of_key(apple)
    if apple.auth_key_file and (is_key_used or not apple.certificate_file):
        yield from _attempt(lambda: load_key(apple.auth_key_file), apple.type)
    if apple.certificate_file and not is_key_used and apple.topic:
        password = apple.certificate_password
        yield from _attempt(
            lambda: load_certificate(apple.certificate_file, password, apple.topic), apple.type
        )


def _on_account(android: AndroidSettings) -> Iterator[Finding]:
    try:
        account = load_account(android.service_account_file)
    except ConfigError:
        # The target's own reason tells.
        return
    host = host_of(account.token_uri)
    if host != _GOOGLE_TOKENS and not android.endpoint:
        yield _warned(
            "service-account-token-uri",
            f"the service account of {android.type} gets its tokens at {host}, which is not "
            "Google's; what is sent there lets its owner send pushes",
            android.type,
        )


def _attempt(attempt: Callable[[], object], target: str = "") -> list[Finding]:
    try:
        attempt()
    except ConfigError as error:
        return [_failed(error, target)]
    return []


def _failed(error: ConfigError, target: str = "") -> Finding:
    return _about(target, error.finding)


def _about(target: str, finding: Finding) -> Finding:
    return msgspec.structs.replace(finding, about=target)


def _warned(code: str, message: str, target: str = "") -> Finding:
    return Finding(severity=Severity.WARN, about=target, code=code, message=message)


def _ignore(_text: str) -> None:
    return
