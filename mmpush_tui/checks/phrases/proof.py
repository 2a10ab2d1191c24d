"""What is said about the clock, keys, accounts and settings: pure data, as in ``phrases``."""

from collections.abc import Mapping
from typing import Final

from mmpush_tui.checks.phrases.wording import CLOCK, Words
from mmpush_tui.findings import Confidence

_LIKELY: Final = Confidence.LIKELY
_POSSIBLE: Final = Confidence.POSSIBLE

WORDS: Final[Mapping[str, Words]] = {
    "clock_wrong": Words(
        summary="This host's clock is {skew}; Apple and Google refuse what it signs.",
        fix=CLOCK,
        see="fcm-clock-skew",
        why="sign-in tokens bear the time, and are good for an hour at most",
    ),
    "clock_off": Words(
        summary="This host's clock is {skew}.",
        fix=CLOCK,
        see="fcm-clock-skew",
        why="sign-in tokens bear the time; a little more, and they are refused",
    ),
    "clock_differs": Words(
        summary="The clocks of this host and of {who} differ: {skew}.",
        fix='Set the clock of both: `timedatectl` must say "System clock synchronized: yes".',
        confidence=_LIKELY,
    ),
    # Apple
    "apns_key_refused": Words(
        summary="Apple does not take the key of this target.",
        fix="Compare auth_key_id with the key's name at developer.apple.com (Keys), team_id with "
        "the team's (Membership), make sure that the key has Apple Push Notifications enabled and "
        "was not revoked, and that it is no App Store Connect key.",
        see="apns-invalid-provider-token",
        why="key, key id or team id do not belong together, or the key was revoked",
    ),
    "apns_token_expired": Words(
        summary="Apple takes this host's sign-in token for expired: its clock is wrong.",
        fix=CLOCK,
        see="apns-expired-provider-token",
        confidence=_LIKELY,
    ),
    "apns_environment": Words(
        summary="The key or certificate is for Apple's other network.",
        fix="Change sandbox on this target (ApplePushUseDevelopment in the JSON file), or get a "
        "key for both networks.",
        see="apns-key-environment",
    ),
    "apns_certificate_refused": Words(
        summary="Apple does not take the certificate of this target.",
        fix="Get a new certificate at developer.apple.com, or change to a .p8 key.",
        see="apns-client-certificate",
    ),
    "apns_topic": Words(
        summary="The key is good, and the topic is not one of its team's apps.",
        fix="Set topic (ApplePushTopic) to the bundle id of your iOS app, letter by letter.",
        see="apns-topic-refused",
    ),
    "apns_too_many_tokens": Words(
        summary="Apple got too many different sign-in tokens of this key, and waits.",
        fix="Wait 20 minutes and change nothing meanwhile; one worker alone should use the key, or "
        "all share one state folder.",
        see="apns-too-many-tokens",
        confidence=_LIKELY,
    ),
    "apns_refused": Words(
        summary="Apple refuses the credentials of this target for another reason.",
        fix="Look the reason up: `mmpush-tui explain REASON`.",
        confidence=_POSSIBLE,
    ),
    # Google
    "fcm_clock": Words(
        summary="Google refuses the sign-in: this host's clock is wrong.",
        fix=CLOCK,
        see="fcm-clock-skew",
    ),
    "fcm_account": Words(
        summary="Google does not take the service account's key.",
        fix="Make a new key for the account (Firebase console, Project settings, Service accounts) "
        "and name the new file in service_account_file.",
        see="fcm-service-account-refused",
        why="the key was deleted, the account disabled, or the file is not its own",
    ),
    "fcm_grant": Words(
        summary="Google's token server gives no access token.",
        fix="Run the check again; if it stays, make a new key for the service account.",
        see="fcm-token-server",
        confidence=_POSSIBLE,
    ),
    "fcm_api_disabled": Words(
        summary="The Firebase Cloud Messaging API is switched off in the project {project}.",
        fix='Enable "Firebase Cloud Messaging API (V1)" for {project} in the Google Cloud console '
        "and wait some minutes.",
        see="fcm-api-disabled",
    ),
    "fcm_permission": Words(
        summary="The service account may not send in the project {project}.",
        fix='Give it the role "Firebase Cloud Messaging API Admin" in the project of your app.',
        see="fcm-permission-denied",
    ),
    "fcm_project": Words(
        summary="Google knows no project {project}.",
        fix="Take the service account of the Firebase project that your Android app uses "
        "(google-services.json names it).",
        see="fcm-permission-denied",
    ),
    "fcm_refused": Words(
        summary="Google refuses the credentials of this target for another reason.",
        fix="Look at the evidence; `mmpush-tui explain` knows Google's words.",
        confidence=_POSSIBLE,
    ),
    "authorization_stripped": Words(
        summary="What was sent to sign in does not arrive at {who}.",
        fix="Exempt {host} from TLS inspection and from header filters in the proxy.",
        see="fcm-unauthenticated",
        why="a fresh token was sent, and the answer says that there is none",
        confidence=_LIKELY,
    ),
    "probe_delivered": Words(
        summary="What answers for {who} accepts pushes for devices that do not exist.",
        fix="Find out what answers at {endpoint}: the real service refuses such a device.",
        confidence=_LIKELY,
    ),
    # A push proxy
    "proxy_accepts_all": Words(
        summary="The push proxy at {endpoint} says OK to a push for a platform that there is not.",
        fix="Find out what answers there: a real push proxy refuses it.",
        confidence=_LIKELY,
    ),
    "proxy_credentials": Words(
        summary="The push proxy wants user and password, and the address has none, or others.",
        fix="Write user and password into the address in Mattermost, before {endpoint}: the user, "
        "a colon, the password, an @.",
        see="proxy-sender-refused",
    ),
    "proxy_forbidden": Words(
        summary="The push proxy does not take pushes from this host.",
        fix="Allow this host's address in allowed_addresses of the push proxy, or check from the "
        "Mattermost server.",
        see="proxy-sender-refused",
    ),
    "proxy_odd_answer": Words(
        summary="What answers at {endpoint} does not take pushes as a push proxy does.",
        fix="Find out who answers: a reverse proxy must pass POST /api/v1/send_push on unchanged.",
        see="mattermost-answer-not-json",
        confidence=_LIKELY,
    ),
    # What the settings say
    "url_loopback": Words(
        summary="Mattermost's push proxy address {endpoint} leads to the Mattermost server itself.",
        fix="Enter the push proxy's own address as the Mattermost server sees it.",
        see="proxy-connection-refused",
        why="the address is that of this host to itself, and Mattermost runs elsewhere",
        confidence=_LIKELY,
    ),
    "url_wildcard": Words(
        summary="{endpoint} is an address to listen on, not one to connect to.",
        fix="Enter the push proxy's own name or address, with its port.",
        see="proxy-connection-refused",
    ),
    "url_plain_remote": Words(
        summary="Pushes go to {endpoint} in plain text.",
        fix="Give the push proxy a certificate (tls_certificate_file) and enter https://, or keep "
        "it on this host.",
        why="texts and device tokens can be read on the way",
    ),
    "tpns_licensed": Words(
        summary="The test service (TPNS) is used although there is a licence for HPNS.",
        fix="Choose HPNS: `mmpush-tui settings set mode=hpns accept_terms=true`.",
        see="settings-tpns",
    ),
    "hpns_unlicensed": Words(
        summary="HPNS is chosen without a licence for it: Mattermost sends no push at all.",
        fix="Install a licence that has HPNS, or choose the test service: "
        "`mmpush-tui settings set mode=tpns`.",
        see="settings-licence-missing",
    ),
    "listen_open": Words(
        summary="The worker listens for everybody, and asks nobody who they are.",
        fix="Listen on 127.0.0.1, or set allowed_addresses, access_user and access_password, or "
        "path_prefix.",
        why="whoever knows a device token can make that phone ring",
    ),
}
