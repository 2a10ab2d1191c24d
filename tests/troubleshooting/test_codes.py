"""The program and its one book of texts agree: what is raised is known, what is known is raised."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import mmpush_tui
from mmpush_tui.troubleshooting.catalogue import GENERIC, entries
from mmpush_tui.troubleshooting.lookup import by_code, by_reason, explain
from mmpush_tui.troubleshooting.wording import codes, fix_of, note_of, notes_by_case, words_for

ROOT = Path(mmpush_tui.__file__).parent
NODES = {
    str(path.relative_to(ROOT)): tuple(ast.walk(ast.parse(path.read_text())))
    for path in sorted(ROOT.rglob("*.py"))
}
"""Each source's syntax, read and walked through once."""
CODE = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)+|[A-Z][A-Za-z]+")
OF_AN_ERROR = {"why", "fix", "code"}

UNKNOWN: Mapping[str, str] = {
    "skipped": "nothing was looked at, and the check that it needed says why",
    "probe_waits": "nothing is wrong: credentials are tried once a minute",
    "reload_failed": "an event that carries its own error, and has its words in a journey",
    "reload_kept_old": "an event that carries its own error, and has its words in a journey",
    "unknown_ack_id": "a receipt for a push that was forgotten; nothing is lost",
    "interrupted": "somebody stopped the checks",
    "log_failures": "it names the entry of what Mattermost's log says",
}
"""What nobody can look up, and why nobody needs to."""

ALIKE_EVERYWHERE: Mapping[str, str] = {
    "config-value": "most values are refused through ``Problems``, which say it themselves",
}  # fmt: skip
"""Fixes that are the same wherever the code is raised, and are not in the book."""


@dataclass(frozen=True)
class Site:
    """A call that names a code."""

    where: str
    function: str
    """The name that is called; empty where it is an attribute of something."""
    code: str
    fix: str | None
    """What to do, where that is a constant; None where it is made, empty where there is none."""
    places: frozenset[str]


def sites() -> Iterator[Site]:
    """Return each call with a constant ``code=``, of errors and findings."""
    for name, nodes in NODES.items():
        constants = _constants(nodes)
        for call in (node for node in nodes if isinstance(node, ast.Call)):
            given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
            code = _text(given.get("code"), constants)
            if code:
                fix = _text(given["fix"], {}) if "fix" in given else ""
                function = call.func.id if isinstance(call.func, ast.Name) else ""
                places = frozenset(given) - OF_AN_ERROR if _is_error(function) else frozenset()
                yield Site(f"{name}:{call.lineno}", function, code, fix, places)


def _constants(nodes: Sequence[ast.AST]) -> dict[str, str]:
    """Return the texts that have a name in a module or in one of its functions."""
    found = {}
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(name)], value=ast.Constant(str(text))):
                found[name] = text
            case ast.AnnAssign(target=ast.Name(name), value=ast.Constant(str(text))):
                found[name] = text
            case ast.Assign(targets=[ast.Tuple(names)], value=ast.Tuple(values)):
                for one, value in zip(names, values, strict=False):
                    if isinstance(one, ast.Name) and isinstance(value, ast.Constant):
                        found[one.id] = str(value.value)
            case _:
                pass
    return found


def _text(value: ast.expr | None, constants: Mapping[str, str]) -> str | None:
    match value:
        case ast.Constant(str(text)):
            return text
        case ast.Name(name):
            return constants.get(name)
        case _:
            return None


def _is_error(function: str) -> bool:
    return function.endswith("Error")


def handed_on() -> Iterator[str]:
    """Return each constant given to a function of ours as its argument ``code``."""
    takers: dict[str, int] = {}
    for nodes in NODES.values():
        for node in nodes:
            if isinstance(node, ast.FunctionDef):
                names = [argument.arg for argument in node.args.args if argument.arg != "self"]
                if "code" in names:
                    takers[node.name] = names.index("code")
    for nodes in NODES.values():
        for node in nodes:
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
                if name in takers and len(node.args) > takers[name]:
                    code = _text(node.args[takers[name]], {})
                    if code and CODE.fullmatch(code):
                        yield code


def event_reasons() -> Iterator[str]:
    """Return each constant that an event or a refusal has as its reason."""
    for nodes in NODES.values():
        for node in nodes:
            if isinstance(node, ast.keyword) and node.arg == "reason":
                reason = _text(node.value, {})
                if reason and CODE.fullmatch(reason):
                    yield reason


def given_notes() -> Iterator[tuple[str, set[str | None]]]:
    """Return the code of each advice that is given, with the names of its places."""
    for nodes in NODES.values():
        for node in nodes:
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "note_of":
                code = _text(node.args[0], {})
                assert code, "a code that cannot be read here"
                yield code, {keyword.arg for keyword in node.keywords}


SITES = tuple(sites())
GIVEN_NOTES = tuple(given_notes())
CODES_OF_SITES = {site.code for site in SITES} - {"ok", "nothing"}
RAISED = sorted(CODES_OF_SITES | set(handed_on()) | set(event_reasons()))
WORDS_OF_THE_PROGRAM = {
    node.value
    for nodes in NODES.values()
    for node in nodes
    if isinstance(node, ast.Constant) and isinstance(node.value, str)
} | {code.replace("-missing", "-invalid") for code in RAISED}
NODES.clear()  # else each later collection of garbage goes through hundreds of thousands of them


def test_the_sources_were_read() -> None:
    assert len(CODES_OF_SITES) > 150
    assert {"worker-not-found", "mattermost-unreachable", "apple-key-id", "server-port",
            "mattermost-save-unknown", "no-targets", "internal_error"} <= set(RAISED)  # fmt: skip


@pytest.mark.parametrize("code", RAISED)
def test_what_is_raised_is_known(code: str) -> None:
    assert (by_reason(code) is None) == (code in UNKNOWN)


@pytest.mark.parametrize("code", sorted(CODES_OF_SITES - set(UNKNOWN)))
def test_a_code_alone_is_explained_by_its_entry(code: str) -> None:
    entry = by_reason(code)
    assert entry is not None
    assert explain(code).matches[0].entry is entry


def test_nothing_stands_in_the_list_of_the_unknown_that_is_not_raised() -> None:
    assert set(UNKNOWN) <= set(RAISED)


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.code)
def test_what_is_known_is_raised_or_seen(entry: object) -> None:
    known = by_code(getattr(entry, "code", ""))
    assert known is not None
    ours = {known.code, *known.reasons} & WORDS_OF_THE_PROGRAM
    is_a_vendors = any(re.fullmatch(r"[A-Z][A-Za-z]+|[A-Z_]+", word) for word in known.reasons)
    assert ours or known.symptoms or is_a_vendors


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.code)
def test_an_entrys_code_is_no_error_of_another_entry(entry: object) -> None:
    code = getattr(entry, "code", "")
    found = by_reason(code)
    assert found is not None
    assert found.code == code


def test_every_reason_of_an_entry_of_the_program_is_raised() -> None:
    reasons = {r for entry in entries() if entry.hop == "program" for r in entry.reasons}
    assert reasons <= {*RAISED, "config"}


def test_no_raise_site_repeats_what_the_book_says() -> None:
    rows = set(codes())
    assert [site.where for site in SITES if _is_error(site.function) and site.fix and
            site.code in rows] == []  # fmt: skip


def test_a_fix_that_is_the_same_everywhere_is_in_the_book() -> None:
    by_fix: dict[str, set[str | None]] = defaultdict(set)
    for site in SITES:
        if site.function != "Finding":
            by_fix[site.code].add(site.fix)
    alike = {code for code, fixes in by_fix.items() if len(fixes) == 1 and all(fixes)}
    assert alike == set(ALIKE_EVERYWHERE)


def test_a_code_with_words_of_the_book_is_raised_with_them_alone() -> None:
    """Else a place that has nothing to say would say them too."""
    rows = {code for code in codes() if "-" in code}
    assert [site.where for site in SITES if site.code in rows and site.fix != ""] == []


def test_places_are_names_that_the_books_words_have() -> None:
    for site in SITES:
        words = words_for(site.code)
        named = set(re.findall(r"\{([a-z_]+)\}", words.fix)) if words else set()
        assert site.places <= named, site.where


def test_all_advice_of_the_book_is_given_and_no_other() -> None:
    assert {code for code, _ in GIVEN_NOTES} == {code for code, _ in notes_by_case()}


def test_all_places_of_advice_are_filled_where_it_is_given() -> None:
    for code, given in GIVEN_NOTES:
        messages = [note.message for (other, _), note in notes_by_case().items() if other == code]
        assert given == set(re.findall(r"\{([a-z_]+)\}", " ".join(messages))), code


def test_advice_is_told_from_an_error_by_its_code() -> None:
    """What a finding is to say and what advice says are two things."""
    assert not {code for code, _ in notes_by_case()} & set(codes())
    with pytest.raises(KeyError):
        note_of("no-such-code")


def test_no_words_for_an_error_are_those_of_another_step() -> None:
    """One step may stand for several codes, and then has a name of its own."""
    fixes = defaultdict(set)
    for code in (code for code in codes() if "-" in code):
        fixes[fix_of(code, {})].add(code)
    assert {frozenset(same) for same in fixes.values() if len(same) > 1} == {
        frozenset({"mattermost-config-owner", "mattermost-config-permission"}),
        frozenset({"no-terminal", "dumb-terminal"}),
    }
    steps = {step for entry in entries() for step in entry.steps}
    assert not steps & set(fixes)


def test_a_fix_is_filled_with_what_is_known() -> None:
    told = fix_of("tcp_port_policy", {"other_url": "https://api.push.apple.com:2197"})
    assert "https://api.push.apple.com:2197" in told
    assert GENERIC["port"] in told
    assert "{" not in told


def test_a_code_without_words_has_no_fix() -> None:
    assert fix_of("worker-replaced", {}) == ""
    assert fix_of("no-such-code", {}) == ""
