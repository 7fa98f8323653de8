"""The asset graph as the papers want it (privacy/compliance/), and the papers of the synthetic city in docs/.

::

    python -m cctview_pipeline.automation.paper_graph       # writes docs/record-of-processing.md and docs/dpia.md anew
"""

import tempfile
from pathlib import Path

from cctview_pipeline.assets.daily_report import NAME as REPORT
from cctview_pipeline.assets.graph import BY_PRODUCTS, build_assets
from cctview_pipeline.backfill.select import Asked, choose
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.files import made_folder, write_whole
from cctview_pipeline.lake import Lake
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.paths import project_root
from cctview_pipeline.privacy.compliance import AssetGraph, Made, papers


def paper_graph(campaign: Campaign) -> AssetGraph:
    """Name -> table or model, of all that a campaign has."""
    specs = {spec.key.path[-1]: spec for asset in build_assets(campaign) for spec in asset.specs}
    made = {name: Made(TABLES[name].description, frozenset(before)) for name, before in BY_PRODUCTS.items()}
    for name, spec in specs.items():
        if name == REPORT:  # its figures are the marts'
            continue
        made[name] = Made(spec.description or "", frozenset(dep.asset_key.path[-1] for dep in spec.deps))
    return made


def city_campaign() -> Campaign:
    """What `cctview backfill --network city` writes to an empty lake."""
    with tempfile.TemporaryDirectory() as folder:
        return choose(Lake(folder), Asked(network="city")).campaign


def city_papers() -> dict[str, str]:
    """File name -> text, for docs/."""
    campaign = city_campaign()
    return papers(campaign, paper_graph(campaign), home="..")


def write(folder: Path, texts: dict[str, str]) -> list[Path]:
    """The papers as files. Returns their paths."""
    made_folder(folder)
    for name, text in texts.items():
        write_whole(folder / name, text.encode())
    return [folder / name for name in texts]


if __name__ == "__main__":
    for path in write(project_root() / "docs", city_papers()):
        print(path)
