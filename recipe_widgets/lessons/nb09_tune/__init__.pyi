from .accuracy_landscape import Landscape, check_range, flattered, landscape
from .parallel_workers import Shared, share
from .search_methods import WAYS, Searches, searches
from .tuning_runs import (
    budget_words,
    flattery,
    plot_budget,
    plot_rounds,
    pruning,
    round_words,
    same_budget,
)

__all__ = [
    "WAYS",
    "Landscape",
    "Searches",
    "Shared",
    "budget_words",
    "check_range",
    "flattered",
    "flattery",
    "landscape",
    "plot_budget",
    "plot_rounds",
    "pruning",
    "round_words",
    "same_budget",
    "searches",
    "share"
]
