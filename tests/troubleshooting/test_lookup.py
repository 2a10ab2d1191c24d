"""Lines as they stand in real logs find the entry that explains them, whatever surrounds them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpush_tui.troubleshooting.lookup import (
    GAP_LIMIT,
    QUERY_LIMIT,
    TEXT_LIMIT,
    How,
    by_code,
    by_reason,
    explain,
    find_entries,
    shown_query,
    suggest,
)

HEX = "c0ffee1234567890abcdef1234567890abcdef1234567890abcdef1234567890"
FCM = "dWq7nYtUQ0mXa1b2c3d4E5:APA91bE7xK2mQ9vT4nR8wZ1pL6sD3fG5hJ0kY-uI_oB2cV7xM4zN9qW1eR6tA8"
SERVER = "qtkcufha8jrdjmb7r9j4cz3xgo"


def mattermost(message: str, **fields: str) -> str:
    """Return a line of mattermost.log: JSON, so that quotes in the fields are escaped."""
    head = {"timestamp": "2026-11-20 10:00:00.123 Z", "level": "error", "msg": message}
    return json.dumps(head | {"caller": "app/notification_push.go:131"} | fields)


def not_sent(error: str) -> str:
    return mattermost(
        "Failed to send to push proxy",
        status="not_sent",
        reason="push_proxy_send_error",
        ack_id="1c4rh14otpfzxgoik966wiugke",
        push_type="message",
        device_id=FCM,
        error=error,
    )


def go_proxy(level: str, line: str) -> str:
    return f"Nov 20 10:00:00 mm mattermost-push-proxy[490102]: {level} [2026-11-20 10:00:00] {line}"


SEND = "http://10.1.5.190:8066/api/v1/send_push"
APPLE = f"https://api.push.apple.com/3/device/{HEX}"
GOOGLE = "https://fcm.googleapis.com/v1/projects/my-app/messages:send"
SKEW = (
    'oauth2: cannot fetch token: 400 Bad Request Response: {"error":"invalid_grant",'
    '"error_description":"Invalid JWT: Token must be a short-lived token (60 minutes) and in a '
    'reasonable timeframe. Check your iat and exp values in the JWT claim."}'
)
FCM_403 = {
    "error": {
        "code": 403,
        "message": "SenderId mismatch",
        "status": "PERMISSION_DENIED",
        "details": [
            {
                "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
                "errorCode": "SENDER_ID_MISMATCH",
            }
        ],
    }
}
API_OFF = {
    "error": {
        "code": 403,
        "message": "Firebase Cloud Messaging API has not been used in project 12345 before or it "
        "is disabled. Enable it by visiting https://console.developers.google.com/",
        "status": "PERMISSION_DENIED",
        "details": [{"reason": "SERVICE_DISABLED"}],
    }
}
APNS_LINE = "Failed to send apple push with res ApnsID=302368E4-4DE8-DB88-139B-80FE0CB486DC "
APNS_REMOVE = "Failed to send apple push sending remove code res ApnsID=302368E4-4DE8-DB88-139B "

LINES = [
    (not_sent(f'Post "{SEND}": dial tcp 10.1.5.190:8066: connect: connection refused'),
     "proxy-connection-refused"),
    (not_sent('Post "http://127.0.0.1:8086/api/v1/send_push": dial tcp 127.0.0.1:8086: connect: '
              "connection refused"), "proxy-connection-refused"),
    ("Post http://10.5.1.190:8066/api/v1/send_push: dial tcp 10.5.1.190:8066: getsockopt: "
     "connection refused", "proxy-connection-refused"),
    ("dial tcp 10.5.1.190:8066: connect: connection refused", "proxy-connection-refused"),
    ("curl: (7) Failed to connect to 10.5.1.190 port 8066 after 0 ms: Couldn't connect to server",
     "proxy-connection-refused"),
    (not_sent(f'Post "{SEND}": dial tcp 10.1.5.190:8066: i/o timeout'),
     "network-proxy-unreachable"),
    (not_sent(f'Post "{SEND}": dial tcp: lookup push.example.com: no such host'), "network-dns"),
    (not_sent("response returned error code: 404"), "settings-url-path"),
    (not_sent("response returned error code: 429"), "proxy-throttled"),
    (not_sent("response returned error code: 405"), "settings-http-or-https"),
    (not_sent("response returned error code: 502"), "mattermost-http-status"),
    (go_proxy("error", "/api/v1/send_push: code=429 ip=10.0.0.7"), "proxy-throttled"),
    ("Error: code=429", "proxy-throttled"),
    (not_sent("failed to decode from JSON: invalid character '<' looking for beginning of value"),
     "mattermost-answer-not-json"),
    (not_sent(f'Post "{SEND}": http: server gave HTTP response to HTTPS client'),
     "settings-http-or-https"),
    (not_sent('Post "/api/v1/send_push": unsupported protocol scheme ""'), "settings-url-scheme"),
    (not_sent("device was reported as removed"), "mattermost-device-removed"),
    (not_sent("unknown send response error"), "proxy-send-response-error"),
    (not_sent("unknown transport error"), "proxy-transport-error"),
    (mattermost("Notification error", logSource="notifications", type="clear", deviceId=FCM,
                status="unknown send response error"), "proxy-send-response-error"),
    ("[EROR] Device push reported as error for UserId=x SessionId=y message=unknown transport "
     "error", "proxy-transport-error"),
    (mattermost("Failed to send test notification to push proxy", error="EOF"),
     "mattermost-send-failed"),
    (mattermost("Push notifications are disabled - license missing",
                reason="push_disabled_license"), "settings-licence-missing"),
    (mattermost("Push notifications have been disabled. Update your license or go to System "
                "Console > Environment > Push Notification Server to use a different server"),
     "settings-licence-missing"),
    (mattermost("Push notifications are disabled - server config", reason="push_disabled"),
     "settings-push-off"),
    (mattermost("Unable to send push notification", notification_type="clear",
                error="getMobileAppSessions: We encountered an error while finding user sessions., "
                "failed to find Sessions with userId=it5w8ji4jbgw8j6ixs6jqo889c: Error 1064 "
                "(42000): You have an error in your SQL syntax; check the manual that corresponds "
                "to your MariaDB server version for the right syntax to use near "
                "'>>'$.last_removed_device_id', '')' at line 9"), "mattermost-mariadb"),
    (not_sent("Did not send message because of missing platform property type=apple_rnbeta "
              f"serverId={SERVER}"), "proxy-beta-target"),
    (not_sent("Did not send message because of missing platform property type=apple_rn "
              f"serverId={SERVER}"), "proxy-platform-missing"),
    ("2018/05/28 07:31:36 ERROR Missing platform property", "proxy-platform-missing"),
    (go_proxy("error", "apple push notifications not configured: missing ApplePushCertPrivate "
              "for type=apple"), "proxy-sample-targets"),
    (go_proxy("error", "apple push notifications not configured: missing ApplePushCertPrivate "
              "for type=apple_rn"), "proxy-apple-key-missing"),
    (go_proxy("error", "android push notifications not configured: missing ServiceFileLocation"),
     "proxy-sample-targets"),
    ("2018/04/13 12:39:24 CRIT Failed to load the apple pem cert err=failed to parse PKCS1 private "
     "key for type=apple_rn", "proxy-target-failed"),
    ("target apple_rn cannot send: apple_rn is not configured: AppleAuthKeyID missing.",
     "proxy-apple-key-missing"),
    ('{"error":"Failed because of missing server Id","status":"FAIL"}', "proxy-server-id-missing"),
    ("INFO: 2022/07/14 22:06:50 logger.go:62: Sending android push notification for "
     "device=android_rn type=test ackId=", "proxy-empty-ack-id"),
    (go_proxy("info", APNS_REMOVE + "reason=BadDeviceToken code=400 type=apple_rn"),
     "apns-bad-device-token"),
    (go_proxy("info", APNS_REMOVE + "reason=DeviceTokenNotForTopic code=400 type=apple_rn"),
     "apns-token-not-for-topic"),
    (go_proxy("info", APNS_REMOVE + "reason=Unregistered code=410 type=apple_rn"),
     "apns-device-gone"),
    (go_proxy("error", APNS_LINE + "reason=ExpiredToken code=410 type=apple_rn"),
     "apns-device-gone"),
    (go_proxy("error", APNS_LINE + "reason=ExpiredProviderToken code=403 type=apple_rn"),
     "apns-expired-provider-token"),
    (go_proxy("error", APNS_LINE + "reason=InvalidProviderToken code=403 type=apple_rn"),
     "apns-invalid-provider-token"),
    (go_proxy("error", APNS_LINE + "reason=BadEnvironmentKeyInToken code=403 type=apple_rn"),
     "apns-key-environment"),
    (go_proxy("error", APNS_LINE + "reason=TopicDisallowed code=400 type=apple_rn"),
     "apns-topic-refused"),
    (go_proxy("error", APNS_LINE + "reason=TooManyProviderTokenUpdates code=429 type=apple_rn"),
     "apns-too-many-tokens"),
    (go_proxy("error", APNS_LINE + "reason=PayloadTooLarge code=413 type=apple_rn"),
     "apns-payload-too-large"),
    (f'2026-11-20T10:00:00Z warning push FAIL id=ab12 target=apple_rn device={HEX[:6]}.. http=400 '
     'reason=BadTopic error="unknown send response error: status=400 reason=BadTopic"',
     "apns-topic-refused"),
    (not_sent("unknown send response error: status=403 reason=InvalidProviderToken"),
     "apns-invalid-provider-token"),
    (go_proxy("error", f'Failed to send apple push sid={SERVER} did={HEX[:16]} error="Post '
              f'\\"{APPLE}\\": tls: failed to verify certificate: x509: certificate signed by '
              'unknown authority" type=apple_rn'), "network-tls-untrusted"),
    (go_proxy("error", f'Failed to send apple push err=Post "{APPLE}": dial tcp 17.188.168.5:443: '
              "i/o timeout type=apple_rn"), "network-upstream-blocked"),
    (go_proxy("error", f'Failed to send FCM push did="{FCM}" error="Post \\"{GOOGLE}\\": dial tcp '
              '142.250.1.95:443: connect: connection refused" type=android_rn'),
     "network-upstream-blocked"),
    (not_sent('Post "https://push.example.com/api/v1/send_push": tls: failed to verify '
              "certificate: x509: certificate signed by unknown authority"),
     "network-proxy-certificate"),
    (not_sent("unknown transport error: the certificate of api.push.apple.com is not accepted: "
              "Hostname mismatch, certificate is not valid for 'api.push.apple.com'"),
     "network-tls-name"),
    (not_sent('Post "https://push.example.com/api/v1/send_push": tls: failed to verify '
              "certificate: x509: certificate is valid for www.example.com, not push.example.com"),
     "network-tls-name"),
    (not_sent("unknown transport error: the certificate of fcm.googleapis.com is not accepted: "
              "certificate has expired"), "network-tls-expired"),
    (go_proxy("error", f'Failed to send apple push err=Post "{APPLE}": tls: failed to verify '
              "certificate: x509: certificate has expired or is not yet valid: current time "
              "2016-02-11T16:28:04Z is before 2026-01-01T00:00:00Z type=apple_rn"),
     "network-tls-expired"),
    (not_sent("unknown transport error: api.push.apple.com:443 does not offer HTTP/2 (ALPN h2)"),
     "network-http2-broken"),
    (not_sent("unknown transport error: api.push.apple.com:443 refused the connection"),
     "network-upstream-blocked"),
    (not_sent("unknown transport error: api.push.apple.com:443 refused the connection; tried again "
              "in 2 s"), "network-upstream-blocked"),
    ("unknown transport error: connecting took too long; tried again in 2 s", "proxy-breaker-open"),
    ("unknown transport error: connecting took too long; another push tries", "proxy-breaker-open"),
    (not_sent("unknown transport error: the name api.push.apple.com does not exist"),
     "network-dns"),
    ("remote error: tls: unknown certificate authority", "apns-client-certificate"),
    (go_proxy("error", f'Failed to send FCM push did="{FCM}" error="Requested entity was not '
              'found." type=android_rn errorCode=UNREGISTERED'), "fcm-device-gone"),
    (go_proxy("error", f'Failed to send FCM push sid={SERVER} did="{FCM}" error="SenderId '
              'mismatch" type=android_rn errorCode=PERMISSION_DENIED'), "fcm-sender-id-mismatch"),
    (json.dumps(FCM_403), "fcm-sender-id-mismatch"),
    (json.dumps(FCM_403, indent=2), "fcm-sender-id-mismatch"),
    ('{"error":"mismatched sender id","status":"FAIL"}', "fcm-sender-id-mismatch"),
    (not_sent(SKEW), "fcm-clock-skew"),
    (json.dumps({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}),
     "fcm-service-account-refused"),
    (go_proxy("error", "Failed to send FCM push error=\"Permission "
              "'cloudmessaging.messages.create' denied on resource '//cloudresourcemanager."
              "googleapis.com/projects/my-app' (or it may not exist).\" type=android_rn"),
     "fcm-permission-denied"),
    (json.dumps(API_OFF), "fcm-api-disabled"),
    (not_sent("unknown transport error: the token server oauth2.googleapis.com does not answer: "
              "All connection attempts failed"), "fcm-token-server"),
    ("Notifications could not be received from this server.", "device-test-push-unknown"),
    ("notifications cannot be received from this server", "device-test-push-refused"),
    ("Notification skipped because we could not verify it.", "device-signature-missing"),
]  # fmt: skip
EACH = pytest.mark.parametrize(("line", "code"), LINES, ids=[f"{n}-{c}" for n, (_, c) in
                                                            enumerate(LINES)])  # fmt: skip


NOT_FOUND = "dial tcp: lookup {host} on 10.0.0.2:53: no such host"
REFUSED = "dial tcp 192.0.2.5:443: connect: connection refused"
UNANSWERED = "dial tcp 192.0.2.5:443: i/o timeout"
APPLE_PATH = f"/3/device/{HEX}"
NOT_REACHED = [
    ("api.push.apple.com", APPLE_PATH, NOT_FOUND, "network-dns"),
    ("api.push.apple.com", APPLE_PATH, REFUSED, "network-upstream-blocked"),
    ("api.push.apple.com", APPLE_PATH, UNANSWERED, "network-upstream-blocked"),
    ("api.sandbox.push.apple.com", APPLE_PATH, NOT_FOUND, "network-dns"),
    ("api.sandbox.push.apple.com", APPLE_PATH, REFUSED, "network-upstream-blocked"),
    ("api.sandbox.push.apple.com", APPLE_PATH, UNANSWERED, "network-upstream-blocked"),
    ("fcm.googleapis.com", "/v1/projects/my-app/messages:send", NOT_FOUND, "network-dns"),
    ("fcm.googleapis.com", "/v1/projects/my-app/messages:send", REFUSED,
     "network-upstream-blocked"),
    ("fcm.googleapis.com", "/v1/projects/my-app/messages:send", UNANSWERED,
     "network-upstream-blocked"),
    ("oauth2.googleapis.com", "/token", NOT_FOUND, "network-dns"),
    ("oauth2.googleapis.com", "/token", REFUSED, "fcm-token-server"),
    ("oauth2.googleapis.com", "/token", UNANSWERED, "fcm-token-server"),
    ("push.example.com", "/api/v1/send_push", NOT_FOUND, "network-dns"),
    ("push.example.com", "/api/v1/send_push", REFUSED, "proxy-connection-refused"),
    ("push.example.com", "/api/v1/send_push", UNANSWERED, "network-proxy-unreachable"),
]  # fmt: skip
"""What Go says of a host that is not reached, and whose entry it is."""


def first(text: str) -> str:
    matches = find_entries(text)
    return matches[0].entry.code if matches else ""


@EACH
def test_line_finds_its_entry(line: str, code: str) -> None:
    assert first(line) == code


@pytest.mark.parametrize(("host", "path", "cause", "code"), NOT_REACHED)
def test_a_host_that_is_not_reached_leads_to_its_own_entry_and_no_other_takes_it(
    host: str, path: str, cause: str, code: str
) -> None:
    line = f'Post "https://{host}{path}": {cause.format(host=host)}'
    matches = find_entries(not_sent(line) if host == "push.example.com" else line)
    assert matches[0].entry.code == code
    assert [match.entry.code for match in find_entries(line)] == [code]
    assert first(go_proxy("error", f'Failed to send push error="{line}"')) == code


@EACH
def test_case_makes_no_difference(line: str, code: str) -> None:
    assert first(line.upper()) == code
    assert first(line.lower()) == code


@EACH
def test_json_around_it_makes_no_difference(line: str, code: str) -> None:
    once = json.dumps({"log": line + "\n", "stream": "stderr"})
    assert first(once) == code
    assert first(json.dumps({"message": once})) == code


@EACH
def test_colour_and_other_lines_make_no_difference(line: str, code: str) -> None:
    other = mattermost("SimpleWorker: Job is complete", worker="ExpiryNotify")
    assert first(f"{other}\n\x1b[31m{line}\x1b[0m\r\n{other}\n" * 2) == code


@pytest.mark.parametrize("width", [72, 80, 132])
@EACH
def test_a_paste_broken_at_the_terminals_edge_is_found(line: str, code: str, width: int) -> None:
    pieces = [line[at : at + width] for at in range(0, len(line), width)]
    assert first("\n".join(pieces)) == code


@pytest.mark.parametrize(("line", "code"), [
    ("\u201cresponse returned error code: 404\u201d", "settings-url-path"),
    ("unsupported protocol scheme \u201c\u201d", "settings-url-scheme"),
    ("\u2067BadDevice\u200bToken\u2069", "apns-bad-device-token"),
    (r'{\"reason\":\"Unregistered\",\"timestamp\":1}', "apns-device-gone"),
    ('{"reason": "Unregistered", "timestamp": 1454948015990}', "apns-device-gone"),
    ("reason=unregistered code=410 type=apple_rn", "apns-device-gone"),
    ("http=410 target=apple_rn reason=unregistered", "apns-device-gone"),
    ("UNREGISTERED", "fcm-device-gone"),
    ("Unregistered", "apns-device-gone"),
    ("tcp_refused", "network-upstream-blocked"),
    ("tcp_other_port", "proxy-connection-refused"),
    ("tls_wrong_name", "network-tls-name"),
    ("APNS-Bad-Device-Token", "apns-bad-device-token"),
])  # fmt: skip
def test_odd_spellings_are_found(line: str, code: str) -> None:
    assert first(line) == code


def test_the_specific_goes_before_the_general() -> None:
    line = not_sent("unknown send response error: status=400 reason=BadTopic")
    assert [match.entry.code for match in find_entries(line)] == [
        "apns-topic-refused",
        "proxy-send-response-error",
        "mattermost-send-failed",
    ]


def test_a_test_push_that_fails_is_not_called_harmless() -> None:
    line = mattermost("Notification error", ackId="", type="test", status="unknown transport error")
    assert first(line) == "proxy-transport-error"


def test_an_entry_of_the_other_platform_goes_last() -> None:
    codes = [
        match.entry.code for match in find_entries("reason=Unregistered code=410 type=apple_rn")
    ]
    assert codes == ["apns-device-gone", "fcm-device-gone"]


def test_several_lines_give_several_matches_up_to_the_limit() -> None:
    lines = "\n".join(line for line, _ in LINES)
    assert len(find_entries(lines)) == 3
    assert len(find_entries(lines, limit=10)) == 10
    assert find_entries(lines, limit=0) == []


def test_two_far_lines_do_not_add_up() -> None:
    near = "POST /api/v1/send_push" + " " + "x" * (GAP_LIMIT - 20) + " connection refused"
    assert first(near) == "proxy-connection-refused"
    assert first(near.replace("xx", "xxxx")) != "proxy-connection-refused"


def test_a_gap_keeps_its_order() -> None:
    assert find_entries("connection refused, then POST /api/v1/send_push") == []


def test_what_lies_beyond_the_limit_is_not_looked_at() -> None:
    assert find_entries("x" * TEXT_LIMIT + " BadDeviceToken") == []
    assert first("x" * (TEXT_LIMIT - 20) + " BadDeviceToken") == "apns-bad-device-token"


@pytest.mark.parametrize("text", [
    "", " \n\t", "\x1b[31m\x1b[0m", "all is well", "connection established",
    "INFO Server is listening on :8066", "registered 410 devices", "\x00\x00",
    mattermost("SimpleWorker: Job is complete", worker="ExpiryNotify"),
    "Nov 20 10:00:00 mm sshd[1]: Accepted publickey for root from 10.0.0.1 port 8066",
])  # fmt: skip
def test_nothing_is_made_up(text: str) -> None:
    assert find_entries(text) == []


@pytest.mark.parametrize("piece", [
    "a-", "\\", " ", "a\n", "\x1b[", "\x1b]", "eyJ-", "-----BEGIN a", "reason=", "://a", '"',
    "send_push ", "send_pushconnection refused", "\0", "\ud800", "\u202e",
], ids=repr)  # fmt: skip
def test_the_worst_text_of_full_length_is_answered(piece: str) -> None:
    explanation = explain(piece * (2 * TEXT_LIMIT // len(piece)))
    assert len(explanation.query) <= QUERY_LIMIT
    assert len(explanation.matches) <= 3


def test_match_tells_what_agreed() -> None:
    by_symptom, *_ = find_entries("the answer was: response returned error code: 404")
    assert (by_symptom.how, by_symptom.matched) == (
        How.SYMPTOM, "response returned error code: 404"
    )  # fmt: skip
    by_word, *_ = find_entries("REASON=TCP_REFUSED")
    assert (by_word.how, by_word.matched) == (How.REASON, "tcp_refused")
    by_id, *_ = find_entries("proxy-throttled")
    assert (by_id.how, by_id.matched) == (How.CODE, "proxy-throttled")


@pytest.mark.parametrize(("reason", "platform", "code"), [
    ("BadDeviceToken", "apple", "apns-bad-device-token"),
    ("InvalidDeviceToken", "apple_rn", "apns-no-device-token"),
    ("BadDeviceToken", "apns/apple_rn", "apns-bad-device-token"),
    ("BadDeviceToken", "", "apns-bad-device-token"),
    ("BadDeviceToken", "android_rn", None),
    ("Unregistered", "apple_rn-v2", "apns-device-gone"),
    ("Unregistered", "android", None),
    ("UNREGISTERED", "android", "fcm-device-gone"),
    ("UNREGISTERED", "fcm/android_rn", "fcm-device-gone"),
    ("UNREGISTERED", "apple", None),
    ("unregistered", "", None),
    ("tls_untrusted", "apple", "network-tls-untrusted"),
    ("tls_untrusted", "android", "network-tls-untrusted"),
    ("tls_untrusted", "tpns", "network-tls-untrusted"),
    ("proxy-throttled", "", "proxy-throttled"),
    ("", "", None),
    ("nothing of the kind", "apple", None),
])  # fmt: skip
def test_reason_is_looked_up_exactly(reason: str, platform: str, code: str | None) -> None:
    entry = by_reason(reason, platform=platform)
    assert (entry.code if entry else None) == code


def test_code_is_looked_up() -> None:
    entry = by_code("apns-bad-device-token")
    assert entry is not None
    assert entry.title.startswith("Apple does not know")
    assert by_code("apns-nothing") is None


@pytest.mark.parametrize(("text", "code"), [
    ("clock skew", "fcm-clock-skew"),
    ("wrong firebase project", "fcm-sender-id-mismatch"),
    ("mariadb", "mattermost-mariadb"),
    ("connection refused", "network-upstream-blocked"),
])  # fmt: skip
def test_words_lead_to_a_guess_that_is_kept_apart(text: str, code: str) -> None:
    assert find_entries(text) == []
    explanation = explain(text)
    assert explanation.matches == ()
    assert code in [entry.code for entry in explanation.suggestions]


@pytest.mark.parametrize("text", ["", "push", "lorem ipsum dolor sit amet"])
def test_common_words_lead_nowhere(text: str) -> None:
    assert suggest(text) == []


def test_explanation_json_has_exactly_the_published_shape() -> None:
    document = explain("reason=BadDeviceToken").to_dict()
    assert list(document) == ["schema", "kind", "query", "matches", "suggestions"]
    assert document["schema"] == 1
    assert document["kind"] == "explanation"
    assert document["query"] == "reason=BadDeviceToken"
    assert list(document["matches"][0]) == [
        "code", "title", "hop", "severity", "sources", "cause", "fix", "fixed_when", "symptoms",
        "reasons", "vague", "links", "see", "score", "matched", "how",
    ]  # fmt: skip
    assert json.loads(json.dumps(document)) == document


CANARIES = [HEX, HEX.upper(), FCM, FCM.partition(":")[2]]
around = st.text(max_size=200) | st.text(st.sampled_from('aF0:-_\n" \\\x1b[=./'), max_size=200)


@given(
    st.text(max_size=2000) | st.text(st.sampled_from("\\\"'\n *=:{}\x1b[0mreason"), max_size=2000)
)
def test_find_takes_anything(text: str) -> None:
    assert len(find_entries(text)) <= 3
    document = explain(text).to_dict()
    assert json.loads(json.dumps(document)) == document


@given(st.sampled_from([line for line, _ in LINES]), around, around)
def test_find_takes_real_lines_in_anything(line: str, before: str, after: str) -> None:
    assert find_entries(f"{before} {line} {after}")


@given(st.sampled_from(CANARIES), around, around)
def test_a_token_never_leaves(canary: str, before: str, after: str) -> None:
    document = explain(f"{before}{canary}{after} BadDeviceToken").to_dict()
    assert canary not in json.dumps(document, ensure_ascii=False)


@given(st.sampled_from(CANARIES), st.integers(0, QUERY_LIMIT * 2 + 100))
def test_a_token_at_the_cut_never_leaves_half(canary: str, at: int) -> None:
    query = shown_query("word " * (at // 5) + canary)
    assert canary[:20] not in query


@pytest.mark.parametrize("canary", CANARIES)
def test_a_token_broken_by_the_terminal_never_leaves(canary: str) -> None:
    pieces = "\n".join((f"reason=BadDeviceToken device={canary[:40]}", canary[40:]))
    query = shown_query(pieces)
    assert canary[:20] not in query
    assert canary[40:] not in query


@pytest.mark.parametrize("secret", [
    "Authorization: Bearer eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJURUFNIn0.c2lnbmF0dXJl",
    "ya29.a0AfH6SMCsecretsecret",
    "-----BEGIN PRIVATE KEY-----\nMIGHsecret+secret/secret\n-----END PRIVATE KEY-----",
    "https://admin:hunter2secret@proxy.example.com:3128",
])  # fmt: skip
def test_a_secret_never_leaves(secret: str) -> None:
    query = shown_query(f"BadDeviceToken {secret} {'word ' * 500}")
    assert "secret" not in query.replace("[secret]", "")
    assert "eyJ" not in query


def test_the_query_is_harmless_on_a_terminal() -> None:
    query = shown_query("\x1b]0;owned\x07\x1b[2Jlook\x9b31m\r\nhere\u202e\x00" + "\ud800")
    assert query == "look here\ufffd\ufffd"


def test_the_query_is_cut() -> None:
    assert len(shown_query("word " * 5000)) <= QUERY_LIMIT
    assert shown_query("word " * 5000).endswith("…")
