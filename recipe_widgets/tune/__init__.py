"""Layer 4: search over settings on Optuna, alone or with many workers."""

from recipe_widgets.tune.reranking import Finalist, Finalists, finalists
from recipe_widgets.tune.search_space import Categorical, Range, Space, space
from recipe_widgets.tune.staged_search import coarse_to_fine
from recipe_widgets.tune.storage import hidden
from recipe_widgets.tune.study import Trial, Tuning, tune

__all__ = [
    "Categorical", "Finalist", "Finalists", "Range", "Space", "Trial", "Tuning", "coarse_to_fine",
    "finalists", "hidden", "space", "tune"
]
