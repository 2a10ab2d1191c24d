"""What is probably not meant in the settings of a target, though it could be obeyed. Pure."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from mmpush_tui.configuration.config import AppleSettings
from mmpush_tui.credentials.identity import NOT_FOR_PUSH, TEN, key_id_in, missing_of_key
from mmpush_tui.findings import Finding, Severity

_KNOWN: Final = frozenset(
    {
        "apple_rn", "apple_rnbeta", "apple_voip_rn", "apple_voip_rnbeta", "android_rn",
        "android_rnbeta",
    }
)  # fmt: skip
"""The platforms of Mattermost's apps, and those of the reference proxy's sample."""
_ENDINGS: Final = (".voip", ".complication", ".pushkit.fileprovider")


def on_type(type_: str) -> Iterator[Finding]:
    """Say where no push will ever name the type of a target."""
    if "-v" in type_:
        yield _warning(
            "type-version",
            f"no push reaches {type_}: the apps' -v1 and -v2 are no part of the type. Call it "
            f"{type_.partition('-v')[0]}",
        )
    elif type_ not in _KNOWN:
        yield _warning(
            "type-unknown",
            "Mattermost's apps call themselves apple_rn, apple_rnbeta and android_rn, and servers "
            f"from 11.10 on take nothing else; {type_} can only be an app of your own",
        )


def on_apple(apple: AppleSettings) -> Iterator[Finding]:
    """Say what is odd about key, ids, topic and endpoint of an Apple target."""
    yield from _on_two_ways(apple)
    yield from _on_ids(apple)
    yield from _on_topic(apple)
    if apple.endpoint and apple.sandbox:
        host = host_of(apple.endpoint)
        yield _warning(
            "apple-sandbox-outranked",
            f"ApplePushUseDevelopment of {apple.type} does nothing, because the endpoint {host} "
            "outranks it",
        )


def host_of(url: str) -> str:
    """Return the host of an address."""
    return (urlsplit(url).hostname or "").lower()


def _on_two_ways(apple: AppleSettings) -> Iterator[Finding]:
    missing = missing_of_key(apple)
    if apple.certificate_file and not missing:
        yield _warning(
            "apple-certificate-unused",
            f"{apple.type} has a key and a certificate; the key is used. Empty "
            "ApplePushCertPrivate, or one of the key's three settings",
        )
    elif apple.certificate_file and len(missing) < 3:
        yield _warning(
            "apple-key-unused",
            f"{apple.type} uses its certificate, because {', '.join(missing)} of its key "
            f"{'is' if len(missing) == 1 else 'are'} missing",
        )
    if apple.certificate_password and not apple.certificate_file:
        yield _warning(
            "apple-password-unused",
            f"ApplePushCertPassword of {apple.type} is set without ApplePushCertPrivate",
        )


def _on_ids(apple: AppleSettings) -> Iterator[Finding]:
    if not apple.auth_key_file:
        return
    key_id, team_id, name = apple.auth_key_id, apple.team_id, Path(apple.auth_key_file).name
    for prefix, purpose in NOT_FOR_PUSH.items():
        if name.startswith(prefix):
            yield _warning(
                "apple-key-purpose",
                f"the key file of {apple.type} is named as Apple names keys for {purpose}; those "
                "for push are AuthKey_ and the key id",
            )
    named = key_id_in(name)
    if key_id and key_id == team_id:
        yield _warning(
            "apple-key-id",
            f"key id and team id of {apple.type} are the same; they never are. The key id is in "
            "the name of the key's file",
        )
    elif named and named == team_id:
        yield _warning(
            "apple-key-id",
            f"key id and team id of {apple.type} are swapped: the key's file is named for {named}",
        )
    elif named and key_id and named != key_id:
        yield _warning(
            "apple-key-id",
            f"the key file of {apple.type} is named for the key id {named}, and its key id is "
            f"{key_id}; Apple will refuse it unless the file was renamed",
        )


def _on_topic(apple: AppleSettings) -> Iterator[Finding]:
    topic = apple.topic
    first, _, rest = topic.partition(".")
    if ending := next((it for it in _ENDINGS if topic.endswith(it)), ""):
        yield _warning(
            "apple-topic",
            f"the topic of {apple.type} ends in {ending}, which is appended where it is needed. "
            f"Set {topic.removesuffix(ending)}",
        )
    elif TEN.fullmatch(first) and "." in rest:
        yield _warning(
            "apple-topic",
            f"the topic of {apple.type} begins with a team id. Set {rest}",
        )
    elif topic and (topic != topic.strip() or "." not in topic or "*" in topic):
        yield _warning(
            "apple-topic",
            f"the topic of {apple.type} is no bundle id, such as com.example.chat",
        )


def _warning(code: str, message: str) -> Finding:
    return Finding(severity=Severity.WARN, code=code, message=message)
