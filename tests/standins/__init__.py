"""Stand-ins that only tests need; those that a person can use are in ``simulator/``."""
