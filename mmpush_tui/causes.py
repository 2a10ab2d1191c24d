"""Why a connection failed, told from the exceptions below the one that a library raises."""

import re
import socket
import ssl
from collections.abc import Iterator
from typing import Final

from mmpush_tui.text import presentable

_ERRNO: Final = re.compile(r"\[Errno -?\d+\] ")


def causes(error: BaseException) -> Iterator[BaseException]:
    """Return ``error`` and all that led to it, the nearest first, each once."""
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions
        waiting += [near for near in (cause.__cause__, cause.__context__) if near is not None]


def unreached(error: BaseException) -> str:
    """Return in plain words why nothing came back, as one clause.

    An HTTP client has one sentence for every connection that it could not make; what the
    operating system said stands below it.
    """
    for cause in causes(error):
        match cause:
            case ssl.SSLCertVerificationError():
                return f"its certificate is not trusted: {presentable(cause.verify_message, 200)}"
            case socket.gaierror():
                return "its name is not known to the name servers of this host"
            case ConnectionRefusedError():
                return "nothing listens there"
            case TimeoutError():
                return "no answer in time"
    return _ERRNO.sub("", presentable(error, 300)) or type(error).__name__
