import os
from pathlib import Path

import pytest

from mmpush_tui.paths import short_path
from mmpush_tui.setup.candidates import Wanted, suggest_files
from tests.rights import as_nobody
from tests.setup import files
from tests.setup.files import P8, keep, pem


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def home() -> Path:
    return Path(os.environ["HOME"])


def shown(wanted: Wanted, typed: str = "") -> list[str]:
    return [short_path(path) for path in suggest_files(wanted, typed)]


def test_keys_are_found_where_people_keep_them(home: Path, tmp_path: Path) -> None:
    (home / "Downloads").mkdir()
    keep(home / "Downloads" / "AuthKey_A.p8", P8)
    keep(home / "AuthKey_B.P8", P8)
    keep(tmp_path / "here" / "c.p8", P8)
    keep(home / "rsa.p8", pem(files.RSA))
    keep(home / "empty.p8", b"")
    keep(home / "key.pem", P8)
    assert shown(Wanted.APPLE_KEY) == [
        str(tmp_path / "here" / "c.p8"), "~/Downloads/AuthKey_A.p8", "~/AuthKey_B.P8",
    ]  # fmt: skip
    assert shown(Wanted.SERVICE_ACCOUNT) == []


def test_only_service_accounts_among_json_files(home: Path) -> None:
    account = files.ACCOUNT.write(home)
    keep(home / "google-services.json", files.GOOGLE_SERVICES)
    keep(home / "package.json", b"{}")
    assert shown(Wanted.SERVICE_ACCOUNT) == [f"~/{account.name}"]


def test_what_is_typed_decides_folder_and_beginning(tmp_path: Path, home: Path) -> None:
    keep(home / "elsewhere.p8", P8)
    folder = tmp_path / "keys"
    folder.mkdir()
    old = keep(folder / "one.p8", P8)
    os.utime(old, (1, 1))
    keep(folder / "two.p8", P8)
    newest_first = [str(folder / "two.p8"), str(folder / "one.p8")]
    assert shown(Wanted.APPLE_KEY, str(folder)) == newest_first
    assert shown(Wanted.APPLE_KEY, f"{folder}/") == newest_first
    assert shown(Wanted.APPLE_KEY, f"{folder}/on") == [str(folder / "one.p8")]
    assert shown(Wanted.APPLE_KEY, f"{folder}/none/") == []
    assert shown(Wanted.APPLE_KEY, "~/else") == ["~/elsewhere.p8"]
    assert shown(Wanted.APPLE_KEY, "a\0b") == []


def test_a_crowded_folder_is_cut_and_odd_entries_are_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    for number in range(30):
        keep(folder / f"{number}.p8", P8)
    assert len(suggest_files(Wanted.APPLE_KEY, str(folder))) == 20
    odd = tmp_path / "odd"
    odd.mkdir()
    os.mkfifo(odd / "pipe.p8")
    (odd / "folder.p8").mkdir()
    (odd / "nowhere.p8").symlink_to("gone")
    keep(odd / "\x1b]0;owned\x07.p8", P8)
    keep(odd / "huge.p8", P8 * 1000)
    assert shown(Wanted.APPLE_KEY, str(odd)) == []


def test_a_key_that_may_not_be_opened_is_offered_by_its_name(open_tmp: Path) -> None:
    path = keep(open_tmp / "AuthKey_ABC123DEFG.p8", P8, 0)
    keep(open_tmp / "account.json", b"{}", 0)
    with as_nobody():
        assert suggest_files(Wanted.APPLE_KEY, str(open_tmp)) == (path,)
        assert suggest_files(Wanted.SERVICE_ACCOUNT, str(open_tmp)) == ()
