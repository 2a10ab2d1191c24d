"""Looking up names without being held up by it."""

import socket
from collections.abc import Sequence
from functools import partial

from aiohappyeyeballs import AddrInfoType

from mmpush_tui.tasks import beside


async def addresses(host: str, port: int) -> Sequence[AddrInfoType]:
    """Return the addresses of a name, as every program on this host would get them.

    A lookup under way cannot be called off. Its thread is one that nobody waits for, so that
    neither Ctrl-C nor a deadline is held up by a name server that does not answer, as they would
    be by the event loop's own threads.

    Raises:
        OSError: the name cannot be resolved.
        ValueError: it is no name.
    """
    look = partial(
        socket.getaddrinfo, host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )
    return await beside("name-lookup", look)
