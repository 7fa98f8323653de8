"""Papers that write themselves: a record of processing activities and a draft of a data protection impact assessment."""

from cctview_pipeline.privacy.compliance.facts import AssetGraph, Facts, Made, gather
from cctview_pipeline.privacy.compliance.impact import dpia
from cctview_pipeline.privacy.compliance.record import DPIA, RECORD, papers, record_of_processing

__all__ = ["DPIA", "RECORD", "AssetGraph", "Facts", "Made", "dpia", "gather", "papers", "record_of_processing"]
