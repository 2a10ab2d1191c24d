"""The rules on what names a target and its app: types, key ids, team ids, topics. Pure.

Each rule names a fault in its finding's message; with ``of`` this says whose it is, such as
``" of apple_rn"``.
"""

import re
from pathlib import PurePath
from typing import Final

from mmpush_tui.findings import Finding, Severity, warning

_KNOWN: Final = frozenset(
    {
        "apple_rn", "apple_rnbeta", "apple_voip_rn", "apple_voip_rnbeta", "android_rn",
        "android_rnbeta",
    }
)  # fmt: skip
"""The platforms of Mattermost's apps, and those of the reference proxy's sample."""
_TEN: Final = re.compile(r"[A-Z0-9]{10}", re.ASCII)
_WHERE: Final = {
    "key id": "It is in the name of the key's file, AuthKey_KEYID.p8.",
    "team id": "It is at developer.apple.com > Membership details.",
}
_NOT_FOR_PUSH: Final = {
    "SubscriptionKey_": "in-app purchases",
    "ApiKey_": "the App Store Connect API",
}
"""How the files of Apple's other keys are named, and what those are for."""
_KEY_NAME: Final = re.compile(r"AuthKey_([A-Z0-9]{10})(?![A-Za-z0-9])", re.ASCII)
_ENDINGS: Final = (".voip", ".complication", ".pushkit.fileprovider")
_BUNDLE_ID: Final = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", re.ASCII)


def key_id_in(path: str) -> str:
    """Return the key id in the name that Apple gives a key's file, or an empty string."""
    named = _KEY_NAME.match(PurePath(path).name)
    return named[1] if named else ""


def on_type(type_: str) -> Finding | None:
    """Say where no push will ever name the type of a target."""
    if "-v" in type_:
        return warning(
            "type-version",
            f"no push reaches {type_}: the apps' -v1 and -v2 are no part of the type. Call it "
            f"{type_.partition('-v')[0]}",
        )
    if type_ in _KNOWN:
        return None
    return warning(
        "type-unknown",
        "Mattermost's apps call themselves apple_rn, apple_rnbeta and android_rn, and servers "
        f"from 11.10 on take nothing else; {type_} can only be an app of your own",
    )


def on_id(name: str, value: str, of: str = "") -> Finding | None:
    """Refuse what is no id of Apple's.

    Args:
        name: ``key id`` or ``team id``.
        value: the id.
        of: whose it is.
    """
    if _TEN.fullmatch(value):
        return None
    message, why = f"the {name}{of} is not ten capital letters and digits", ""
    if not value:
        message = f"the {name}{of} is missing"
    elif len(value) != 10:
        why = f"it has {len(value)} character{'' if len(value) == 1 else 's'}"
    elif _TEN.fullmatch(value.upper()):
        why = "it has small letters"
    return Finding(
        severity=Severity.FAIL,
        code="apple-id-shape",
        message=message,
        why=(why,),
        fix=_WHERE[name],
    )


def on_ids(key_id: str, team_id: str, key_file: str, of: str = "") -> Finding | None:
    """Say where key id and team id do not fit each other, or the name of the key's file."""
    named, message = key_id_in(key_file), ""
    if key_id and key_id == team_id:
        message = (
            f"key id and team id{of} are the same; they never are. The key id is in the name of "
            "the key's file"
        )
    elif named and named == team_id:
        message = f"key id and team id{of} are swapped: the key's file is named for {named}"
    elif named and key_id and named != key_id:
        message = (
            f"the key file{of} is named for the key id {named}, and its key id is {key_id}; Apple "
            "will refuse it unless the file was renamed"
        )
    return warning("apple-key-id", message) if message else None


def on_key_file(path: str, of: str = "") -> Finding | None:
    """Say where a key's file is named as Apple names keys for something else than push."""
    name = PurePath(path).name
    for prefix, purpose in _NOT_FOR_PUSH.items():
        if name.startswith(prefix):
            return warning(
                "apple-key-purpose",
                f"the key file{of} is named as Apple names keys for {purpose}; those for push are "
                "AuthKey_ and the key id",
            )
    return None


def on_topic(topic: str, of: str = "") -> Finding | None:
    """Say where a topic is not the bundle id alone."""
    first, _, rest = topic.partition(".")
    if ending := next((it for it in _ENDINGS if topic.endswith(it)), ""):
        message = (
            f"the topic{of} ends in {ending}, which is appended where it is needed. "
            f"Set {topic.removesuffix(ending)}"
        )
    elif _TEN.fullmatch(first) and "." in rest:
        message = f"the topic{of} begins with a team id. Set {rest}"
    elif topic and not _BUNDLE_ID.fullmatch(topic):
        message = (
            f"the topic{of} is no bundle id: letters, digits and hyphens with dots between, such "
            "as com.example.chat"
        )
    else:
        return None
    return warning("apple-topic", message)
