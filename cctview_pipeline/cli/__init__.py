"""The command ``cctview``: one module a group of commands."""
