"""The bodies that APNs takes, judged more strictly than Apple does.

Apple publishes no reason for a malformed body and ignores what it does not know; here everything
that the documented keys do not allow is ``BadMessage``.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from mmpush_tui.simulator.apns.reasons import ApnsRefusalError
from mmpush_tui.simulator.net import strictjson

MAX_BYTES: Final = 4096
MAX_VOIP_BYTES: Final = 5120
# Apple: a background push carries content-available and nothing that the user would notice.
_NOTICEABLE: Final = frozenset({"alert", "badge", "sound"})


def judge_payload(body: bytes, size: int, push_type: str) -> dict[str, Any]:
    """Return the decoded body of a push.

    Args:
        body: the request body; may be cut where it is far too large.
        size: bytes of the body as sent.
        push_type: value of ``apns-push-type``.

    Raises:
        ApnsRefusalError: with Apple's reason, or with ``BadMessage``.
    """
    if not size:
        raise ApnsRefusalError("PayloadEmpty")
    if size > (MAX_VOIP_BYTES if push_type == "voip" else MAX_BYTES):
        raise ApnsRefusalError("PayloadTooLarge")
    try:
        document = strictjson.loads(body)
    except ValueError as error:
        raise ApnsRefusalError("BadMessage") from error
    if not isinstance(document, dict) or not _is_aps(document.get("aps")):
        raise ApnsRefusalError("BadMessage")
    if push_type == "background" and (
        "content-available" not in document["aps"] or _NOTICEABLE & document["aps"].keys()
    ):
        raise ApnsRefusalError("BadMessage")
    return document


def _is_aps(aps: object) -> bool:
    return isinstance(aps, dict) and all(
        name in _APS and _APS[name](value) for name, value in aps.items()
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_one(value: object) -> bool:
    return type(value) is int and value == 1


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_alert(value: object) -> bool:
    if isinstance(value, dict):
        return all(name in _ALERT and isinstance(text, str) for name, text in value.items())
    return isinstance(value, str)


def _is_sound(value: object) -> bool:
    if not isinstance(value, dict):
        return isinstance(value, str)
    volume = value.get("volume", 1)
    return (
        value.keys() <= {"critical", "name", "volume"}
        and isinstance(value.get("name"), str)
        and ("critical" not in value or _is_one(value["critical"]))
        and type(volume) in (int, float)
        and 0 <= volume <= 1
    )


_ALERT: Final = frozenset({"title", "subtitle", "body", "launch-image"})
_APS: Final[Mapping[str, Callable[[object], bool]]] = {
    "alert": _is_alert,
    "badge": _is_count,
    "category": _is_text,
    "content-available": _is_one,
    "mutable-content": _is_one,
    "sound": _is_sound,
    "thread-id": _is_text,
}
