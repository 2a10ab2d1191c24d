"""Which events are new to a reader that may be told of them more than once."""

from mmpush_tui.protocol.event import Event


class EventCursor:
    """Where a reader of one worker's events stands.

    Whoever attaches anew is told all that the worker has kept, also what was read before.
    """

    def __init__(self) -> None:
        self._run, self._seq = "", 0

    def advance(self, event: Event) -> bool:
        """Go on to ``event`` and return True, or stay where it, or a later one, was read before.

        Args:
            event: any event, in the order of their numbers; each run of a worker counts anew.
        """
        if event.run == self._run and event.seq <= self._seq:
            return False
        self._run, self._seq = event.run, event.seq
        return True
