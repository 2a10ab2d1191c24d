"""``mmpush-tui demo``: everything at work against built-in stand-ins."""

import contextlib
import secrets
from typing import TYPE_CHECKING

import click

from mmpush_tui.commands.options import Seconds, terminal_options
from mmpush_tui.errors import UsageError
from mmpush_tui.protocol.event import Event
from mmpush_tui.watching.lines import HEADER, line

if TYPE_CHECKING:
    from mmpush_tui.simulator.demo import DemoReport
    from mmpush_tui.simulator.fault_words import WantedFault


@click.command("demo")
@click.option("--headless", is_flag=True, help="Without a screen: print what happens.")
@click.option(
    "--seconds",
    type=Seconds(0.1, 86400),
    default=10.0,
    show_default=True,
    help="With --headless: how long notifications are posted.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="With --headless: one JSON object at the end, only."
)
@click.option(
    "--seed", type=click.IntRange(0, 2**31), help="Repeat a run: same phones, same order."
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[:KEY=VALUE,…]",
    help="A fault that is on from the beginning, with --headless during the middle half; "
    "`mmpush-tui simulate --list` shows all there are. May be given more than once.",
)
@terminal_options
@click.pass_context
def command(
    ctx: click.Context, headless: bool, seconds: float, as_json: bool, seed: int | None,
    faults: tuple[str, ...], remote: bool | None, mouse: bool,
) -> int:  # fmt: skip
    """See it all work: a Mattermost server, the push proxy worker, Apple, Google and phones.

    It opens the console on its Worker screen, or with --headless prints what happens.

    All of them run on this host, with throw-away credentials; nothing outside a temporary
    folder is touched and no other address is spoken to. With --headless, exit code 0 says that
    every notification was answered and nothing was left behind.
    """
    from mmpush_tui.simulator.fault_words import parse_all

    wanted = parse_all(faults)
    if headless:
        return _headless(
            seconds, as_json, secrets.randbelow(1_000_000) if seed is None else seed, wanted
        )
    _refuse_headless_options(ctx)
    from mmpush_tui.console.launch import Demo, launch
    from mmpush_tui.console.options import ConsoleOptions

    return int(
        launch(
            ConsoleOptions(first_screen="worker"), remote=remote, mouse=mouse,
            demo=Demo(1 if seed is None else seed, wanted),
        )
    )  # fmt: skip


def _refuse_headless_options(ctx: click.Context) -> None:
    for name, option in (("seconds", "--seconds"), ("as_json", "--json")):
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise UsageError(
                f"{option} is for the demo without a screen",
                code="demo-option",
            )


def _headless(seconds: float, as_json: bool, seed: int, faults: "tuple[WantedFault, ...]") -> int:
    import asyncio

    from mmpush_tui.simulator.demo import HeadlessDemo

    if not as_json:
        _say(_intro(seconds, seed, faults))
    demo = HeadlessDemo(seconds, seed, faults, lambda event: None if as_json else _show(event))
    report = asyncio.run(demo.run())
    with contextlib.suppress(BrokenPipeError):
        click.echo(report.to_json() if as_json else _summary(report))
    return int(report.exit_code)


def _intro(seconds: float, seed: int, faults: "tuple[WantedFault, ...]") -> str:
    words = ", ".join(wanted.words for wanted in faults)
    during = f"  Faults in the middle half: {words}." if faults else ""
    return (
        "Mattermost --> push proxy worker --> Apple and Google --> phones, all on this host.\n"
        f"{seconds:g} seconds, seed {seed}.{during}  Ctrl-C ends it early.\n\n{HEADER}"
    )


def _show(event: Event) -> None:
    if event.kind != "state" and (text := line(event)):
        _say(text)


def _summary(report: "DemoReport") -> str:
    names = ("sent", "ok", "removed", "failed", "unanswered", "acknowledged")
    rows = [["", *names]]
    for platform, counts in report.by_platform.items():
        rows.append([platform, *(str(counts[name]) for name in names)])
    rows.append(["together", *(str(getattr(report, name)) for name in names)])
    table = "\n".join(
        f"  {row[0]:<10}"
        + "".join(
            cell.rjust(max(len(name) + 2, 7)) for name, cell in zip(names, row[1:], strict=True)
        )
        for row in rows
    )
    left = ", ".join(report.leftovers)
    end = f"Left behind: {left}." if left else "Nothing was left behind."
    state = "Interrupted" if report.interrupted else "Done"
    truth = (
        "every notification was answered"
        if not report.unanswered
        else f"{report.unanswered} notifications got no answer"
    )
    return (
        f"\n{state} after {report.seconds:.1f} s: {truth}, "
        f"{report.duplicates} duplicates.\n\n{table}\n\n{end}"
    )


def _say(text: str) -> None:
    # The terminal may be gone; the run still ends in order, and its exit code says how.
    with contextlib.suppress(OSError):
        click.echo(text)
