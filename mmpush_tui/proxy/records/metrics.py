"""What Prometheus reads: the reference proxy's metrics, and ours beside them.

Counted in plain numbers and turned into metrics when somebody asks: the client library's own
counters take a lock and a lookup each, and a push counts up to seven times. All labels come from
fixed sets, because whoever posts chooses most of the words.
"""

import bisect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final, Literal

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from mmpush_tui.protocol.wire import PushNotification
from mmpush_tui.proxy.upstream.outcome import Outcome
from mmpush_tui.troubleshooting.lookup import by_reason

_OTHER: Final = "other"
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; those of the reference proxy's library."""
_TYPES: Final = frozenset({"message", "clear", "update_badge", "session", "test"})
_TRANSPORTS: Final = frozenset({"", "voip"})
_VERSIONS: Final = range(1, 10)
_ACK_PLATFORMS: Final = frozenset(
    {"ios", "android", "apple", "apple_rn", "apple_rnbeta", "android_rn", "android_rnbeta"}
)

Side = Literal["apple", "android"]


class _Times:
    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BUCKETS) + 1)
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect.bisect_left(_BUCKETS, seconds)] += 1
        self.total_s += seconds

    def buckets(self) -> list[tuple[str, float]]:
        buckets, below = [], 0
        for limit, count in zip((*map(str, _BUCKETS), "+Inf"), self.counts, strict=True):
            below += count
            buckets.append((limit, float(below)))
        return buckets


class Metrics(Collector):
    """The counts of one worker.

    Args:
        gauges: returns what else is shown, looked up whenever somebody asks.
    """

    content_type: Final = b"text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, gauges: Callable[[], Iterable[Metric]] = tuple) -> None:
        self._gauges = gauges
        self._ended: Counter[tuple[str, str, str, str, str, bool]] = Counter()
        self._versions: Counter[tuple[str, int]] = Counter()
        self._delivered: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[str] = Counter()
        self._bad_requests = 0
        self._requests = _Times()
        self._upstream: dict[str, _Times] = {"apple": _Times(), "android": _Times()}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def ended(
        self, side: Side, target: str, push: PushNotification, app_version: int, outcome: Outcome
    ) -> None:
        """Count a push that was answered.

        Args:
            side: whose network it was for.
            target: the configured type.
            push: what Mattermost posted.
            app_version: the number behind ``-v``.
            outcome: how it ended.
        """
        type_ = push.type if push.type in _TYPES else _OTHER
        transport = push.transport if push.transport in _TRANSPORTS else _OTHER
        status, reason = outcome.answer.status, outcome.reason and _reason_label(outcome.reason)
        self._ended[(side, type_, transport, status, reason, bool(push.ack_id))] += 1
        self._versions[(target, app_version if app_version in _VERSIONS else 0)] += 1
        if outcome.upstream_ms:
            self._upstream[side].add(outcome.upstream_ms / 1000)

    def requested(self, seconds: float) -> None:
        """Count a request to send a push, whatever became of it."""
        self._requests.add(seconds)

    def bad_request(self) -> None:
        """Count a request that was no push."""
        self._bad_requests += 1

    def delivered(self, platform: str, type_: str) -> None:
        """Count a phone's receipt."""
        platform = platform if platform in _ACK_PLATFORMS else _OTHER
        self._delivered[(platform, type_ if type_ in _TYPES else _OTHER)] += 1

    def refused(self, reason: str) -> None:
        """Count a request that was refused before it was looked at; for one of our reasons."""
        self._refused[reason] += 1

    def render(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Return everything as metrics."""
        yield from self._pushes()
        yield _counter(
            "service_notifications_by_app_version", "Pushes by version of the app.",
            ("platform", "app_version"),
            {(target, str(it or _OTHER)): n for (target, it), n in self._versions.items()},
        )  # fmt: skip
        yield _counter(
            "service_delivered", "Receipts of phones.", ("platform", "type"), self._delivered
        )
        yield _counter(
            "service_bad_request", "Requests that were no push.", (), {(): self._bad_requests}
        )
        yield _counter(
            "mmpush_refused", "Requests refused at the door.", ("reason",),
            {(reason,): count for reason, count in self._refused.items()},
        )  # fmt: skip
        yield _histogram(
            "service_request_duration_seconds", "Time to answer a request.", self._requests
        )
        for side, name in (("apple", "apns"), ("android", "fcm")):
            yield _histogram(
                f"service_{name}_request_duration_seconds", "Time until the vendor answered.",
                self._upstream[side],
            )  # fmt: skip
        both = HistogramMetricFamily(
            "service_notification_duration_seconds", "Time until the vendor answered.",
            labels=("platform",),
        )  # fmt: skip
        # The same times again, as in the reference proxy, whose dashboards read either.
        for side, times in self._upstream.items():
            both.add_metric((side,), times.buckets(), times.total_s)
        yield both
        yield from self._gauges()

    def _pushes(self) -> Iterator[Metric]:
        three = ("platform", "type", "transport")
        sent: Counter[tuple[str, ...]] = Counter()
        good: Counter[tuple[str, ...]] = Counter()
        with_ack: Counter[tuple[str, ...]] = Counter()
        failed: Counter[tuple[str, ...]] = Counter()
        reasons: Counter[tuple[str, ...]] = Counter()
        removed: Counter[tuple[str, ...]] = Counter()
        for (side, type_, transport, status, reason, has_ack), count in self._ended.items():
            labels = (side, type_, transport)
            sent[labels] += count
            if status == "OK":
                good[labels] += count
                with_ack[labels] += count if has_ack else 0
                continue
            # A removal is a failure, too.
            failed[labels] += count
            reasons[(*labels, reason)] += count
            if status == "REMOVE":
                removed[(side, transport, reason)] += count
        yield _counter("service_notifications", "Pushes taken.", three, sent)
        yield _counter("service_success", "Pushes accepted by the vendor.", three, good)
        yield _counter(
            "service_success_with_ack", "Of these, those that ask for a receipt.", three, with_ack
        )
        yield _counter("service_failure", "Pushes that came to nothing.", three, failed)
        yield _counter(
            "service_failure_with_reason", "The same by reason.", (*three, "reason"), reasons
        )
        yield _counter(
            "service_removal", "Devices reported as gone.", ("platform", "transport", "reason"),
            removed,
        )  # fmt: skip


def family(
    kind: type[CounterMetricFamily | GaugeMetricFamily], name: str, help_: str,
    labels: Sequence[str], numbers: Mapping[Any, float],
) -> Metric:  # fmt: skip
    """Return a metric.

    Args:
        kind: which one.
        name: its name.
        help_: what it is.
        labels: their names.
        numbers: by the values of the labels.
    """
    metric = kind(name, help_, labels=labels)
    for values, number in numbers.items():
        metric.add_metric(values, number)
    return metric


_counter: Final = partial(family, CounterMetricFamily)


def _histogram(name: str, help_: str, times: _Times) -> Metric:
    return HistogramMetricFamily(name, help_, buckets=times.buckets(), sum_value=times.total_s)


@lru_cache(1024)
def _reason_label(reason: str) -> str:
    return reason if by_reason(reason) is not None else _OTHER
