"""Layer 7: ipywidgets only."""

from recipe_widgets.panels.bug_clinic import BugClinic
from recipe_widgets.panels.explorers import ActivationExplorer, GradientExplorer, InitExplorer, RecurrentExplorer
from recipe_widgets.panels.live_panel import LivePanel
from recipe_widgets.panels.question import Question
from recipe_widgets.panels.tuning_board import TuningBoard

__all__ = ["ActivationExplorer", "BugClinic", "GradientExplorer", "InitExplorer", "LivePanel", "Question",
           "RecurrentExplorer", "TuningBoard"]
