"""Repeatable measurements, printed as ratios against a baseline of the same run."""
