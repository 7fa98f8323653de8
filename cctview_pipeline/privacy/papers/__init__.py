"""Papers that write themselves: a record of processing activities and a draft of a data protection impact assessment."""

from cctview_pipeline.privacy.papers.facts import AssetGraph, Facts, Made, gather
from cctview_pipeline.privacy.papers.rendering import DPIA, RECORD, papers, render

__all__ = ["DPIA", "RECORD", "AssetGraph", "Facts", "Made", "gather", "papers", "render"]
