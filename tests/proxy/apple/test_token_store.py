import json
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mmpush_tui.proxy.apple.provider_token import ProviderToken
from mmpush_tui.proxy.apple.token_store import StoredToken, TokenStore, default_tokens
from tests.rights import NOBODY, disk, fill

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
START = 1_700_000_000.0


class Host:
    """A host with a folder for tokens, whose clocks go together until one is set.

    Attributes:
        said: the store's complaints.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state" / "provider-tokens.json"
        self.wall = START
        self.steady = 500.0
        self.said: list[str] = []

    def later(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    def store(self) -> TokenStore:
        return TokenStore(self.path, self.said.append, lambda: self.wall)

    def token(
        self,
        key: ec.EllipticCurvePrivateKey = KEY,
        key_id: str = "ABCDE12345",
        team_id: str = "TEAM567890",
    ) -> ProviderToken:
        """Return what a worker that starts now has."""
        return ProviderToken(
            key, key_id, team_id, self.store(), lambda: self.wall, lambda: self.steady
        )

    def complaint(self, trouble: str) -> str:
        return f"Apple provider tokens are not kept across restarts: {self.path} {trouble}"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def said_by(token: ProviderToken) -> str:
    """Return the token once what is done about it beside is done."""
    said = token()
    token.join()
    return said


def test_a_restart_goes_on_with_the_token_there_is(host: Host) -> None:
    first = said_by(host.token())
    host.later(60)
    again = host.token()
    assert said_by(again) == first
    # Its age counts from its minting, not from the start.
    host.later(49 * 60 - 1)
    assert said_by(again) == first
    host.later(1)
    said_by(again)
    assert again() != first
    assert host.said == []


def test_a_restart_of_the_host_does_too(host: Host) -> None:
    first = said_by(host.token())
    host.later(60)
    host.steady = 3.0
    assert said_by(host.token()) == first


def test_an_old_token_is_not_used(host: Host) -> None:
    first = said_by(host.token())
    host.later(50 * 60)
    assert said_by(host.token()) != first


@pytest.mark.parametrize("set_s", [-7200, 7200])
def test_a_token_of_another_time_is_not_used(host: Host, set_s: int) -> None:
    first = said_by(host.token())
    host.wall += set_s
    assert said_by(host.token()) != first


def test_each_key_and_team_has_its_own(host: Host) -> None:
    said = {
        said_by(host.token()),
        said_by(host.token(OTHER_KEY)),
        said_by(host.token(key_id="OTHERKEY12")),
        said_by(host.token(team_id="OTHERTEAM1")),
    }
    host.later(60)
    assert len(said) == 4
    assert {
        said_by(host.token()),
        said_by(host.token(OTHER_KEY)),
        said_by(host.token(key_id="OTHERKEY12")),
        said_by(host.token(team_id="OTHERTEAM1")),
    } == said


def test_two_workers_share_the_renewed_token(host: Host) -> None:
    one, two = host.token(), host.token()
    first = said_by(one)
    two = host.token()
    assert said_by(two) == first
    host.later(50 * 60)
    # The old one serves until the new one is there.
    assert said_by(one) == first
    renewed = one()
    assert renewed != first
    assert said_by(two) == first
    assert two() == renewed


def test_a_store_that_does_not_answer_is_not_waited_for_for_long(host: Host) -> None:
    token = host.token()
    first = said_by(token)
    has_lock, may_go = threading.Event(), threading.Event()

    def hold(_before: StoredToken | None) -> StoredToken:
        has_lock.set()
        may_go.wait(60)
        return StoredToken("x", 0, "")

    holder = threading.Thread(target=host.store().renew, args=("x", hold))
    holder.start()
    try:
        assert has_lock.wait(60)
        host.later(50 * 60)
        assert token() == first
        host.later(5 * 60 - 1)
        assert token() == first
        host.later(1)
        assert token() != first
    finally:
        may_go.set()
        holder.join()
        token.join()


def test_a_refused_token_is_replaced_for_the_others_too(host: Host) -> None:
    token = host.token()
    first = said_by(token)
    host.later(25 * 60)
    assert token.refused(first) == "minted"
    token.join()
    assert said_by(host.token()) == token() != first


def test_the_file_is_ours_alone_and_holds_no_key(host: Host) -> None:
    said_by(host.token())
    for path in (host.path, Path(f"{host.path}.lock")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(host.path.parent.stat().st_mode) == 0o700
    assert sorted(os.listdir(host.path.parent)) == [host.path.name, f"{host.path.name}.lock"]
    text = host.path.read_text()
    assert "PRIVATE" not in text
    assert "ABCDE12345" not in text.replace(json.loads(text)["tokens"][0]["token"], "")


def test_what_is_long_over_is_forgotten(host: Host) -> None:
    said_by(host.token(OTHER_KEY))
    host.later(3601)
    said_by(host.token())
    assert len(json.loads(host.path.read_text())["tokens"]) == 1


def forged(host: Host) -> bytes:
    """Return a file with a token that another key signed."""
    other = ProviderToken(OTHER_KEY, "ABCDE12345", "TEAM567890", None, lambda: host.wall)
    ours = ProviderToken(KEY, "ABCDE12345", "TEAM567890")
    kept = {"key": ours.name, "issued_at": int(host.wall), "token": other()}
    return json.dumps({"schema": 1, "tokens": [kept]}).encode()


NEW = "holds nothing that this version wrote, and is written anew"
CONTENTS: list[tuple[str, Callable[[Host], bytes], list[str]]] = [
    ("empty", lambda _: b"", [NEW]),
    ("garbage", lambda _: b"\xff\x00garbage", [NEW]),
    ("cut", lambda host: forged(host)[:50], [NEW]),
    ("another shape", lambda _: b'{"schema":1,"tokens":{"a":1}}', [NEW]),
    ("nested", lambda _: b"[" * 100_000, [NEW]),
    ("another schema", lambda _: b'{"schema":2,"tokens":[]}', []),
    ("forged", forged, []),
    ("no token", lambda host: forged(host).replace(b'"token": "ey', b'"token": "!!'), []),
]


@pytest.mark.parametrize(("content", "expected"), [it[1:] for it in CONTENTS],
                         ids=[it[0] for it in CONTENTS])  # fmt: skip
def test_a_file_of_no_use_is_written_anew(
    host: Host, content: Callable[[Host], bytes], expected: list[str]
) -> None:
    host.path.parent.mkdir()
    data = content(host)
    host.path.write_bytes(data)
    host.path.chmod(0o600)
    first = said_by(host.token())
    assert first.encode() not in data
    assert set(host.said) == {host.complaint(words) for words in expected}
    host.said.clear()
    assert said_by(host.token()) == first
    assert host.said == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_can_read_is_not_used(host: Host, mode: int) -> None:
    first = said_by(host.token())
    host.path.chmod(mode)
    assert host.store().find(ProviderToken(KEY, "ABCDE12345", "TEAM567890").name) is None
    words = "can be read by others; run chmod 600 on it, or remove it"
    assert host.said == [host.complaint(words)]
    assert first not in host.said[0]


def test_a_link_is_not_followed(host: Host, tmp_path: Path) -> None:
    said_by(host.token())
    elsewhere = host.path.rename(tmp_path / "elsewhere")
    host.path.symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    said_by(host.token())
    assert host.said == [host.complaint("cannot be read (Too many levels of symbolic links)")]
    # The link gave way to a file, and what it led to is as it was.
    assert not host.path.is_symlink()
    assert elsewhere.read_bytes() == before


# CI is root; a developer who is not sees it skipped.
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_somebody_else_is_not_used(host: Host) -> None:
    said_by(host.token())
    os.chown(host.path, NOBODY, NOBODY)
    said_by(host.token())
    assert host.said == [host.complaint("belongs to another user; remove it")]


def test_a_folder_in_its_place(host: Host) -> None:
    host.path.mkdir(parents=True)
    token = host.token()
    assert said_by(token) == token()
    assert host.said == [
        host.complaint("is no file"),
        host.complaint("cannot be written (Is a directory)"),
    ]


def test_without_a_folder_tokens_are_minted_all_the_same(host: Host, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    token = host.token()
    first = said_by(token)
    assert first.count(".") == 2
    host.later(50 * 60)
    said_by(token)
    assert token() != first
    assert host.said == [
        host.complaint("cannot be read (Not a directory)"),
        host.complaint("cannot be written (File exists)"),
    ]


def test_a_full_disk(host: Host, tmp_path: Path) -> None:
    with disk(tmp_path / "state", 64) as folder:
        fill(folder / "filler")
        token = host.token()
        first = said_by(token)
        assert token() == first
        assert host.said == [host.complaint("cannot be written (No space left on device)")]
        assert sorted(os.listdir(folder)) == ["filler", f"{host.path.name}.lock"]


def test_the_path_is_the_units_or_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/home/x/state")
    assert default_tokens() == Path("/home/x/state/mmpush-tui/provider-tokens.json")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/mmpush-tui:/var/lib/other")
    assert default_tokens() == Path("/var/lib/mmpush-tui/provider-tokens.json")
