"""Looking up names without being held up by it."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Sequence
from functools import partial

from aiohappyeyeballs import AddrInfoType


async def addresses(host: str, port: int) -> Sequence[AddrInfoType]:
    """Return the addresses of a name, as every program on this host would get them.

    A lookup under way cannot be called off. Its thread is one that nobody waits for, so that
    neither Ctrl-C nor a deadline is held up by a name server that does not answer, as they would
    be by the event loop's own threads.

    Raises:
        OSError: the name cannot be resolved.
        ValueError: it is no name.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Sequence[AddrInfoType]] = loop.create_future()

    def tell(settle: Callable[[], None]) -> None:
        if not found.done():
            settle()

    def look() -> None:
        try:
            answer = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
            )
        except (OSError, ValueError) as error:
            settle: Callable[[], None] = partial(found.set_exception, error)
        else:
            settle = partial(found.set_result, answer)
        # The loop may have ended before the name servers gave up.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, settle)

    threading.Thread(target=look, name="name-lookup", daemon=True).start()
    return await found
