"""What Apple and Google say about credentials when they are asked for a device of nobody's: pure.

Apple judges key, team, environment and topic before the device token, Google project, API and
permission before the registration token; the refusal of the token is the good answer.
"""

from collections.abc import Mapping
from typing import Final

from mmpush_tui.checks.model.failures import finding_at
from mmpush_tui.checks.model.target import TargetPlan
from mmpush_tui.findings import Finding, Severity, passed
from mmpush_tui.http2 import Response
from mmpush_tui.proxy.android.errors import read_error
from mmpush_tui.proxy.apple.reasons import read_reason
from mmpush_tui.text import clean

_APPLE: Final[Mapping[str, str]] = {
    "InvalidProviderToken": "apns_key_refused",
    "UnrelatedKeyIdInToken": "apns_key_refused",
    "MissingProviderToken": "authorization_stripped",
    "ExpiredProviderToken": "apns_token_expired",
    "BadEnvironmentKeyInToken": "apns_environment",
    "BadEnvironmentKeyIdInToken": "apns_environment",
    "BadCertificateEnvironment": "apns_environment",
    "BadCertificate": "apns_certificate_refused",
    "Forbidden": "apns_key_refused",
    "TopicDisallowed": "apns_topic",
    "BadTopic": "apns_topic",
    "MissingTopic": "apns_topic",
    "DeviceTokenNotForTopic": "apns_topic",
    "TooManyProviderTokenUpdates": "apns_too_many_tokens",
}
_BUSY: Final = (429, 500, 502, 503, 504)


def judge_apple(plan: TargetPlan, response: Response) -> Finding:
    """Return what Apple's answer about a device of nobody's says of key and topic."""
    reason = clean(read_reason(response.body), 60)
    evidence = {"http_status": response.status, "reason": reason}
    answer = f"{response.status} {reason}".strip()
    if response.status == 400 and reason == "BadDeviceToken":
        proof = "the certificate" if plan.has_client_certificate else "key and team"
        return passed(
            f"{proof} accepted, the topic not contradicted (400 BadDeviceToken)", **evidence
        )
    if response.status == 200:
        return finding_at(plan, "probe_delivered", "a device of nobody's was accepted", evidence,
                      severity=Severity.WARN)  # fmt: skip
    if code := _APPLE.get(reason):
        return finding_at(plan, code, f"Apple answered {answer}", evidence)
    if response.status in _BUSY:
        return finding_at(plan, "vendor_busy", f"Apple answered {answer}", evidence)
    return finding_at(plan, "apns_refused", f"Apple answered {answer or response.status}", evidence)


def judge_google(plan: TargetPlan, response: Response) -> Finding:
    """Return what Google's answer about a phone of nobody's says of project and permission."""
    error = read_error(response.body)
    evidence = {
        "http_status": response.status, "google_status": clean(error.status, 60),
        "error_code": clean(error.code, 60), "said": clean(error.message, 200),
    }  # fmt: skip
    message = f"Google answered {response.status} {error.code or error.status}".strip()
    match response.status, error.status:
        case 400, "INVALID_ARGUMENT":
            return passed(
                f"account and project accepted ({response.status} {error.status})", **evidence
            )
        case 404, _ if error.code == "UNREGISTERED":
            return passed("account and project accepted (404 UNREGISTERED)", **evidence)
        case 200, _:
            return finding_at(plan, "probe_delivered", "a phone of nobody's was accepted", evidence,
                          severity=Severity.WARN)  # fmt: skip
        case 401, _:
            return finding_at(plan, "authorization_stripped", message, evidence)
        case 403, _ if error.code == "SENDER_ID_MISMATCH":
            return passed("account and project accepted (403 SENDER_ID_MISMATCH)", **evidence)
        case 403, _ if "SERVICE_DISABLED" in response.body[:20_000].decode("utf-8", "replace"):
            return finding_at(plan, "fcm_api_disabled", message, evidence)
        case 403, _:
            return finding_at(plan, "fcm_permission", message, evidence)
        case 404, _:
            return finding_at(plan, "fcm_project", message, evidence)
        case status, _ if status in _BUSY:
            return finding_at(plan, "vendor_busy", message, evidence)
        case _:
            return finding_at(plan, "fcm_refused", message, evidence)
