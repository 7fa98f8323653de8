"""Where a camera's vehicles come from, where they go, and how many by which way: found from its tracks, told by nobody."""
