"""The yardstick: what the pipeline found in the synthetic city, against what was there."""

from cctview_pipeline.evaluate.city_evaluation import evaluate
from cctview_pipeline.evaluate.plots import plot_evaluation
from cctview_pipeline.evaluate.report import Evaluation

__all__ = ["Evaluation", "evaluate", "plot_evaluation"]
