import math
from email.utils import formatdate

import pytest

from mmpush_tui.http2.errors import (
    AmbiguousError,
    ConnectError,
    TransportError,
    UnprocessedError,
)
from mmpush_tui.proxy.upstream.attempts import (
    UNPROCESSED_TRIES,
    Attempts,
    Judgement,
    RetryAdvice,
    retry_after_s,
)

Result = TransportError | Judgement


def pauses(*results: Result, jitter: float = 0.5) -> list[float | None]:
    """Return the pause after each result; ``jitter`` is where in its span chance ends up."""
    attempts = Attempts(lambda low, high: low + (high - low) * jitter)
    found: list[float | None] = []
    for result in results:
        if isinstance(result, Judgement):
            found.append(attempts.after_answer(result))
        else:
            found.append(attempts.after_error(result))
    return [it if it is None else round(it, 3) for it in found]


def unconnected(code: str = "tcp_refused") -> ConnectError:
    return ConnectError("tcp", "x", code)


UNREAD = UnprocessedError("x", "refused_stream")
AMBIGUOUS = AmbiguousError("x", "stream_reset")
TIMEOUT = AmbiguousError("x", "timeout")
FINAL = Judgement()
SOON = Judgement(RetryAdvice.DELAYED)
TROUBLED = Judgement(RetryAdvice.TROUBLED)
ELSEWHERE = Judgement(RetryAdvice.ELSEWHERE)
SIGNED = Judgement(RetryAdvice.SIGNED_ANEW)

CASES: list[tuple[str, list[Result], list[float | None]]] = [
    ("an answer is an answer", [FINAL], [None]),
    ("what was not looked at goes again five times in all", [UNREAD] * 5, [0, 0, 0.1, 0.2, None]),
    ("also after a goodbye", [UnprocessedError("x", "goaway")], [0]),
    ("and where no stream came free", [UnprocessedError("x", "no_stream")], [0]),
    ("not without time", [UnprocessedError("x", "no_time")], [None]),
    ("not with a header that cannot be sent", [UnprocessedError("x", "bad_header")], [None]),
    ("what may have been acted on goes again once", [AMBIGUOUS, AMBIGUOUS], [0, None]),
    ("a timeout is no exception", [TIMEOUT, TIMEOUT], [0, None]),
    ("once in all", [AMBIGUOUS, TIMEOUT], [0, None]),
    ("whatever lies between", [AMBIGUOUS, UNREAD, SOON, TIMEOUT], [0, 0, 1, None]),
    ("connecting is tried again after 1 s and 2 s", [unconnected()] * 3, [1, 2, None]),
    ("or later, where the peer wants calm", [ConnectError("http2", "x", "http2_calm", 7.0)], [7]),
    ("429 once, after a second", [SOON, SOON], [1, None]),
    ("429 after the time it says", [Judgement(RetryAdvice.DELAYED, 3)], [3.15]),
    ("500 and 503 twice", [TROUBLED] * 3, [1, 2, None]),
    ("503 after the time it says", [Judgement(RetryAdvice.TROUBLED, 600)], [630]),
    ("503 at once where it says so", [Judgement(RetryAdvice.TROUBLED, 0)], [0]),
    ("a spent connection twice", [ELSEWHERE] * 3, [0, 0, None]),
    ("an expired token once", [SIGNED, SIGNED], [0, None]),
    ("each kind counts for itself", [SOON, TROUBLED, ELSEWHERE, SIGNED, UNREAD], [1, 1, 0, 0, 0]),
]


@pytest.mark.parametrize(("results", "expected"), [it[1:] for it in CASES],
                         ids=[it[0] for it in CASES])  # fmt: skip
def test_pauses_between_tries(results: list[Result], expected: list[float | None]) -> None:
    assert pauses(*results) == expected
    assert UNPROCESSED_TRIES == 5


PASSING = [
    "closed", "connect_timeout", "connection_lost", "connection_silent", "dns_failed",
    "dns_timeout", "http2_calm", "http2_goodbye", "http2_no_settings", "tcp_failed",
    "tcp_refused", "tcp_timeout", "tcp_unreachable", "tls_closed", "tls_timeout",
]  # fmt: skip
LASTING = [
    "alpn_missing", "dns_unknown", "http1_answer", "http2_goaway", "http2_protocol",
    "target_closed", "tls_failed", "tls_untrusted", "ExpiredProviderToken",
    "TooManyProviderTokenUpdates", "internal",
]  # fmt: skip


@pytest.mark.parametrize("code", PASSING)
def test_failures_to_connect_that_may_pass(code: str) -> None:
    assert pauses(unconnected(code)) == [1]


@pytest.mark.parametrize("code", LASTING)
def test_failures_to_connect_that_somebody_must_end(code: str) -> None:
    assert pauses(unconnected(code)) == [None]


@pytest.mark.parametrize("jitter", [0.0, 1.0])
def test_chance_shortens_no_time_that_was_asked_for(jitter: float) -> None:
    asked = pauses(Judgement(RetryAdvice.DELAYED, 2), jitter=jitter)
    assert asked[0] is not None
    assert 2 <= asked[0] <= 2.2
    ours = pauses(unconnected(), unconnected(), jitter=jitter)
    assert ours == ([0.8, 1.6] if jitter == 0 else [1.2, 2.4])


NOW = 1_700_000_000.0
HEADERS = [
    ("", None), ("0", 0), ("1", 1), ("600", 600), ("007", 7), ("9" * 4000, 999_999_999),
    ("-1", None), ("+1", None), ("1.5", None), ("1e3", None), (" 1", None), ("\u0661", None),
    ("soon", None), ("NaN", None), ("\x00", None), ("\ufffd", None), ("9" * 20 + "x", None),
    (formatdate(NOW + 90, usegmt=True), 90), (formatdate(NOW - 90, usegmt=True), 0),
    ("Tue, 14 Nov 2023 22:13:50 -0000", 30), ("Tue, 14 Nov 2023 22:13:50", 30),
    ("Tuesday, 14-Nov-23 22:13:50 GMT", 30), ("Tue, 99 Nov 2023 22:13:50 GMT", None),
    ("Tue, 14 Nov 99999999 22:13:50 GMT", None), ("Tue, 14 Nov 2023", None), (",", None),
    ("Mon, 01 Jan 0001 00:00:00 +2359", 0), ("x" * 100_000, None),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), HEADERS, ids=range(len(HEADERS)))
def test_retry_after(value: str, expected: float | None) -> None:
    found = retry_after_s(value, NOW)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert math.isclose(found, expected, abs_tol=0.01)
