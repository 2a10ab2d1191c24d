"""Pushes lost and doubled while Apple's stand-in fails by chance: ``make losses``.

Options: ``--pushes N`` (100,000), ``--seed N``, ``--json``. Ends with 1 where a push was lost, was
doubled though it provably need not have been, or got no answer.
"""

import asyncio
import dataclasses
import json
import sys
from typing import Final

import uvloop

from tests.proxy.losses import Tally, count

PUSHES: Final = 100_000
SEED: Final = 20_261_127


def _option(name: str, default: int) -> int:
    arguments = sys.argv[1:]
    return int(arguments[arguments.index(name) + 1]) if name in arguments else default


def is_good(tally: Tally) -> bool:
    """Return whether nothing happened that must not."""
    is_whole = tally.answers.total() == tally.pushes
    return is_whole and not (
        tally.lost or tally.doubled or tally.renamed or tally.untold_unexplained
    )


def main() -> int:
    """Run and report."""
    pushes, seed = _option("--pushes", PUSHES), _option("--seed", SEED)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        tally = runner.run(count(pushes, seed, progress=sys.stderr.isatty()))
    if "--json" in sys.argv[1:]:
        sys.stdout.write(json.dumps(dataclasses.asdict(tally)) + "\n")
    else:
        sys.stdout.write("\n".join((f"seed {seed}", *tally.lines())) + "\n")
    return 0 if is_good(tally) else 1


if __name__ == "__main__":
    sys.exit(main())
