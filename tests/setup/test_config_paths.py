import os
from pathlib import Path

from mmpush_tui.proxy import config_paths


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
