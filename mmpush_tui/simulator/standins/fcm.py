"""The stand-in for Google's FCM v1 and for the token endpoint in front of it."""

import email.utils
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from h2.settings import SettingCodes

from mmpush_tui.simulator.credentials import GoogleAccount, seeded
from mmpush_tui.simulator.fcm import answers as fcm_answers
from mmpush_tui.simulator.fcm.oauth import TokenEndpoint
from mmpush_tui.simulator.fcm.rules import FcmRules
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.net.exchange import ServedRequest, ServedResponse
from mmpush_tui.simulator.net.h2connection import H2Connection
from mmpush_tui.simulator.phones import Phone, Phones
from mmpush_tui.simulator.standins.standin import StandIn

IDLE_PINGS: Final = 2
"""Google sends GOAWAY ``too_many_pings`` at the third PING without a request."""

_TOKEN_PATH: Final = "/token"  # noqa: S105 - a path
_SEND_PATH: Final = re.compile(r"/v1/projects/([\w.:-]+)/messages:send", re.ASCII)
_SETTINGS: Final[Mapping[int, int]] = {
    SettingCodes.MAX_CONCURRENT_STREAMS: 100,
    SettingCodes.INITIAL_WINDOW_SIZE: 65535,
    SettingCodes.MAX_HEADER_LIST_SIZE: 65536,
}


class FcmStandIn(StandIn[None]):
    """FCM and OAuth on one loopback address, stricter than Google; see :class:`StandIn`.

    It speaks HTTP/2 only, where Google also takes HTTP/1.1.

    Args:
        ca: signs its certificate.
        accounts: the service account it knows, or several, one for each Firebase project.
        phones: the devices it knows.
        seed: access tokens and message ids follow from it.
        now: the time, seconds since 1970.

    Attributes:
        oauth: the token endpoint.
    """

    def __init__(
        self,
        ca: ThrowAwayCA,
        accounts: GoogleAccount | Iterable[GoogleAccount],
        phones: Phones,
        *,
        seed: int = 1,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(
            ca,
            phones,
            "fcm",
            names=("fcm.googleapis.com", "oauth2.googleapis.com"),
            new_state=lambda: None,
            settings=_SETTINGS,
            idle_pings=IDLE_PINGS,
            now=now,
        )
        if isinstance(accounts, GoogleAccount):
            accounts = (accounts,)
        self._accounts = tuple(accounts)
        random = seeded(seed, "fcm")
        self.oauth = TokenEndpoint(
            {account.client_email: account for account in self._accounts},
            lambda account: {self.token_uri, account.token_uri},
            random,
        )
        self._rules = FcmRules(
            projects={account.project_id: account for account in self._accounts},
            holder=self.oauth.holder,
            find=self._find,
            random=random,
        )

    @property
    def streams(self) -> int:
        """The stream limit."""
        return _SETTINGS[SettingCodes.MAX_CONCURRENT_STREAMS]

    @property
    def token_uri(self) -> str:
        """Where access tokens are granted; known once it has started."""
        return self.endpoint + _TOKEN_PATH

    @property
    def accounts(self) -> tuple[GoogleAccount, ...]:
        """The service accounts with their ``token_uri`` pointing here, ready to be written."""
        return tuple(account.at(self.token_uri) for account in self._accounts)

    async def honest(
        self, request: ServedRequest, connection: H2Connection[None]
    ) -> ServedResponse:
        """Grant an access token, or judge a push and deliver it."""
        now = self.time()
        response = self._judge(request, now)
        date = ("date", email.utils.formatdate(now, usegmt=True))
        return replace(response, headers=(*response.headers, date))

    def _judge(self, request: ServedRequest, now: float) -> ServedResponse:
        if request.method != "POST":
            return fcm_answers.no_such_url()
        if request.path == _TOKEN_PATH:
            return self.oauth.judge(request, now)
        if not (match := _SEND_PATH.fullmatch(request.path)):
            return fcm_answers.no_such_url()
        verdict = self._rules.judge(request, match.group(1), now)
        if verdict.push:
            self.phones.accept(verdict.push)
        return verdict.response

    def _find(self, token: str) -> Phone | None:
        return self.faults.phone(self.phones.find("android_rn", token))
