import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpush_tui.proxy.android.errors import DEAD_DEVICE, FcmError, is_dead, read_error
from mmpush_tui.proxy.apple import reasons
from mmpush_tui.proxy.apple.reasons import read_reason

REASONS = [
    pytest.param(b'{"reason":"BadDeviceToken"}', "BadDeviceToken", id="reason"),
    pytest.param(
        b'{"reason":"Unregistered","timestamp":1767323045678}', "Unregistered", id="timestamp"
    ),
    pytest.param(
        b'{"reason":"Unregistered","timestamp":"1767323045678"}',
        "Unregistered",
        id="timestamp in quotes",
    ),
    pytest.param(
        b'{"reason":"Unregistered","timestamp":null}', "Unregistered", id="timestamp null"
    ),
    pytest.param(
        b'{"reason":"Unregistered","timestamp":1.5e12}', "Unregistered", id="timestamp with a point"
    ),
    pytest.param(
        b'{"timestamp":[],"reason":"ExpiredToken"}', "ExpiredToken", id="timestamp of any kind"
    ),
    pytest.param(
        b' {"reason" : "SomethingNew", "more": {"a": [1]}}\n', "SomethingNew", id="unknown reason"
    ),
    pytest.param(b'{"reason":""}', "", id="empty reason"),
    pytest.param(b"{}", "", id="no reason"),
    pytest.param(b'{"Reason":"BadDeviceToken"}', "", id="another key"),
    pytest.param(b'{"reason":null}', "", id="null reason"),
    pytest.param(b'{"reason":5}', "", id="number for a reason"),
    pytest.param(b'{"reason":["BadDeviceToken"]}', "", id="list for a reason"),
    pytest.param(b"", "", id="nothing"),
    pytest.param(b"<html>502 Bad Gateway</html>", "", id="HTML"),
    pytest.param(b'{"reason":"BadDeviceTok', "", id="cut"),
    pytest.param(b'"BadDeviceToken"', "", id="text"),
    pytest.param(b'["BadDeviceToken"]', "", id="list"),
    pytest.param(b"null", "", id="null"),
    pytest.param(b"410", "", id="number"),
    pytest.param(b'{"reason":"\xff"}', "", id="no UTF-8"),
    pytest.param(b"[" * 100_000, "", id="100,000 brackets"),
]


@pytest.mark.parametrize(("body", "reason"), REASONS)
def test_reads_apples_reason(body: bytes, reason: str) -> None:
    assert read_reason(body) == reason


# Apple's own table: what says that the device is gone, and what says that the target is wrong.
DEAD = {
    "BadDeviceToken",
    "DeviceTokenNotForTopic",
    "MissingDeviceToken",
    "Unregistered",
    "ExpiredToken",
}
OTHERS = {
    "BadCertificate",
    "BadCertificateEnvironment",
    "BadEnvironmentKeyIdInToken",
    "BadEnvironmentKeyInToken",
    "BadTopic",
    "ExpiredProviderToken",
    "Forbidden",
    "InvalidProviderToken",
    "MissingProviderToken",
    "MissingTopic",
    "TooManyProviderTokenUpdates",
    "TopicDisallowed",
    "UnrelatedKeyIdInToken",
    "BadCollapseId",
    "BadExpirationDate",
    "BadMessageId",
    "BadPriority",
    "DuplicateHeaders",
    "IdleTimeout",
    "InvalidPushType",
    "PayloadEmpty",
    "PayloadTooLarge",
    "BadPath",
    "MethodNotAllowed",
    "TooManyRequests",
    "InternalServerError",
    "ServiceUnavailable",
    "Shutdown",
    "",
}


@pytest.mark.parametrize("reason", sorted(DEAD | OTHERS))
def test_only_apples_word_for_a_dead_device_drops_it(reason: str) -> None:
    assert (reason in reasons.DEAD_DEVICE) == (reason in DEAD)


TYPE = "type.googleapis.com/google.firebase.fcm.v1.FcmError"


def google(
    status: str = "NOT_FOUND",
    message: str = "Requested entity was not found.",
    details: list[Any] | None = None,
) -> bytes:
    error: dict[str, Any] = {"code": 404, "message": message, "status": status}
    if details is not None:
        error["details"] = details
    return json.dumps({"error": error}).encode()


SENTENCE = "Requested entity was not found."
UNREGISTERED = {"@type": TYPE, "errorCode": "UNREGISTERED"}
ERRORS = [
    pytest.param(
        google(details=[UNREGISTERED]),
        FcmError("UNREGISTERED", "NOT_FOUND", SENTENCE),
        id="with its detail",
    ),
    pytest.param(google(), FcmError("", "NOT_FOUND", SENTENCE), id="without details"),
    pytest.param(google(details=[]), FcmError("", "NOT_FOUND", SENTENCE), id="empty details"),
    pytest.param(
        google(
            details=[
                {
                    "@type": "type.googleapis.com/google.rpc.BadRequest",
                    "fieldViolations": [{"field": "message.token", "description": "x"}],
                }
            ]
        ),
        FcmError("", "NOT_FOUND", SENTENCE),
        id="another detail",
    ),
    pytest.param(
        google(details=[{"@type": "type.googleapis.com/google.rpc.ErrorInfo"}, UNREGISTERED]),
        FcmError("UNREGISTERED", "NOT_FOUND", SENTENCE),
        id="its detail behind another",
    ),
    pytest.param(
        google(details=[{"errorCode": "UNREGISTERED"}]),
        FcmError("", "NOT_FOUND", SENTENCE),
        id="a code in a detail of no type",
    ),
    pytest.param(
        google(details=[{"@type": f"{TYPE}X", "errorCode": "UNREGISTERED"}]),
        FcmError("", "NOT_FOUND", SENTENCE),
        id="a code in a detail of another type",
    ),
    pytest.param(
        google(details=[{"@type": TYPE}]),
        FcmError("", "NOT_FOUND", SENTENCE),
        id="its detail without a code",
    ),
    pytest.param(
        google(status="UNREGISTERED", message="UNREGISTERED"),
        FcmError("", "UNREGISTERED", "UNREGISTERED"),
        id="the word elsewhere",
    ),
    pytest.param(
        google(
            status="PERMISSION_DENIED",
            message="SenderId mismatch",
            details=[{"@type": TYPE, "errorCode": "SENDER_ID_MISMATCH"}],
        ),
        FcmError("SENDER_ID_MISMATCH", "PERMISSION_DENIED", "SenderId mismatch"),
        id="sender mismatch",
    ),
    pytest.param(b'{"error":{}}', FcmError("", "", ""), id="empty error"),
    pytest.param(b"{}", FcmError("", "", ""), id="no error"),
    pytest.param(b'{"error":"invalid_grant"}', FcmError("", "", ""), id="a token server's error"),
    pytest.param(b'{"error":null}', FcmError("", "", ""), id="null error"),
    pytest.param(b"", FcmError("", "", ""), id="nothing"),
    pytest.param(b"<!DOCTYPE html><title>404</title>", FcmError("", "", ""), id="HTML"),
    pytest.param(b"[]", FcmError("", "", ""), id="list"),
    pytest.param(b'"UNREGISTERED"', FcmError("", "", ""), id="text"),
    pytest.param(b"null", FcmError("", "", ""), id="null"),
    pytest.param(google()[:-3], FcmError("", "", ""), id="cut"),
    pytest.param(b"[" * 100_000, FcmError("", "", ""), id="100,000 brackets"),
]


@pytest.mark.parametrize(("body", "error"), ERRORS)
def test_reads_googles_error(body: bytes, error: FcmError) -> None:
    assert read_error(body) == error


VERDICTS = [
    pytest.param(404, "UNREGISTERED", True, id="unregistered"),
    pytest.param(403, "SENDER_ID_MISMATCH", True, id="sender mismatch"),
    pytest.param(403, "UNREGISTERED", False, id="unregistered under 403"),
    pytest.param(400, "UNREGISTERED", False, id="unregistered under 400"),
    pytest.param(200, "UNREGISTERED", False, id="unregistered under 200"),
    pytest.param(404, "SENDER_ID_MISMATCH", False, id="sender mismatch under 404"),
    pytest.param(404, "", False, id="404 without a code"),
    pytest.param(403, "", False, id="403 without a code"),
    pytest.param(401, "", False, id="401"),
    pytest.param(400, "INVALID_ARGUMENT", False, id="invalid argument"),
    pytest.param(401, "THIRD_PARTY_AUTH_ERROR", False, id="third party"),
    pytest.param(429, "QUOTA_EXCEEDED", False, id="quota"),
    pytest.param(500, "INTERNAL", False, id="internal"),
    pytest.param(503, "UNAVAILABLE", False, id="unavailable"),
    pytest.param(404, "unregistered", False, id="lower case"),
]


@pytest.mark.parametrize(("http", "code", "dead"), VERDICTS)
def test_a_device_is_dead_by_code_and_status_together(http: int, code: str, dead: bool) -> None:
    assert is_dead(http, FcmError(code, "NOT_FOUND", "Requested entity was not found.")) is dead


BODIES = [pytest.param(case.values[0], id=str(case.id)) for case in ERRORS]


@pytest.mark.parametrize("body", BODIES)
def test_no_body_without_its_detail_drops_a_device(body: bytes) -> None:
    error = read_error(body)
    has_detail = TYPE.encode() + b'"' in body and b"errorCode" in body
    for http in (400, 401, 403, 404, 410, 500):
        assert has_detail or not is_dead(http, error)


@given(st.binary(max_size=100), st.sampled_from([400, 403, 404, 500]))
def test_no_bytes_break_the_reader_or_drop_a_device(body: bytes, http: int) -> None:
    assert not (reason := read_reason(body)) or json.loads(body)["reason"] == reason
    assert not is_dead(http, read_error(body))


def test_knows_two_codes_that_drop_a_device() -> None:
    assert {"UNREGISTERED", "SENDER_ID_MISMATCH"} == DEAD_DEVICE
