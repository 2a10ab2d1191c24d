"""What settings alone give away, before anything is sent: pure."""

from mmpush_tui.checks.model.target import Flaw, TargetPlan, literal
from mmpush_tui.checks.plan.outbound import is_loopback
from mmpush_tui.findings import Severity
from mmpush_tui.settings.page import Licence


def settings_flaw(plan: TargetPlan, licence: Licence, *, is_elsewhere: bool) -> Flaw | None:
    """Return what should not stay as it is, though it may work; None where nothing is wrong.

    Args:
        plan: the target, with its address.
        licence: what Mattermost's licence includes.
        is_elsewhere: Mattermost runs on another host than this.
    """
    match plan.target:
        case "hpns" if licence.hpns is False:
            return Flaw("hpns_unlicensed", "the licence has no HPNS, or there is none")
        case "tpns" if licence.hpns is True:
            message = "the licence has HPNS, and the test service is chosen"
            return Flaw("tpns_licensed", message, Severity.WARN)
        case "mpns":
            return _own(plan, is_elsewhere=is_elsewhere)
        case _:
            return None


def _own(plan: TargetPlan, *, is_elsewhere: bool) -> Flaw | None:
    address = literal(plan.host)
    if address is not None and address.is_unspecified:
        message = f"{plan.host} means every address of a host that listens"
        return Flaw("url_wildcard", message, Severity.WARN)
    if is_loopback(plan.host):
        if not is_elsewhere:
            return None
        message = f"the address is {plan.shown_url}, and Mattermost runs on another host"
        return Flaw("url_loopback", message, Severity.WARN)
    if not plan.is_tls:
        message = f"{plan.shown_url} is not encrypted, and not on this host"
        return Flaw("url_plain_remote", message, Severity.WARN)
    return None
