"""Layer 5: numbers in, pictures out. No pyplot state, no widgets."""

from recipe_widgets.plots.checks import plot_check
from recipe_widgets.plots.curves import (
    Chart,
    ChartLine,
    CurveBand,
    PlottedRun,
    charts,
    describe,
    downsample,
)
from recipe_widgets.plots.evaluation import plot_calibration, plot_confusion, plot_mistakes
from recipe_widgets.plots.picture import Picture, plot_run, plot_runs
from recipe_widgets.plots.recipe_map import RecipeMap
from recipe_widgets.plots.search_board import TrialDot, search_svg
from recipe_widgets.plots.svg import STYLE, curves_svg

__all__ = [
    "STYLE",
    "Chart",
    "ChartLine",
    "CurveBand",
    "Picture",
    "PlottedRun",
    "RecipeMap",
    "TrialDot",
    "charts",
    "curves_svg",
    "describe",
    "downsample",
    "plot_calibration",
    "plot_check",
    "plot_confusion",
    "plot_mistakes",
    "plot_run",
    "plot_runs",
    "search_svg",
]
