"""Layer 7: ipywidgets only."""

from recipe_widgets.panels.browser import DataBrowser
from recipe_widgets.panels.bug_clinic import BugClinic
from recipe_widgets.panels.dials import Dials
from recipe_widgets.panels.explorers import ActivationExplorer, GradientExplorer, InitExplorer, RecurrentExplorer
from recipe_widgets.panels.labeller import Labeller
from recipe_widgets.panels.live_panel import LivePanel
from recipe_widgets.panels.losses import LossDice, LossShapes
from recipe_widgets.panels.question import Question
from recipe_widgets.panels.tuning_board import TuningBoard

__all__ = [
    "ActivationExplorer",
    "BugClinic",
    "DataBrowser",
    "Dials",
    "GradientExplorer",
    "InitExplorer",
    "Labeller",
    "LivePanel",
    "LossDice",
    "LossShapes",
    "Question",
    "RecurrentExplorer",
    "TuningBoard",
]
