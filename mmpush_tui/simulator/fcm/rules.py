"""What FCM answers to ``messages:send``: pure, without a socket or a clock of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from mmpush_tui.simulator.credentials import GoogleAccount
from mmpush_tui.simulator.fcm import body as fcm_body
from mmpush_tui.simulator.fcm.answers import (
    FcmRefusalError,
    error_document,
    fcm_error,
    invalid_argument,
)
from mmpush_tui.simulator.net.exchange import ServedRequest, ServedResponse
from mmpush_tui.simulator.phones import Phone, PhoneState, Received

_BEARER: Final = "Bearer "
_EXPECTED: Final = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class FcmVerdict:
    """The answer to a request, and the push where it was accepted."""

    response: ServedResponse
    push: Received | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FcmRules:
    """FCM as it judges pushes.

    Attributes:
        projects: the Firebase projects there are, with the one account that may send to each.
        holder: returns whose access token it is; None for one that is unknown or has expired.
            Takes the token and the time.
        find: returns the phone that has a registration token.
        random: makes the message ids.
    """

    projects: Mapping[str, GoogleAccount]
    holder: Callable[[str, float], GoogleAccount | None]
    find: Callable[[str], Phone | None]
    random: Random

    def judge(self, request: ServedRequest, project: str, now: float) -> FcmVerdict:
        """Judge a request to send.

        Args:
            request: all of it.
            project: the project its path names.
            now: seconds since 1970.
        """
        try:
            return self._accept(request, project, now)
        except FcmRefusalError as refused:
            return FcmVerdict(refused.response())

    def _accept(self, request: ServedRequest, project: str, now: float) -> FcmVerdict:
        self._check_sender(request, project, now)
        if not _is_json(request):
            raise invalid_argument("", f"Content-Type must be {_JSON}.", by_fcm=False)
        send = fcm_body.read_message(request.body, request.size)
        self._check_phone(send.token, project)
        message_id = "fake_message_id" if send.validate_only else self._message_id(now)
        name = f"projects/{project}/messages/{message_id}"
        # Senders see successes in two DATA frames, the second one empty.
        response = error_document(200, {"name": name}, more=(b"",))
        if send.validate_only:
            return FcmVerdict(response)
        return FcmVerdict(
            response,
            Received(
                platform="android_rn",
                token=send.token,
                ack_id=send.data.get("ack_id", ""),
                kind=send.data.get("type", ""),
                body=request.body,
                name=name,
            ),
        )

    def _check_sender(self, request: ServedRequest, project: str, now: float) -> None:
        authorizations = request.values("authorization")
        if not authorizations:
            message = f"Request is missing required authentication credential. {_EXPECTED}"
            raise FcmRefusalError(401, "UNAUTHENTICATED", message)
        holder = None
        if len(authorizations) == 1 and authorizations[0].startswith(_BEARER):
            holder = self.holder(authorizations[0].removeprefix(_BEARER), now)
        if holder is None:
            message = f"Request had invalid authentication credentials. {_EXPECTED}"
            raise FcmRefusalError(401, "UNAUTHENTICATED", message)
        if project not in self.projects:
            raise FcmRefusalError(404, "NOT_FOUND", "Requested entity was not found.")
        if project != holder.project_id:
            message = (
                "Permission 'cloudmessaging.messages.create' denied on resource "
                f"'//cloudresourcemanager.googleapis.com/projects/{project}' "
                "(or it may not exist)."
            )
            raise FcmRefusalError(403, "PERMISSION_DENIED", message)

    def _check_phone(self, token: str, project: str) -> None:
        phone = self.find(token)
        if phone and phone.state is PhoneState.BAD:
            raise fcm_body.malformed_token()
        if phone and phone.home != project:
            detail = fcm_error("SENDER_ID_MISMATCH")
            raise FcmRefusalError(403, "PERMISSION_DENIED", "SenderId mismatch", detail)
        if phone is None or phone.state is not PhoneState.OK:
            detail = fcm_error("UNREGISTERED")
            raise FcmRefusalError(404, "NOT_FOUND", "Requested entity was not found.", detail)

    def _message_id(self, now: float) -> str:
        return f"0:{int(now * 1e6)}%{self.random.getrandbits(64):016x}"


def _is_json(request: ServedRequest) -> bool:
    types = request.values("content-type")
    if len(types) != 1 or request.value("content-encoding") is not None:
        return False
    kind, _, parameter = types[0].partition(";")
    charset = parameter.strip().lower()
    return kind.strip() == _JSON and charset in ("", "charset=utf-8")
