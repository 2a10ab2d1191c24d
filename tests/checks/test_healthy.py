"""Where all is well, every check passes, and nothing of it can reach a device."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from mmpush_tui.checks.model.report import Report, Stage
from mmpush_tui.checks.plan.plan import plan_targets
from mmpush_tui.checks.proof import credential_files as credentials
from mmpush_tui.configuration import config as configuration
from mmpush_tui.configuration.config import NetworkSettings, ProxyConfig
from mmpush_tui.findings import Severity
from mmpush_tui.settings.page import Mode, Page
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.world import World
from tests.checks.peers import answer, checked, of, server, stages, token_server, trusting

H2 = ["dns", "tcp", "tls", "alpn", "http2", "app"]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    await world.start()
    yield world
    await world.aclose()
    assert world.failures == []


def config_of(world: World) -> ProxyConfig:
    return configuration.load(world.config, {})


def at_apple_and_google(world: World) -> ProxyConfig:
    """Return the configuration without endpoints of its own: the real names, led here."""
    config = config_of(world)
    return replace(
        config,
        apple=tuple(replace(entry, endpoint="", ca_file="") for entry in config.apple),
        android=tuple(replace(entry, endpoint="", ca_file="") for entry in config.android),
    )


def assert_all_pass(report: Report) -> None:
    assert [c.message for c in report.checks if c.severity is not Severity.PASS] == []
    assert {c.code for c in report.checks} == {"ok"}
    assert (report.verdict.severity, report.verdict.code) == (Severity.PASS, "ok")
    assert report.exit_code == 0


async def test_what_settings_and_configuration_need_is_reached(world: World) -> None:
    config = at_apple_and_google(world)
    page = Page(mode=Mode.TPNS, server="https://push-test.mattermost.com")
    plans = plan_targets(page, config, credentials=credentials.read_credentials(config))
    report = await checked(*plans, network=config.network)
    assert_all_pass(report)
    assert stages(report, "tpns") == ["dns", "tcp", "tls", "app"]
    assert stages(report, "apns/apple_rn") == ["config", *H2, "credential"]
    assert stages(report, "fcm-token/android_rn") == [*H2, "credential"]
    assert stages(report, "fcm/android_rn") == ["config", "clock", *H2, "credential"]
    assert [check.message for check in report.checks if check.stage is Stage.CREDENTIAL] == [
        "key and team accepted, the topic not contradicted (400 BadDeviceToken)",
        "Google granted an access token: account and clock are good",
        "account and project accepted (400 INVALID_ARGUMENT)",
    ]
    # The account was written for the stand-in, so its token server is none of Google's.
    assert report.verdict.summary == (
        "Everything that was checked can be reached: Mattermost's test push service (TPNS), "
        "Apple's push service, the token server of android_rn and Google's push service."
    )


@pytest.mark.parametrize("word", ["tpns", "hpns", "apns", "fcm"])
async def test_each_word_reaches_the_real_names(world: World, word: str) -> None:
    report = await checked(*plan_targets(None, None, [word]), network=config_of(world).network)
    assert_all_pass(report)


async def test_nothing_of_a_probe_can_reach_a_device_or_offends(world: World) -> None:
    config = at_apple_and_google(world)
    plans = plan_targets(
        None,
        config,
        ["tpns", "hpns", "apns", "fcm"],
        credentials=credentials.read_credentials(config),
    )
    assert_all_pass(await checked(*plans, network=config.network))
    assert world.violations == []
    assert world.apns.errors == []
    assert world.fcm.errors == []
    assert list(world.phones.received) == []
    assert world.fcm.oauth.granted == 1
    for hosted in (world.tpns, world.hpns):
        assert hosted.accepted == 0
        assert hosted.requests == [("GET", "/version")]


async def test_the_evidence_of_each_stage(world: World) -> None:
    report = await checked(*plan_targets(None, None, ["apns"]), network=config_of(world).network)
    port = world.apns.server.port
    dns, tcp, tls, alpn, http2, app = (of(report, stage).evidence for stage in map(Stage, H2))
    assert dns == {"name": "127.0.0.1", "addresses": ["127.0.0.1"]}
    assert tcp == {"peer": f"127.0.0.1:{port}"}
    assert tls["version"] == "TLSv1.3"
    assert tls["issuer"] == "mmpush-tui simulator"
    assert "api.push.apple.com" in tls["names"]
    assert tls["days_left"] > 14
    assert alpn == {"offered": ["h2"], "chosen": "h2"}
    assert http2["settings"]["max_concurrent_streams"] == 1
    assert http2["settings"]["max_header_list_size"] == 8000
    assert app == {"http_status": 403, "reason": "MissingProviderToken", "apns_id": True}
    assert of(report, Stage.HTTP2).message == "SETTINGS came, up to 1 at once"
    assert {check.address for check in report.checks} == {"api.push.apple.com:443"}
    assert [check.needs for check in report.checks] == [
        None, "dns:apns", "tcp:apns", "tls:apns", "alpn:apns", "http2:apns",
    ]  # fmt: skip


async def test_a_name_is_led_elsewhere_by_connect_to_alone(world: World) -> None:
    network = NetworkSettings(connect_to=world.connect_to, ca_file="")
    report = await checked(*plan_targets(None, None, ["tpns"]), network=network)
    assert of(report, Stage.TCP).severity is Severity.PASS
    assert of(report, Stage.TLS).code == "tls_intercepting"


async def test_a_token_server_may_speak_http_1(ca: ThrowAwayCA, tmp_path: Path) -> None:
    tls = ca.server_context("oauth2.googleapis.com", alpn=("http/1.1",))
    async with server(answer("400 Bad Request", b'{"error":"invalid_request"}'), tls) as it:
        network = trusting(ca, tmp_path, oauth2_googleapis_com=it.address)
        report = await checked(token_server(), network=network)
    assert_all_pass(report)
    assert stages(report) == ["dns", "tcp", "tls", "alpn", "app"]
    assert of(report, Stage.ALPN).message == "HTTP/1.1, which will do here"
    assert of(report, Stage.ALPN).evidence["chosen"] == "http/1.1"
    assert it.heads[0].startswith(b"POST /token HTTP/1.1\r\nhost: oauth2.googleapis.com\r\n")
