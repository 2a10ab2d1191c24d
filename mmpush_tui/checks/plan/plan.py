"""Which hops push needs, from Mattermost's settings and the worker's configuration: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlsplit

from mmpush_tui.checks import mattermost_log
from mmpush_tui.checks.model.report import Stage
from mmpush_tui.checks.model.target import (
    WORKER,
    Flaw,
    TargetKind,
    TargetPlan,
    Whose,
    distinct,
    in_ascii,
    is_address,
    without_user,
)
from mmpush_tui.checks.plan import vendors as upstream
from mmpush_tui.checks.plan.advice import settings_flaw
from mmpush_tui.checks.plan.outbound import is_loopback, proxied
from mmpush_tui.checks.proof.credential_files import CredentialFile
from mmpush_tui.configuration.config import AndroidSettings, AppleSettings, ProxyConfig
from mmpush_tui.errors import ConfigError, UsageError
from mmpush_tui.fields import nearest
from mmpush_tui.findings import Finding, Severity
from mmpush_tui.proxy.door.listen import split
from mmpush_tui.proxy.door.request_access import RequestAccess, in_address
from mmpush_tui.settings.page import Licence, Mode, Page
from mmpush_tui.settings.urls import REGION_URLS, TPNS_URL, Region
from mmpush_tui.text import Secret, clean

__all__ = ["WORDS", "TargetPlan", "plan_targets"]

WORDS: Final = ("mattermost", "tpns", "hpns", "mpns", "apns", "fcm", "worker", "log")
"""What a target can be called on the command line, beside an address."""
_TPNS: Final = TargetPlan(
    target="tpns",
    title="Mattermost -> test push service (TPNS)",
    who="Mattermost's test push service (TPNS)",
    url=TPNS_URL,
    whose=Whose.HOSTED,
)
_SERVICES: Final = {Mode.TPNS: "tpns", Mode.HPNS: "hpns", Mode.CUSTOM: "mpns"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanContext:
    """What matters beside settings and configuration.

    Attributes:
        licence: what Mattermost's licence includes.
        environment: where proxy variables are looked for.
        is_elsewhere: Mattermost runs on another host than this.
        source: the address of this host to connect from, or empty.
        log: what Mattermost's log says; None where it cannot be read.
        local: whether Mattermost answers on its local socket; None where it is asked otherwise.
        unread: why Mattermost's settings, whose place is known, could not be read; or empty.
    """

    licence: Licence = field(default_factory=Licence)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_elsewhere: bool = False
    source: str = ""
    log: Finding | None = None
    local: Finding | None = None
    unread: str = ""


def plan_targets(
    page: Page | None,
    config: ProxyConfig | None,
    wanted: Sequence[str] = (),
    *,
    credentials: Mapping[str, CredentialFile] = {},
    mattermost_url: str = "",
    around: PlanContext = PlanContext(),
) -> tuple[TargetPlan, ...]:
    """Return the targets of a check run, each once, in the order of a push's way.

    Args:
        page: Mattermost's push settings, or None where they are not known.
        config: the worker's configuration, or None where there is none.
        wanted: words of :data:`WORDS` or addresses; empty for what page and configuration need.
        credentials: what ``credentials.read`` found in the files that ``config`` names.
        mattermost_url: the Mattermost server's own address, or empty.
        around: what matters beside them.

    Raises:
        UsageError: there is nothing to check, or a word cannot be obeyed; the sentence says what
            is missing and how to name it.
    """
    sources = _Sources(page, config, credentials, mattermost_url, around)
    if wanted:
        targets = [target for word in wanted for target in sources.named(word)]
    else:
        targets = [*sources.of_page(), *sources.apple(), *sources.android()]
        if not targets:
            raise _nothing(page, config)
        targets += [mattermost_log.log_target(around.log)] if around.log else []
        targets += [_settings(around.unread)] if around.unread else []
    return tuple(_surrounded(target, config, around) for target in distinct(targets))


def _surrounded(target: TargetPlan, config: ProxyConfig | None, around: PlanContext) -> TargetPlan:
    entries: tuple[AppleSettings | AndroidSettings, ...] = (
        (*config.apple, *config.android) if config else ()
    )
    name = target.target.partition("/")[2]
    entry = next((it for it in entries if clean(it.type, 40) == name), None)
    settings = {
        "Proxy": entry.proxy if entry else Secret(""),
        "network.proxy": config.network.proxy if config else Secret(""),
    }
    target = replace(target, source=around.source)
    if target.config is None:
        flaw = settings_flaw(target, around.licence, is_elsewhere=around.is_elsewhere)
        target = replace(target, config=flaw)
    return proxied(target, settings, around.environment)


def _nothing(page: Page | None, config: ProxyConfig | None) -> UsageError:
    of_page = "push notifications are switched off in Mattermost"
    if page is None:
        of_page = "no Mattermost configuration was named"
    of_config = "no configuration of a push proxy was found"
    if config is not None:
        of_config = f"{config.path} holds no Apple or Android target with a key"
    return UsageError(
        "there is nothing to check", why=f"{of_page} and {of_config}", code="check-nothing"
    )


@dataclass(frozen=True, slots=True, repr=False)
class _Sources:
    """What page and configuration say, as targets."""

    _page: Page | None
    _config: ProxyConfig | None
    _credentials: Mapping[str, CredentialFile]
    _mattermost_url: str
    _around: PlanContext

    def named(self, word: str) -> list[TargetPlan]:
        """Return the targets that a word of the command line means."""
        match word:
            case "mattermost":
                return [self._mattermost()]
            case "tpns":
                return [_TPNS]
            case "hpns":
                return [self._hpns()]
            case "mpns":
                return [self._mpns()]
            case "apns":
                return self.apple() or [upstream.apple_target(None, None)]
            case "fcm":
                return self.android() or [
                    upstream.token_target(None),
                    upstream.fcm_target(None, None),
                ]
            case "worker":
                return [self._worker()]
            case "log" if self._around.log is not None:
                return [mattermost_log.log_target(self._around.log)]
            case "log":
                raise UsageError("Mattermost's log cannot be read from here", code="check-no-log")
            case _ if "://" in word:
                return [_url(word)]
            case _ if matches := [
                plan for plan in (*self.apple(), *self.android()) if plan.target == word
            ]:
                return matches
            case _:
                near = nearest(word, WORDS)
                raise UsageError(
                    f"there is no target {without_user(word)!r}",
                    fix=(f"Did you mean {near}? " if near else "")
                    + f"Known are {', '.join(WORDS)}, or an address such as http://HOST:8066.",
                    code="check-target-unknown",
                )

    def of_page(self) -> list[TargetPlan]:
        """Return the push service that the page chooses; none where push is off."""
        word = _SERVICES.get(self._page.mode) if self._page else None
        return self.named(word) if word else []

    def apple(self) -> list[TargetPlan]:
        """Return the Apple targets that are filled in."""
        entries = self._config.apple if self._config else ()
        return [
            upstream.apple_target(entry, self._credentials.get(entry.type))
            for entry in entries
            if entry.auth_key_file or entry.certificate_file
        ]

    def android(self) -> list[TargetPlan]:
        """Return the Android targets that are filled in, each behind its token server."""
        targets = []
        for entry in self._config.android if self._config else ():
            if not entry.service_account_file:
                continue
            credential = self._credentials.get(entry.type)
            if credential and credential.token_uri:
                targets.append(upstream.token_target(entry, credential.token_uri))
            targets.append(upstream.fcm_target(entry, credential))
        return targets

    def _hpns(self) -> TargetPlan:
        page = self._page
        region = page.region if page and page.mode is Mode.HPNS else Region.GLOBAL
        return TargetPlan(
            target="hpns",
            title=f"Mattermost -> hosted push service (HPNS), {region}",
            who="Mattermost's hosted push service (HPNS)",
            url=REGION_URLS[region],
            whose=Whose.HOSTED,
        )

    def _mpns(self) -> TargetPlan:
        if self._page is None or self._page.mode is not Mode.CUSTOM:
            raise UsageError(
                "Mattermost's settings name no push proxy of your own",
                fix="Name its address: mmpush-tui check http://HOST:8086.",
                code="check-no-address",
            )
        server = in_ascii(self._page.server.strip())
        is_good = is_address(server)
        return TargetPlan(
            target="mpns",
            title="Mattermost -> push proxy",
            who="the push proxy",
            url=server if is_good else "",
            config=None if is_good else _flaw(server),
        )

    def _worker(self) -> TargetPlan:
        config = self._config
        listen = config.listen_address if config else ""
        if listen.startswith("unix:"):
            path = clean(listen.removeprefix("unix:"), 120)
            raise UsageError(
                "the worker cannot be asked: it listens on a Unix socket",
                fix="Name the address of the server in front of it, mmpush-tui check https://HOST; "
                f"`curl --unix-socket {path} http://worker/version` asks the worker itself.",
                code="check-no-address",
            )
        try:
            host, port = split(listen)
        except ConfigError:
            host, port = "", 0
        if config is None or not port:
            where = "names no TCP port" if config else "was not found"
            raise UsageError(
                f"the worker cannot be asked: its configuration {where}",
                fix="Name the configuration with --config FILE, or the worker's address: "
                "mmpush-tui check http://127.0.0.1:8086.",
                code="check-no-address",
            )
        if host in ("", "0.0.0.0", "::"):  # noqa: S104 - compared
            host = "127.0.0.1"
        url_host = f"[{host}]" if ":" in host else host
        scheme = "https" if config.tls_certificate_file else "http"
        user, path = in_address(config)
        return TargetPlan(
            target=WORKER,
            title="this host -> worker",
            who="the push proxy",
            url=f"{scheme}://{user}{url_host}:{port}{path}",
            config=_open(config),
        )

    def _mattermost(self) -> TargetPlan:
        if (local := self._around.local) is not None:
            return TargetPlan(
                target="mattermost", title="this host -> Mattermost's local socket",
                who="the Mattermost server", kind=TargetKind.MATTERMOST, config=local,
                told_at=Stage.APP,
            )  # fmt: skip
        url = in_ascii(self._mattermost_url)
        if not is_address(url):
            raise UsageError(
                "the address of the Mattermost server is not known",
                fix="Set ServiceSettings.SiteURL in the configuration that --mattermost-config "
                "names.",
                code="check-no-address",
            )
        return TargetPlan(
            target="mattermost",
            title="this host -> Mattermost",
            who="the Mattermost server",
            url=url,
            kind=TargetKind.MATTERMOST,
        )


def _open(config: ProxyConfig) -> Flaw | None:
    """Return that a worker asks nobody who they are; None where it does, or listens to this host.

    Rules that cannot be read are the business of the worker, which does not start with them.
    """
    try:
        is_open = RequestAccess(config).is_open
    except ConfigError:
        is_open = False
    if not is_open:
        return None
    if config.signature_key_file or is_loopback(split(config.listen_address)[0]):
        return None
    message = f"it listens on {clean(config.listen_address, 60)}"
    return Flaw("listen_open", message, Severity.WARN)


def _url(word: str) -> TargetPlan:
    word = in_ascii(word)
    if not is_address(word) or urlsplit(word).username is not None:
        raise UsageError("this is no address that can be checked", code="check-address")
    plan = TargetPlan(target="", title="", who="the push proxy", url=word)
    return replace(plan, target=plan.address, title=f"this host -> {plan.address}")


def _settings(unread: str) -> TargetPlan:
    """Return that Mattermost's settings are not known, so that nobody takes the rest for all."""
    return TargetPlan(
        target="mattermost-settings", title="Mattermost's own settings",
        who="Mattermost's settings", kind=TargetKind.MATTERMOST,
        config=Flaw("settings_unread", unread, Severity.WARN),
    )  # fmt: skip


def _flaw(server: str) -> Flaw:
    """Return why ``server``, the text of Mattermost's field, is no address."""
    if not server:
        message = "the address is empty"
    elif "://" not in server:
        message = f"{without_user(server)} lacks http:// or https://"
    else:
        message = f"{without_user(server)} is no address"
    return Flaw("url_invalid", message)
