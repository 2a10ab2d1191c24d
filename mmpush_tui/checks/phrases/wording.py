"""What is said about a code: its shape, and the phrases that return. Pure."""

from dataclasses import dataclass
from typing import Final

from mmpush_tui.findings import Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is said about one code.

    Attributes:
        summary: what is broken, as a sentence; the verdict where it decides.
        fix: what to change.
        see: code of the catalogue's entry; empty where the fix says it all.
        why: what the observation means, as a clause; empty where it speaks for itself.
        confidence: how sure the summary is of the cause.
    """

    summary: str
    fix: str
    see: str = ""
    why: str = ""
    confidence: Confidence = Confidence.CERTAIN


FIREWALL: Final = "Allow TCP {port} from this host to {host} in the firewall."
EXEMPT: Final = "Exempt {host} from TLS inspection and content filtering in the firewall."
CLOCK: Final = 'Set this host\'s clock: `timedatectl` must say "System clock synchronized: yes".'
CURL: Final = "`curl -sS {url}/version` must print JSON with a version."
AGAIN: Final = "Run the check again; if it stays, look at the firewall between here and {host}."
