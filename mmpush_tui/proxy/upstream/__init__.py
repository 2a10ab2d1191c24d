"""Requests to Apple and Google: the one layer of retries."""
