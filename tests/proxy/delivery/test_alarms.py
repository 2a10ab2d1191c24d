"""What is raised once, and when again."""

import pytest

from mmpush_tui.proxy.delivery.alarms import REASONS, Alarms
from mmpush_tui.proxy.events import EventBus

# Target and reason of each failure, or (target, "") for a success; the alarms that come of it.
A, G = "apple_rn", "android_rn"
TOPIC, TOKEN = "BadTopic", "InvalidProviderToken"
HISTORIES = [
    ("once", [(A, TOPIC)] * 3, [(A, TOPIC)]),
    ("each reason", [(A, TOPIC), (A, TOKEN), (A, TOPIC)], [(A, TOPIC), (A, TOKEN)]),
    ("each target", [(A, "tls_failed"), (G, "tls_failed"), (A, "tls_failed")],
     [(A, "tls_failed"), (G, "tls_failed")]),
    ("after a success again", [(A, TOPIC), (A, ""), (A, TOPIC)], [(A, TOPIC)] * 2),
    ("another's success heals nothing", [(A, TOPIC), (G, ""), (A, TOPIC)], [(A, TOPIC)]),
    ("what heals by itself", [(A, "BadDeviceToken"), (A, "timeout"), (A, "")], []),
    ("what nobody knows", [(A, "MadeUp")], []),
]  # fmt: skip


@pytest.mark.parametrize(("ends", "raised"), [row[1:] for row in HISTORIES],
                         ids=[row[0] for row in HISTORIES])  # fmt: skip
def test_which_failures_raise_an_alarm(
    ends: list[tuple[str, str]], raised: list[tuple[str, str]]
) -> None:
    heard: list[tuple[str, str]] = []
    bus = EventBus()
    bus.listen(lambda event: heard.append((event.target, event.reason)))
    alarms = Alarms(bus)
    for target, reason in ends:
        if reason:
            alarms.failed(target, reason)
        else:
            alarms.succeeded(target)
    assert heard == raised


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_an_alarm_says_in_words_what_is_wrong_and_what_to_do(reason: str) -> None:
    heard: list[str] = []
    bus = EventBus()
    bus.listen(lambda event: heard.append(f"{event.kind} {event.message}"))
    alarms = Alarms(bus)
    for target in (A, G):
        alarms.failed(target, reason)
    assert [words.partition(": ")[0] for words in heard] == [f"alarm {A}", f"alarm {G}"]
    # Whose reason it is has words for it.
    assert any(". " in words for words in heard)


def test_what_is_raised_with_words_of_its_own_comes_every_time() -> None:
    heard: list[str] = []
    bus = EventBus()
    bus.listen(lambda event: heard.append(event.message))
    alarms = Alarms(bus)
    for _ in range(2):
        alarms.raise_("apple_rn", "breaker_open", "nobody is there")
    assert heard == ["apple_rn: nobody is there"] * 2
