"""Lessons, losses and recipes of the extractor."""
