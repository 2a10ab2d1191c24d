"""Sample traffic: a small company's notifications, the same ones for the same seed."""

import random
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from mmpush_tui.simulator.mattermost.poster import MattermostStandIn, PhoneSession
from mmpush_tui.simulator.phones import Phone, Phones, PhoneState

_PEOPLE: Final = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi")
_CHANNELS: Final = ("Town Square", "Operations", "Incidents", "Design & UX", "日本支社", "Lunch")
_SENTENCES: Final = (
    "the staging cluster is green again :tada:",
    "lunch in ten minutes? :pizza:",
    "please review the draft <today> & tell me",
    "データセンターの移行は完了しました",
    "can you take the 3 p.m. call? :telephone_receiver:",
    "Grüße aus Köln, der Zug hat Verspätung :train:",
    "deploy finished, no errors :rocket:",
)

DECK: Final = (
    *("message",) * 9,
    *("message_generic",) * 2,
    *("clear",) * 2,
    "update_badge",
    "session",
    "test",
    "call",
    "gone",
    "gone",
    "damaged",
)
"""What twenty notifications in a row are, shuffled; damaged and gone devices among them."""

OPENING: Final = ("message", "message", "gone", "gone", "damaged")
"""What comes first of all: whoever stops early has seen each kind of answer."""

_ACKNOWLEDGED: Final = 2
"""How many of them get a receipt: the messages."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One notification to post."""

    session: PhoneSession
    notification: dict[str, Any]


class Traffic:
    """Makes up notifications for phones of its own.

    Args:
        mattermost: the server they come from.
        phones: where the devices are registered.
        topic: the iOS app's bundle id.
        project_id: the Android app's Firebase project.
        seed: everything but the time follows from it.
    """

    def __init__(
        self,
        mattermost: MattermostStandIn,
        phones: Phones,
        *,
        topic: str,
        project_id: str,
        seed: int,
    ) -> None:
        self._random = random.Random(f"{seed}/traffic")  # noqa: S311 - a repeatable rehearsal
        self._mattermost = mattermost
        self._phones = phones
        self._topic = topic
        self._project_id = project_id
        self._deck: deque[str] = deque()
        self._turn = 0
        # The last phone of each sends no receipts.
        self._staff = {
            "apple": [self._apple(acks=index != 3) for index in range(4)],
            "android": [self._android(acks=index != 3) for index in range(4)],
        }

    def next(self) -> Planned:
        """Return the next notification; Apple and Android take turns."""
        self._turn += 1
        if not self._deck:
            self._deck.extend(self._shuffled())
        kind = self._deck.popleft()
        side = "apple" if self._turn % 2 else "android"
        session = self._logged_in(side)
        if kind == "gone":
            session = self._gone(side)
        elif kind == "damaged":
            session = self._damaged(side)
        fields = self._fields(kind, side)
        return Planned(session, self._mattermost.compose(session, **fields))

    def _logged_in(self, side: str) -> PhoneSession:
        staff = self._staff[side]
        for index, session in enumerate(staff):
            if session.is_removed:
                # Whoever lost their pushes opens the app again, which registers a new token.
                staff[index] = self._apple() if side == "apple" else self._android()
        chosen = self._random.choice(staff)
        if self._turn <= _ACKNOWLEDGED and chosen is staff[-1]:
            return staff[0]
        return chosen

    def _shuffled(self) -> list[str]:
        deck = list(DECK)
        self._random.shuffle(deck)
        if self._turn == 1:
            for kind in OPENING:
                deck.remove(kind)
            deck = [*OPENING, *deck]
        return deck

    def _fields(self, kind: str, side: str) -> dict[str, Any]:
        pick = self._random.choice
        new_id = self._mattermost.new_id
        badge = self._random.randint(1, 9)
        sender = pick(_PEOPLE)
        post = {"post_id": new_id(), "channel_id": new_id(), "team_id": new_id()}
        match kind:
            case "clear":
                return {
                    "type": "clear", "version": "v2", "cont_ava": 1, "badge": badge,
                    "channel_id": post["channel_id"],
                }  # fmt: skip
            case "update_badge":
                return {"type": "update_badge", "sound": "none", "cont_ava": 1, "badge": badge}
            case "session":
                return {
                    "type": "session", "version": "v2",
                    "message": "Session expired. Log in to continue receiving notifications.",
                }  # fmt: skip
            case "test":
                return {"type": "test", "version": "2", "badge": -1}
            case "call" if side == "apple":
                return post | {
                    "type": "message", "sub_type": "calls", "transport": "voip", "version": "v2",
                    "sender_id": new_id(), "sender_name": sender, "badge": badge,
                    "channel_name": pick(_CHANNELS),
                    "message": f"{sender} is inviting you to a call",
                }  # fmt: skip
            case "message_generic":
                text = f"@{sender} posted a message."
            case _:
                text = f"@{sender}: {pick(_SENTENCES)}"
        return post | {
            "type": "message", "version": "v2", "category": "CAN_REPLY", "badge": badge,
            "message": text, "channel_name": pick(_CHANNELS), "sender_id": new_id(),
            "sender_name": sender, "is_crt_enabled": pick((True, False)),
        }  # fmt: skip

    def _apple(self, *, acks: bool = True, state: PhoneState = PhoneState.OK) -> PhoneSession:
        phone = self._phones.add_apple(self._topic, state=state, acks=acks)
        voip = self._phones.add_apple(f"{self._topic}.voip", state=state, acks=acks)
        return PhoneSession(_device_id(phone), f"apple_voip_rn:{voip.token}")

    def _android(self, *, acks: bool = True, state: PhoneState = PhoneState.OK) -> PhoneSession:
        return PhoneSession(
            _device_id(self._phones.add_android(self._project_id, state=state, acks=acks))
        )

    def _gone(self, side: str) -> PhoneSession:
        """Return the phone of somebody who removed the app."""
        if side == "apple":
            return self._apple(state=PhoneState.DEAD)
        return self._android(state=PhoneState.DEAD)

    def _damaged(self, side: str) -> PhoneSession:
        """Return a session whose device id never was one, as admins find them in Sessions."""
        if side == "apple":
            return PhoneSession("apple_rn-v2:null")
        phone = self._phones.add_android(self._project_id, state=PhoneState.BAD)
        return PhoneSession(_device_id(phone))


def _device_id(phone: Phone) -> str:
    return f"{phone.platform}-v2:{phone.token}"
