"""Layer 4: search over settings on Optuna, alone or with many workers."""

from recipe_widgets.tune.coarse import coarse_to_fine
from recipe_widgets.tune.finalists import Finalist, Finalists, finalists
from recipe_widgets.tune.space import Choice, Range, Space, space
from recipe_widgets.tune.storage import hidden
from recipe_widgets.tune.study import Trial, Tuning, tune

__all__ = [
    "Choice", "Finalist", "Finalists", "Range", "Space", "Trial", "Tuning", "coarse_to_fine",
    "finalists", "hidden", "space", "tune"
]
