"""Keys, certificates and service accounts: what a file holds and whether it can serve."""
