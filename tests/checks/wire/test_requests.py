"""What is asked of each kind of server, and what each answer is taken for."""

import json
from typing import Any

import pytest

from mmpush_tui.checks.model.target import TargetKind, TargetPlan, Whose
from mmpush_tui.checks.wire import requests as apps
from mmpush_tui.findings import Finding, Severity
from mmpush_tui.http2 import Response
from tests.checks.peers import apple, google, push_proxy, token_server


def response(status: int, body: Any = b"", **headers: str) -> Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Response(status, fields, data, 1)


def mattermost(url: str = "https://chat.example.com") -> TargetPlan:
    return push_proxy(
        url, target="mattermost", kind=TargetKind.MATTERMOST, who="the Mattermost server"
    )


GOOGLE_401 = {"error": {"code": 401, "message": "x", "status": "UNAUTHENTICATED"}}
NO_TOKEN = {"reason": "MissingProviderToken"}
HTML = b"<!DOCTYPE html><title>Sign in</title>"
ID = {"apns_id": "5E1B"}


@pytest.mark.parametrize("plan", [apple(), google(), token_server()], ids=lambda plan: plan.target)
def test_vendors_are_asked_without_a_credential_and_without_a_device(plan: TargetPlan) -> None:
    request = apps.request(plan)
    assert request.method == "POST"
    assert {name for name, _ in request.headers} == {"content-type", "content-length", "user-agent"}
    assert dict(request.headers)["content-length"] == str(len(request.body))


def test_the_requests_are_those_that_vendors_refuse() -> None:
    assert (apps.request(apple()).path, apps.request(apple()).body) == (
        "/3/device/0000000000000000000000000000000000000000000000000000000000000000",
        b'{"aps":{}}',
    )
    asked = apps.request(google(project="chat-project"))
    assert (asked.path, asked.body) == ("/v1/projects/chat-project/messages:send", b"{}")
    assert (apps.request(token_server()).path, apps.request(token_server()).body) == ("/token", b"")


def test_push_proxies_and_mattermost_are_asked_who_they_are() -> None:
    proxy = push_proxy("http://proxy:8066/some%20path/")
    assert (apps.request(proxy).method, apps.request(proxy).path) == ("GET", "/some%20path/version")
    assert apps.front_page(proxy).path == "/some%20path/"
    assert apps.request(mattermost()).path == "/api/v4/system/ping"


def test_a_user_in_the_address_is_sent_as_mattermost_sends_it() -> None:
    asked = apps.request(push_proxy("https://user:pass%20word@proxy"))
    assert dict(asked.headers)["authorization"] == "Basic dXNlcjpwYXNzIHdvcmQ="


@pytest.mark.parametrize(("url", "host"), [
    ("http://proxy:8066", "proxy:8066"), ("http://proxy", "proxy"), ("https://proxy", "proxy"),
    ("https://proxy:80", "proxy:80"), ("http://[::1]:8066", "[::1]:8066"),
])  # fmt: skip
def test_the_host_is_named_as_browsers_do(url: str, host: str) -> None:
    assert apps.authority(push_proxy(url)) == host


GOOD = [
    (apple(), response(403, NO_TOKEN, **ID),
     "403 MissingProviderToken, as Apple answers without a key"),
    (google(), response(401, GOOGLE_401),
     "401 UNAUTHENTICATED, as Google answers without a token"),
    (token_server(), response(400, {"error": "invalid_request", "error_description": "x"}),
     "400 invalid_request, as Google answers to an empty request"),
    (push_proxy("http://p:1"), response(200, {"version": "6.5.0", "hash": "ab"}),
     "a push proxy 6.5.0"),
    (push_proxy("http://p:1"), response(200, {"version": "6.5.0", "product": "mmpush-tui 1.0"}),
     "a push proxy 6.5.0 (mmpush-tui 1.0)"),
    (mattermost(), response(200, {"status": "OK"}), "Mattermost answers that it is well"),
]  # fmt: skip


@pytest.mark.parametrize(("plan", "answer", "message"), GOOD)
def test_the_answers_that_prove_it(plan: TargetPlan, answer: Response, message: str) -> None:
    found = apps.judge_answer(plan, answer)
    assert (found.severity, found.code, found.message) == (Severity.PASS, "ok", message)


BAD = [
    (apple(), response(403, NO_TOKEN), "not_apns", "the answer is 403 with JSON, not Apple's"),
    (apple(), response(200, b"", **ID), "not_apns",
     "the answer is 200 without a body, not Apple's"),
    (apple(), response(200, HTML), "not_apns", "the answer is 200 with a web page, not Apple's"),
    (apple(), response(403, {"reason": 7}, **ID), "not_apns",
     "the answer is 403 with JSON, not Apple's"),
    (apple(), response(503, {"reason": "ServiceUnavailable"}, **ID), "vendor_busy",
     "Apple answered 503 ServiceUnavailable"),
    (google(), response(404, HTML), "not_fcm", "the answer is 404 with a web page, not Google's"),
    (google(), response(401, b"nope"), "not_fcm", "the answer is 401 with text, not Google's"),
    (google(), response(200, {"error": "x"}), "not_fcm",
     "the answer is 200 with JSON, not Google's"),
    (google(), response(503, {"error": {"status": "UNAVAILABLE"}}), "vendor_busy",
     "Google answered 503 UNAVAILABLE"),
    (token_server(), response(200, HTML), "not_token_server",
     "the answer is 200 with a web page, not Google's"),
    (token_server(), response(503, {"error": "backend_error"}), "vendor_busy",
     "Google answered 503 backend_error"),
    (push_proxy("http://p:1"), response(404, b"404 page not found"), "app_not_found",
     "GET /version answered 404 with text"),
    (push_proxy("http://p:1/api/v1/send_push"), response(404), "app_path",
     "GET /api/v1/send_push/version answered 404 without a body"),
    (push_proxy("http://p:1"), response(200, HTML), "app_not_json",
     "GET /version answered 200 with a web page"),
    (push_proxy("http://p:1"), response(200, b"x", content_type="text/html"), "app_not_json",
     "GET /version answered 200 with a web page"),
    (push_proxy("http://p:1"), response(200, {"version": 6}), "app_not_json",
     "GET /version answered 200 with JSON"),
    (push_proxy("http://p:1"), response(200, b"[" * 5000), "app_not_json",
     "GET /version answered 200 with JSON"),
    (push_proxy("http://p:1"), response(401, b"no"), "proxy_credentials",
     "GET /version answered 401"),
    (push_proxy("http://p:1"), response(402, b"no"), "app_status",
     "GET /version answered 402 with text"),
    (push_proxy("http://p:1"), response(307), "app_redirect",
     "GET /version is redirected (307)"),
    (push_proxy("http://p:1"), response(301, location="https://p/version"), "app_redirect",
     "GET /version is redirected (301) to https://p/version"),
    (mattermost(), response(500, {"status": "UNHEALTHY"}), "mattermost_unhealthy",
     "answered 500 UNHEALTHY"),
    (mattermost(), response(404, HTML), "not_mattermost",
     "the ping was answered 404 with a web page"),
]  # fmt: skip


@pytest.mark.parametrize(("plan", "answer", "code", "message"), BAD)
def test_the_answers_that_say_otherwise(
    plan: TargetPlan, answer: Response, code: str, message: str
) -> None:
    found = apps.judge_answer(plan, answer)
    assert (found.severity, found.code, found.message) == (Severity.FAIL, code, message)
    assert found.fix


@pytest.mark.parametrize(("found", "fix"), [
    (apps.judge_answer(BAD[12][0], BAD[12][1]), "Remove /api/v1/send_push from the address: http://p:1"),
    (apps.judge_answer(BAD[20][0], BAD[20][1]),
     "Enter the final address, which this redirect to https://p/version names."),
    (apps.judge_answer(BAD[19][0], BAD[19][1]),
     "Enter the final address, which `curl -sSI http://p:1/version` names."),
    (apps.judge_answer(apple(), BAD[4][1]),
     "Wait, and look at https://developer.apple.com/system-status/."),
    (apps.judge_answer(google(), BAD[8][1]), "Wait, and look at https://status.firebase.google.com/."),
])  # fmt: skip
def test_a_fix_names_what_was_seen(found: Finding, fix: str) -> None:
    assert found.fix == fix


def test_an_old_push_proxy_is_known_by_its_front_page() -> None:
    plan = push_proxy("http://p:1")
    first = apps.judge_answer(plan, response(404, b"404 page not found"))
    page = b"<html><body>Mattermost Push Proxy</body></html>"
    found = apps.judge_front_page(plan, first, response(200, page))
    assert (found.severity, found.code) == (Severity.WARN, "proxy_old")
    assert found.message == (
        "a push proxy answers, and not to GET /version (GET /version answered 404 with text)"
    )
    assert found.fix == "Update it: Mattermost's own tests ask for /version."
    assert apps.judge_front_page(plan, first, response(404, page)) is first
    assert apps.judge_front_page(plan, first, response(200, HTML)) is first


@pytest.mark.parametrize("plan", [apple(), google(), token_server(), push_proxy("http://p:1"),
                                  push_proxy("https://p", whose=Whose.HOSTED), mattermost()],
                         ids=lambda plan: plan.target)  # fmt: skip
@pytest.mark.parametrize("body", [
    b"", b"null", b"[]", b'"\\ud800"', b"\xff\xfe", b"{" * 100_000, b'{"error":{"status":[]}}',
    b'{"reason":null,"version":"","status":{}}', b'{"error":null}', b'{"version":"\x00"}',
], ids=repr)  # fmt: skip
def test_no_answer_is_too_odd(plan: TargetPlan, body: bytes) -> None:
    for status in (0, 199, 200, 204, 304, 400, 403, 418, 500, 999):
        found = apps.judge_answer(plan, Response(status, (("location", "\x1b[31m"),), body, 1))
        assert found.severity is Severity.FAIL
        assert "\x1b" not in found.message + found.fix


def test_what_may_be_a_secret_in_a_redirect_is_left_out() -> None:
    found = apps.judge_answer(
        push_proxy("http://p:1"), response(302, location="/login?session=s3cret#s3cret")
    )
    assert found.message == "GET /version is redirected (302) to /login"
    assert "s3cret" not in repr(found)
