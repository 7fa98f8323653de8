"""Collectors and backfills with everything going wrong, and an account of every frame at the end:
``python -m cctview_pipeline_tests.chaos --seconds 3600``.

Live cameras and an archive are served; the collector, what seals and the backfill are killed at random moments; the spool's disk
is full for a while; the collector's clock is set forward and back; the object store loses every tenth answer; PostgreSQL
restarts. Then every frame is stored in the lake, or waits in the spool, or stands among the rejected with a reason, or lies in a
gap that has one: what does none of these is lost.
"""
