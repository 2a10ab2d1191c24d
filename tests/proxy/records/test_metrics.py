"""What Prometheus reads: upstream's names, bounded labels."""

import re

from prometheus_client.metrics_core import GaugeMetricFamily

from mmpush_tui.protocol.wire import OK, REMOVE, Answer, PushNotification, fail
from mmpush_tui.proxy.records.metrics import Metrics, family
from mmpush_tui.proxy.upstream.outcome import Outcome


def lines(metrics: Metrics) -> set[str]:
    text = metrics.render().decode()
    return {line for line in text.splitlines() if line.startswith(("service_", "mmpush_"))}


def push(type_: str = "message", transport: str = "", *, has_ack: bool = True) -> PushNotification:
    return PushNotification(type=type_, transport=transport, ack_id="a" if has_ack else "")


def end(answer: Answer, reason: str, ms: float) -> Outcome:
    return Outcome(answer=answer, reason=reason, upstream_ms=ms)


def filled() -> Metrics:
    breakers = {("apple_rn",): 0.5}
    metrics = Metrics(
        lambda: [family(GaugeMetricFamily, "mmpush_breaker", "b", ("target",), breakers)]
    )
    metrics.ended("apple", "apple_rn", push(), 2, end(OK, "", 12))
    metrics.ended("apple", "apple_rn", push("clear", has_ack=False), 2, end(OK, "", 2))
    metrics.ended("apple", "apple_rn", push("message", "voip"), 1, end(fail("x"), "BadTopic", 100))
    metrics.ended("android", "android_rn", push(), 0, end(REMOVE, "UNREGISTERED", 2900))
    metrics.requested(0.02)
    metrics.bad_request()
    metrics.delivered("ios", "message")
    metrics.refused("throttled")
    return metrics


UPSTREAMS = {
    'service_notifications_total{platform="apple",transport="",type="message"} 1.0',
    'service_notifications_total{platform="apple",transport="voip",type="message"} 1.0',
    'service_success_total{platform="apple",transport="",type="clear"} 1.0',
    'service_success_with_ack_total{platform="apple",transport="",type="message"} 1.0',
    'service_success_with_ack_total{platform="apple",transport="",type="clear"} 0.0',
    'service_failure_total{platform="apple",transport="voip",type="message"} 1.0',
    'service_failure_with_reason_total{platform="apple",reason="BadTopic",transport="voip",'
    'type="message"} 1.0',
    'service_failure_total{platform="android",transport="",type="message"} 1.0',
    'service_failure_with_reason_total{platform="android",reason="UNREGISTERED",transport="",'
    'type="message"} 1.0',
    'service_removal_total{platform="android",reason="UNREGISTERED",transport=""} 1.0',
    "service_bad_request_total 1.0",
    'service_notifications_by_app_version_total{app_version="2",platform="apple_rn"} 2.0',
    'service_notifications_by_app_version_total{app_version="other",platform="android_rn"} 1.0',
    'service_delivered_total{platform="ios",type="message"} 1.0',
    'service_request_duration_seconds_bucket{le="0.025"} 1.0',
    "service_request_duration_seconds_count 1.0",
    'service_apns_request_duration_seconds_bucket{le="0.025"} 2.0',
    'service_apns_request_duration_seconds_bucket{le="+Inf"} 3.0',
    "service_fcm_request_duration_seconds_sum 2.9",
    'service_notification_duration_seconds_bucket{le="0.005",platform="apple"} 1.0',
    'service_notification_duration_seconds_count{platform="android"} 1.0',
}


def test_upstreams_metrics_are_here_under_their_names() -> None:
    assert lines(filled()) >= UPSTREAMS


def test_ours_stand_beside_them() -> None:
    text = filled().render().decode()
    assert 'mmpush_breaker{target="apple_rn"} 0.5' in text
    assert 'mmpush_refused_total{reason="throttled"} 1.0' in text
    assert "process_resident_memory_bytes" in text
    assert "python_gc_objects_collected_total" in text


def test_whoever_posts_cannot_make_more_of_them() -> None:
    metrics = filled()
    before = len(metrics.render().splitlines())
    for n in range(10_000):
        word = f"word{n}"
        metrics.ended("apple", "apple_rn", push(word, word), n, end(fail("x"), word, 100))
        metrics.ended("android", "android_rn", push(), n, end(REMOVE, word, 100))
        metrics.delivered(word, word)
    after = metrics.render().decode()
    assert len(after.splitlines()) < before + 60
    assert not re.search(r'"word\d', after)
    assert 'service_failure_with_reason_total{platform="apple",reason="other"' in after
