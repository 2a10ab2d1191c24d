"""What every test gets: a home of its own, and no way out of this host."""

import gc
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from mmpush_tui.simulator.net.ca import ThrowAwayCA

pytest_plugins = ["tests.fixtures"]

# How long an example takes says how busy the machine is, and nothing of the code.
hypothesis.settings.register_profile("any-machine", deadline=None)
hypothesis.settings.load_profile("any-machine")


@pytest.fixture(autouse=True)
def _own_garbage(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let a socket or transport that a test forgot be found at its own end, not in a later test."""
    if not inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        yield
        return
    # What is frozen is not looked through: ten thousand tests take fifty times as long as the
    # objects that one of them made.
    gc.freeze()
    yield
    gc.collect()
    gc.unfreeze()


@pytest.fixture(scope="session")
def _empty_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Return a home in which no test has written yet: the last one, for as long as it is empty."""
    homes = tmp_path_factory.mktemp("homes")
    home = homes / "0"
    home.mkdir()
    count = 1

    def empty() -> Path:
        nonlocal home, count
        if any(home.iterdir()):
            home = homes / str(count)
            home.mkdir()
            count += 1
        return home

    return empty


@pytest.fixture(scope="session")
def _trusted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what stands in for this host's trusted roots: one that signs nothing.

    Reading a real host's 150 took each process and each client a twentieth of a second.
    """
    return ThrowAwayCA().write_root(tmp_path_factory.mktemp("trusted") / "roots.pem")


@pytest.fixture(autouse=True)
def _own_home(
    _empty_home: Callable[[], Path], _trusted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = _empty_home()
    monkeypatch.setenv("SSL_CERT_FILE", str(_trusted))
    monkeypatch.setenv("SSL_CERT_DIR", str(_trusted.with_name("none")))
    monkeypatch.setenv("HOME", str(home))
    for name in ("STATE", "CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("MMPUSH_CONTROL", "RUNTIME_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
