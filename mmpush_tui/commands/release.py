"""``mmpush-tui release``: the end of a doubt that was unfounded."""

from pathlib import Path

import click

from mmpush_tui.commands.options import control_option, json_option
from mmpush_tui.commands.printing import print_document
from mmpush_tui.errors import FailedError


@click.command("release")
@click.argument("target")
@json_option
@control_option
def command(target: str, as_json: bool, control: Path | None) -> int:
    """Let TARGET, such as apple_rn, pass removals on again.

    A worker holds them back while every device of a target is refused and none was ever accepted,
    because then the topic, the environment or the Firebase project is wrong more likely than all
    devices are gone. Put that right first; what is released cannot be taken back, because
    Mattermost forgets the devices until their users log in again.
    """
    import asyncio

    from mmpush_tui.watching import client

    path = client.find_worker(control)

    async def release() -> bool:
        async with client.ControlClient(path) as worker:
            return await worker.release(target)

    is_released = asyncio.run(release())
    if as_json:
        print_document("release", target=target, released=is_released)
        return 0 if is_released else 1
    if not is_released:
        raise FailedError(f"{target} holds no removals back", code="nothing-held")
    click.echo(f"{target} passes removals on again.")
    return 0
