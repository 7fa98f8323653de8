"""docs/networks.md says of every network what its table says."""

import pytest

from cctview_pipeline.cameras.live import LIVE_NETWORKS, open_live
from cctview_pipeline.cameras.protocol import ACCESSED
from cctview_pipeline_tests.documentation.pages import text_of

PAGE = text_of("docs/networks.md")
KNOWN, _, SHOWN = PAGE.partition("\n## What must be shown\n")
HOSTED = ("511alberta", "511ga", "511idaho", "511on", "511wi", "fl511", "udot")
"""Their clocks stand in one row."""


def line_of(part: str, name: str) -> str:
    """Of a table that begins with the network's name."""
    return next(line for line in part.splitlines() if line.startswith("| `") and f"`{name}`" in line.split("|")[1])


@pytest.mark.parametrize("name", [name for name in LIVE_NETWORKS if name not in ("generic", "replay")])
def test_the_page_says_what_the_table_says(name: str):
    network = open_live(name)
    known, shown = line_of(KNOWN, name), line_of(SHOWN, name)
    assert name in HOSTED or network.zone.key in known
    assert (network.terms.attribution.replace(ACCESSED, "DAY") or "none is known") in shown
    key = getattr(network, "key", None)
    assert (key.variable.name in known) if key else ("none" in known)
    assert ("network's" in known) == bool(network.frames_every_s)
