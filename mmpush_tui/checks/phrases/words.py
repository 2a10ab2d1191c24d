"""Each failure in words that fit its target: what is broken, what to change, where to read on.

``phrases`` has a row for each code; here stands what differs for servers of one's own and for
Mattermost's, and what fills the places in braces.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from mmpush_tui.checks.model.target import Kind, TargetPlan, Whose
from mmpush_tui.checks.phrases.general import WORDS
from mmpush_tui.checks.phrases.wording import CURL, EXEMPT, Words
from mmpush_tui.findings import Confidence, Finding, Severity
from mmpush_tui.text import presentable

_START: Final = "Start what serves {endpoint}, or correct the address."

_RELAY: Final[Mapping[str, Mapping[str, Any]]] = {
    "dns_unknown": {"fix": "Correct the name in the endpoint, or enter {lookup} in your DNS."},
    "tcp_refused": {
        "summary": "Nothing listens at {endpoint}, the endpoint of this target.",
        "fix": _START,
        "why": "",
        "confidence": Confidence.CERTAIN,
    },
    "tls_untrusted": {"fix": "Name the authority's certificate in the target's ca_file."},
    "tls_self_signed": {"fix": "Name the certificate in the target's ca_file.", "why": ""},
    "tls_wrong_name": {"fix": "Use a name of the certificate in the endpoint."},
    "tls_expired": {"fix": "Renew the certificate of {endpoint}."},
    "tls_expiring": {"fix": "Renew the certificate of {endpoint} before {until}."},
    "tls_plain_http": {"fix": "The endpoint must speak TLS: correct its port."},
    "alpn_missing": {"fix": "The endpoint must offer HTTP/2 (ALPN h2).", "why": ""},
}

_OWN: Final[Mapping[str, Mapping[str, Any]]] = {
    "dns_unknown": {
        "fix": "Correct the name in the address, or enter {lookup} in your DNS; "
        "`getent hosts {lookup}` must print an address here.",
    },
    "tcp_refused": {
        "summary": "Nothing listens at {endpoint}, the address of {who}.",
        "fix": "Start {who} there, or correct the port in the address; `ss -ltnp` on its host "
        "shows what listens.",
        "see": "proxy-connection-refused",
        "why": "its host answers, and the port is closed",
        "confidence": Confidence.CERTAIN,
    },
    "tcp_timeout": {"see": "network-proxy-unreachable"},
    "tcp_unreachable": {"see": "network-proxy-unreachable"},
    "tcp_failed": {"see": "network-proxy-unreachable"},
    "tls_untrusted": {
        "summary": "The certificate of {who} is signed by an authority that this host does not "
        "trust.",
        "fix": "Install the authority's certificate on the Mattermost server and run "
        "`update-ca-certificates`; for this check name it with --ca-file.",
        "see": "network-proxy-certificate",
    },
    "tls_self_signed": {
        "summary": "The certificate of {who} is signed by itself.",
        "fix": "Give it a certificate of an authority that the Mattermost server trusts, or "
        "install this one there and run `update-ca-certificates`.",
        "see": "network-proxy-certificate",
        "why": "",
    },
    "tls_wrong_name": {
        "summary": "The certificate of {who} is for another name than {host}.",
        "fix": "Use a name of the certificate in the address, or renew the certificate for {host}.",
        "confidence": Confidence.CERTAIN,
    },
    "tls_expired": {
        "summary": "The certificate of {who} has expired.",
        "fix": "Renew the certificate of {endpoint}.",
        "confidence": Confidence.CERTAIN,
    },
    "tls_failed": {"fix": "Check TLS there: `openssl s_client -connect {endpoint} </dev/null`."},
    "tls_closed": {"fix": "Check TLS there: `openssl s_client -connect {endpoint} </dev/null`."},
    "tls_timeout": {"fix": "Check what runs there: `openssl s_client -connect {endpoint}`."},
    "tls_plain_http": {
        "summary": "The address says https, and {endpoint} speaks plain HTTP.",
        "fix": "Change the address to http://{endpoint}{path}",
        "see": "settings-http-or-https",
        "confidence": Confidence.CERTAIN,
    },
    "tls_expiring": {"fix": "Renew the certificate of {endpoint} before {until}."},
}

_HOSTED: Final[Mapping[str, Mapping[str, Any]]] = {
    "tcp_refused": {"see": "network-proxy-unreachable"},
    "tcp_timeout": {"see": "network-proxy-unreachable"},
    "tcp_unreachable": {"see": "network-proxy-unreachable"},
    "tcp_failed": {"see": "network-proxy-unreachable"},
    "app_redirect": {"fix": EXEMPT, "why": "the service itself does not redirect"},
    "app_not_found": {"fix": "Check who answers for {host}: " + CURL},
    "app_not_json": {"fix": EXEMPT},
    "app_status": {
        "fix": "Try it from another network: `curl -sS -i {url}/version`. The same answer there "
        "means an outage of the service: wait."
    },
}

_CHANGED: Final[Mapping[Whose, Mapping[str, Mapping[str, Any]]]] = {
    Whose.VENDOR: {},
    Whose.HOSTED: _HOSTED,
    Whose.RELAY: _RELAY,
    Whose.OWN: _OWN,
}
_TROUBLE: Final[Mapping[Kind, Mapping[str, str]]] = {
    Kind.APNS: {
        "status_page": "https://developer.apple.com/system-status/",
        "busy_entry": "apns-busy",
    },
}
_GOOGLE_TROUBLE: Final = {
    "status_page": "https://status.firebase.google.com/",
    "busy_entry": "fcm-busy",
}
_PLACES: Final[Mapping[str, str]] = {
    "issuer": "somebody else", "version": "an old TLS", "family": "IPv6", "other_family": "IPv4",
    "wanted": "HTTPS_PROXY", "skew": "wrong",
}  # fmt: skip
"""What places stand for where ``details`` say nothing."""
CODES: Final = tuple(WORDS)
"""Every code that a check can fail or warn with."""


def words(plan: TargetPlan, code: str, **details: Any) -> Words:
    """Return what is said about ``code`` at a target.

    Args:
        plan: the target.
        code: one of :data:`CODES`.
        details: what else the places in the texts stand for.
    """
    row = WORDS.get(code, WORDS["credential_file"])
    chosen = replace(row, **_CHANGED[plan.whose].get(code, {}))
    places = {
        "who": plan.who,
        "host": plan.host,
        "lookup": plan.host,
        "port": plan.port if plan.url else "",
        "endpoint": plan.address,
        "path": plan.shown_path,
        "url": plan.shown_url,
        "until": "that",
        "proxy": str(plan.proxy or plan.spare_proxy or "HOST:PORT"),
        "variable": (plan.proxy.source if plan.proxy else "") or "the setting",
        "project": plan.project,
        "source": plan.source,
        **_PLACES,
        "shorter": "",
        "other": "8066" if plan.port == 8086 else "8086",
        "other_url": "",
        "named_by": f"`curl -sSI {plan.shown_url}/version`",
        **_TROUBLE.get(plan.kind, _GOOGLE_TROUBLE),
        **details,
    }

    def filled(text: str) -> str:
        return presentable(text.format_map(places), 400)

    summary = filled(chosen.summary)
    return replace(
        chosen,
        summary=summary[:1].upper() + summary[1:],
        fix=filled(chosen.fix),
        see=filled(chosen.see),
        why=filled(chosen.why),
    )


def failed(
    plan: TargetPlan,
    code: str,
    message: str,
    evidence: Mapping[str, Any] | None = None,
    *,
    why: tuple[str, ...] = (),
    status: Severity = Severity.FAIL,
    **details: Any,
) -> Finding:
    """Return the finding that something is wrong, with its words.

    Args:
        plan: the target.
        code: one of :data:`CODES`.
        message: what was observed, in one clause.
        evidence: what was seen.
        why: further clauses, before the table's own.
        status: ``fail`` or ``warn``.
        details: what places in the words stand for.
    """
    said = words(plan, code, **details)
    return Finding(
        severity=status,
        code=code,
        message=message,
        why=tuple(clause for clause in (*why, said.why) if clause),
        fix=said.fix,
        see=said.see,
        summary=said.summary,
        confidence=said.confidence,
        evidence=evidence or {},
    )
