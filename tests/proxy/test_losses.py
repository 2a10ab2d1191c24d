"""Nothing is lost, and nothing comes twice that need not, whatever Apple does."""

import pytest

from tests.proxy.losses import count


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_nothing_is_lost_and_nothing_doubled_that_was_provably_unprocessed(seed: int) -> None:
    tally = await count(3_000, seed)
    assert tally.answers.total() == 3_000
    assert (tally.lost, tally.doubled, tally.renamed, tally.untold_unexplained) == (0, 0, 0, 0)
    # The faults did something.
    assert tally.connections > 1
    assert tally.faults.total() > 1
    assert tally.requests + tally.answers.total() - tally.answers["OK"] >= 3_000
    assert len(tally.faults) > 1
