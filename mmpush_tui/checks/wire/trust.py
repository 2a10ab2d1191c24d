"""What TLS showed, once it stands: how long the certificate lasts, and whose authority it is of."""

from datetime import UTC, datetime
from typing import Any

from mmpush_tui.checks.model.failures import finding_at
from mmpush_tui.checks.model.target import TargetPlan, Whose
from mmpush_tui.checks.wire import certificate, chain
from mmpush_tui.findings import Finding, Severity, passed
from mmpush_tui.http2.channel import Channel
from mmpush_tui.text import clean


def judge_certificate(plan: TargetPlan, channel: Channel, *, is_private: bool) -> Finding:
    """Return what the TLS of ``channel`` says, which was verified.

    Args:
        plan: the target.
        channel: leads to it.
        is_private: somebody named authorities of their own for the way to it, or another
            address, so that no public authority is to be expected.
    """
    tls = channel.tls
    evidence = tls_evidence(channel)
    subject, issuer = (clean(evidence.get(name, ""), 60) for name in ("subject", "issuer"))
    message = f'{tls.version()}, certificate of "{subject}" by "{issuer}"'
    is_outside = plan.whose in (Whose.VENDOR, Whose.HOSTED)
    links = chain.verified_chain(tls)
    if is_outside and not is_private and links and not chain.is_public(links[-1]):
        root = clean(certificate.named(links[-1].subject), 60)
        breaks = plan.has_client_certificate
        return finding_at(
            plan,
            "tls_intercepted_fatal" if breaks else "tls_intercepted",
            message,
            evidence | {"root": root},
            why=(f'it ends at "{root}", which this host trusts and no public list knows',),
            severity=Severity.FAIL if breaks else Severity.WARN,
            issuer=issuer or root,
        )
    days = evidence.get("days_left")
    if days is None or days >= certificate.WARN_BELOW_DAYS:
        return passed(f"{message}, {days} days left", **evidence)
    until = str(evidence["not_after"])[:10]
    return finding_at(
        plan, "tls_expiring", f"{message} expires in {days} days", evidence, severity=Severity.WARN,
        until=until,
    )  # fmt: skip


def tls_evidence(channel: Channel) -> dict[str, Any]:
    """Return the version of TLS, the facts of the certificate and the chain that was sent."""
    tls = channel.tls
    der = tls.getpeercert(binary_form=True) or b""
    return {
        "version": tls.version(),
        **certificate.facts(der, datetime.now(UTC)),
        "chain": chain.names(chain.sent(tls)),
    }
