"""Layer 7: ipywidgets only."""

from recipe_widgets.panels.augmentation_gallery import AugmentationGallery
from recipe_widgets.panels.browser import DataBrowser
from recipe_widgets.panels.bug_clinic import BugClinic
from recipe_widgets.panels.capacity_explorer import CapacityExplorer
from recipe_widgets.panels.conv_explorer import ConvExplorer
from recipe_widgets.panels.decision_walk import DecisionWalk
from recipe_widgets.panels.dials import Dials
from recipe_widgets.panels.explorers import (
    ActivationExplorer,
    GradientExplorer,
    InitExplorer,
    RecurrentExplorer,
)
from recipe_widgets.panels.kernel_filters import KernelFilters
from recipe_widgets.panels.labeller import Labeller
from recipe_widgets.panels.learning_curve import LearningCurve
from recipe_widgets.panels.live_panel import LivePanel
from recipe_widgets.panels.loss_panels import LossDice, LossShapes
from recipe_widgets.panels.optimizer_bowl import OptimizerBowl
from recipe_widgets.panels.question import Question
from recipe_widgets.panels.schedule_explorer import ScheduleExplorer
from recipe_widgets.panels.tuning_board import TuningBoard
from recipe_widgets.panels.vault_report import VaultReport

__all__ = [
    "ActivationExplorer",
    "AugmentationGallery",
    "BugClinic",
    "CapacityExplorer",
    "ConvExplorer",
    "DataBrowser",
    "DecisionWalk",
    "Dials",
    "GradientExplorer",
    "InitExplorer",
    "KernelFilters",
    "Labeller",
    "LearningCurve",
    "LivePanel",
    "LossDice",
    "LossShapes",
    "OptimizerBowl",
    "Question",
    "RecurrentExplorer",
    "ScheduleExplorer",
    "TuningBoard",
    "VaultReport",
]
