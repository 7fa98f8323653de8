"""How a page of the reference is written."""

from collections.abc import Iterable, Sequence

GENERATED = "*Generated from the code by `make reference`: change the sentences there.*"


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown. Cells are one line each; what would end one is escaped."""
    lines = [heading, ["---"] * len(heading), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(*blocks: str) -> str:
    """Blocks with an empty line between them; empty ones are left out."""
    return "\n\n".join(filter(None, blocks)) + "\n"
