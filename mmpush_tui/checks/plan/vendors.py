"""What the worker connects to, as targets: Apple, Google and its token server. Pure."""

from typing import Final

from mmpush_tui.checks.model.target import TargetKind, TargetPlan, Whose
from mmpush_tui.checks.proof.credential_files import CredentialFile
from mmpush_tui.configuration.config import AndroidSettings, AppleSettings
from mmpush_tui.credentials.apple_settings import signs_with_certificate
from mmpush_tui.findings import Severity
from mmpush_tui.proxy.targets import APPLE_PRODUCTION, APPLE_SANDBOX, GOOGLE
from mmpush_tui.text import clean

TOKEN_URI: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
"""Where Google grants access tokens; for a check without a service account."""


def apple_target(entry: AppleSettings | None, credential: CredentialFile | None) -> TargetPlan:
    """Return an Apple target; without an entry, Apple's production network itself."""
    name = clean(entry.type, 40) if entry else ""
    endpoint = entry.endpoint if entry else ""
    network = "sandbox" if entry and entry.sandbox else "production"
    return TargetPlan(
        target=f"apns/{name}" if name else "apns",
        title=", ".join(filter(None, ("push proxy -> Apple", name, endpoint or network))),
        who=f"the endpoint of {name}" if endpoint else "Apple's push service",
        url=endpoint or (APPLE_SANDBOX if network == "sandbox" else APPLE_PRODUCTION),
        kind=TargetKind.APNS,
        whose=Whose.RELAY if endpoint else Whose.VENDOR,
        ca_file=entry.ca_file if entry else "",
        config=credential.finding if credential else None,
        # A key or certificate that is of no use already is not tried.
        proof=entry if credential and credential.finding.severity is not Severity.FAIL else None,
        has_client_certificate=bool(entry and signs_with_certificate(entry)),
    )


def fcm_target(entry: AndroidSettings | None, credential: CredentialFile | None) -> TargetPlan:
    """Return an Android target; without an entry, Google's service itself."""
    name = clean(entry.type, 40) if entry else ""
    endpoint = entry.endpoint if entry else ""
    return TargetPlan(
        target=f"fcm/{name}" if name else "fcm",
        title=", ".join(filter(None, ("push proxy -> Google", name, endpoint))),
        who=f"the endpoint of {name}" if endpoint else "Google's push service",
        url=endpoint or GOOGLE,
        kind=TargetKind.FCM,
        whose=Whose.RELAY if endpoint else Whose.VENDOR,
        ca_file=entry.ca_file if entry else "",
        project=(credential.project if credential else "") or "x",
        config=credential.finding if credential else None,
        proof=entry if credential and credential.project else None,
    )


def token_target(entry: AndroidSettings | None, token_uri: str = TOKEN_URI) -> TargetPlan:
    """Return the token server that stands before an Android target."""
    name = clean(entry.type, 40) if entry else ""
    is_google = token_uri == TOKEN_URI
    return TargetPlan(
        target=f"fcm-token/{name}" if name else "fcm-token",
        title=", ".join(filter(None, ("push proxy -> Google's token server", name))),
        who="Google's token server" if is_google else f"the token server of {name}",
        url=token_uri,
        kind=TargetKind.TOKEN,
        whose=Whose.VENDOR if is_google else Whose.RELAY,
        ca_file=entry.ca_file if entry else "",
        proof=entry,
    )
