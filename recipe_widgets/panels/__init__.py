"""Layer 7: ipywidgets only."""

from recipe_widgets.panels.capacity_explorer import CapacityExplorer
from recipe_widgets.panels.conv_explorer import ConvExplorer
from recipe_widgets.panels.learning_curve import LearningCurve
from recipe_widgets.panels.live_panel import LivePanel
from recipe_widgets.panels.optimizer_bowl import OptimizerBowl
from recipe_widgets.panels.question import Question
from recipe_widgets.panels.schedule_explorer import ScheduleExplorer
from recipe_widgets.panels.tuning_board import TuningBoard

__all__ = ["CapacityExplorer", "ConvExplorer", "LearningCurve", "LivePanel", "OptimizerBowl", "Question", "ScheduleExplorer",
           "TuningBoard"]
