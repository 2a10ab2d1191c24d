"""``mmpush-tui simulate``: Apple, Google and Mattermost on this host, for commands of one's own."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from mmpush_tui.commands.printing import print_document
from mmpush_tui.errors import UsageError


@click.command("simulate")
@click.option("--list", "as_list", is_flag=True, help="Show all faults, and end.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[:KEY=VALUE,…]",
    help="A fault that is on from the beginning; NAME@apns, NAME@fcm or NAME@mattermost for one "
    "side. May be given more than once.",
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
@click.option(
    "--mattermost",
    is_flag=True,
    help="Play a Mattermost server too, for `settings` and the console: its REST API with an "
    "access token, its local-mode socket, its config.json.",
)
@click.option("--no-vendors", is_flag=True, help="With --mattermost: without Apple and Google.")
@click.option(
    "--mattermost-version",
    metavar="VERSION",
    help="With --mattermost: that of the server, as 10.11; 11.8.0 unless given.",
)
@click.option(
    "--licence",
    metavar="hpns,id_loaded|none",
    help="With --mattermost: what the server's licence includes; both unless given.",
)
@click.option(
    "--mattermost-port",
    type=click.IntRange(1, 65535),
    help="With --mattermost: a free one unless given.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(
    as_list: bool, faults: tuple[str, ...], folder: Path | None, apns_port: int | None,
    fcm_port: int | None, seed: int, strict: bool, through_proxy: bool, mattermost: bool,
    no_vendors: bool, mattermost_version: str | None, licence: str | None,
    mattermost_port: int | None, as_json: bool,
) -> int:  # fmt: skip
    """Play Apple and Google for a push proxy worker, and Mattermost for its settings.

    It writes throw-away credentials and configurations that lead a worker to the stand-ins, which
    are stricter than the real ones: what it does wrong is listed. While it runs, faults are
    raised and cleared by typing: raise NAME, clear, faults, status, help, quit. It ends at Ctrl-C.

    With --mattermost there is a server to rehearse on whose settings can be read and changed, and
    the commands for that are printed. The access token is in a file for this user alone, and is
    good for nothing but that server.
    """
    if not mattermost:
        _refuse(
            {
                "--no-vendors": no_vendors, "--mattermost-version": mattermost_version,
                "--licence": licence, "--mattermost-port": mattermost_port,
            },
            "the Mattermost server that is played", "Add --mattermost.",
        )  # fmt: skip
    if as_list:
        _list(as_json, has_vendors=not no_vendors, has_mattermost=mattermost)
        return 0
    if no_vendors:
        _refuse(
            {"--apns-port": apns_port, "--fcm-port": fcm_port, "--outbound-proxy": through_proxy},
            "Apple and Google, who are not played", "Leave --no-vendors away.",
        )  # fmt: skip
    from mmpush_tui.commands.simulating import SimulationPlan, simulate
    from mmpush_tui.commands.source import parse_licence
    from mmpush_tui.simulator.mattermost.fault_words import parse_any
    from mmpush_tui.simulator.mattermost.rehearsal import ALL_INCLUDED, full_version
    from mmpush_tui.simulator.mattermost.schema import VERSION
    from mmpush_tui.simulator.simulation import refuse_foreign

    for words in faults:
        # Refused here, before anything is started.
        parse_any(words, has_vendors=not no_vendors, has_mattermost=mattermost)
    if folder is not None:
        # What is written there names files, and is read from other folders.
        folder = folder.absolute()
        refuse_foreign(folder)
    plan = SimulationPlan(
        faults=faults, folder=folder, apns_port=apns_port or 0, fcm_port=fcm_port or 0,
        seed=seed, is_strict=strict, as_json=as_json, through_proxy=through_proxy,
        has_vendors=not no_vendors, has_mattermost=mattermost,
        mattermost_version=full_version(mattermost_version) if mattermost_version else VERSION,
        licence=parse_licence(licence) if licence else ALL_INCLUDED,
        mattermost_port=mattermost_port or 0,
    )  # fmt: skip
    return int(simulate(plan))


def _refuse(options: Mapping[str, object], about: str, fix: str) -> None:
    for name, value in options.items():
        if value:
            raise UsageError(f"{name} is about {about}", fix=fix, code="simulate-option")


def _list(as_json: bool, *, has_vendors: bool, has_mattermost: bool) -> None:
    listed = [
        *(_vendors_faults() if has_vendors else ()),
        *(_mattermosts_faults() if has_mattermost else ()),
    ]
    with contextlib.suppress(BrokenPipeError):
        if as_json:
            print_document("faults", faults=[fault for _, fault in listed])
            return
        for heading, fault in listed:
            click.echo(heading)
            click.echo(click.wrap_text(fault["help"], 78, "    ", "    "))


def _vendors_faults() -> Iterator[tuple[str, dict[str, Any]]]:
    from mmpush_tui.simulator.fault_words import describe_faults
    from mmpush_tui.simulator.faults import FAULTS

    for fault in FAULTS:
        side = {"apns": "Apple", "fcm": "Google", "both": "both"}[fault.where]
        parameters = ",".join(describe_faults(fault))
        name = f"{fault.name}:{parameters}" if parameters else fault.name
        yield f"{name}  ({side})", {
            "name": fault.name, "title": fault.title, "where": fault.where,
            "group": fault.group, "parameters": dict(fault.parameters), "help": fault.help,
        }  # fmt: skip


def _mattermosts_faults() -> Iterator[tuple[str, dict[str, Any]]]:
    from mmpush_tui.simulator.mattermost import fault_words
    from mmpush_tui.simulator.mattermost.faults import RestFault

    for fault in RestFault:
        parameters = fault_words.parameters(fault)
        if "keys" in parameters:
            parameters["keys"] = sorted(parameters["keys"])
        yield fault_words.describe_mattermost_faults(fault), {
            "name": fault.value, "title": fault.value.replace("-", " ").capitalize(),
            "where": fault_words.SIDE, "group": fault_words.SIDE, "parameters": parameters,
            "help": fault.help,
        }  # fmt: skip
