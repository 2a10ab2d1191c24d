"""The terminal itself: what it can draw, output that never blocks, and the end."""
