"""Whether Apple and Google take the credentials: asked with them, for a device of nobody's.

Nothing here can reach a phone: the device token is zeros, and Google is told to validate only.
"""

import asyncio
import ssl
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from mmpush_tui.checks.model.failures import finding_at
from mmpush_tui.checks.model.report import Stage, check_id
from mmpush_tui.checks.model.target import NO_DEVICE, TargetKind, TargetPlan
from mmpush_tui.checks.proof import answers as proof_answers
from mmpush_tui.checks.proof.credential_files import in_one_message
from mmpush_tui.checks.proof.limiter import ProbeLimiter
from mmpush_tui.configuration.config import AndroidSettings, AppleSettings, NetworkSettings
from mmpush_tui.credentials import certificate
from mmpush_tui.credentials.look import look_at_android, look_at_apple
from mmpush_tui.errors import ConfigError
from mmpush_tui.findings import Finding, Severity, passed
from mmpush_tui.http2 import Request, Response
from mmpush_tui.http2.connect import client_context
from mmpush_tui.http2.connection import Connection
from mmpush_tui.proxy.android.access_token import AccessToken, AccessTokenError
from mmpush_tui.proxy.apple.provider_token import ProviderToken
from mmpush_tui.proxy.apple.token_store import TokenStore
from mmpush_tui.tasks import beside

NO_PHONE: Final = "mmpush-tui-check-of-nobodys-phone"
"""A registration token that belongs to nobody: it has not even the shape of one."""
_ENOUGH_S: Final = 60.0
_GRANTS: Final = {
    "clock_skew": "fcm_clock",
    "service_account_refused": "fcm_account",
    "token_server_error": "fcm_grant",
}


class ProofSession(Protocol):
    """What leads to the target: a ``wire.session.ProbeSession``."""

    plan: TargetPlan

    async def another(self, tls: ssl.SSLContext) -> Connection:
        """Return a connection of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofContext:
    """What proofs work with.

    Attributes:
        network: how connections are made.
        limiter: how often Apple and Google are asked.
        tokens: where the worker keeps Apple's sign-in tokens, which are used here too.
        grants: what came of asking for access tokens, and the tokens, by target: each is asked for
            once in a run, whoever needs it.
        locks: whoever asks for that of a target has its lock.
        targets: what is checked in this run.
    """

    network: NetworkSettings
    limiter: ProbeLimiter
    tokens: Path
    grants: dict[str, tuple[Finding, str]] = field(default_factory=dict, repr=False)
    locks: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    targets: frozenset[str] = frozenset()


async def prove(
    settings: AppleSettings | AndroidSettings, session: ProofSession, means: ProofContext
) -> Finding:
    """Ask what only good credentials get the right answer to, or return that of a moment ago.

    Apple is asked with a push to nobody, Google's token server for an access token, and Google
    with a push to nobody that it is told to validate only.

    Args:
        settings: those of the target whose credentials are tried.
        session: what leads to the target.
        means: what it is asked with.

    Raises:
        TransportError: there is no connection, or no answer.
    """
    if isinstance(settings, AppleSettings):
        return await _ask_apple(settings, session, means)
    if session.plan.kind is TargetKind.TOKEN:
        return await _ask_token_server(settings, session, means)
    return await _ask_google(settings, session, means)


async def _ask_apple(
    settings: AppleSettings, session: ProofSession, means: ProofContext
) -> Finding:
    try:
        loaded = await beside("apple-proof", _load_apple, settings, means)
    except ConfigError as error:
        return _unread(session.plan, error.finding)
    if isinstance(loaded, Finding):
        return _unread(session.plan, loaded)
    group, token, tls = loaded
    topic = settings.topic
    question = f"{group}|{session.plan.address}|{topic}"
    if (kept := await beside("pace", means.limiter.take, group, question)) is not None:
        return kept
    response = await _answer(session, means, group, tls, _push_to_nobody(topic, token))
    finding = proof_answers.judge_apple(session.plan, response)
    await beside("pace", means.limiter.keep, group, question, finding)
    return finding


def _load_apple(
    settings: AppleSettings, means: ProofContext
) -> tuple[str, str, ssl.SSLContext] | Finding:
    """Return a name of the credential, the provider token and the context to connect with.

    Where the credential is of no use, return why.
    """
    tls = client_context(means.network.ca_file, settings.ca_file)
    credential = look_at_apple(settings)
    loaded = credential.loaded
    if credential.refusals or loaded is None:
        return credential.refusals[0]
    if isinstance(loaded, EllipticCurvePrivateKey):
        store = TokenStore(means.tokens, lambda _sentence: None)
        token = ProviderToken(loaded, settings.auth_key_id, settings.team_id, store)
        signed = token()
        token.join()
        return token.name, signed, tls
    certificate.use(tls, loaded)
    return f"certificate|{settings.certificate_file}|{loaded.not_after}", "", tls


def _push_to_nobody(topic: str, token: str) -> Request:
    headers: tuple[tuple[str, str], ...] = (
        ("apns-topic", topic),
        ("apns-push-type", "background"),
        ("apns-priority", "5"),
        ("content-type", "application/json"),
    )
    if token:
        headers = (("authorization", f"bearer {token}"), *headers)
    body = b'{"aps":{"content-available":1}}'
    return Request("POST", f"/3/device/{NO_DEVICE}", headers, body)


async def _ask_token_server(
    settings: AndroidSettings, session: ProofSession, means: ProofContext
) -> Finding:
    question = f"grant|{settings.service_account_file}|{session.plan.address}"
    if (kept := await beside("pace", means.limiter.take, question, question)) is not None:
        return kept
    finding, _ = await _grant(settings, session.plan, means)
    await beside("pace", means.limiter.keep, question, question, finding)
    return finding


async def _ask_google(
    settings: AndroidSettings, session: ProofSession, means: ProofContext
) -> Finding:
    plan = session.plan
    group = f"fcm|{settings.service_account_file}|{plan.address}"
    question = f"{group}|{plan.project}"
    if (kept := await beside("pace", means.limiter.take, group, question)) is not None:
        return kept
    refused, token = await _grant(settings, plan, means)
    if not token:
        await beside("pace", means.limiter.drop, group)
        return _left_out(settings.type, means) or refused
    tls = await beside("roots", client_context, means.network.ca_file, settings.ca_file)
    response = await _answer(session, means, group, tls, _validation(plan, token))
    finding = proof_answers.judge_google(plan, response)
    await beside("pace", means.limiter.keep, group, question, finding)
    return finding


async def _answer(
    session: ProofSession, means: ProofContext, group: str, tls: ssl.SSLContext, request: Request
) -> Response:
    """Return the answer to ``request`` on a connection of its own."""
    try:
        connection = await session.another(tls)
    except BaseException:  # cancelled too: nothing was asked, so that it may be asked at once
        await beside("pace", means.limiter.drop, group)
        raise
    try:
        return await connection.request(request, _ENOUGH_S)
    finally:
        await connection.aclose()


def _validation(plan: TargetPlan, token: str) -> Request:
    headers = (("authorization", f"Bearer {token}"), ("content-type", "application/json"))
    body = b'{"validate_only":true,"message":{"token":"%s"}}' % NO_PHONE.encode()
    return Request("POST", f"/v1/projects/{plan.project}/messages:send", headers, body)


def _left_out(type_: str, means: ProofContext) -> Finding | None:
    """Return that there is no token, where the target before this one says why.

    It is about the check that would have got one.
    """
    target = f"fcm-token/{type_}"
    if target not in means.targets:
        return None
    needs = check_id(Stage.CREDENTIAL, target)
    return Finding(
        severity=Severity.SKIP, code="skipped", message=f"skipped (needs {needs})", about=needs
    )


async def _grant(
    settings: AndroidSettings, plan: TargetPlan, means: ProofContext
) -> tuple[Finding, str]:
    """Return what came of asking for an access token, and the token, empty where there is none."""

    def load() -> AccessToken | Finding:
        credential = look_at_android(settings)
        if credential.loaded is None:
            return credential.refusals[0]
        tls = client_context(means.network.ca_file, settings.ca_file)
        tls.set_alpn_protocols(["h2", "http/1.1"])
        return AccessToken(credential.loaded, tls, means.network.connect_to, plan.proxy)

    async def fetch() -> tuple[Finding, str]:
        try:
            source = await beside("grant", load)
        except ConfigError as error:
            return _unread(plan, error.finding), ""
        if isinstance(source, Finding):
            return _unread(plan, source), ""
        try:
            token = await source.get()
        except AccessTokenError as error:
            return finding_at(plan, _GRANTS.get(error.code, "fcm_grant"), str(error)), ""
        finally:
            await source.aclose()
        return passed("Google granted an access token: account and clock are good"), token

    async with means.locks[settings.type]:
        if settings.type not in means.grants:
            means.grants[settings.type] = await fetch()
        return means.grants[settings.type]


def _unread(plan: TargetPlan, refusal: Finding) -> Finding:
    finding = finding_at(plan, "credential_file", in_one_message(refusal).message)
    return msgspec.structs.replace(finding, fix=refusal.fix)
