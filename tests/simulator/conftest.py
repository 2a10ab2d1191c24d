import pytest

from mmpush_tui.simulator.credentials import AppleKey, GoogleAccount


@pytest.fixture(scope="session")
def apple_key() -> AppleKey:
    return AppleKey.make(1, topics=("com.example.chat",))


@pytest.fixture(scope="session")
def other_key() -> AppleKey:
    return AppleKey.make(2, topics=("com.example.chat",))


@pytest.fixture(scope="session")
def account() -> GoogleAccount:
    return GoogleAccount.make(1, project_id="chat-project")


@pytest.fixture(scope="session")
def other_account() -> GoogleAccount:
    return GoogleAccount.make(2, project_id="other-project")
