"""What is kept while credentials are tried."""

from pathlib import Path

from mmpush_tui.checks.proof.credential_probe import ProofContext
from mmpush_tui.checks.proof.limiter import ProbeLimiter
from mmpush_tui.findings import passed
from tests.checks.peers import NO_NETWORK


def test_what_proofs_work_with_shows_no_token(tmp_path: Path) -> None:
    context = ProofContext(
        network=NO_NETWORK,
        limiter=ProbeLimiter(tmp_path / "limits"),
        tokens=tmp_path / "tokens",
        grants={"android_rn": (passed("granted"), "canary")},
    )
    assert "canary" not in repr(context)
