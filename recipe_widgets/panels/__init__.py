"""Layer 7: ipywidgets only."""

from recipe_widgets.panels.augmentation_gallery import AugmentationGallery
from recipe_widgets.panels.decision_walk import DecisionWalk
from recipe_widgets.panels.live_panel import LivePanel
from recipe_widgets.panels.question import Question
from recipe_widgets.panels.tuning_board import TuningBoard

__all__ = ["AugmentationGallery", "DecisionWalk", "LivePanel", "Question", "TuningBoard"]
