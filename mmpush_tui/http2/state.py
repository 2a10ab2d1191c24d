"""h2's state machine as our connections use it, and its SETTINGS in words."""

from typing import Final

import h2.config
import h2.connection
from h2.settings import SettingCodes, Settings

_OURS: Final = {
    SettingCodes.ENABLE_PUSH: 0,
    SettingCodes.MAX_HEADER_LIST_SIZE: h2.connection.H2Connection.DEFAULT_MAX_HEADER_LIST_SIZE,
}
# What came in a frame is kept by its bare number.
_NAMES: Final = {code.value: code.name.lower() for code in SettingCodes}


def new_client() -> h2.connection.H2Connection:
    """Return the state of a client's connection that has not begun yet."""
    state = h2.connection.H2Connection(
        h2.config.H2Configuration(
            client_side=True,
            validate_inbound_headers=False,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
    )
    state.local_settings = Settings(client=True, initial_values=_OURS)
    return state


def named(settings: Settings) -> dict[str, int]:
    """Return SETTINGS by their names in lower case.

    What h2 has no name for is left out, and so is what nobody limits: h2 puts that beyond 32 bits.
    """
    return {
        _NAMES[int(code)]: value
        for code, value in settings.items()
        if int(code) in _NAMES and value < 2**32
    }
