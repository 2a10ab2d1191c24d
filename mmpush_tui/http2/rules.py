"""The failure of a peer that breaks the rules of HTTP/2."""

from mmpush_tui.http2 import frames


class RuleBrokenError(Exception):
    """The peer broke a rule for which the connection must end.

    Attributes:
        cause: which rule, in a few words.
        error_code: what our GOAWAY says.
    """

    def __init__(self, cause: str, error_code: int = frames.PROTOCOL_ERROR) -> None:
        super().__init__(cause)
        self.cause = cause
        self.error_code = error_code
