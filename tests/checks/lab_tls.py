"""Faults of TLS and HTTP/2."""

import ssl
import warnings
from datetime import UTC, datetime, timedelta

from mmpush_tui.checks.model.report import Report
from tests.checks.certificates import expires_in, self_signed, without_intermediate
from tests.checks.internet import (
    APPLE,
    GOOGLE,
    OWN,
    Internet,
)
from tests.checks.lab import (
    HTML,
    as_apple,
    at_apple,
    ca_of,
    corporate,
    fault,
    own,
    trust,
    with_certificate,
)
from tests.checks.peers import VERSION
from tests.checks.wire.test_http2 import Acting, nothing
from tests.http2.scripted import Peer, goaway, settings
from tests.standins.apple_certificate import AppleCertificate

# TLS


@fault("tls_intercepting", 'it shows a certificate by "Corp Proxy CA"', "Exempt api.push.apple.com")
async def inspection_whose_authority_is_not_installed(net: Internet) -> Report:
    await net.answers("17.1.1.1", HTML, tls=corporate(net).server_context(APPLE))
    return await net.check("apns")


@fault("tls_intercepted", 'The network reads what goes to Apple\'s push service',
       "Exempt api.push.apple.com")  # fmt: skip
async def inspection_whose_authority_is_installed(net: Internet) -> Report:
    return await inspected(net)


@fault("tls_intercepted_fatal", "and so no client certificate arrives", "Exempt api.push.apple.com")
async def inspection_of_a_target_with_a_certificate(net: Internet) -> Report:
    with_certificate(net, AppleCertificate.make(ca_of(net)))
    return await inspected(net)


@fault("tls_client_certificate", "refuses our client certificate, or wants one", "Renew the")
async def a_client_certificate_that_apple_did_not_sign(net: Internet) -> Report:
    with_certificate(net, AppleCertificate.make(corporate(net)))
    return await net.check("apns")


async def inspected(net: Internet) -> Report:
    corp = corporate(net)
    trust(net, corp)
    it = Acting(corp, corp.server_context(APPLE))
    it.greeting = (settings(),)
    address = await net.enter(it.with_act(as_apple))
    await net.relay("17.1.1.1", 443, int(address.rpartition(":")[2]))
    return await net.check("apns")


@fault("tls_intercepting", "The network breaks TLS open: every certificate is signed by",
       "TLS inspection")  # fmt: skip
async def all_of_tls_is_inspected(net: Internet) -> Report:
    tls = corporate(net).server_context(APPLE, GOOGLE, "oauth2.googleapis.com")
    for address in ("17.1.1.1", "142.250.1.1"):
        await net.answers(address, HTML, tls=tls)
    return await net.check("apns", "fcm")


@fault("tls_old_store", "list of authorities is too old for the certificate of", "ca-certificates")
async def the_list_of_authorities_is_old(net: Internet) -> Report:
    (net.folder / "trusted.pem").write_text(corporate(net).root_pem)
    return await net.check("apns")


@fault("tls_expired", "has expired, or this host's clock is ahead", "timedatectl")
async def an_expired_certificate_outside(net: Internet) -> Report:
    await net.answers("17.1.1.1", HTML, tls=ca_of(net).expired_context(APPLE))
    return await net.check("apns")


@fault("tls_expired", "The certificate of the push proxy has expired.", "Renew the certificate")
async def an_expired_certificate_of_ones_own(net: Internet) -> Report:
    net.names["push.corp"] = [OWN]
    net.page = own("https://push.corp")
    await net.answers(OWN, VERSION, tls=ca_of(net).expired_context("push.corp"))
    return await net.check("mpns")


@fault("tls_not_yet_valid", "This host's clock is behind", "timedatectl")
async def a_certificate_of_tomorrow(net: Internet) -> Report:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca_of(net)._ca.issue_cert(APPLE, not_before=tomorrow).configure_cert(tls)
    await net.answers("17.1.1.1", HTML, tls=tls)
    return await net.check("apns")


@fault("tls_wrong_name", "shows a certificate for another name", "getent hosts api.push.apple.com")
async def a_certificate_for_another_name(net: Internet) -> Report:
    await net.answers("17.1.1.1", HTML, tls=ca_of(net).server_context("firewall.example"))
    return await net.check("apns")


@fault("tls_wrong_name", "is for another name than push.corp", "Use a name of the certificate")
async def ones_own_certificate_is_for_another_name(net: Internet) -> Report:
    net.names["push.corp"] = [OWN]
    net.page = own("https://push.corp")
    await net.answers(OWN, VERSION, tls=ca_of(net).server_context("www.corp"))
    return await net.check("mpns")


@fault("tls_self_signed", "is signed by itself", "Exempt api.push.apple.com")
async def a_certificate_signed_by_itself(net: Internet) -> Report:
    await net.answers("17.1.1.1", HTML, tls=self_signed(net.folder, APPLE))
    return await net.check("apns")


@fault("tls_untrusted", "The certificate of the push proxy is signed by an authority that this "
       "host does not trust.", "--ca-file")  # fmt: skip
async def ones_own_authority_is_not_installed(net: Internet) -> Report:
    net.names["push.corp"] = [OWN]
    net.page = own("https://push.corp")
    await net.answers(OWN, VERSION, tls=corporate(net).server_context("push.corp"))
    return await net.check("mpns")


@fault("tls_missing_intermediate", "sends its certificate without the one that signed it",
       "fullchain.pem")  # fmt: skip
async def the_intermediate_is_missing(net: Internet) -> Report:
    net.names["push.corp"] = [OWN]
    net.page = own("https://push.corp")
    await net.answers(OWN, VERSION, tls=without_intermediate(net.folder, "push.corp"))
    return await net.check("mpns")


@fault("tls_old_version", "offers TLSv1.1 only", "Enable TLS 1.2 or 1.3")
async def tls_1_1_alone(net: Internet) -> Report:
    tls = ca_of(net).server_context(APPLE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        tls.minimum_version = ssl.TLSVersion.TLSv1_1
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    tls.set_ciphers("ALL:@SECLEVEL=0")
    await net.answers("17.1.1.1", HTML, tls=tls)
    return await net.check("apns")


@fault("tls_client_certificate", "refuses our client certificate, or wants one", "reverse proxy")
async def a_reverse_proxy_that_wants_a_client_certificate(net: Internet) -> Report:
    tls = ca_of(net).server_context("push.corp", alpn=())
    ca_of(net).asks_for_certificate(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    net.names["push.corp"] = [OWN]
    net.page = own("https://push.corp")
    await net.demand(OWN, tls)
    return await net.check("mpns")


@fault("tls_sni_filtered", "The firewall breaks TLS off for the name api.push.apple.com.", "(SNI)")
async def a_firewall_that_reads_names(net: Internet) -> Report:
    tls = ca_of(net).server_context("www.example.com")
    await net.cut("17.1.1.1", APPLE, tls)
    return await net.check("apns")


@fault("tls_closed", "Something breaks TLS off on the way to Apple's push service.", "TLS names")
async def tls_is_broken_off_for_every_name(net: Internet) -> Report:
    await net.cut("17.1.1.1", "")
    return await net.check("apns")


@fault("tls_timeout", "takes the connection and then says nothing", "Exempt api.push.apple.com")
async def nobody_speaks_tls(net: Internet) -> Report:
    await net.mute("17.1.1.1")
    return await net.check("apns")


@fault("tls_plain_http", "answers in plain HTTP where Apple's push service speaks TLS",
       "captive portal")  # fmt: skip
async def a_captive_portal_in_plain_http(net: Internet) -> Report:
    await net.answers("17.1.1.1", HTML)
    return await net.check("apns")


@fault("tls_expiring", "can be reached, with one warning", "Renew the certificate of push.corp:443")
async def a_certificate_that_ends_soon(net: Internet) -> Report:
    net.names["push.corp"] = [OWN]
    net.page = own("https://push.corp")
    await net.answers(OWN, VERSION, tls=expires_in(ca_of(net), 5, "push.corp"))
    return await net.check("mpns")


# HTTP/2


@fault("alpn_missing", "does not pass HTTP/2", "Exempt api.push.apple.com")
async def no_http_2_is_offered(net: Internet) -> Report:
    await net.answers("17.1.1.1", HTML, tls=ca_of(net).server_context(APPLE, alpn=("http/1.1",)))
    return await net.check("apns")


@fault("alpn_missing", "does not pass HTTP/2", "Exempt api.push.apple.com")
async def no_protocol_is_chosen(net: Internet) -> Report:
    await net.answers("17.1.1.1", HTML, tls=ca_of(net).server_context(APPLE, alpn=()))
    return await net.check("apns")


@fault("http1_answer", "answers in HTTP/1 where HTTP/2 was agreed on", "Exempt api.push.apple.com")
async def http_1_answers_where_2_was_agreed_on(net: Internet) -> Report:
    await net.answers("17.1.1.1", HTML, tls=ca_of(net).server_context(APPLE))
    return await net.check("apns")


@fault("http2_no_settings", "is agreed on and then does not begin", "Exempt api.push.apple.com")
async def settings_are_withheld(net: Internet) -> Report:
    return await at_apple(net, nothing)


@fault("goaway", "was ended instead of an answer", "Run the check again")
async def goaway_with_a_reason(net: Internet) -> Report:
    async def act(peer: Peer) -> None:
        await peer.request()
        peer.send(goaway(0, 0, b'{"reason":"Shutdown"}'))

    report = await at_apple(net, act, settings())
    assert "Shutdown" in " ".join(report.verdict.why)
    return report


@fault("timeout", "the request gets no answer", "Run the check again")
async def a_request_without_an_answer(net: Internet) -> Report:
    return await at_apple(net, nothing, settings())


@fault("not_apns", "What answers for api.push.apple.com is not Apple's push service.", "Exempt")
async def a_portal_that_speaks_http_2(net: Internet) -> Report:
    async def act(peer: Peer) -> None:
        asked = await peer.request()
        peer.answer(asked.stream_id, 200, b"<!doctype html>", ("content-type", "text/html"))

    return await at_apple(net, act, settings())


@fault("vendor_busy", "The network is fine, and Apple's push service is having trouble",
       "system-status")  # fmt: skip
async def apple_has_an_outage(net: Internet) -> Report:
    async def act(peer: Peer) -> None:
        asked = await peer.request()
        body = b'{"reason":"ServiceUnavailable"}'
        peer.answer(asked.stream_id, 503, body, ("apns-id", "5E1B"))

    return await at_apple(net, act, settings())
