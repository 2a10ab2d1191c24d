"""What the house must look like: module sizes, quiet imports, one version."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from mmpush_tui.cli import cli

ROOT = Path(__file__).parent.parent
HARD_CAP = 500
COMMANDS = cli.list_commands(click.Context(cli))
MODULES = sorted((ROOT / "mmpush_tui").rglob("*.py"))


def imported_by(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after ``code``."""
    report = "import sys; print('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return set(done.stderr.split())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_outgrows_one_idea(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= HARD_CAP, f"{lines} lines; split it where its idea splits"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"],
                                       *([name, "--help"] for name in COMMANDS),
                                       ["settings", "show", "--help"]],
                         ids=" ".join)  # fmt: skip
def test_help_loads_neither_textual_nor_the_network_stack(arguments: list[str]) -> None:
    code = f"from mmpush_tui.cli import run; assert run({arguments!r}) == 0"
    loaded = imported_by(code)
    heavy = {
        "textual",
        "rich",
        "httpx",
        "h2",
        "uvicorn",
        "uvloop",
        "cryptography",
        "jwt",
        "asyncio",
    }
    assert not loaded & heavy


def test_the_worker_never_loads_textual() -> None:
    loaded = imported_by("import mmpush_tui.proxy.worker, mmpush_tui.simulator.demo")
    assert "textual" not in loaded


def test_every_module_is_documented() -> None:
    bare = [str(path) for path in MODULES if not path.read_text().startswith(('"""', 'r"""'))]
    assert bare == []
