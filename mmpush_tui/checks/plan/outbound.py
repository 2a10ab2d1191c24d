"""Which outbound proxy each target is reached through: pure."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from mmpush_tui.checks.model.target import Flaw, TargetKind, TargetPlan, Whose, literal
from mmpush_tui.errors import ConfigError
from mmpush_tui.findings import Severity
from mmpush_tui.http2.outbound import OutboundProxy, choose_proxy, is_exempt
from mmpush_tui.text import Secret

_GO_PORT: Final = 80
"""Of a proxy without one; curl, whose rules the worker goes by, takes another."""
_GO_ONLY: Final = ("https", "socks5", "socks5h")
"""Schemes of proxies that Go's http.Transport speaks besides http, and these checks do not."""
_OURS: Final = (TargetKind.APNS, TargetKind.FCM, TargetKind.TOKEN)


def proxied(
    plan: TargetPlan, settings: Mapping[str, Secret], environment: Mapping[str, str]
) -> TargetPlan:
    """Return ``plan`` with the proxy on the way to it.

    What the worker connects to goes by the worker's rules; what Mattermost connects to by those of
    Go, which Mattermost is written in: a variable for http and one for https, none for loopback.

    Args:
        plan: the target.
        settings: what the worker's configuration says, by the name of the setting.
        environment: the variables.
    """
    if not plan.url:
        return plan
    try:
        if plan.kind in _OURS:
            return replace(plan, proxy=choose_proxy(plan.host, plan.port, settings, environment))
        return _as_go(plan, environment)
    except ConfigError as error:
        flaw = Flaw("proxy_setting", error.what)
        return replace(plan, config=flaw, is_blocked=True)


def _as_go(plan: TargetPlan, environment: Mapping[str, str]) -> TargetPlan:
    exceptions = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    if is_loopback(plan.host) or is_exempt(plan.host, plan.port, exceptions):
        return plan
    own, other = ("https_proxy", "http_proxy") if plan.is_tls else ("http_proxy", "https_proxy")
    if named := _named(own, environment):
        return _through(plan, *named)
    if plan.whose is Whose.HOSTED or plan.kind is TargetKind.PUSH_PROXY:
        return replace(plan, spare_proxy=_spare((other, "all_proxy"), environment))
    return plan


def _through(plan: TargetPlan, variable: str, text: str) -> TargetPlan:
    scheme = text.partition("://")[0].lower()
    if scheme not in _GO_ONLY:
        return replace(plan, proxy=OutboundProxy.parse(text, variable, _GO_PORT))
    message = (
        f"{variable} names a {scheme}:// proxy: Mattermost can speak to it, these checks cannot"
    )
    flaw = Flaw("proxy_unseen", message, Severity.WARN, {"variable": variable})
    return replace(plan, config=flaw, is_blocked=True)


def _spare(variables: tuple[str, ...], environment: Mapping[str, str]) -> OutboundProxy | None:
    for variable in variables:
        with suppress(ConfigError):  # Mattermost does not go by it, so nothing is wrong with it.
            if named := _named(variable, environment):
                name, text = named
                return OutboundProxy.parse(text, name, _GO_PORT)
    return None


def _named(variable: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the spelling of the variable that counts, and its text."""
    for spelling in (variable.upper(), variable):
        if text := environment.get(spelling, "").strip():
            return spelling, text
    return None


def is_loopback(host: str) -> bool:
    """Return whether a host is this one by its very name."""
    address = literal(host)
    is_by_name = host == "localhost" or host.endswith(".localhost")
    return is_by_name if address is None else address.is_loopback
