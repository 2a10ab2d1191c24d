"""What is wrong with an answer, what one should know beside it, what follows from it. Pure."""

import re
from typing import Final

from mmpush_tui.credentials.identifiers import on_id, on_ids, on_topic
from mmpush_tui.errors import ConfigError
from mmpush_tui.fields import Field, FieldError, Kind, Value
from mmpush_tui.findings import Finding
from mmpush_tui.proxy.door import listen
from mmpush_tui.settings.page import Mode
from mmpush_tui.settings.page_fields import ACCEPT_TERMS
from mmpush_tui.setup import steps
from mmpush_tui.setup.steps import Answers, Apps, Step, StepId, When, Where, answer, text
from mmpush_tui.text import clean, redact

_CONTENT: Final = re.compile(r"-----BEGIN |PRIVATE KEY|^\s*\{|[A-Za-z0-9+=]{60}")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=]{50}")
_KEY_LINE: Final = re.compile(
    r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])/[A-Za-z0-9+/]{39,}={0,2}", re.ASCII
)
LENGTH_LIMIT: Final = 1024
"""Characters of an answer."""
_MISSING: Final = {
    steps.CONFIG_FILE.key: "Name Mattermost's config.json, or choose Somewhere else.",
    steps.KEY_FILE.key: "Name the .p8 file from Apple, or choose Later.",
    steps.ACCOUNT_FILE.key: "Name the service account's JSON file, or choose Later.",
    steps.TOPIC.key: "The topic is missing. It is the bundle id of your iOS app, as "
    "com.example.chat.",
    steps.LISTEN.key: "The address is missing. 127.0.0.1:8086 is for a Mattermost on this host.",
}
"""What to do where nothing was answered, by field key."""
_LOOPBACK: Final = re.compile(r"127\..*|localhost|::1")


def looks_like_content(value: str) -> bool:
    """Return whether a key, or what a key file holds, was pasted instead of the file's path."""
    if _CONTENT.search(value):
        return True
    # Slashes belong to base64 as they do to paths; a line of a key can even begin with one. A path
    # to a file has its ending, or is shorter, or has no capitals and digits beside small letters.
    if _KEY_LINE.fullmatch(value.strip()):
        return True
    return not value.startswith(("/", "~", "unix:/")) and bool(_BASE64.search(value))


def is_storable(value: Value) -> bool:
    """Return whether an answer may be written to a draft: no key, no secret, one short line."""
    return not isinstance(value, str) or (not _content(value) and redact(value) == value)


def problems(step: Step, answers: Answers) -> dict[str, str]:
    """Return what keeps ``step`` from being done: by field key, what is wrong and what to do.

    Files are not opened here; :mod:`~mmpush_tui.setup.credentials` and
    :mod:`~mmpush_tui.setup.proof` look into them.
    """
    by_key = {
        field.key: problem
        for field in steps.asked(step, answers)
        if (problem := _problem(field, answers))
    }
    if step.id is StepId.SUMMARY and (problem := _nothing_to_send_with(answers)):
        by_key[steps.APPLE_WHEN.key] = problem
    return by_key


def answer_notes(step: Step, answers: Answers) -> dict[str, str]:
    """Return what one should know about good answers of ``step``, by field key."""
    return {
        field.key: note
        for field in steps.asked(step, answers)
        if not _problem(field, answers) and (note := _note(field, answers))
    }


def apple_type(topic: str) -> str:
    """Return the platform name that an app with this bundle id gives itself."""
    return "apple_rnbeta" if "rnbeta" in topic else "apple_rn"


def server_address(address: str) -> str:
    """Return what Mattermost is told for a listen address; HOST where it is to be filled in.

    Empty for a Unix socket, which Mattermost cannot post to.
    """
    if address.startswith("unix:"):
        return ""
    host, port = listen.split(address)
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 - compared
        host = "HOST"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(address: str) -> bool:
    """Return whether only this host reaches a listen address."""
    try:
        return bool(_LOOPBACK.fullmatch(listen.split(address)[0]))
    except ConfigError:
        return False


def _problem(field: Field, answers: Answers) -> str:
    try:
        value = field.check(answer(answers, field))
    except FieldError as error:
        return f"This cannot be: {error}."
    if field.kind in (Kind.PATH, Kind.TEXT, Kind.ADDRESS) and (problem := _content(str(value))):
        return problem
    if field.key in _MISSING and not text(answers, field):
        return _MISSING[field.key]
    match field:
        case steps.KEY_ID:
            return _faulty(on_id("key id", text(answers, field)))
        case steps.TEAM_ID:
            return _team_id(text(answers, field), answers)
        case steps.TOPIC:
            return _faulty(on_topic(text(answers, field)))
        case steps.LISTEN:
            return _listen(text(answers, field))
        case _ if field.key == ACCEPT_TERMS.key and value is not True:
            return "HPNS needs your consent: accept its terms, or go back and choose TPNS."
    return ""


def _content(value: str) -> str:
    """Return why a text cannot be an answer to any question; empty where it can."""
    if looks_like_content(value):
        return "This looks like the key itself. Save it in a file and give the file's path."
    if len(value) > LENGTH_LIMIT:
        return "This is too long. Type it again."
    if clean(value, LENGTH_LIMIT) != value.strip():
        return "This has line breaks or invisible characters in it. Type it again."
    return ""


def _team_id(team_id: str, answers: Answers) -> str:
    if team_id and team_id == text(answers, steps.KEY_ID):
        return _ids(answers)
    return _faulty(on_id("team id", team_id))


def _ids(answers: Answers) -> str:
    key_id, team_id = text(answers, steps.KEY_ID), text(answers, steps.TEAM_ID)
    return _faulty(on_ids(key_id, team_id, text(answers, steps.KEY_FILE)))


def _faulty(finding: Finding | None) -> str:
    return as_sentence(finding.line()) if finding else ""


def as_sentence(clause: str) -> str:
    """Return a finding's clause as a sentence of its own."""
    return f"{clause[:1].upper()}{clause[1:]}" + ("" if clause.endswith(".") else ".")


def _listen(address: str) -> str:
    if address.startswith("unix:"):
        where = address.removeprefix("unix:")
        if not where.startswith("/"):
            return "A Unix socket needs its full path: unix:/run/mmpush-tui/in.sock"
        return "The path of a Unix socket has at most 107 bytes." if len(where) > 107 else ""
    try:
        _, port = listen.split(address)
    except ConfigError:
        return "Write host:port, :port for every interface, or unix:/path."
    return "" if port else "Port 0 is another port at every start. Choose one, as 8086."


def _nothing_to_send_with(answers: Answers) -> str:
    ids = {step.id for step in steps.path(answers)}
    if StepId.APPLE not in ids:
        return ""
    whens = [answer(answers, field) for field in (steps.APPLE_WHEN, steps.ANDROID_WHEN)]
    if any(when != When.LATER for when in whens):
        return ""
    return "Apple and Google are both left for later, so nothing could be sent. Set up one."


def _note(field: Field, answers: Answers) -> str:
    match field:
        case steps.KEY_ID:
            # Where both are the same, the team id is what is told of.
            are_same = text(answers, field) == text(answers, steps.TEAM_ID)
            return "" if are_same else _ids(answers)
        case steps.TOPIC if apple_type(text(answers, field)) != "apple_rn":
            return "An app with rnbeta in its bundle id calls its platform apple_rnbeta."
        case steps.SANDBOX if answer(answers, field) is True:
            return "The sandbox reaches apps run from Xcode only; TestFlight needs production."
        case steps.SERVICE if answer(answers, field) == Mode.TPNS:
            return "TPNS has no uptime promise; do not rely on it for daily work."
        case steps.LISTEN:
            return _listen_note(text(answers, field), answers)
    return ""


def _listen_note(address: str, answers: Answers) -> str:
    if address.startswith("unix:"):
        return "Mattermost cannot post to a Unix socket: put a reverse proxy in front of it."
    host, port = listen.split(address)
    if port == 8065:
        return "8065 is Mattermost's own port as a rule."
    if is_loopback(address):
        is_elsewhere = answer(answers, steps.WHERE) == Where.ELSEWHERE
        sentence = f"A Mattermost on another host cannot reach this: use :{port} instead."
        return sentence if is_elsewhere else ""
    if not host or host in ("0.0.0.0", "::"):  # noqa: S104 - compared
        return "Every host that reaches this one can post: let only Mattermost through."
    return ""


def is_own(answers: Answers) -> bool:
    """Return whether the answers lead to a push proxy of one's own."""
    return answer(answers, steps.APPS) == Apps.OWN
