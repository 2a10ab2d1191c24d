"""What each kind of server is asked, and what its answer means: pure.

Nothing here can reach a device: Apple and Google are asked without a key or token, and without a
device, and answer by refusing; push proxies and Mattermost are asked who they are.
"""

import base64
import re
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

import msgspec

from mmpush_tui import __version__
from mmpush_tui.checks.model.failures import finding_at
from mmpush_tui.checks.model.target import NO_DEVICE, SEND_PATH, TargetKind, TargetPlan, Whose
from mmpush_tui.findings import Finding, Severity, passed
from mmpush_tui.http2 import Request, Response
from mmpush_tui.protocol.wire import CHECK_PLATFORM
from mmpush_tui.text import clean

PRODUCT: Final = "Mattermost Push Proxy"
"""What every push proxy's front page says."""
_BUSY: Final = (429, 500, 502, 503, 504)
_GOOGLES: Final = frozenset(
    {"UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "INVALID_ARGUMENT"}
)
"""What Google says to a request that is not allowed, or not in order."""
_AGENT: Final = ("user-agent", f"mmpush-tui/{__version__}")


def request(plan: TargetPlan) -> Request:
    """Return the first request to a target."""
    match plan.kind:
        case TargetKind.APNS:
            return _post(f"/3/device/{NO_DEVICE}", b'{"aps":{}}', "application/json")
        case TargetKind.FCM:
            path = f"/v1/projects/{plan.project}/messages:send"
            return _post(path, b"{}", "application/json")
        case TargetKind.TOKEN:
            return _post(plan.path or "/", b"", "application/x-www-form-urlencoded")
        case TargetKind.PUSH_PROXY:
            return _get(plan, "/version")
        case TargetKind.MATTERMOST:
            return _get(plan, "/api/v4/system/ping")


def front_page(plan: TargetPlan) -> Request:
    """Return the second request to what may be a push proxy."""
    return _get(plan, "/")


def provocation(plan: TargetPlan) -> Request:
    """Return a push that every push proxy must refuse: for a platform that there is none of."""
    document = {
        "version": "2", "type": "test", "platform": CHECK_PLATFORM, "server_id": "mmpush-tui-check",
        "device_id": "nobody", "message": "", "ack_id": "",
    }  # fmt: skip
    base = _get(plan, SEND_PATH)
    headers = (*base.headers, ("content-type", "application/json"))
    return Request("POST", base.path, headers, msgspec.json.encode(document))


def judge_provocation(plan: TargetPlan, first: Finding, response: Response) -> Finding:
    """Return what the answer to :func:`provocation` makes of ``first``, which was good."""
    document = _object(response.body)
    status, error = _word(document.get("status")), clean(document.get("error", ""), 200)
    evidence = {**first.evidence, "refused_with": error}
    match response.status:
        case 401:
            return finding_at(plan, "proxy_credentials", "POST was answered 401", evidence)
        case 403:
            return finding_at(plan, "proxy_forbidden", "POST was answered 403", evidence)
        case 429:
            return passed(f"{first.message}; it throttles", **evidence)
        case 200 if status == "FAIL":
            return passed(f"{first.message}, refuses a push for nobody", **evidence)
        case 200 if status in ("OK", "REMOVE"):
            message = f"a push for nobody was answered {status}"
            return finding_at(plan, "proxy_accepts_all", message, evidence, severity=Severity.WARN)
    message = f"POST {SEND_PATH} was answered {_named(response)}"
    return finding_at(plan, "proxy_odd_answer", message, evidence)


def authority(plan: TargetPlan) -> str:
    """Return the ``Host`` of a target."""
    standard = f":{443 if plan.is_tls else 80}"
    return plan.address.removesuffix(standard)


def judge_answer(plan: TargetPlan, response: Response) -> Finding:
    """Return what the answer to :func:`request` means."""
    match plan.kind:
        case TargetKind.APNS:
            return _apns(plan, response)
        case TargetKind.FCM:
            return _fcm(plan, response)
        case TargetKind.TOKEN:
            return _token(plan, response)
        case TargetKind.PUSH_PROXY:
            return _version(plan, response)
        case TargetKind.MATTERMOST:
            return _ping(plan, response)


def judge_front_page(plan: TargetPlan, first: Finding, response: Response) -> Finding:
    """Return what a target's front page makes of ``first``, the finding about its /version."""
    if response.status != 200 or PRODUCT.encode() not in response.body:
        return first
    return finding_at(
        plan,
        "proxy_old",
        f"a push proxy answers, and not to GET /version ({first.message})",
        first.evidence,
        severity=Severity.WARN,
    )


def _post(path: str, body: bytes, kind: str) -> Request:
    length = ("content-length", str(len(body)))
    return Request("POST", path, (("content-type", kind), length, _AGENT), body)


def _get(plan: TargetPlan, path: str) -> Request:
    headers: tuple[tuple[str, str], ...] = (("accept", "*/*"), _AGENT)
    parts = urlsplit(plan.url)
    if parts.username:
        # As Mattermost's own client makes it of such an address.
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers += (("authorization", f"Basic {base64.b64encode(pair).decode()}"),)
    return Request("GET", quote(plan.path, safe="/%:@!$&'()*+,;=~-._") + path, headers)


def _apns(plan: TargetPlan, response: Response) -> Finding:
    evidence = _evidence(response)
    reason = _word(_object(response.body).get("reason"))
    has_id = bool(response.header("apns-id"))
    evidence |= {"reason": reason, "apns_id": has_id}
    if response.status == 403 and reason == "MissingProviderToken" and has_id:
        return passed("403 MissingProviderToken, as Apple answers without a key", **evidence)
    if has_id and reason and response.status in _BUSY:
        message = f"Apple answered {response.status} {reason}"
        return finding_at(plan, "vendor_busy", message, evidence)
    if has_id and reason:
        return passed(f"Apple answers ({response.status} {reason})", **evidence)
    return finding_at(plan, "not_apns", f"the answer is {_named(response)}, not Apple's", evidence)


def _fcm(plan: TargetPlan, response: Response) -> Finding:
    error = _object(response.body).get("error")
    status = _word(error.get("status")) if isinstance(error, dict) else ""
    evidence = _evidence(response) | {"google_status": status}
    if response.status == 401 and status == "UNAUTHENTICATED":
        return passed("401 UNAUTHENTICATED, as Google answers without a token", **evidence)
    if status and response.status in _BUSY:
        message = f"Google answered {response.status} {status}"
        return finding_at(plan, "vendor_busy", message, evidence)
    if status in _GOOGLES:
        return passed(f"Google answers ({response.status} {status})", **evidence)
    return finding_at(plan, "not_fcm", f"the answer is {_named(response)}, not Google's", evidence)


def _token(plan: TargetPlan, response: Response) -> Finding:
    error = _word(_object(response.body).get("error"))
    evidence = _evidence(response) | {"error": error}
    if response.status in (400, 401) and error:
        return passed(
            f"{response.status} {error}, as Google answers to an empty request", **evidence
        )
    if response.status in _BUSY and error:
        message = f"Google answered {response.status} {error}"
        return finding_at(plan, "vendor_busy", message, evidence)
    return finding_at(
        plan, "not_token_server", f"the answer is {_named(response)}, not Google's", evidence
    )


def _version(plan: TargetPlan, response: Response) -> Finding:
    document = _object(response.body)
    version = document.get("version")
    evidence = _evidence(response)
    if response.status == 200 and isinstance(version, str) and version:
        names = {name: document.get(name, "") for name in ("version", "product", "hash")}
        product = _word(document.get("product"))
        by = f" ({product})" if product else ""
        return passed(f"a push proxy {clean(version, 40)}{by}", **evidence, **names)
    if 300 <= response.status < 400:
        return _redirect(plan, response, evidence)
    if response.status == 401 and plan.whose is Whose.OWN:
        return finding_at(plan, "proxy_credentials", "GET /version answered 401", evidence)
    if response.status == 403 and plan.whose is Whose.OWN and b"may not send" in response.body:
        return finding_at(plan, "proxy_forbidden", "GET /version answered 403", evidence)
    if plan.path.endswith(SEND_PATH) and response.status != 200:
        shorter = plan.shown_url.removesuffix(SEND_PATH)
        message = f"GET {plan.shown_path}/version answered {_named(response)}"
        return finding_at(plan, "app_path", message, evidence, shorter=shorter)
    message = f"GET /version answered {_named(response)}"
    if code := {200: "app_not_json", 404: "app_not_found"}.get(response.status):
        return finding_at(plan, code, message, evidence)
    return finding_at(plan, "app_status", message, evidence)


def _redirect(plan: TargetPlan, response: Response, evidence: dict[str, Any]) -> Finding:
    # What follows the path may be a session's secret.
    where = re.split("[?#]", response.header("location"))[0]
    if plan.path:
        where = where.replace(plan.path, plan.shown_path)
    location = clean(where, 200)
    evidence |= {"location": location}
    message = f"GET /version is redirected ({response.status})"
    if not location:
        return finding_at(plan, "app_redirect", message, evidence)
    return finding_at(
        plan,
        "app_redirect",
        f"{message} to {location}",
        evidence,
        named_by=f"this redirect to {location}",
    )


def _ping(plan: TargetPlan, response: Response) -> Finding:
    status = _object(response.body).get("status")
    evidence = _evidence(response)
    if response.status == 200 and status == "OK":
        return passed("Mattermost answers that it is well", **evidence)
    if status == "UNHEALTHY":
        return finding_at(
            plan, "mattermost_unhealthy", f"answered {response.status} UNHEALTHY", evidence
        )
    return finding_at(plan, "not_mattermost", f"the ping was answered {_named(response)}", evidence)


def _evidence(response: Response) -> dict[str, Any]:
    return {
        "http_status": response.status,
        "server": response.header("server"),
        "via": response.header("via"),
    }


def _named(response: Response) -> str:
    """Return an answer in as few words as tell it from another."""
    body = response.body[:512].lstrip().lower()
    if body.startswith((b"<!doctype html", b"<html")) or "html" in response.header("content-type"):
        return f"{response.status} with a web page"
    if not body:
        return f"{response.status} without a body"
    kind = "JSON" if body.startswith((b"{", b"[")) else "text"
    return f"{response.status} with {kind}"


def _word(value: object) -> str:
    """Return a machine word out of somebody's JSON; empty where it is no text."""
    return clean(value, 60) if isinstance(value, str) else ""


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
