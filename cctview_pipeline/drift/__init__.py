"""Drift: whether what cameras show today is still what the models were trained on, and where to label next."""

from cctview_pipeline.drift.profile import Profile, divergence
from cctview_pipeline.drift.reference import (
    NoReference,
    Reference,
    find_reference,
    make_detector_reference,
    make_extractor_reference,
)
from cctview_pipeline.drift.survey import CameraHourDrift, DriftReport, latest_day, survey

__all__ = [
    "CameraHourDrift",
    "DriftReport",
    "NoReference",
    "Profile",
    "Reference",
    "divergence",
    "find_reference",
    "latest_day",
    "make_detector_reference",
    "make_extractor_reference",
    "survey",
]
