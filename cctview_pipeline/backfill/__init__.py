"""``cctview backfill``: what to make, in which runs, and why something was not made."""
