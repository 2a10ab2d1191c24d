"""What the Worker screen says of targets in trouble."""

import pytest

from mmpush_tui.console.worker.desk import Phase, WorkerView
from mmpush_tui.console.worker.words import state
from mmpush_tui.protocol.status import Status, TargetStatus

READY = TargetStatus(type="apple_rn", platform="apple", state="ready")
AWAY = TargetStatus(
    type="apple_rn", platform="apple", state="ready", breaker="open", again_in_s=3.4,
    cause="api.push.apple.com:443 refused the connection",
)  # fmt: skip
TRYING = TargetStatus(
    type="apple_rn", platform="apple", state="ready", breaker="half-open", cause="no answer",
)  # fmt: skip
HOLDING = TargetStatus(type="android_rn", platform="android", state="ready", held_removals=7)
DISABLED = TargetStatus(
    type="apple_rnbeta", platform="apple", state="disabled", reason="the key is bad"
)

SAID = [
    ((READY,), []),
    ((AWAY,), ["apple_rn is away  api.push.apple.com:443 refused the connection; tried again in "
               "3 s"]),
    ((TRYING,), ["apple_rn is away  no answer; a push tries"]),
    ((HOLDING,), ["android_rn holds back  7 removals, because every device is refused; mmpush-tui "
                  "release android_rn lets them pass"]),
    ((DISABLED,), ["apple_rnbeta cannot send  the key is bad"]),
    ((DISABLED, AWAY, HOLDING), [
        "apple_rnbeta cannot send  the key is bad",
        "apple_rn is away  api.push.apple.com:443 refused the connection; tried again in 3 s",
        "and 1 more in trouble",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("targets", "rows"), SAID)
def test_says_what_keeps_a_target_from_sending(
    targets: tuple[TargetStatus, ...], rows: list[str]
) -> None:
    status = Status(run="r", seq=1, state="running", config="/c", targets=targets)
    view = WorkerView(phase=Phase.RUNNING, status=status)
    shown = state(view, 200).plain.splitlines()
    assert [line.rstrip() for line in shown[1:]] == rows
    narrow = state(view, 60).plain.splitlines()
    assert all(len(line.rstrip()) <= 60 for line in narrow)
