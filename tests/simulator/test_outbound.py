"""A simulation that leads the worker through an outbound proxy."""

import json
import tomllib
from pathlib import Path

import pytest

from mmpush_tui.simulator.simulation import Simulation


@pytest.mark.parametrize("through_proxy", [False, True])
async def test_both_configurations_name_the_proxy_where_there_is_one(
    tmp_path: Path, through_proxy: bool
) -> None:
    folder = tmp_path / "sim"
    simulation = Simulation(folder, 1, lambda _judged: None, through_proxy=through_proxy)
    await simulation.start()
    try:
        url = simulation.outbound.url if simulation.outbound else ""
        assert bool(url) is through_proxy
        ours = tomllib.loads((folder / "config.toml").read_text())["proxy"]
        theirs = json.loads((folder / "mattermost-push-proxy.json").read_text())
        targets = [*theirs["ApplePushSettings"], *theirs["AndroidPushSettings"]]
        assert {target["Proxy"] for target in targets} == {url}
        named = {target.get("proxy", "") for target in (*ours["apple"], *ours["android"])}
        assert named == {url}
        if through_proxy:
            await simulation.raise_fault("outbound-proxy:kind=forbidden")
            assert simulation.status()["faults"] == ["outbound-proxy"]
            await simulation.clear()
        assert simulation.violations == []
    finally:
        await simulation.aclose()
