"""The console that commands print to."""

from rich.console import Console

console = Console(markup=False, emoji=False)
"""What stands in brackets or between colons is text: a path, a section of campaign.toml or an answer of the lake may have any."""
