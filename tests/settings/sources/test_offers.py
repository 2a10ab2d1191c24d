"""Which places exist on this host, and what is to be known of each."""

import json
import os
import socket
from pathlib import Path

import pytest

from mmpush_tui.settings.sources.offers import Offer, offers
from mmpush_tui.settings.sources.source import Place
from tests.settings.sources.servers import running

SITE = "https://chat.example.com"


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)


def write(path: Path, **service: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"ServiceSettings": service}))
    return path


def told(found: tuple[Offer, ...], below: Path) -> list[tuple[str, str, str]]:
    """Return what is offered below a folder, and addresses; others test beside this."""
    return [
        (offer.where.kind, offer.where.at, offer.remark)
        for offer in found
        if offer.where.kind is Place.REST or offer.where.at.startswith(str(below))
    ]


def test_a_file_leads_to_its_socket_and_its_address(short_tmp: Path) -> None:
    path = short_tmp / "local.sock"
    config = write(short_tmp / "config.json", SiteURL=SITE, LocalModeSocketLocation=str(path))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        assert told(offers([config], {}), short_tmp) == [
            ("file", str(config), ""),
            ("local", str(path), ""),
            ("rest", SITE, "with an access token"),
        ]
    os.unlink(path)
    assert told(offers([config], {}), short_tmp)[1:] == [("rest", SITE, "with an access token")]


def test_variables_name_a_socket_and_an_address(short_tmp: Path) -> None:
    path = short_tmp / "other.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        environment = {
            "MMCTL_LOCAL_SOCKET_PATH": str(path),
            "MMPUSH_MATTERMOST__URL": "https://mm.example.com",
        }
        assert told(offers([], environment), short_tmp) == [
            ("local", str(path), ""),
            ("rest", "https://mm.example.com", "with an access token"),
        ]


def test_a_running_server_leads_to_its_file(tmp_path: Path) -> None:
    config = write(tmp_path / "srv" / "config" / "config.json")
    with running(tmp_path / "srv"):
        assert told(offers([], {}), tmp_path) == [("file", str(config), "")]
    with running(tmp_path / "srv", MM_CONFIG="postgres://mm:CANARY@db/mm"):
        assert told(offers([config], {}), tmp_path) == [
            (
                "file",
                str(config),
                "not in use: the server keeps its configuration in its database",
            )
        ]


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    shapeless = tmp_path / "shapeless.json"
    shapeless.write_text("[]")
    same = tmp_path / "same.json"
    same.symlink_to(broken)
    assert told(offers([broken, shapeless, same, tmp_path / "none"], {}), tmp_path) == [
        ("file", str(broken), "broken: no JSON"),
        ("file", str(shapeless), "not usable"),
    ]
