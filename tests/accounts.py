"""Google's service accounts, whose keys take long to make."""

import functools

from mmpush_tui.simulator.credentials import GoogleAccount


@functools.cache
def account(project_id: str = "mmpush-demo") -> GoogleAccount:
    """Return the one account of ``project_id`` that all tests share which need no key of its own.

    Making its RSA key takes a twentieth of a second of the processor.
    """
    return GoogleAccount.make(project_id=project_id)
