"""README.md of a package of figures: what each file and column is, for a person."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from cctview_pipeline.formats.data_package import About, Beside, unit_of
from cctview_pipeline.formats.figures import Figures

STATUSES = {
    "observed": "at least 95 % of the time was seen",
    "expanded": "50 to 95 % of it was seen, and `expanded` is what was counted over that share",
    "insufficient": "less than half of it was seen: no value stands for the whole; of a movement or an approach also where too "
    "few vehicles were seen from end to end",
    "no_data": "nothing was seen",
    "flagged": "an anomaly lies over it that says not to use it",
    "withheld": "it holds too few vehicles to be published, or others could be found out by it: neither zero nor an outage",
}


def data_dictionary(about: About, tables: Sequence[Figures], beside: Sequence[Beside] = ()) -> str:
    """The page. beside: the files that are no tables."""
    lines = [f"# {about.title}", "", f"Local days {about.begin} to {about.end}. Written by {about.software}."]
    lines += [f"Licence: {about.licence}." if about.licence else "No licence is granted: these files are for one's own use."]
    if about.attribution:
        lines += ["", f"Show with everything that is made of it: {'; '.join(about.attribution)}."]
    if about.privacy:
        lines += ["", about.privacy]
    lines += ["", "## What the figures get wrong", "", *(f"- {each}" for each in about.biases)]
    lines += ["", "## Status", "", "An empty value is missing, and 0 is a measurement. `status` says why a value is missing:", ""]
    lines += _table(("status", "what it says"), [(f"`{name}`", meaning) for name, meaning in STATUSES.items()])
    if beside:
        files = [(f"`{each.path}`", each.description) for each in beside]
        lines += ["", "## Files beside the tables", "", *_table(("file", "what it is"), files)]
    for each in tables:
        lines += ["", f"## {each.name}", "", each.description, ""]
        if each.key:
            lines += [f"Key: {', '.join(f'`{name}`' for name in each.key)}.", ""]
        lines += _table(("column", "type", "unit", "may be missing", "meaning"), _columns(each.rows.schema))
    return "\n".join(lines) + "\n"


def _columns(schema: pa.Schema) -> Iterator[tuple[str, ...]]:
    for field in schema:
        meaning = (field.metadata or {})[b"description"].decode()
        yield f"`{field.name}`", str(field.type), unit_of(field.name), "yes" if field.nullable else "", meaning


def _table(head: Sequence[str], rows: Sequence[Sequence[str]] | Iterator[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in (head, ["---"] * len(head), *rows)]
