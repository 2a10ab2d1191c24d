"""``KEY=VALUE``: what is refused, and in which words."""

import pytest

from mmpush_tui.errors import UsageError
from mmpush_tui.settings.assignments import assigned
from mmpush_tui.settings.page import Licence, Mode, Page, Stored, infer
from mmpush_tui.settings.urls import TWO_REGIONS, Region, regions_for
from tests.settings.table import DE, LICENSED, OWN, TPNS, UNLICENSED

TERMS = (
    "Read the Terms of Service, https://mattermost.com/hpns-terms/, and the Privacy Policy, "
    "https://mattermost.com/data-processing-addendum/, first."
)


def page(server: str = TPNS, licence: Licence = LICENSED, version: str | None = None) -> Page:
    return infer(Stored(send=True, server=server), licence, regions_for(version))


def refusal(*pairs: str, on: Page | None = None, licence: Licence = LICENSED, **held: str) -> str:
    with pytest.raises(UsageError) as caught:
        assigned(on or page(), pairs, licence, held)
    return caught.value.line()


@pytest.mark.parametrize(
    ("pairs", "line"),
    [
        (
            ["CANARY"],
            "expected KEY=VALUE, got a word without = (6 characters). Such as mode=tpns or "
            "contents=generic.",
        ),
        (["mod=tpns"], "mod is none of the settings. Did you mean mode?"),
        (["=tpns"], "a KEY is none of the settings. Known: mode, region, accept_terms, server, "
                    "max_notifications, contents."),
        (["mode=off", "mode=tpns"], "mode is given twice."),
        (["mode=CANARY"], "mode: expected one of off, hpns, tpns, custom."),
        (["region=CANARY"], "region: expected one of global, us, de, jp."),
        (["contents=CANARY"], "contents: expected one of generic_no_channel, generic, full, "
                              "id_loaded."),
        (["max_notifications=CANARY"], "max_notifications: expected a whole number, got text."),
        (["max_notifications=0"], "max_notifications: expected a number of 1 or more."),
        (["accept_terms=CANARY"], "accept_terms: expected true or false, got text."),
        (["mode=hpns"], f"mode=hpns needs accept_terms=true in the same call. {TERMS}"),
        (["mode=mhpns", "accept_terms=no"],
         f"mode=hpns needs accept_terms=true in the same call. {TERMS}"),
        (["region=de"], "region is a setting of HPNS, and the mode is tpns. Add mode=hpns and "
                        "accept_terms=true, or leave region out."),
        (["server=http://CANARY"], "server can be entered only with mode=custom, and the mode is "
                                   "tpns. Add mode=custom, or leave server out."),
        (["mode=custom", "server=http://a\x1b[31mCANARY"],
         "server: this is no address: it is too long, or holds characters that no address has. "
         "Such as server=http://127.0.0.1:8086."),
        (["mode=custom", "server=" + "a" * 2049],
         "server: this is no address: it is too long, or holds characters that no address has. "
         "Such as server=http://127.0.0.1:8086."),
    ],
)  # fmt: skip
def test_what_is_refused(pairs: list[str], line: str) -> None:
    told = refusal(*pairs)
    assert told == line
    assert "CANARY" not in told


def test_what_the_page_does_not_offer_is_refused() -> None:
    assert refusal("mode=hpns", "accept_terms=true", licence=UNLICENSED) == (
        "mode: the server's licence does not include HPNS, so it is not offered. Choose another "
        "one, or see Edition and License in the System Console."
    )
    assert refusal("contents=id_loaded", licence=UNLICENSED).startswith(
        "contents: the server's licence does not include fetching messages on receipt (id_loaded)"
    )
    older = infer(Stored(send=True, server=TPNS), LICENSED, TWO_REGIONS)
    assert refusal("mode=hpns", "accept_terms=true", "region=jp", on=older) == (
        "region: this server is older and offers us, de. The others came with Mattermost 11.6."
    )


def test_what_is_held_is_refused() -> None:
    held = "set by MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER, as the server says"
    for pair in ("mode=off", "region=jp", "server=x"):
        name = pair.partition("=")[0]
        assert refusal(pair, on=page(DE), server=held) == (
            f"{name} cannot be changed here: {held}. Change it where that is set, and restart "
            "Mattermost."
        )
    assert assigned(page(), ["contents=full"], LICENSED, {"server": held}) == page()


@pytest.mark.parametrize(
    ("word", "mode"), [("mhpns", Mode.HPNS), ("MTPNS", Mode.TPNS), ("mpns", Mode.CUSTOM)]
)
def test_the_modes_have_other_words_too(word: str, mode: Mode) -> None:
    assert assigned(page(OWN), [f"mode={word}", "accept_terms=true"], LICENSED, {}).mode is mode


def test_consent_without_need_is_no_fault() -> None:
    assert assigned(page(), ["mode=tpns", "accept_terms=true"], LICENSED, {}) == page()


def test_the_mode_comes_first() -> None:
    draft = assigned(page(), ["region=jp", "accept_terms=true", "mode=hpns"], LICENSED, {})
    assert (draft.mode, draft.region, draft.agreed) == (Mode.HPNS, Region.JP, True)
