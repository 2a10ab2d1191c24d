import os
from pathlib import Path

import pytest

from mmpush_tui.configuration import locations as config_paths
from mmpush_tui.configuration.locations import worker_config
from mmpush_tui.errors import ConfigError


def test_the_users_own_file_comes_before_the_systems(tmp_path: Path) -> None:
    own = Path(os.environ["XDG_CONFIG_HOME"]) / "mmpush-tui" / "config.toml"
    assert config_paths.default_config_path() == own
    system = config_paths.SYSTEM_CONFIG
    assert config_paths.find_config({}) == (system if system.exists() else None)
    own.parent.mkdir(parents=True)
    own.touch()
    assert config_paths.find_config({}) == own


def test_the_variable_counts_first_also_where_nothing_is_there(tmp_path: Path) -> None:
    missing = tmp_path / "missing.toml"
    assert config_paths.find_config({"MMPUSH_CONFIG": str(missing)}) == missing
    home = Path(os.environ["HOME"])
    assert config_paths.find_config({"MMPUSH_CONFIG": "~/c.toml"}) == home / "c.toml"
    assert config_paths.find_config({"MMPUSH_CONFIG": ""}) == config_paths.find_config({})


def test_a_folder_of_that_name_is_no_configuration() -> None:
    own = config_paths.default_config_path()
    own.mkdir(parents=True)
    assert config_paths.find_config({}) != own


def test_a_file_that_passes_on_to_another_is_followed(tmp_path: Path) -> None:
    ours = tmp_path / "config.toml"
    ours.write_text('[console]\nworker_config = "old/mattermost-push-proxy.json"\n')
    assert worker_config(ours) == tmp_path / "old/mattermost-push-proxy.json"
    ours.write_text('[console]\nworker_config = "/etc/p.json"\n')
    assert worker_config(ours) == Path("/etc/p.json")


@pytest.mark.parametrize("text", ["", "[proxy]\n", "[console]\n", "this is no TOML", "\x00"])
def test_a_file_that_says_nothing_of_another_is_the_one(tmp_path: Path, text: str) -> None:
    ours = tmp_path / "config.toml"
    ours.write_text(text)
    assert worker_config(ours) == ours
    assert worker_config(tmp_path / "missing.toml") == tmp_path / "missing.toml"
    assert worker_config(tmp_path / "p.json") == tmp_path / "p.json"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("console = 3", "console: expected a table."),
        (
            "[console]\nworker_confg = 'a'",
            "console.worker_confg: unknown key. Did you mean worker_config?",
        ),
        ("[console]\nworker_config = 3", "console.worker_config: expected text, got a number."),
    ],
)
def test_a_console_table_that_cannot_be_is_refused(
    tmp_path: Path, text: str, sentence: str
) -> None:
    ours = tmp_path / "config.toml"
    ours.write_text(text)
    with pytest.raises(ConfigError) as caught:
        worker_config(ours)
    assert str(caught.value).endswith(sentence)
