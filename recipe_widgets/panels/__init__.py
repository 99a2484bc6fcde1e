"""Layer 7: ipywidgets only."""

from recipe_widgets.panels.live_panel import LivePanel
from recipe_widgets.panels.question import Question

__all__ = ["LivePanel", "Question"]
