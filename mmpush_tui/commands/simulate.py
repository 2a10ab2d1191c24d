"""``mmpush-tui simulate``: Apple and Google on this host, for a worker started elsewhere."""

import contextlib
import json
import sys
from pathlib import Path

import click


@click.command("simulate")
@click.option("--list", "as_list", is_flag=True, help="Show all faults, and end.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[:KEY=VALUE,…]",
    help="A fault that is on from the beginning; NAME@apns or NAME@fcm for one side. May be given "
    "more than once.",
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where credentials and configurations are written and stay; a temporary folder unless "
    "given.",
)
@click.option("--apns-port", type=click.IntRange(1, 65535), help="A free one unless given.")
@click.option("--fcm-port", type=click.IntRange(1, 65535), help="A free one unless given.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31),
    default=1,
    show_default=True,
    help="Key ids and device tokens follow from it.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="End with exit code 1 where the worker broke a rule of Apple's or Google's.",
)
@click.option(
    "--outbound-proxy",
    "through_proxy",
    is_flag=True,
    help="Lead the worker through a proxy with a password, for the fault outbound-proxy.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(
    as_list: bool, faults: tuple[str, ...], folder: Path | None, apns_port: int | None,
    fcm_port: int | None, seed: int, strict: bool, through_proxy: bool, as_json: bool,
) -> int:  # fmt: skip
    """Play Apple and Google for a push proxy worker.

    It writes throw-away credentials and configurations that lead a worker to the stand-ins, which
    are stricter than the real ones: what it does wrong is listed. While it runs, faults are
    raised and cleared by typing: raise NAME, clear, faults, status, help, quit. It ends at Ctrl-C.
    """
    from mmpush_tui.simulator.fault_words import parse_all

    if as_list:
        _list(as_json)
        return 0
    wanted = parse_all(faults)
    from mmpush_tui.commands.simulating import Plan, simulate
    from mmpush_tui.simulator.simulation import refuse_foreign

    if folder is not None:
        # What is written there names files, and is read from other folders.
        folder = folder.absolute()
        refuse_foreign(folder)
    plan = Plan(
        faults=tuple(it.words for it in wanted), folder=folder, apns_port=apns_port or 0,
        fcm_port=fcm_port or 0, seed=seed, is_strict=strict, as_json=as_json,
        through_proxy=through_proxy,
    )  # fmt: skip
    return int(simulate(plan))


def _list(as_json: bool) -> None:
    from mmpush_tui.simulator.fault_words import described
    from mmpush_tui.simulator.faults import FAULTS

    with contextlib.suppress(BrokenPipeError):
        if as_json:
            listed = [
                {
                    "name": fault.name, "title": fault.title, "where": fault.where,
                    "group": fault.group, "parameters": dict(fault.parameters), "help": fault.help,
                }
                for fault in FAULTS
            ]  # fmt: skip
            click.echo(json.dumps({"schema": 1, "kind": "faults", "faults": listed}))
            return
        for fault in FAULTS:
            side = {"apns": "Apple", "fcm": "Google", "both": "both"}[fault.where]
            parameters = ",".join(described(fault))
            name = f"{fault.name}:{parameters}" if parameters else fault.name
            click.echo(f"{name}  ({side})")
            click.echo(click.wrap_text(fault.help, 78, "    ", "    "))
        sys.stdout.flush()
