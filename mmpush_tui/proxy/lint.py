"""Everything that is wrong with a configuration and its credentials, each with its remedy.

The worker says the first of it for each target when it starts; here all is said, without one.
Reads files.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from mmpush_tui.configuration import config as configuration
from mmpush_tui.configuration.config import AndroidSettings, AppleSettings, ProxyConfig
from mmpush_tui.configuration.document import read_document
from mmpush_tui.configuration.problems import Problems
from mmpush_tui.configuration.schema import in_words_of_file
from mmpush_tui.credentials.identifiers import on_type
from mmpush_tui.findings import Finding, Severity
from mmpush_tui.proxy.delivery.push_access import PushAccess
from mmpush_tui.proxy.door.gate import Gate, header_warning
from mmpush_tui.proxy.door.tls import server_context
from mmpush_tui.proxy.exposure import wildcard_warning
from mmpush_tui.proxy.targets import Targets


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
    with problems.gathering():
        server_context(config)
    with problems.gathering():
        gate = Gate.from_config(config, lambda _sentence: None)
        access = PushAccess(config)
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
    left_blank = set()
    for each in entries:
        why = disabled.get(each.type)
        if why and why.is_blank and not _is_begun(each):
            left_blank.add(each.type)
            yield Finding(
                severity=Severity.WARN, about=each.type, code=why.findings[0].code,
                message=f"left blank: {why.reason}",
            )  # fmt: skip
            continue
        if wrong := on_type(each.type):
            yield msgspec.structs.replace(wrong, about=each.type)
        yield from why.findings if why else ()
    yield from (it for it in targets.advice if it.about not in left_blank)
    yield from targets.warnings


def _is_begun(entry: AppleSettings | AndroidSettings) -> bool:
    """Return whether somebody filled in more than the reference proxy's sample has."""
    return isinstance(entry, AppleSettings) and bool(entry.auth_key_id or entry.team_id)
