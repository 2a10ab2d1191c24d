"""The stand-in for Apple's push service."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from cryptography import x509
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from mmpush_tui.credentials.certificate_marks import Environment, environments_of, topics_of
from mmpush_tui.simulator.apns.rules import ApnsRules, ApnsState
from mmpush_tui.simulator.credentials import AppleKey
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.net.exchange import ServedRequest, ServedResponse
from mmpush_tui.simulator.net.h2connection import H2Connection
from mmpush_tui.simulator.phones import Phone, Phones
from mmpush_tui.simulator.standins.standin import StandIn

STREAMS: Final = 1000
"""Concurrent streams after the first valid token on a connection; before it, one."""

_OTHER_NETWORK: Final = b'{"reason":"BadCertificateEnvironment"}'

# As senders have seen them.
_SETTINGS: Final[Mapping[int, int]] = {
    SettingCodes.HEADER_TABLE_SIZE: 4096,
    SettingCodes.MAX_CONCURRENT_STREAMS: 1,
    SettingCodes.INITIAL_WINDOW_SIZE: 65535,
    SettingCodes.MAX_FRAME_SIZE: 16384,
    SettingCodes.MAX_HEADER_LIST_SIZE: 8000,
}


class ApnsStandIn(StandIn[ApnsState]):
    """APNs on loopback, stricter than Apple; see :class:`StandIn` for its life.

    A client signs in with a provider token, or with a certificate of ``ca``.

    Args:
        ca: signs its certificate, and those of its clients.
        keys: the authentication keys it knows.
        phones: the devices it knows.
        environment: which of Apple's networks it is; a certificate of ``ca`` is good
            for it unless it is marked for the other alone.
        now: the time, seconds since 1970.
    """

    def __init__(
        self,
        ca: ThrowAwayCA,
        keys: Iterable[AppleKey],
        phones: Phones,
        *,
        environment: Environment = "production",
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(
            ca,
            phones,
            "apns",
            names=("api.push.apple.com", "api.sandbox.push.apple.com"),
            new_state=ApnsState.new,
            settings=_SETTINGS,
            now=now,
            takes_certificates=True,
        )
        self._rules = ApnsRules(
            keys={key.key_id: key for key in keys}, environment=environment, find=self._find
        )

    @property
    def streams(self) -> int:
        """The stream limit after the first valid token."""
        return STREAMS

    def opened(self, connection: H2Connection[Any]) -> bool:
        """Look at the client's certificate, and say goodbye where it is for the other network.

        Apple answers no request then: GOAWAY comes in place of SETTINGS.
        """
        if (der := connection.peer_certificate) is None:
            return False
        certificate = x509.load_der_x509_certificate(der)
        marked = environments_of(certificate)
        if marked and self._rules.environment not in marked:
            connection.goaway(ErrorCodes.NO_ERROR, last_stream_id=0, debug=_OTHER_NETWORK)
            connection.close()
            return True
        connection.state.topics = topics_of(certificate)
        return False

    async def honest(
        self, request: ServedRequest, connection: H2Connection[ApnsState]
    ) -> ServedResponse:
        """Judge a push and deliver it; the first valid token raises the stream limit."""
        was_authenticated = connection.state.is_authenticated
        verdict = self._rules.judge(request, connection.state, self.time())
        if connection.state.is_authenticated and not was_authenticated:
            connection.change_settings({SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS})
        if verdict.push:
            self.phones.accept(verdict.push)
        return verdict.response

    def _find(self, token: str) -> Phone | None:
        return self.faults.phone(self.phones.find("apple_rn", token))
