"""What is left to do after the file is written, in Mattermost and on this host. Pure."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mmpush_tui.settings.page import Mode, Page
from mmpush_tui.settings.page_fields import ACCEPT_TERMS, REGION, SERVER, page_words
from mmpush_tui.settings.page_fields import MODE as MODE_FIELD
from mmpush_tui.settings.urls import REGION_URLS, TPNS_URL, Region
from mmpush_tui.setup import steps
from mmpush_tui.setup.answers import is_loopback, is_own, server_address
from mmpush_tui.setup.steps import Answers, StepId, When, Where, answer

_PAGE: Final = "System Console > Environment > Push Notification Server"
_MMCTL: Final = "mmctl config set EmailSettings."


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """One thing that is left to do.

    Attributes:
        sentence: what, and where.
        commands: the same on the command line, ready to paste; empty where there is no such way.
    """

    sentence: str
    commands: tuple[str, ...] = ()


def remaining(answers: Answers, config: Path, address: str) -> tuple[Remaining, ...]:
    """Return what is left to do, in order.

    Args:
        answers: without problems.
        config: the file that the push proxy is started with.
        address: where it listens.
    """
    if not is_own(answers):
        return (_hosted(answers),)
    serve = f"mmpush-tui serve --config {shlex.quote(str(config))}"
    return (
        Remaining(sentence="Start the push proxy.", commands=(serve,)),
        _custom(address, is_here=answer(answers, steps.WHERE) == Where.FILE),
        *_left_for_later(answers),
    )


def on_page(answers: Answers, page: Page, address: str = "") -> Page:
    """Return Mattermost's settings page with the answers on it, ready to be saved there.

    Args:
        answers: without problems.
        page: the page as it is today.
        address: where the own push proxy listens.
    """
    if is_own(answers):
        return page.with_mode(Mode.CUSTOM).with_server(server_address(address))
    page = page.with_mode(Mode(str(answer(answers, steps.SERVICE))))
    if page.mode is not Mode.HPNS:
        return page
    page = page.with_region(Region(str(answer(answers, REGION))))
    return page.with_agreed(answer(answers, ACCEPT_TERMS) is True)


def _hosted(answers: Answers) -> Remaining:
    mode = Mode(str(answer(answers, steps.SERVICE)))
    label = page_words(MODE_FIELD.name, mode)
    sentence = f'In Mattermost, {_PAGE}: choose "{label}"'
    server = TPNS_URL
    if mode is Mode.HPNS:
        region = Region(str(answer(answers, REGION)))
        server = REGION_URLS[region]
        sentence += f' and the location "{page_words(REGION.name, region)}", accept the terms'
    return Remaining(sentence=f"{sentence}, then Save.", commands=_set(server))


def _custom(address: str, *, is_here: bool) -> Remaining:
    label = page_words(MODE_FIELD.name, Mode.CUSTOM)
    server = server_address(address)
    sentence = f'In Mattermost, {_PAGE}: choose "{label}" and enter '
    field = SERVER.label.rstrip(":")
    if not server:
        return Remaining(
            sentence=f"{sentence}the address of the reverse proxy before {address} as {field}."
        )
    sentence += f"{server} as {field}."
    if "HOST" in server:
        sentence += " HOST is this host's name or address as Mattermost reaches it."
    elif is_loopback(address) and not is_here:
        sentence += " A Mattermost on another host cannot reach that."
    return Remaining(sentence=sentence, commands=_set(server))


def _set(server: str) -> tuple[str, ...]:
    return (
        f"{_MMCTL}PushNotificationServer {shlex.quote(server)}",
        f"{_MMCTL}SendPushNotifications true",
    )


def _left_for_later(answers: Answers) -> list[Remaining]:
    if StepId.APPLE not in {step.id for step in steps.path(answers)}:
        return []
    return [
        Remaining(sentence=f"{field.label} get nothing yet: run the set-up again for them.")
        for field in (steps.APPLE_WHEN, steps.ANDROID_WHEN)
        if answer(answers, field) == When.LATER
    ]
