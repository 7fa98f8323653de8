"""``cctview`` with segments of some kilobytes and leases of seconds, so that a test need not wait for 64 MiB and minutes:
``python -m cctview_pipeline_tests.factories.hasty_collector collect ...``."""

import functools

import cctview_pipeline.cli.collect as command
from cctview_pipeline.__main__ import main
from cctview_pipeline.spool.upload import UploadTimes
from cctview_pipeline.spool.writer import SpoolWriter

SEGMENT_BYTES, LEASE_S = 20_000, 3.0

if __name__ == "__main__":
    SpoolWriter.__init__.__defaults__ = (SEGMENT_BYTES,)
    command.UploadTimes = functools.partial(UploadTimes, renew=0.3, lease=LEASE_S, longest_wait=0.5, drain=20.0)
    main()
