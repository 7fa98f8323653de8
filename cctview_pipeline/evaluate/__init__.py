"""The yardstick: what the pipeline found in the synthetic city, against what was there."""

from cctview_pipeline.evaluate.city_evaluation import evaluate
from cctview_pipeline.evaluate.judged import NO_SAMPLE, evaluate_verdicts, judged_hours
from cctview_pipeline.evaluate.plots import plot_evaluation
from cctview_pipeline.evaluate.report import Evaluation

__all__ = ["NO_SAMPLE", "Evaluation", "evaluate", "evaluate_verdicts", "judged_hours", "plot_evaluation"]
