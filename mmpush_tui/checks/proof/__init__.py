"""Credentials, tried with nobody's device."""
