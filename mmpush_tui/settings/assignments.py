"""``KEY=VALUE`` as on a command line, laid over the page by its own rules. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from mmpush_tui.errors import UsageError
from mmpush_tui.fields import Field, FieldError, Kind, Value, by_name, nearest
from mmpush_tui.settings import page_fields as rows
from mmpush_tui.settings.page import Contents, Licence, Mode, Page
from mmpush_tui.settings.urls import Region

SAME_MODE: Final[Mapping[str, Mode]] = {
    "mhpns": Mode.HPNS,
    "mtpns": Mode.TPNS,
    "mpns": Mode.CUSTOM,
}
"""Other words for the modes: the web page's own, and what a push proxy of one's own is called."""
ADDRESS_LIMIT: Final = 2048
"""Characters; the longest address that is taken."""

_OF_ONE_MODE: Final = (
    ("region", Mode.HPNS, "region is a setting of HPNS"),
    ("server", Mode.CUSTOM, "server can be entered only with mode=custom"),
)
"""Rows that can be set in one mode alone, with the rule in words."""
_FIELDS: Final = by_name(rows.FIELDS)


def assigned(page: Page, pairs: Sequence[str], licence: Licence, held: Mapping[str, str]) -> Page:
    """Return ``page`` with what ``pairs`` ask for, as if it had been chosen on it.

    The order of the pairs does not matter: the mode comes first, as on the page.

    Args:
        page: the page as stored.
        pairs: ``KEY=VALUE`` each, KEY the name of a row.
        licence: what is known of the server's licence.
        held: fields that cannot be changed, with the reason.

    Raises:
        UsageError: one of them asks for what the page would not take. Values are not repeated:
            an address may hold a password.
    """
    values = _parsed(pairs)
    for name, value in values.items():
        if reason := rows.locked_by(name, held):
            raise UsageError(
                f"{name} cannot be changed here: {reason}",
                code="settings-locked",
            )
        _refuse_unoffered(_FIELDS[name], value, page, licence)
    if "mode" in values:
        mode = Mode(str(values["mode"]))
        if mode is Mode.HPNS and values.get("accept_terms") is not True:
            raise UsageError(
                "mode=hpns needs accept_terms=true in the same call",
                fix=f"Read the Terms of Service, {rows.TERMS_URL}, and the Privacy Policy, "
                f"{rows.PRIVACY_URL}, first.",
                code="settings-terms",
            )
        page = page.with_mode(mode)
    for name, mode, rule in _OF_ONE_MODE:
        if name in values and page.mode is not mode:
            raise UsageError(f"{rule}, and the mode is {page.mode}", code=f"settings-{name}")
    if "region" in values:
        page = page.with_region(Region(str(values["region"])))
    if "accept_terms" in values:
        page = page.with_agreed(values["accept_terms"] is True)
    if "server" in values:
        page = page.with_server(str(values["server"]))
    if "contents" in values:
        page = page.with_contents(Contents(str(values["contents"])))
    if "max_notifications" in values:
        page = page.with_max_notifications(int(values["max_notifications"]))
    return page


def _parsed(pairs: Sequence[str]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(
                f"expected KEY=VALUE, got a word without = ({len(pair)} characters)",
                code="settings-no-value",
            )
        if name not in _FIELDS:
            near = nearest(name, _FIELDS)
            raise UsageError(
                f"{name or 'a KEY'} is none of the settings",
                fix=f"Did you mean {near}?" if near else f"Known: {', '.join(_FIELDS)}.",
                code="settings-unknown-key",
            )
        if name in values:
            raise UsageError(f"{name} is given twice", code="settings-twice")
        values[name] = _value(_FIELDS[name], text)
    return values


def _value(field: Field, text: str) -> Value:
    if field is rows.MODE:
        text = SAME_MODE.get(text.lower(), text)
    if field is rows.SERVER and (len(text) > ADDRESS_LIMIT or not text.strip().isprintable()):
        raise UsageError(
            "server: this is no address",
            why="it is too long, or holds characters that no address has",
            fix="Such as server=http://127.0.0.1:8086.",
            code="settings-value",
        )
    try:
        return field.parse(text)
    except FieldError as error:
        raise UsageError(f"{field.name}: {error}", code="settings-value") from error


def _refuse_unoffered(field: Field, value: Value, page: Page, licence: Licence) -> None:
    """Raise where the page has no such choice."""
    if field.kind is not Kind.CHOICE or any(
        choice.value == value for choice in rows.choices(field.name, page, licence)
    ):
        return
    if field is rows.REGION:
        offered = ", ".join(page.regions.urls)
        raise UsageError(
            f"region: this server is older and offers {offered}",
            fix="The others came with Mattermost 11.6.",
            code="settings-not-offered",
        )
    name = "HPNS" if field is rows.MODE else "fetching messages on receipt (id_loaded)"
    raise UsageError(
        f"{field.name}: the server's licence does not include {name}, so it is not offered",
        fix="Choose another one, or see Edition and License in the System Console.",
        code="settings-not-offered",
    )
