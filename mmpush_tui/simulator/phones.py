"""Simulated phones: who has which token, and what reached them."""

import dataclasses
import itertools
import string
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from mmpush_tui.credentials.certificate_marks import Environment
from mmpush_tui.simulator.credentials import TOPIC, seeded
from mmpush_tui.text import short_token

Platform = Literal["apple_rn", "android_rn"]

SEEN_LIMIT: Final = 100_000
"""Pushes remembered for telling duplicates."""

_HEX: Final = "0123456789abcdef"
_URL_SAFE: Final = string.ascii_letters + string.digits + "-_"


class PhoneState(StrEnum):
    """What the vendor knows of a token."""

    OK = "ok"
    DEAD = "dead"
    """The app is gone: 410 Unregistered, 404 UNREGISTERED."""
    EXPIRED = "expired"
    """410 ExpiredToken; Google says the same as for a dead one."""
    BAD = "bad"
    """The vendor does not take it for a token: BadDeviceToken, INVALID_ARGUMENT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """One device token.

    Attributes:
        platform: Mattermost's name of the platform.
        token: the device or registration token.
        home: what the token was given out for, the only thing that may push to it: the topic
            (a VoIP token's ends with ``.voip``) or the Firebase project.
        acks: whether the app acknowledges what it gets.
        environment: of Apple tokens, the network that knows them.
        gone_at: when the vendor noticed that the token is dead, seconds since 1970.
    """

    platform: Platform
    token: str = field(repr=False)
    home: str
    state: PhoneState = PhoneState.OK
    acks: bool = True
    environment: Environment = "production"
    gone_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One push that a stand-in accepted.

    Attributes:
        ack_id: Mattermost's id of the notification; empty where the push has none.
        kind: the push's ``type``: message, clear, update_badge, session, test.
        body: the request body, which holds what users wrote.
        name: the vendor's id of the message: the ``apns-id`` or FCM's ``name``.
        at_monotonic: when, on the clock of ``time.monotonic``.
        is_duplicate: whether the phone had the same notification before.
    """

    platform: Platform
    token: str = field(repr=False)
    ack_id: str
    kind: str
    body: bytes = field(repr=False)
    name: str
    at_monotonic: float = 0.0
    is_duplicate: bool = False

    def __str__(self) -> str:
        return f"{self.kind or 'push'} to {short_token(self.token)}"


class Phones:
    """All phones of one simulation.

    Args:
        seed: the tokens follow from it.
        keep: how many received pushes are kept, the latest.
    """

    def __init__(self, seed: int = 1, *, keep: int = 1000) -> None:
        self._random = seeded(seed, "phones")
        self._phones: dict[str, Phone] = {}
        self._listeners: list[Callable[[Received], None]] = []
        self._seen: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self.received: deque[Received] = deque(maxlen=keep)
        self.accepted = 0
        """Pushes accepted, duplicates included."""
        self.duplicates = 0
        """Pushes of an (ack id, type) that their phone had before; an empty ack id never counts."""

    def __len__(self) -> int:
        return len(self._phones)

    def __iter__(self) -> Iterator[Phone]:
        return iter(tuple(self._phones.values()))

    def add_apple(
        self,
        topic: str = TOPIC,
        *,
        state: PhoneState = PhoneState.OK,
        acks: bool = True,
        environment: Environment = "production",
    ) -> Phone:
        """Add an iPhone: 64 hexadecimal digits, as Apple's tokens have had for years."""
        token = self._pick(_HEX, 64)
        return self._add(
            Phone(
                platform="apple_rn",
                token=token,
                home=topic,
                state=state,
                acks=acks,
                environment=environment,
            )
        )

    def add_android(
        self,
        project_id: str,
        *,
        state: PhoneState = PhoneState.OK,
        acks: bool = True,
    ) -> Phone:
        """Add an Android phone: a token of an installation id of 22 characters and a tail."""
        token = f"{self._pick(_URL_SAFE, 22)}:APA91b{self._pick(_URL_SAFE, 134)}"
        return self._add(
            Phone(platform="android_rn", token=token, home=project_id, state=state, acks=acks)
        )

    def find(self, platform: Platform, token: str) -> Phone | None:
        """Return the phone with exactly this token, or None."""
        phone = self._phones.get(token)
        return phone if phone and phone.platform == platform else None

    def set_state(self, token: str, state: PhoneState, *, gone_at: float | None = None) -> Phone:
        """Change what the vendor knows of ``token`` and return the phone as it is now.

        Raises:
            KeyError: no phone has this token.
        """
        phone = dataclasses.replace(self._phones[token], state=state, gone_at=gone_at)
        self._phones[token] = phone
        return phone

    def on_accepted(self, listener: Callable[[Received], None]) -> Callable[[], None]:
        """Call ``listener`` with each accepted push, on the loop, before the vendor's answer.

        Returns:
            A function that ends it.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def accept(self, received: Received) -> Received:
        """Deliver a push: stamp it, count it, keep it, tell the listeners, return it."""
        received = dataclasses.replace(
            received, at_monotonic=time.monotonic(), is_duplicate=self._is_repeated(received)
        )
        self.accepted += 1
        self.duplicates += received.is_duplicate
        self.received.append(received)
        for listener in tuple(self._listeners):
            listener(received)
        return received

    def latest(self, count: int) -> list[Received]:
        """Return the latest ``count`` pushes, oldest first."""
        return list(itertools.islice(reversed(self.received), count))[::-1]

    def _add(self, phone: Phone) -> Phone:
        self._phones[phone.token] = phone
        return phone

    def _pick(self, alphabet: str, length: int) -> str:
        return "".join(self._random.choices(alphabet, k=length))

    def _is_repeated(self, received: Received) -> bool:
        if not received.ack_id:
            return False
        key = (received.token, received.ack_id, received.kind)
        if key in self._seen:
            self._seen.move_to_end(key)
            return True
        self._seen[key] = None
        if len(self._seen) > SEEN_LIMIT:
            self._seen.popitem(last=False)
        return False
