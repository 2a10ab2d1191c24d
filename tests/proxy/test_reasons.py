"""Whatever reason the worker gives for a refusal, the catalogue explains it."""

import re
from pathlib import Path

import pytest

import mmpush_tui
from mmpush_tui.proxy.android import errors
from mmpush_tui.proxy.apple import reasons
from mmpush_tui.proxy.delivery.target_admission import BREAKER_OPEN, OVERLOADED, REMOVE_GUARD
from mmpush_tui.troubleshooting.lookup import by_reason

ROOT = Path(mmpush_tui.__file__).parent
NOT_FAILURES = {"unknown_ack_id", "reload_failed", "reload_kept_old"}


def codes_in(pattern: str, *folders: str) -> set[str]:
    """Return what ``pattern`` captures in the sources of ``folders``."""
    return {
        found
        for folder in folders
        for path in ([ROOT / folder] if folder.endswith(".py") else (ROOT / folder).rglob("*.py"))
        for found in re.findall(pattern, path.read_text())
    }


OURS = sorted(
    codes_in(r'reason ?= ?"(\w+)"', "proxy") - NOT_FAILURES
    | codes_in(r'"((?:token|clock|service_account)_\w+)"', "proxy/android") - {"token_uri"}
    | codes_in(r'"((?:dns|tcp|tls|alpn|http1|http2|no|write|stream|connection|bad)_\w+)"', "http2")
    - {"stream_id"}
    | codes_in(r'"((?:proxy|server|signature)_\w+)"', "http2", "proxy/delivery/push_access.py")
    | {"timeout", "closed", "goaway", "refused_stream"}
    | {BREAKER_OPEN, OVERLOADED, REMOVE_GUARD}
)


@pytest.mark.parametrize("reason", OURS)
def test_our_own_reasons_are_in_the_catalogue(reason: str) -> None:
    assert by_reason(reason) is not None


def test_the_sources_were_read() -> None:
    assert {"tcp_refused", "tls_untrusted", "alpn_missing", "unknown_platform", "clock_skew",
            "not_apns", "not_fcm", "token_timeout", "internal_error"} <= set(OURS)  # fmt: skip


TARGET_FAULTS = [
    "BadCertificate", "BadCertificateEnvironment", "BadEnvironmentKeyIdInToken",
    "BadEnvironmentKeyInToken", "BadTopic", "ExpiredProviderToken", "Forbidden",
    "InvalidProviderToken", "MissingProviderToken", "MissingTopic",
    "TooManyProviderTokenUpdates", "TopicDisallowed", "UnrelatedKeyIdInToken",
]  # fmt: skip


@pytest.mark.parametrize("reason", [*sorted(reasons.DEAD_DEVICE), *TARGET_FAULTS])
def test_apples_reasons_that_need_somebody_are_in_the_catalogue(reason: str) -> None:
    assert by_reason(reason, platform="apple_rn") is not None


@pytest.mark.parametrize("reason", sorted(errors.DEAD_DEVICE))
def test_googles_codes_that_drop_a_device_are_in_the_catalogue(reason: str) -> None:
    assert by_reason(reason, platform="android_rn") is not None
