"""Questions that only good credentials get the right answer to: pure, asked by ``proof``."""

from dataclasses import dataclass

from mmpush_tui.configuration.config import AndroidSettings, AppleSettings


@dataclass(frozen=True, slots=True)
class AppleProof:
    """A push to nobody, with a target's key or certificate."""

    settings: AppleSettings


@dataclass(frozen=True, slots=True)
class GrantProof:
    """An access token for the service account of a target."""

    settings: AndroidSettings


@dataclass(frozen=True, slots=True)
class SendProof:
    """A push to nobody that Google is told to validate only."""

    settings: AndroidSettings


Proof = AppleProof | GrantProof | SendProof
