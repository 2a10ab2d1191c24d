"""Why Go's ``encoding/json`` refuses a document, in Go's own words.

Only the path of refusals comes here. Admins search for these sentences, and Mattermost logs
them; Python's would be found nowhere. Verified against Go 1.26.
"""

import re
from typing import Final

_SPACE: Final = b" \t\r\n"
_DIGITS: Final = b"0123456789"
_HEX: Final = b"0123456789abcdefABCDEF"
_LITERALS: Final = {b"t"[0]: b"true", b"f"[0]: b"false", b"n"[0]: b"null"}
_PLAIN: Final = re.compile(rb'[^"\\\x00-\x1f]*')
_DEPTH: Final = 10_000
_SHORT: Final = {7: r"\a", 8: r"\b", 9: r"\t", 10: r"\n", 11: r"\v", 12: r"\f", 13: r"\r"}


def go_words(body: bytes) -> str:
    """Return what Go says about the first JSON value in ``body``; empty where it takes it."""
    if not body.strip(_SPACE):
        return "EOF"
    scanner = _Scanner(body)
    try:
        scanner.run()
    except _InvalidError as error:
        return f"invalid character {_quoted(body[scanner.at])} {error}"
    except IndexError:
        return "unexpected EOF"
    return ""


class _InvalidError(Exception):
    """The byte at the scanner's place cannot stand there; the message says where "there" is."""


class _Scanner:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self.at = 0

    def run(self) -> None:
        """Walk over one value; raises IndexError where the body ends before it does."""
        open_brackets = bytearray()
        self._begin(open_brackets)
        while open_brackets:
            byte = self._next()
            if open_brackets[-1] == ord("["):
                if byte == ord("]"):
                    open_brackets.pop()
                elif byte == ord(","):
                    self.at += 1
                    self._begin(open_brackets)
                    continue
                else:
                    raise _InvalidError("after array element")
            elif byte == ord("}"):
                open_brackets.pop()
            elif byte == ord(","):
                self.at += 1
                self._key()
                self._begin(open_brackets)
                continue
            else:
                raise _InvalidError("after object key:value pair")
            self.at += 1

    def _begin(self, open_brackets: bytearray) -> None:
        """Walk over a value, or into it as far as its first inner scalar."""
        while True:
            byte = self._next()
            if byte not in b"[{":
                self._scalar(byte)
                return
            if len(open_brackets) >= _DEPTH:
                raise _InvalidError("exceeded max depth")
            self.at += 1
            if self._next() == byte + 2:
                self.at += 1
                return
            open_brackets.append(byte)
            if byte == ord("{"):
                self._key()

    def _key(self) -> None:
        if self._next() != ord('"'):
            raise _InvalidError("looking for beginning of object key string")
        self._string()
        if self._next() != ord(":"):
            raise _InvalidError("after object key")
        self.at += 1

    def _scalar(self, byte: int) -> None:
        if byte == ord('"'):
            self._string()
        elif byte == ord("-") or byte in _DIGITS:
            self._number()
        elif byte in _LITERALS:
            for wanted in _LITERALS[byte]:
                if self._body[self.at] != wanted:
                    literal = _LITERALS[byte].decode()
                    raise _InvalidError(f"in literal {literal} (expecting {_quoted(wanted)})")
                self.at += 1
        else:
            raise _InvalidError("looking for beginning of value")

    def _string(self) -> None:
        self.at += 1
        while (byte := self._body[self._after_plain()]) != ord('"'):
            if byte < 0x20:
                raise _InvalidError("in string literal")
            self.at += 1
            if byte == ord("\\"):
                self._escape()
        self.at += 1

    def _after_plain(self) -> int:
        # A string can be most of the body; byte by byte it would hold up the event loop.
        self.at = _PLAIN.match(self._body, self.at).end()  # type: ignore[union-attr] # it matches nothing too
        return self.at

    def _escape(self) -> None:
        byte = self._body[self.at]
        if byte not in b'bfnrtu\\/"':
            raise _InvalidError("in string escape code")
        self.at += 1
        if byte == ord("u"):
            for _ in range(4):
                if self._body[self.at] not in _HEX:
                    raise _InvalidError(r"in \u hexadecimal character escape")
                self.at += 1

    def _number(self) -> None:
        if self._body[self.at] == ord("-"):
            self.at += 1
            if self._body[self.at] not in _DIGITS:
                raise _InvalidError("in numeric literal")
        if self._body[self.at] == ord("0"):
            self.at += 1
        else:
            self._digits()
        if self._peek() == ord("."):
            self.at += 1
            if self._body[self.at] not in _DIGITS:
                raise _InvalidError("after decimal point in numeric literal")
            self._digits()
        if self._peek() in b"eE":
            self.at += 1
            if self._body[self.at] in b"+-":
                self.at += 1
            if self._body[self.at] not in _DIGITS:
                raise _InvalidError("in exponent of numeric literal")
            self._digits()

    def _digits(self) -> None:
        while self._peek() in _DIGITS:
            self.at += 1

    def _peek(self) -> int:
        # A number may end with the body; a NUL never continues one.
        return self._body[self.at] if self.at < len(self._body) else 0

    def _next(self) -> int:
        while (byte := self._body[self.at]) in _SPACE:
            self.at += 1
        return byte


def _quoted(byte: int) -> str:
    """Return ``byte`` as Go quotes it: as the character of that number."""
    char = chr(byte)
    if char in "'\\":
        return f"'\\{char}'"
    if byte in _SHORT:
        return f"'{_SHORT[byte]}'"
    if char.isprintable():
        return f"'{char}'"
    return f"'\\x{byte:02x}'" if byte < 0x80 else f"'\\u{byte:04x}'"
