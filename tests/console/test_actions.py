"""The registry and the screens must not drift apart."""

import re

import pytest
from textual.dom import DOMNode

from mmpush_tui.console.actions import ACTIONS, SCREENS, Action, bindings, of_screen, shown_key
from mmpush_tui.console.app import ConsoleApp
from mmpush_tui.console.options import ConsoleOptions
from mmpush_tui.console.worker.delivery_log import DeliveryLog
from tests.console.watching import SESSION


def owner_of(screen: str) -> type[DOMNode]:
    """Return the class of a screen, or with an empty name the app's."""
    app = ConsoleApp(ConsoleOptions(host="h"), SESSION)
    return type(app.make_screen(screen)) if screen else ConsoleApp


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_has_a_method_where_it_belongs(action: Action) -> None:
    owner = owner_of(action.screen)
    name = action.do.partition("(")[0]
    found = hasattr(owner, f"action_{name}") or hasattr(ConsoleApp, f"action_{name}")
    assert found, f"{owner.__name__} has no action_{name}"


def test_what_is_passed_on_to_the_log_is_an_action_of_its_own() -> None:
    names = [action.do.split("'")[1] for action in ACTIONS if action.do.startswith("log(")]
    assert len(names) == 5
    assert [name for name in names if not hasattr(DeliveryLog, f"action_{name}")] == []


@pytest.mark.parametrize("screen", [*SCREENS, ""])
def test_every_binding_of_a_screen_comes_from_the_registry(screen: str) -> None:
    owner = owner_of(screen)
    known = {binding.id for binding in bindings(screen)}
    assert {binding.id for binding in owner.__dict__["BINDINGS"]} == known


def test_no_key_means_two_things_on_one_screen() -> None:
    for screen in SCREENS:
        keys = [key for a in ACTIONS if a.screen in ("", screen) for key in a.keys]
        twice = {key for key in keys if keys.count(key) > 1}
        assert not twice, f"{screen}: {twice}"


def test_no_key_needs_what_terminals_do_not_pass_on() -> None:
    for action in ACTIONS:
        assert not re.match(r"f\d+$", action.keys[0]), "a function key needs a letter beside it"
        for key in action.keys:
            assert not key.startswith("alt+"), key
            assert key not in ("ctrl+enter", "shift+enter"), key


def test_every_action_has_words() -> None:
    for action in ACTIONS:
        assert action.label, action.id
        assert len(action.label) <= 16, action.id
        assert action.help.endswith("."), action.id
    ids = [action.id for action in ACTIONS]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("screen", SCREENS)
def test_the_key_line_has_few_items(screen: str) -> None:
    own = [a for a in of_screen(screen, is_demo=True) if a.rank]
    assert 1 <= len(own) <= 9


@pytest.mark.parametrize(
    ("key", "shown"), [("ctrl+s", "^s"), ("question_mark", "?"), ("enter", "Enter"), ("q", "q")]
)
def test_keys_are_named_as_on_the_keyboard(key: str, shown: str) -> None:
    assert shown_key(key) == shown
