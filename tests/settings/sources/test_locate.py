"""Which config.json is meant where nobody said so."""

import contextlib
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from mmpush_tui.errors import ConfigError
from mmpush_tui.settings.sources.locate import USUAL_FILES, Named, choose_source


def locate(
    named: Path | None,
    toml: Path | None,
    environment: Mapping[str, str],
    usual: Sequence[Path] = USUAL_FILES,
) -> Path | None:
    place = Named(config_file=named)
    return choose_source(place, toml, environment, usual, Path("/dev/null")).config_file


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
    nobodys = Path("~nobody-of-this-host/c.json")
    assert locate(nobodys, None, {}) == nobodys


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
        (
            "[mattermost]\nx = 1",
            "mattermost.x: unknown key. Known: config_file, url, token_file, ca_file, "
            "local_socket.",
        ),
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
    # Python 3.11 does not say where a text at the end of a file begins.
    assert caught.value.line().startswith(f"{ours}: this is no TOML:") or (
        f"{ours}, line 2, column " in caught.value.line()
    )
    assert "CANARY" not in caught.value.line()
    ours.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="line 1: expected UTF-8 text"):
        locate(None, ours, {})
    ours.unlink()
    with pytest.raises(ConfigError, match="there is no such file"):
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
        "read from here. Ask the running server: --mattermost-url URL with a token, or --local "
        "where its local mode is on."
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


def chosen(toml: Path | None, environment: dict[str, str], **named: Path | str) -> Named:
    return choose_source(Named(**named), toml, environment, (), Path("/dev/null"))  # type: ignore[arg-type] # names and types are those of Named


def test_an_address_comes_with_its_token_file(tmp_path: Path) -> None:
    ours = toml(
        tmp_path,
        '[mattermost]\nurl = "https://chat.example.com"\ntoken_file = "token"\nca_file = "/ca.pem"',
    )
    expected = Named(
        url="https://chat.example.com", token_file=tmp_path / "token", ca_file=Path("/ca.pem")
    )
    assert chosen(ours, {}) == expected
    assert chosen(ours, {}, url="https://chat.example.com") == expected
    other = chosen(ours, {"MMPUSH_MATTERMOST__TOKEN_FILE": "/mine"}, token_file=Path("/other"))
    assert other.token_file == Path("/other")


def test_a_token_goes_to_no_other_server(tmp_path: Path) -> None:
    ours = toml(tmp_path, '[mattermost]\nurl = "https://chat.example.com"\ntoken_file = "token"')
    assert chosen(ours, {}, url="https://evil.example.com").token_file is None


def test_variables_outrank_the_file_as_a_whole(tmp_path: Path) -> None:
    ours = toml(tmp_path, '[mattermost]\nconfig_file = "c.json"')
    environment = {"MMPUSH_MATTERMOST__URL": "https://chat.example.com"}
    assert chosen(ours, environment) == Named(url="https://chat.example.com")
    assert chosen(ours, {"MMPUSH_MATTERMOST__LOCAL_SOCKET": "/s"}) == Named(local_socket=Path("/s"))


def test_two_places_are_one_too_many(tmp_path: Path) -> None:
    ours = toml(tmp_path, '[mattermost]\nconfig_file = "c.json"\nurl = "https://chat.example.com"')
    with pytest.raises(ConfigError) as caught:
        choose_source(Named(), ours, {})
    assert caught.value.line() == (
        f"{ours}: mattermost.config_file and url are both given. Name one place that Mattermost's "
        "settings are read from."
    )


def test_a_socket_is_taken_where_there_is_no_file_and_for_the_database(
    short_tmp: Path, config: Path
) -> None:
    path = short_tmp / "local.sock"
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(path))
        assert choose_source(Named(), None, {}, (), path) == Named(local_socket=path)
        assert choose_source(Named(), None, {}, (config,), path) == Named(config_file=config)
        in_database = {"MM_CONFIG": "postgres://mmuser:CANARY@db/mattermost"}
        assert choose_source(Named(), None, in_database, (config,), path) == Named(
            local_socket=path
        )
