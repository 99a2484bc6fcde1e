"""Layer 5: numbers in, pictures out. No pyplot state, no widgets."""

from recipe_widgets.plots.board import Dot, board_svg
from recipe_widgets.plots.checks import plot_check
from recipe_widgets.plots.curves import Chart, Curve, Ribbon, Shown, charts, describe, thin
from recipe_widgets.plots.evaluation import plot_calibration, plot_confusion, plot_mistakes
from recipe_widgets.plots.ledger import plot_ledger
from recipe_widgets.plots.picture import Picture, plot_run, plot_shown
from recipe_widgets.plots.recipe_map import RecipeMap
from recipe_widgets.plots.svg import STYLE, curves_svg
from recipe_widgets.plots.tuning import plot_tuning

__all__ = [
    "STYLE",
    "Chart",
    "Curve",
    "Dot",
    "Picture",
    "RecipeMap",
    "Ribbon",
    "Shown",
    "board_svg",
    "charts",
    "curves_svg",
    "describe",
    "plot_calibration",
    "plot_check",
    "plot_confusion",
    "plot_ledger",
    "plot_mistakes",
    "plot_run",
    "plot_shown",
    "plot_tuning",
    "thin",
]
