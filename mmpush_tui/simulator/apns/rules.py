"""What APNs answers to a request: pure, without a socket or a clock of its own.

The checks stand in Apple's order where it is known: the provider token is judged before the
device token.
"""

import re
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mmpush_tui.credentials.certificate_marks import Environment
from mmpush_tui.simulator.apns import payload as apns_payload
from mmpush_tui.simulator.apns.reasons import ApnsRefusalError
from mmpush_tui.simulator.apns.token import Binding
from mmpush_tui.simulator.credentials import AppleKey
from mmpush_tui.simulator.net.exchange import ServedRequest, ServedResponse
from mmpush_tui.simulator.phones import Phone, PhoneState, Received

COLLAPSE_ID_BYTES: Final = 64

_PATH: Final = "/3/device/"
_TOKEN: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){32,100}")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Seconds; milliseconds, the likely mistake, have 13 digits.
_EXPIRATION: Final = re.compile(r"0|[1-9][0-9]{0,10}")
_SUFFIXES: Final[Mapping[str, str]] = {
    "alert": "",
    "background": "",
    "complication": ".complication",
    "controls": ".push-type.controls",
    "fileprovider": ".pushkit.fileprovider",
    "liveactivity": ".push-type.liveactivity",
    "location": ".location-query",
    "pushtotalk": ".voip-ptt",
    "voip": ".voip",
    "widgets": ".push-type.widgets",
}
"""What each push type adds to the bundle id to make its topic. ``mdm`` is left out: its topic
comes from a certificate, which the stand-in does not know."""
_KNOWN_HEADERS: Final = frozenset(
    {
        "apns-collapse-id",
        "apns-expiration",
        "apns-id",
        "apns-priority",
        "apns-push-type",
        "apns-topic",
    }
)


@dataclass(slots=True)
class ApnsState:
    """What the stand-in remembers of one connection.

    Attributes:
        binding: the provider token in force.
        is_authenticated: whether a request with a valid token has come.
        topics: what the client's certificate may send to; empty where it showed none.
    """

    binding: Binding
    is_authenticated: bool = False
    topics: frozenset[str] = frozenset()

    @classmethod
    def new(cls) -> "ApnsState":
        """Return the state of a connection that has just begun."""
        return cls(Binding())


@dataclass(frozen=True, slots=True)
class ApnsVerdict:
    """The answer to a request, and the push where it was accepted."""

    response: ServedResponse
    push: Received | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApnsRules:
    """APNs as one environment of it judges.

    Attributes:
        keys: the authentication keys it knows, by key id.
        environment: which network this is; a token of the other one is BadDeviceToken.
        find: returns the phone that has a device token.
    """

    keys: Mapping[str, AppleKey]
    environment: Environment
    find: Callable[[str], Phone | None]

    def judge(self, request: ServedRequest, state: ApnsState, now: float) -> ApnsVerdict:
        """Judge one request.

        Args:
            request: all of it.
            state: the connection's; updated.
            now: seconds since 1970.
        """
        name = apns_id(request)
        try:
            push = self._accept(request, state, now, name)
        except ApnsRefusalError as refused:
            return ApnsVerdict(refused.response(name))
        headers = [("apns-id", name)]
        if self.environment == "sandbox":
            headers.append(("apns-unique-id", str(uuid.uuid4())))
        return ApnsVerdict(ServedResponse(status=200, headers=tuple(headers)), push)

    def _accept(self, request: ServedRequest, state: ApnsState, now: float, name: str) -> Received:
        token = _device_token(request)
        _check_repeats(request)
        if state.topics:
            # Apple ignores a provider token here; a client that sends one mixes up two ways.
            if request.value("authorization") is not None:
                raise ApnsRefusalError("BadMessage")
            topics: Collection[str] = state.topics
        else:
            key = state.binding.judge(request.value("authorization"), self.keys, now)
            topics = key.topics
        state.is_authenticated = True
        topic, push_type = _topic(request, topics)
        if state.topics and topic not in state.topics:
            # A certificate lists each topic that it is for; a key's follow from the bundle id.
            raise ApnsRefusalError("TopicDisallowed")
        _check_options(request, push_type)
        document = apns_payload.judge_payload(request.body, request.size, push_type)
        self._check_phone(token, topic, now)
        return Received(
            platform="apple_rn",
            token=token,
            ack_id=_text(document, "ack_id"),
            kind=_text(document, "type"),
            body=request.body,
            name=name,
        )

    def _check_phone(self, token: str, topic: str, now: float) -> None:
        phone = self.find(token) if _TOKEN.fullmatch(token) else None
        if phone is None or phone.environment != self.environment or phone.state is PhoneState.BAD:
            raise ApnsRefusalError("BadDeviceToken")
        if phone.home != topic:
            raise ApnsRefusalError("DeviceTokenNotForTopic")
        if phone.state is not PhoneState.OK:
            gone_at = now if phone.gone_at is None else phone.gone_at
            raise ApnsRefusalError(
                "Unregistered" if phone.state is PhoneState.DEAD else "ExpiredToken",
                timestamp_ms=int(gone_at * 1000),
            )


def apns_id(request: ServedRequest) -> str:
    """Return the ``apns-id`` of the answer: that of the request, or one that is made up."""
    requested = request.value("apns-id")
    # Ids that Apple makes up are in upper case, seen by several senders.
    return requested if requested and _UUID.fullmatch(requested) else str(uuid.uuid4()).upper()


def _device_token(request: ServedRequest) -> str:
    if request.method != "POST":
        raise ApnsRefusalError("MethodNotAllowed")
    token = request.path.removeprefix(_PATH)
    if token == request.path or "/" in token or "?" in token:
        raise ApnsRefusalError("BadPath")
    if not token:
        raise ApnsRefusalError("MissingDeviceToken")
    return token


def _check_repeats(request: ServedRequest) -> None:
    names = [name for name, _ in request.headers]
    if len(set(names)) != len(names):
        raise ApnsRefusalError("DuplicateHeaders")


def _topic(request: ServedRequest, allowed: Collection[str]) -> tuple[str, str]:
    topic = request.value("apns-topic")
    push_type = request.value("apns-push-type") or ""
    if not topic:
        raise ApnsRefusalError("MissingTopic")
    rests = {topic.removeprefix(name) for name in allowed if topic.startswith(name)}
    if not (suffixes := rests.intersection(_SUFFIXES.values())):
        raise ApnsRefusalError("TopicDisallowed")
    # Where a key lists both a topic and its .voip, the latter is still for calls alone. A missing
    # type is refused too: Apple guesses it, and documents that it may guess wrong.
    if _SUFFIXES.get(push_type) != max(suffixes, key=len):
        raise ApnsRefusalError("InvalidPushType")
    return topic, push_type


def _check_options(request: ServedRequest, push_type: str) -> None:
    priority = request.value("apns-priority")
    if priority not in (None, "10", "5", "1") or (push_type == "background" and priority != "5"):
        raise ApnsRefusalError("BadPriority")
    expiration = request.value("apns-expiration")
    if expiration is not None and not _EXPIRATION.fullmatch(expiration):
        raise ApnsRefusalError("BadExpirationDate")
    requested = request.value("apns-id")
    if requested is not None and not _UUID.fullmatch(requested):
        raise ApnsRefusalError("BadMessageId")
    collapse_id = request.value("apns-collapse-id")
    if collapse_id is not None and not 1 <= len(collapse_id) <= COLLAPSE_ID_BYTES:
        raise ApnsRefusalError("BadCollapseId")
    _check_rest(request)


def _check_rest(request: ServedRequest) -> None:
    """Refuse what Apple's documents do not provide for."""
    content_type = request.value("content-type")
    length = request.value("content-length")
    if (
        request.value(":scheme") != "https"
        or any(
            name.startswith("apns-") and name not in _KNOWN_HEADERS for name, _ in request.headers
        )
        or request.value("content-encoding") is not None
        or (content_type and content_type.partition(";")[0].strip() != "application/json")
        or (length is not None and length != str(request.size))
    ):
        raise ApnsRefusalError("BadMessage")


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""
