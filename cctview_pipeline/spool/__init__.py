"""Append-only segments of what collectors gathered, until the lake has it."""
