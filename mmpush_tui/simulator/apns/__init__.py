"""Apple's rules: what a push must be, and how it is refused."""
