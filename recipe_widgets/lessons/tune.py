"""What notebook 09 shows."""

from __future__ import annotations

from recipe_widgets.lessons.landscape import Landscape, check_range, flattered, landscape
from recipe_widgets.lessons.searches import WAYS, Searches, searches
from recipe_widgets.lessons.tuning_runs import (
    budget_words,
    flattery,
    plot_budget,
    plot_rounds,
    pruning,
    round_words,
    same_budget,
)
from recipe_widgets.lessons.workers import Shared, share

__all__ = [
    "WAYS", "Landscape", "Searches", "Shared", "budget_words", "check_range", "flattered",
    "flattery", "landscape", "plot_budget", "plot_rounds", "pruning", "round_words", "same_budget",
    "searches", "share"
]
