"""Collecting frames of live cameras: one process, many cameras, every gap accounted for."""
