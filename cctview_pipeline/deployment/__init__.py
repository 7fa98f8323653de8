"""What a deployment of so many cameras takes, reckoned from measured figures."""

from cctview_pipeline.deployment.figures import Figures, figures_of_lake, shipped
from cctview_pipeline.deployment.plan import Asked, Line, Plan, Prices, make_plan

__all__ = ["Asked", "Figures", "Line", "Plan", "Prices", "figures_of_lake", "make_plan", "shipped"]
