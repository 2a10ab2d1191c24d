"""One reading of a configuration for everybody, and one refusal."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mmpush_tui.configuration.config import convert_document, load, network_of
from mmpush_tui.configuration.document import our_document, read_document
from mmpush_tui.configuration.effective import view
from mmpush_tui.configuration.locations import worker_config
from mmpush_tui.errors import ConfigError
from mmpush_tui.proxy.lint import lint
from mmpush_tui.settings.sources.locate import Named, choose_source
from mmpush_tui.setup.write import plan
from tests.setup.test_document import STORE

READERS: list[Callable[[Path], object]] = [
    load,
    lambda path: view(path, {}),
    lambda path: lint(path, {}),
    lambda path: network_of(path, {}),
    lambda path: choose_source(Named(), path, {}),
    lambda path: plan(STORE, path),
]
WHOLE = """
[proxy]
listen_address = ":1"
[network]
ca_file = "ca.pem"
[mattermost]
url = "https://chat.example.com"
[console]
worker_config = "theirs.json"
"""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'[proxy]\nlog_level = "canary\n', ", line 2, column 20: this is no TOML: a text in "
         "quotes does not end in its line"),
        (b"[proxy]\n\xff\n", ", line 2: expected UTF-8 text"),
        (b"x = " + b"[" * 100_000, ": expected TOML that a person wrote"),
        (b"#" * (1024 * 1024 + 1), ": larger than 1 MiB, so it is no configuration file"),
    ],
    ids=["quotes", "bytes", "depth", "size"],
)  # fmt: skip
def test_everybody_refuses_a_broken_file_in_the_same_words(
    content: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    refusals = set()
    for reader in READERS:
        with pytest.raises(ConfigError) as caught:
            reader(path)
        refusals.add((": ".join(filter(None, (caught.value.what, caught.value.why))),
                      caught.value.code))  # fmt: skip
    ((sentence, _code),) = refusals
    assert sentence == f"{path}{words}"


def test_what_was_read_once_serves_everybody(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(WHOLE)
    document = read_document(path)
    path.unlink()
    assert convert_document(document, {}).listen_address == ":1"
    assert network_of(document, {}).ca_file == str(tmp_path / "ca.pem")
    assert choose_source(Named(), document, {}).url == "https://chat.example.com"
    assert worker_config(document) == tmp_path / "theirs.json"
    assert "chat.example.com" not in repr(document)


def test_upstreams_file_is_not_even_read_for_tables_that_it_cannot_have(tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    assert our_document(path) is None
    assert our_document(None) is None
    assert network_of(path, {}).ca_file == ""


def test_a_path_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_document(Path("a\0b.toml"))
