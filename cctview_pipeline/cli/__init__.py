"""The command `cctview`."""

from cctview_pipeline.cli.app import main

__all__ = ["main"]
