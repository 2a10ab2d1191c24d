"""Which config.json is meant where nobody said so."""

from pathlib import Path

import pytest

from mmpush_tui.errors import ConfigError
from mmpush_tui.settings.sources.config_file import locate
from mmpush_tui.settings.sources.locate import USUAL_FILES


def toml(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text("{}")
    return path


def test_the_usual_places_are_the_documented_ones() -> None:
    assert [str(path) for path in USUAL_FILES] == [
        "/opt/mattermost/config/config.json",
        "config/config.json",
    ]


def test_flag_variable_file_server_and_usual_place_count_in_this_order(
    tmp_path: Path, config: Path
) -> None:
    ours = toml(tmp_path, '[mattermost]\nconfig_file = "from-toml.json"')
    environment = {
        "MMPUSH_MATTERMOST__CONFIG_FILE": "/from-variable.json",
        "MM_CONFIG": "/from-server.json",
    }
    usual = (config,)
    named = Path("/named.json")
    assert locate(named, ours, environment, usual) == named
    assert locate(None, ours, environment, usual) == Path("/from-variable.json")
    del environment["MMPUSH_MATTERMOST__CONFIG_FILE"]
    assert locate(None, ours, environment, usual) == tmp_path / "from-toml.json"
    assert locate(None, None, environment, usual) == Path("/from-server.json")
    assert locate(None, None, {}, usual) == config
    assert locate(None, None, {}, (tmp_path, tmp_path / "none")) is None


def test_a_tilde_is_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/home/canary")
    expected = Path("/home/canary/c.json")
    assert locate(Path("~/c.json"), None, {}) == expected
    assert locate(None, None, {"MMPUSH_MATTERMOST__CONFIG_FILE": "~/c.json"}) == expected
    ours = toml(tmp_path, 'mattermost.config_file = "~/c.json"')
    assert locate(None, ours, {}) == expected


@pytest.mark.parametrize("text", ["", "[proxy]\n", "[mattermost]\n", "mattermost.config_file = ''"])
def test_a_toml_that_names_none_is_passed_over(tmp_path: Path, config: Path, text: str) -> None:
    assert locate(None, toml(tmp_path, text), {}, (config,)) == config


def test_an_upstream_file_is_passed_over(tmp_path: Path, config: Path) -> None:
    upstream = tmp_path / "mattermost-push-proxy.json"
    upstream.write_text("{}")
    assert locate(None, upstream, {}, (config,)) == config


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            '[mattermost]\nconfig_fiel = "CANARY"',
            "mattermost.config_fiel: unknown key. Did you mean config_file?",
        ),
        ("[mattermost]\nx = 1", "mattermost.x: unknown key. Known: config_file."),
        ("[mattermost]\nconfig_file = 5", "mattermost.config_file: expected text, got a number."),
        ('mattermost = "CANARY"', "mattermost: expected a table."),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, text: str, line: str) -> None:
    ours = toml(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        locate(None, ours, {})
    assert caught.value.line() == f"{ours}: {line}"


def test_a_broken_toml_is_named(tmp_path: Path) -> None:
    ours = toml(tmp_path, '[mattermost]\nconfig_file = "CANARY')
    with pytest.raises(ConfigError) as caught:
        locate(None, ours, {})
    assert caught.value.line().startswith(f"{ours}: this is no TOML.") or (
        f"{ours}, line 2, column " in caught.value.line()
    )
    assert "CANARY" not in caught.value.line()
    ours.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="this is no TOML"):
        locate(None, ours, {})
    ours.unlink()
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        locate(None, ours, {})


@pytest.mark.parametrize(
    "address",
    [
        "postgres://mmuser:CANARY@db/mattermost",
        "POSTGRESQL://mmuser:CANARY@db/mattermost",
        "mysql://mmuser:CANARY@tcp(db)/mattermost",
    ],
)
def test_a_configuration_in_the_database_is_named_without_its_address(
    config: Path, address: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        locate(None, None, {"MM_CONFIG": address}, (config,))
    assert caught.value.line() == (
        "MM_CONFIG says that Mattermost keeps its configuration in its database, which cannot be "
        "read from here. Use the System Console or mmctl there, or name a file with "
        "--mattermost-config FILE."
    )
    assert locate(config, None, {"MM_CONFIG": address}) == config


def test_a_relative_name_is_looked_for_where_the_server_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "prod.json").write_text("{}")
    (tmp_path / "here.json").write_text("{}")
    assert locate(None, None, {"MM_CONFIG": "prod.json"}) == Path("config/prod.json")
    assert locate(None, None, {"MM_CONFIG": "here.json"}) == Path("here.json")
    assert locate(None, None, {"MM_CONFIG": "none.json"}) == Path("none.json")
