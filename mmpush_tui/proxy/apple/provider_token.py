"""The ES256 token that tells Apple whose key this is, minted as rarely as Apple demands.

Apple refuses a token older than 60 minutes and one that is renewed more than once in 20.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from mmpush_tui.credentials.key_pair import public_der
from mmpush_tui.proxy.apple.token_store import StoredToken, TokenStore

LIFETIME_S: Final = 50 * 60
APART_S: Final = 20 * 60
"""Apple answers 429 TooManyProviderTokenUpdates to a token that follows sooner."""
_LATEST_S: Final = 55 * 60
_DRIFT_S: Final = 60.0
"""A wall clock that went this much differently was set."""


class _Minted(NamedTuple):
    """A token, the clock reading that its age is counted from, and its ``iat``."""

    token: str
    at: float
    issued_at: int

    def __repr__(self) -> str:
        return f"_Minted(issued_at={self.issued_at})"


def boottime() -> float:
    """Return seconds on a clock that goes on while the host sleeps, as Apple's does."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class ProviderToken:
    """The current provider token of one key and team; one for the whole process.

    Its age is measured on a clock that nobody sets. Where the wall clock was set meanwhile, what
    Apple reads in the token is no longer true, and it is renewed as soon as Apple takes another.

    Args:
        key: the private key.
        key_id: its ten characters, the ``kid``.
        team_id: the team's ten characters, the ``iss``.
        store: keeps it across restarts. Asked here for the token there is, so not in the event
            loop.
        now: wall clock, seconds since 1970, for ``iat``.
        monotonic: the clock that a token's age is measured on.
    """

    def __init__(
        self,
        key: EllipticCurvePrivateKey,
        key_id: str,
        team_id: str,
        store: TokenStore | None = None,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = boottime,
    ) -> None:
        self._key = key
        self._key_id = key_id
        self._team_id = team_id
        self._store = store
        self._now = now
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._renewing: threading.Thread | None = None
        self._current: _Minted | None = None
        if store is not None:
            self._current = self._checked(store.find(self.name))

    @property
    def identity(self) -> bytes:
        """What two tokens must share to be one: key, key id and team."""
        public = public_der(self._key.public_key())
        return f"{self._team_id}/{self._key_id}/".encode() + public

    @property
    def name(self) -> str:
        """The identity as a short text that says nothing of the key."""
        return hashlib.sha256(self.identity).hexdigest()[:32]

    def __call__(self) -> str:
        """Return the token, minted anew when the last one is 50 minutes old.

        With a store, it is renewed beside the event loop, while the old one serves on for five
        minutes at most: Apple takes it for ten.
        """
        current = self._current
        if current is None:
            return self._mint().token
        if self._is_fresh(current):
            return current.token
        if self._store is None or self._monotonic() - current.at >= _LATEST_S:
            return self._mint().token
        self._spawn_renewal(self._store)
        return current.token

    def refused(self, token: str) -> Literal["newer", "minted", "kept"]:
        """Hear that Apple called ``token`` expired, and say what there is instead.

        Returns:
            ``newer`` where the current token is another one already, ``minted`` where it was just
            made, ``kept`` where Apple would take no other yet: then one of the clocks is wrong.
        """
        current = self._current
        if current is None or current.token != token:
            return "newer"
        # Apple never took a token that was made by a clock which was wrong then.
        if self._monotonic() - current.at >= APART_S or self._was_clock_set(current):
            self._mint()
            return "minted"
        return "kept"

    def join(self) -> None:
        """Wait for a renewal under way; blocks."""
        if (renewing := self._renewing) is not None:
            renewing.join()

    def _was_clock_set(self, current: _Minted) -> bool:
        by_wall_s = self._now() - current.issued_at
        return abs(by_wall_s - (self._monotonic() - current.at)) > _DRIFT_S

    def _mint(self) -> _Minted:
        minted = self._sign()
        self._current = minted
        if self._store is not None:
            self._spawn_renewal(self._store)
        return minted

    def _sign(self) -> _Minted:
        issued_at = int(self._now())
        token = jwt.encode(
            {"iss": self._team_id, "iat": issued_at},
            self._key,
            algorithm="ES256",
            headers={"kid": self._key_id, "typ": None},
        )
        return _Minted(token, self._monotonic(), issued_at)

    def _spawn_renewal(self, store: TokenStore) -> None:
        with self._lock:
            if self._renewing is None or not self._renewing.is_alive():
                # Nobody waits for it at the end: the folder may be on a server that is away.
                self._renewing = threading.Thread(
                    target=self._renew, args=(store,), name="provider-token", daemon=True
                )
                self._renewing.start()

    def _renew(self, store: TokenStore) -> None:
        """Take the token that another worker made, or make one, and keep it."""

        def make(kept: StoredToken | None) -> StoredToken:
            ours, theirs = self._current, self._checked(kept)
            if ours is None or not self._is_fresh(ours):
                ours = theirs or self._sign()
            elif theirs is not None and theirs.issued_at > ours.issued_at:
                ours = theirs
            self._current = ours
            return StoredToken(self.name, ours.issued_at, ours.token)

        store.renew(self.name, make)

    def _is_fresh(self, minted: _Minted) -> bool:
        age_s = self._monotonic() - minted.at
        return age_s < LIFETIME_S and not (age_s >= APART_S and self._was_clock_set(minted))

    def _checked(self, kept: StoredToken | None) -> _Minted | None:
        """Return what was kept, where it is a token of this key that Apple would still take."""
        if kept is None:
            return None
        try:
            header = jwt.get_unverified_header(kept.token)
            claims = jwt.decode(
                kept.token,
                self._key.public_key(),
                algorithms=["ES256"],
                options={"verify_iat": False, "verify_aud": False},
            )
        except jwt.PyJWTError:
            return None
        issued_at = claims.get("iat")
        if header.get("kid") != self._key_id or claims.get("iss") != self._team_id:
            return None
        if not isinstance(issued_at, int):
            return None
        age_s = self._now() - issued_at
        if not -1 < age_s < LIFETIME_S:
            return None
        return _Minted(kept.token, self._monotonic() - age_s, issued_at)
