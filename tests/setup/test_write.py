import os
import re
import stat
import tomllib
from pathlib import Path

import pytest

from mmpush_tui.configuration import config
from mmpush_tui.errors import ConfigError, FailedError
from mmpush_tui.fields import Value
from mmpush_tui.setup import steps
from mmpush_tui.setup.steps import Apps, Where
from mmpush_tui.setup.write import Applied, Plan, apply, plan
from tests.rights import NOBODY, as_nobody, files_up_to
from tests.setup import files
from tests.setup.files import KEY_NAME, P8, keep, secrets_of
from tests.setup.test_document import OWN, STORE


@pytest.fixture
def answers(tmp_path: Path) -> dict[str, Value]:
    """Answers that name real credentials."""
    return OWN | {
        steps.KEY_FILE.key: str(keep(tmp_path / KEY_NAME, P8)),
        steps.ACCOUNT_FILE.key: str(files.ACCOUNT.write(tmp_path)),
    }


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_planned_shown_and_written(tmp_path: Path, answers: dict[str, Value]) -> None:
    path = tmp_path / "new" / "folder" / "config.toml"
    planned = plan(answers, path)
    assert not path.parent.exists()
    assert planned.is_change
    assert (planned.path, planned.serve, planned.address) == (path, path, "127.0.0.1:8086")
    assert planned.diff[0] == "--- (no file)"
    added = [line[1:] for line in planned.diff[3:]]
    assert "\n".join(added) + "\n" == planned.text
    assert planned.warnings == ()
    assert planned.remaining[0].commands == (f"mmpush-tui serve --config {path}",)
    assert apply(planned) == Applied(path=path, backup=None)
    assert path.read_text() == planned.text
    assert (mode(path), mode(path.parent), mode(path.parent.parent)) == (0o600, 0o700, 0o700)
    assert os.listdir(path.parent) == ["config.toml"]
    loaded = config.load(path, {})
    assert loaded.warnings == ()
    assert loaded.apple[0].auth_key_file == answers[steps.KEY_FILE.key]
    assert loaded.android[0].service_account_file == answers[steps.ACCOUNT_FILE.key]


def test_the_users_own_file_is_the_default() -> None:
    planned = plan({steps.WHERE.key: Where.ELSEWHERE})
    where = Path(os.environ["XDG_CONFIG_HOME"]) / "mmpush-tui" / "config.toml"
    assert planned.path == where
    assert planned.address == ""
    assert apply(planned).path == where
    assert config.load(where, {}).apple == ()


def test_the_same_answers_again_change_nothing(tmp_path: Path, answers: dict[str, Value]) -> None:
    path = tmp_path / "config.toml"
    apply(plan(answers, path))
    before = path.stat()
    again = plan(answers, path)
    assert not again.is_change
    assert again.diff == ()
    assert apply(again) == Applied(path=path, backup=None)
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_what_was_there_is_merged_and_kept_beside(
    tmp_path: Path, answers: dict[str, Value]
) -> None:
    old = "# mine\n[proxy]\nenable_metrics = true\n[console]\ntheme = 'dark'\n"
    path = keep(tmp_path / "config.toml", old.encode(), 0o640)
    planned = plan(answers, path)
    assert "-# mine" not in planned.diff
    assert planned.text.startswith("# mine\n[proxy]\nenable_metrics = true\n")
    assert "+enable_metrics = true" not in planned.diff
    done = apply(planned)
    assert done.backup is not None
    assert re.fullmatch(r"config\.toml\.\d{8}T\d{6}Z\.bak", done.backup.name)
    assert done.backup.read_text() == old
    assert (mode(path), mode(done.backup)) == (0o640, 0o640)
    written = tomllib.loads(path.read_text())
    assert written["console"] == {"theme": "dark"}
    assert written["proxy"]["enable_metrics"] is True


COMMENTED = """\
# Made by hand, and looked after.
[proxy] # the worker
# Behind nginx.
listen_address = '127.0.0.1:8086'
throttle_per_sec = 7 # enough
throttle_memory_store_size = 50_000

# The one key.
[[proxy.apple]]
topic = "old" # of the app
type = "apple_rn"
# Not the sandbox.
sandbox = false
# What follows is about Google.
[[proxy.android]]
type = 'android_rn'

# Last of all.
[mattermost]
config_file = "/old.json" # moved
"""


def test_comments_and_order_survive_a_second_run(tmp_path: Path, answers: dict[str, Value]) -> None:
    path = keep(tmp_path / "config.toml", COMMENTED.encode())
    planned = plan(answers, path)
    assert planned.warnings == ()
    key, account = answers[steps.KEY_FILE.key], answers[steps.ACCOUNT_FILE.key]
    expected = COMMENTED.replace('"old" # of', '"com.example.chat" # of').replace(
        '"/old.json" # moved', '"/opt/mattermost/config/config.json" # moved'
    )
    expected = expected.replace(
        "sandbox = false\n",
        f'sandbox = false\nauth_key_file = "{key}"\nauth_key_id = "ABC123DEFG"\n'
        'team_id = "DEF123GHIJ"\n',
    ).replace(
        "type = 'android_rn'\n", f"type = 'android_rn'\nservice_account_file = \"{account}\"\n"
    )
    assert planned.text == expected
    apply(planned)
    again = plan(answers, path)
    assert not again.is_change


def test_a_layout_that_cannot_be_changed_in_place_is_written_anew_and_says_so(
    tmp_path: Path, answers: dict[str, Value]
) -> None:
    old = "# mine\nproxy.log_level = 'warn'\nmattermost.url = 'https://chat.example.com'\n"
    planned = plan(answers, keep(tmp_path / "config.toml", old.encode()))
    assert planned.warnings == ("Comments in the file are not kept; the copy beside it has them.",)
    written = tomllib.loads(planned.text)
    assert written["proxy"]["log_level"] == "warn"
    assert written["mattermost"]["url"] == "https://chat.example.com"


def test_backups_of_one_second_do_not_replace_each_other(tmp_path: Path) -> None:
    path = keep(tmp_path / "config.toml", b"")
    backups = set()
    for number in range(4):
        path.write_text(f"[console]\nn = {number}\n")
        done = apply(plan(STORE | {steps.CONFIG_FILE.key: f"/{number}"}, path))
        backups.add(done.backup)
    assert len(backups) == 4
    assert {backup.read_text() for backup in backups if backup} == {
        f"[console]\nn = {number}\n" for number in range(4)
    }


def test_a_file_that_everybody_could_change_is_closed(tmp_path: Path) -> None:
    path = keep(tmp_path / "config.toml", b"[console]\n", 0o666)
    apply(plan(STORE, path))
    assert mode(path) == 0o664


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    target = keep(tmp_path / "dotfiles" / "mmpush.toml", b"[console]\n")
    link = tmp_path / "config.toml"
    link.symlink_to("dotfiles/mmpush.toml")
    done = apply(plan(STORE, link))
    assert link.is_symlink()
    assert tomllib.loads(target.read_text())["mattermost"]["config_file"]
    assert done.backup is not None
    assert done.backup.parent == target.parent
    dangling = tmp_path / "other.toml"
    dangling.symlink_to("dotfiles/new.toml")
    apply(plan(STORE, dangling))
    assert dangling.is_symlink()
    assert (tmp_path / "dotfiles" / "new.toml").exists()


@pytest.mark.parametrize("now", [b"[console]\nx = 1\n", None])
def test_a_file_that_changed_since_the_plan_is_left_alone(
    tmp_path: Path, now: bytes | None
) -> None:
    path = keep(tmp_path / "config.toml", b"[console]\n")
    planned = plan(STORE, path)
    path.unlink()
    if now is not None:
        path.write_bytes(now)
    with pytest.raises(FailedError) as caught:
        apply(planned)
    assert caught.value.code == "setup-config-changed"
    assert caught.value.line() == (
        f"{path} was changed by somebody else meanwhile: nothing was written. Look at the plan "
        "again: it is made anew from the file as it is now."
    )
    assert os.listdir(tmp_path) == (["config.toml"] if now else [])
    planned = plan(STORE, path)
    keep(path, b"[network]\n")
    with pytest.raises(FailedError, match="was changed"):
        apply(planned)


def test_a_folder_that_takes_nothing_is_told_and_nothing_is_left(open_tmp: Path) -> None:
    path = keep(open_tmp / "config.toml", b"[console]\n", 0o644)
    with as_nobody():
        planned = plan(STORE, path)
        with pytest.raises(FailedError) as caught:
            apply(planned)
        with pytest.raises(FailedError, match="cannot be written: Permission denied"):
            apply(plan(STORE, open_tmp / "sub" / "config.toml"))
    assert caught.value.code == "setup-config-unwritable"
    assert caught.value.line() == (
        f"{path} cannot be written: Permission denied. Give this user the right to write there, "
        "or choose another file and start the push proxy with --config."
    )
    assert os.listdir(open_tmp) == ["config.toml"]
    assert path.read_bytes() == b"[console]\n"


def test_a_replacement_that_fails_takes_its_backup_back(open_tmp: Path) -> None:
    # A file of somebody else in a folder of ours: it may be replaced, but not with its owner.
    folder = open_tmp / "theirs"
    folder.mkdir()
    folder.chmod(0o777)
    path = keep(folder / "config.toml", b"[console]\n", 0o644)
    refused = pytest.raises(FailedError, match="cannot be written: Operation not permitted")
    with as_nobody(), refused:
        apply(plan(STORE, path))
    assert os.listdir(folder) == ["config.toml"]


def test_a_full_disk_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = keep(tmp_path / "config.toml", b"[console]\n")
    planned = plan(STORE | {steps.CONFIG_FILE.key: "/c" * 200}, path)
    # Room for the copy, not for the new file.
    with files_up_to(100), pytest.raises(FailedError, match="cannot be written: File too large"):
        apply(planned)
    assert os.listdir(tmp_path) == ["config.toml"]
    assert path.read_bytes() == b"[console]\n"


def test_root_keeps_the_owner_of_a_file(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    path = keep(tmp_path / "config.toml", b"[console]\n", 0o640)
    os.chown(path, NOBODY, NOBODY)
    done = apply(plan(STORE, path))
    assert done.backup is not None
    for written in (path, done.backup):
        assert (written.stat().st_uid, written.stat().st_gid) == (NOBODY, NOBODY)
        assert mode(written) == 0o640


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[proxy", "this is no TOML"),
        (b"\xff", "expected UTF-8 text. Correct the file or move it away, then go on here."),
        (b"[proxi]\n", "proxi: unknown table. Did you mean proxy?"),
        (b"[proxy]\nthrottle_per_sec = 'canary'\n", "throttle_per_sec: expected a whole number"),
    ],
)
def test_a_broken_file_is_not_overwritten(tmp_path: Path, content: bytes, expected: str) -> None:
    path = keep(tmp_path / "config.toml", content)
    with pytest.raises(ConfigError) as caught:
        plan(STORE, path)
    assert expected in caught.value.line()
    assert "canary" not in caught.value.line()
    assert path.read_bytes() == content


def test_odd_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"its name must end in \.toml"):
        plan(STORE, tmp_path / "config.json")
    (tmp_path / "d.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read: it is a folder"):
        plan(STORE, tmp_path / "d.toml")
    os.mkfifo(tmp_path / "p.toml")
    with pytest.raises(ConfigError, match="cannot be read: it is no ordinary file"):
        plan(STORE, tmp_path / "p.toml")
    keep(tmp_path / "huge.toml", b"#" * (1024 * 1024 + 1))
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        plan(STORE, tmp_path / "huge.toml")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {steps.TEAM_ID.key: "short"},
            "The key that lets your proxy send to Apple: Team ID: The team id is not ten "
            "capital letters and digits: it has 5 characters. It is at developer.apple.com > "
            "Membership details.",
        ),
        (
            {steps.LISTEN.key: "8086"},
            "Where shall your proxy listen: Listen address: Write host:port, :port for every "
            "interface, or unix:/path.",
        ),
        ({steps.CONFIG_FILE.key: ""}, "Where is Mattermost's configuration: Mattermost's"),
    ],
)
def test_an_answer_with_a_problem_is_refused_in_the_same_words(
    tmp_path: Path, answers: dict[str, Value], changed: dict[str, Value], expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(answers | changed, tmp_path / "config.toml")
    assert caught.value.line().startswith(expected)
    assert caught.value.code == "setup-answer"


def test_a_key_that_everybody_reads_is_among_the_warnings(
    tmp_path: Path, answers: dict[str, Value]
) -> None:
    os.chmod(str(answers[steps.KEY_FILE.key]), 0o604)
    (warning,) = plan(answers, tmp_path / "config.toml").warnings
    assert "holds a secret that every user of this host can read" in warning


def test_a_configuration_that_is_taken_over_is_served_as_it_is(tmp_path: Path) -> None:
    taken = keep(tmp_path / "mattermost-push-proxy.json", b'{"ListenAddress": ":8066"}')
    answers = STORE | {steps.APPS.key: Apps.OWN, steps.EXISTING_FILE.key: str(taken)}
    planned = plan(answers, tmp_path / "config.toml")
    assert (planned.serve, planned.address) == (taken, ":8066")
    assert planned.remaining[0].commands == (f"mmpush-tui serve --config {taken}",)
    assert "http://HOST:8066" in planned.remaining[1].sentence
    assert "proxy" not in tomllib.loads(planned.text)
    keep(taken, b"{")
    with pytest.raises(ConfigError, match="this is no JSON"):
        plan(answers, tmp_path / "config.toml")


SECRETS = """[console]
tokens = ["c0nsole-canary"]

[[proxy.apple]]
type = "apple_rn"
certificate_file = "/c.pem"
certificate_password = '''multi-canary
line-canary'''

[[proxy.apple]]
type = "other"
certificate_password = "pass\\"canary"
endpoint = "https://relay.example"
"""


def test_a_secret_that_stood_in_the_file_is_kept_and_never_shown(
    tmp_path: Path, answers: dict[str, Value]
) -> None:
    path = keep(tmp_path / "config.toml", SECRETS.encode())
    planned = plan(answers, path)
    shown = "\n".join(planned.diff) + repr(planned)
    assert "canary" not in shown
    assert "(not shown)" in shown
    apply(planned)
    kept = config.load(path, {})
    assert [entry.certificate_password.reveal() for entry in kept.apple] == [
        "multi-canary\nline-canary", 'pass"canary',
    ]  # fmt: skip


def test_no_character_of_a_key_is_in_a_plan_or_the_file(
    tmp_path: Path, answers: dict[str, Value]
) -> None:
    planned: Plan = plan(answers, tmp_path / "config.toml")
    everything = repr(planned) + planned.text + "\n".join(planned.diff)
    canaries = secrets_of(P8, files.ACCOUNT.to_json().encode())
    assert canaries
    assert not [canary for canary in canaries if canary in everything]


def test_hostile_text_in_the_old_file_is_not_shown(tmp_path: Path) -> None:
    path = keep(tmp_path / "config.toml", "# \u202egnp \u009b31m\n[console]\n".encode())
    shown = "\n".join(plan(STORE, path).diff)
    assert not re.search("[\u0080-\u009f\u202e\x1b]", shown)
