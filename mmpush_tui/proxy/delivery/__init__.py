"""One push from its arrival to its answer, and what decides about it."""
