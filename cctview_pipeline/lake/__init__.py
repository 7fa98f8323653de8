"""The lake: Parquet tables and their campaign behind one URI."""

from cctview_pipeline.lake import layout
from cctview_pipeline.lake.layout import Partition
from cctview_pipeline.lake.storage import S3Access
from cctview_pipeline.lake.tables import Lake

__all__ = ["Lake", "Partition", "S3Access", "layout"]
