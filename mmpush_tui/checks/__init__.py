"""Reachability checks: what was looked at, what was found, what to change."""
