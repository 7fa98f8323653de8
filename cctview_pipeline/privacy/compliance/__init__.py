"""Papers that write themselves: a record of processing activities and a draft of a data protection impact assessment."""

from cctview_pipeline.privacy.compliance.facts import AssetGraph, Facts, Made, gather
from cctview_pipeline.privacy.compliance.rendering import DPIA, RECORD, papers, render

__all__ = ["DPIA", "RECORD", "AssetGraph", "Facts", "Made", "gather", "papers", "render"]
