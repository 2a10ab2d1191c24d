"""The configuration that the Mattermost stand-in keeps: permissions, environment, file, secrets."""

import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mmpush_tui.settings.urls import TPNS_URL
from mmpush_tui.simulator.mattermost.config import AppError, ConfigStore
from mmpush_tui.simulator.mattermost.schema import (
    MASK,
    PUSH_KEYS,
    SECRETS,
    client_config,
    client_license,
    default_config,
    may,
    may_any,
)

ALL = frozenset({"manage_system"})
PUSH_PAGE = frozenset(
    f"sysconsole_{access}_environment_push_notification_server" for access in ("read", "write")
)
SEND = "EmailSettings.SendPushNotifications"
SERVER = "EmailSettings.PushNotificationServer"
CONTENTS = "EmailSettings.PushNotificationContents"
MOST = "TeamSettings.MaxNotificationsPerChannel"


def store(
    content: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
    *,
    version: str = "11.5.0",
    **forced: Any,
) -> ConfigStore:
    named = {key.replace("__", "."): value for key, value in forced.items()}
    return ConfigStore(version, content, environment or {}, file, named)


def patch(
    it: ConfigStore, document: object, permissions: frozenset[str] = ALL, ignored: str = ""
) -> None:
    it.patch(it.read(document), permissions, {ignored})


def email(**values: Any) -> dict[str, Any]:
    return {"EmailSettings": values}


def test_a_new_installation_pushes_through_tpns() -> None:
    now = store().effective
    assert (now[SEND], now[SERVER], now[CONTENTS], now[MOST]) == (True, TPNS_URL, "full", 1000)
    assert set(now) >= PUSH_KEYS | SECRETS


def test_an_existing_installation_does_not_unless_it_says_so() -> None:
    now = store(email(PushNotificationContents="generic")).effective
    assert (now[SEND], now[SERVER], now[CONTENTS], now[MOST]) == (False, "", "generic", 1000)


def test_the_notification_log_went_with_version_11() -> None:
    assert "NotificationLogSettings" in default_config("10.11.2")
    assert "NotificationLogSettings" not in default_config("11.5.0")


@pytest.mark.parametrize(
    ("key", "tag"),
    [
        (SEND, "environment_push_notification_server"),
        (SERVER, "environment_push_notification_server"),
        (MOST, "environment_push_notification_server"),
        (CONTENTS, "site_notifications"),
        ("ServiceSettings.SiteURL", "environment_web_server"),
    ],
)
def test_a_key_opens_with_its_page_and_with_manage_system(key: str, tag: str) -> None:
    assert may({f"sysconsole_read_{tag}"}, "read", key)
    assert not may({f"sysconsole_read_{tag}"}, "write", key)
    assert may({f"sysconsole_write_{tag}"}, "write", key)
    assert may(ALL, "write", key)
    assert not may({"sysconsole_write_site_users"}, "write", key)


def test_a_key_without_a_page_needs_manage_system() -> None:
    assert not may(PUSH_PAGE, "read", "EmailSettings.PushNotificationBuffer")
    assert may(ALL, "read", "EmailSettings.PushNotificationBuffer")


def test_any_page_of_the_console_opens_the_configuration() -> None:
    assert may_any({"sysconsole_read_site_users"}, "read")
    assert not may_any({"sysconsole_read_site_users"}, "write")
    assert not may_any({"reload_config"}, "read")
    assert may_any(ALL, "write")


def test_what_a_session_may_not_read_is_null_and_secrets_are_masked() -> None:
    seen = store().view(PUSH_PAGE, masked=True)
    assert seen["EmailSettings"]["PushNotificationServer"] == TPNS_URL
    assert seen["EmailSettings"]["PushNotificationContents"] is None
    assert seen["SqlSettings"] == dict.fromkeys(seen["SqlSettings"])
    whole = store({"SqlSettings": {"DataSourceReplicas": ["a", "b"]}}).view(ALL, masked=True)
    assert whole["SqlSettings"]["DataSource"] == MASK
    assert whole["SqlSettings"]["DataSourceReplicas"] == [MASK, MASK]
    assert whole["EmailSettings"]["SMTPPassword"] == MASK
    # An empty secret is no secret.
    assert whole["GitLabSettings"]["Secret"] == ""
    bare = store().view(ALL, masked=False, hidden={SERVER})
    assert bare["EmailSettings"]["SMTPPassword"] == "smtp-secret"
    assert "PushNotificationServer" not in bare["EmailSettings"]


def test_a_patch_changes_what_it_names() -> None:
    it = store()
    patch(it, email(SendPushNotifications=False, PushNotificationServer="http://push:8066"))
    assert (it.effective[SEND], it.effective[SERVER]) == (False, "http://push:8066")
    assert it.stored == it.effective


def test_a_patch_leaves_out_in_silence_what_a_session_may_not_write() -> None:
    it = store()
    patch(it, email(PushNotificationServer="x", PushNotificationContents="generic"), PUSH_PAGE)
    assert (it.effective[SERVER], it.effective[CONTENTS]) == ("x", "full")
    patch(it, email(PushNotificationServer="y", PushNotificationContents="generic"), ALL, SERVER)
    assert (it.effective[SERVER], it.effective[CONTENTS]) == ("x", "generic")


def test_masked_secrets_keep_what_they_mask() -> None:
    it = store({"SqlSettings": {"DataSourceReplicas": ["a", "b"]}})
    patch(it, it.view(ALL, masked=True))
    assert it.effective["EmailSettings.SMTPPassword"] == "smtp-secret"
    assert it.effective["SqlSettings.DataSource"].startswith("postgres://")
    assert it.effective["SqlSettings.DataSourceReplicas"] == ["a", "b"]


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "x",
        email(SendPushNotifications="true"),
        email(SendPushNotifications=1),
        email(PushNotificationServer=True),
        email(PushNotificationBuffer=1.5),
        email(PushNotificationBuffer=2**63),
        {"TeamSettings": {"MaxNotificationsPerChannel": "1000"}},
        {"TeamSettings": {"MaxNotificationsPerChannel": True}},
        {"TeamSettings": {"MaxNotificationsPerChannel": {"a": 1}}},
        {"SqlSettings": {"DataSourceReplicas": [1]}},
        {"EmailSettings": []},
        {"EmailSettings": "x"},
    ],
)
def test_a_value_of_another_type_is_refused(document: object) -> None:
    with pytest.raises(AppError) as refused:
        store().read(document)
    assert (refused.value.status, refused.value.id) == (
        400,
        "api.context.invalid_body_param.app_error",
    )


def test_null_and_unknown_keys_are_read_over() -> None:
    it = store()
    change = it.read(
        {
            "EmailSettings": {"SendPushNotifications": None, "PushNotificationServerType": "off"},
            "emailsettings": {"pushnotificationserver": "x"},
            "TeamSettings": {},
            "Nonsense": 1,
        }
    )
    assert change.values == {}
    assert change.has_null
    assert change.named == {
        SEND,
        "EmailSettings.PushNotificationServerType",
        "emailsettings.pushnotificationserver",
        "Nonsense",
    }
    it.patch(change, ALL)
    assert it.effective == store().effective


def test_maps_stay_whole() -> None:
    it = store()
    patch(it, {"PluginSettings": {"Plugins": {"calls": {"port": 8443}}}})
    assert it.effective["PluginSettings.Plugins"] == {"calls": {"port": 8443}}


@pytest.mark.parametrize("most", [0, -1])
def test_no_notifications_per_channel_is_invalid(most: int) -> None:
    it = store()
    with pytest.raises(AppError, match=r"is_valid\.max_notify_per_channel\.app_error") as refused:
        patch(it, {"TeamSettings": {"MaxNotificationsPerChannel": most}})
    assert refused.value.status == 400
    assert it.effective[MOST] == 1000
    with pytest.raises(ValueError, match="invalid config"):
        store({"TeamSettings": {"MaxNotificationsPerChannel": most}})


def test_the_site_url_cannot_be_cleared_and_has_no_slash_at_its_end() -> None:
    it = store({"ServiceSettings": {"SiteURL": "https://chat.example.com/"}})
    assert it.effective["ServiceSettings.SiteURL"] == "https://chat.example.com"
    with pytest.raises(AppError, match="clear_siteurl") as refused:
        patch(it, {"ServiceSettings": {"SiteURL": ""}})
    assert refused.value.status == 400


def test_a_read_only_cluster_takes_no_patch() -> None:
    it = store(ClusterSettings__Enable=True)
    with pytest.raises(AppError, match=r"ent\.cluster\.save_config\.error") as refused:
        patch(it, email(SendPushNotifications=False))
    assert refused.value.status == 403
    assert it.effective[SEND] is True


def test_the_environment_wins_and_is_never_stored() -> None:
    it = store(
        environment={
            "MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER": "http://env:8066",
            "MM_TEAMSETTINGS_MAXNOTIFICATIONSPERCHANNEL": "5",
            "MM_SQLSETTINGS_DATASOURCEREPLICAS": "a b",
            "MM_PLUGINSETTINGS_PLUGINS": '{"calls":{}}',
            "MM_NONSENSE": "1",
            "PATH": "/bin",
        }
    )
    assert (it.effective[SERVER], it.stored[SERVER]) == ("http://env:8066", TPNS_URL)
    assert it.effective["SqlSettings.DataSourceReplicas"] == ["a", "b"]
    assert it.effective["PluginSettings.Plugins"] == {"calls": {}}
    patch(it, email(PushNotificationServer="http://other", SendPushNotifications=False))
    assert (it.effective[SERVER], it.stored[SERVER]) == ("http://env:8066", TPNS_URL)
    assert (it.effective[MOST], it.stored[MOST]) == (5, 1000)
    assert it.stored[SEND] is False
    assert it.environment(ALL) == {
        "TeamSettings": {"MaxNotificationsPerChannel": True},
        "SqlSettings": {"DataSourceReplicas": True},
        "EmailSettings": {"PushNotificationServer": True},
        "PluginSettings": {"Plugins": True},
    }
    assert it.environment(PUSH_PAGE, hidden={SERVER}) == {
        "TeamSettings": {"MaxNotificationsPerChannel": True}
    }
    assert it.environment({"sysconsole_read_site_users"}) is None


def test_a_bad_value_for_an_overridden_key_is_refused_all_the_same() -> None:
    it = store(environment={"MM_TEAMSETTINGS_MAXNOTIFICATIONSPERCHANNEL": "5"})
    with pytest.raises(AppError, match="max_notify_per_channel"):
        patch(it, {"TeamSettings": {"MaxNotificationsPerChannel": 0}})


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("EMAILSETTINGS_SENDPUSHNOTIFICATIONS", "F", SEND, False),
        ("EMAILSETTINGS_SENDPUSHNOTIFICATIONS", "TRUE", SEND, True),
        ("EMAILSETTINGS_SENDPUSHNOTIFICATIONS", "no", SEND, True),
        ("EMAILSETTINGS_PUSHNOTIFICATIONSERVER", "", SERVER, ""),
        ("TEAMSETTINGS_MAXNOTIFICATIONSPERCHANNEL", "+7", MOST, 7),
        ("TEAMSETTINGS_MAXNOTIFICATIONSPERCHANNEL", " 7", MOST, 1000),
        ("TEAMSETTINGS_MAXNOTIFICATIONSPERCHANNEL", "9" * 19, MOST, 1000),
        ("TEAMSETTINGS_MAXNOTIFICATIONSPERCHANNEL", "9" * 9999, MOST, 1000),
        ("PLUGINSETTINGS_PLUGINS", "[]", "PluginSettings.Plugins", {}),
        ("PLUGINSETTINGS_PLUGINS", "{", "PluginSettings.Plugins", {}),
    ],
)
def test_variables_are_read_as_go_reads_them(name: str, text: str, key: str, value: object) -> None:
    it = store(environment={f"mm_{name}": text})
    assert it.effective[key] == value
    # What does not parse changes nothing, and still counts as set.
    assert it.overridden == {key}


def test_the_file_is_written_as_go_writes_it(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    it = store(email(PushNotificationServer="http://a&b<>é\u2028"), file=file)
    text = file.read_bytes().decode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert text.startswith('{\n    "ServiceSettings": {\n        "SiteURL": "https://')
    assert '"PushNotificationServer": "http://a\\u0026b\\u003c\\u003eé\\u2028",' in text
    assert text.endswith("}")
    assert json.loads(text)["EmailSettings"]["SMTPPassword"] == "smtp-secret"
    file.chmod(0o640)
    patch(it, email(SendPushNotifications=True))
    assert json.loads(file.read_bytes())["EmailSettings"]["SendPushNotifications"] is True
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_file_that_is_there_is_read_and_filled_in(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"EmailSettings":{"SendPushNotifications":true,"Gone":1}}')
    it = store(file=file)
    assert (it.effective[SEND], it.effective[SERVER]) == (True, "")
    again = json.loads(file.read_text())
    assert "Gone" not in again["EmailSettings"]
    assert again["TeamSettings"]["MaxNotificationsPerChannel"] == 1000


def test_reload_takes_what_the_file_holds_now(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    environment = {"MM_EMAILSETTINGS_SENDPUSHNOTIFICATIONS": "false"}
    it = store(environment=environment, file=file)
    document = json.loads(file.read_text())
    document["EmailSettings"]["PushNotificationServer"] = "http://push:8066"
    document["EmailSettings"]["Unknown"] = 1
    file.write_text(json.dumps(document))
    assert it.effective[SERVER] == TPNS_URL
    it.reload()
    assert it.effective[SERVER] == "http://push:8066"
    assert (it.effective[SEND], it.stored[SEND]) == (False, True)
    assert "Unknown" not in file.read_text()


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"EmailSettings":{"SendPushNotifications":"x"}}',
     '{"TeamSettings":{"MaxNotificationsPerChannel":0}}', '{"a":1,"a":2}', None],
)  # fmt: skip
def test_a_file_that_is_no_configuration_changes_nothing(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "config.json"
    it = store(file=file)
    before = it.effective
    file.unlink()
    if text is not None:
        file.write_text(text)
    with pytest.raises(AppError, match=r"api\.config\.reload_config\.app_error") as refused:
        it.reload()
    assert refused.value.status == 500
    assert it.effective == before
    if text is not None:
        with pytest.raises(ValueError, match=r".+"):
            store(file=file)


def test_a_read_only_file_is_reloaded_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    it = store(file=file, ClusterSettings__Enable=True)
    document = json.loads(file.read_text())
    document["EmailSettings"]["PushNotificationServer"] = "http://push:8066"
    text = json.dumps(document)
    file.write_text(text)
    it.reload()
    assert it.effective[SERVER] == "http://push:8066"
    assert file.read_text() == text


def test_without_a_file_there_is_nothing_to_reload() -> None:
    it = store(email(PushNotificationServer="x"))
    it.reload()
    assert it.effective[SERVER] == "x"


def test_clients_learn_of_pushes_only_with_a_user() -> None:
    now = store().effective
    assert client_config(now, "11.5.0") == {
        "BuildNumber": "11.5.0",
        "MaxNotificationsPerChannel": "1000",
        "SendPushNotifications": "true",
        "SiteURL": "https://chat.example.com",
        "Version": "11.5.0",
    }
    assert "SendPushNotifications" not in client_config(now, "11.5.0", is_limited=True)


def test_a_licence_that_is_missing_covers_nothing() -> None:
    assert client_license(licensed=False, mhpns=False, id_loaded=False) == {"IsLicensed": "false"}
    assert client_license(licensed=True, mhpns=True, id_loaded=False)["MHPNS"] == "true"
    with pytest.raises(ValueError, match="licence"):
        client_license(licensed=False, mhpns=True, id_loaded=False)
