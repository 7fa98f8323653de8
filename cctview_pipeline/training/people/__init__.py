"""The people finder, by which people are painted over."""
