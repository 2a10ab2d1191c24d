"""What the stand-ins can act out: every named fault, by what it breaks."""
