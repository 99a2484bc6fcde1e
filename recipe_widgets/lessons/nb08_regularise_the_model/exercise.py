"""The exercise of notebook 08: regularise a network that overfits."""

from __future__ import annotations

import numpy as np

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.data import Data
from recipe_widgets.evaluation.seed_comparison import SeedComparison
from recipe_widgets.lessons.common.comparison import beside as beside
from recipe_widgets.lessons.common.guarded import train_many
from recipe_widgets.lessons.common.sweeps import sweep as sweep
from recipe_widgets.lessons.common.sweeps import sweeps_beside as sweeps_beside
from recipe_widgets.training import evaluate
from recipe_widgets.training.early_stopping import final_accuracy

# knobs that the exercise may change
ALLOWED = ("dropout", "weight_decay", "label_smoothing", "patience", "final")


def check_regularised(data: Data, base: Settings, mine: Settings, seeds: int = 6) -> str:
    """Judge the exercise: `mine` may differ from `base` in means of regularisation alone, and
    must gain accuracy.
    """
    other = [name for name in mine - base if name not in ALLOWED]
    if other:
        raise RecipeError("check_regularised", found="other values of " + ", ".join(other),
                          expected="changes of " + ", ".join(ALLOWED) + " only",
                          mend="One change, one cause.")
    if mine == base:
        return "Nothing has changed yet: give dropout, weight_decay or label_smoothing a value."
    pairs = [train_many(data, one, range(seeds)) for one in (base, mine)]
    before, after = ([final_accuracy(run) for run in runs] for runs in pairs)
    trials = SeedComparison(f"{data.name}, {data.train.size} samples",
                    {"as before": before, "yours": after})
    # training accuracy (0 to 1): tells a regularisation that is too strong from one too weak
    learnt = float(np.mean([evaluate(run.model, data.train).accuracy
                            for run in pairs[1] if run.model is not None]))
    facts = f"{trials.verdict('yours')} Training accuracy with yours: {learnt:.1%}."
    if trials.difference("yours").low > 0:  # the whole interval is above 0
        return f"Right. {facts}"
    if learnt < 0.9 and trials.difference("yours").difference < 0:
        return f"Too strong: it no longer learns its own training samples. {facts}"
    hint = "Stronger." if learnt > 0.99 else "Another measure, or less of it."
    return f"Not yet: no gain beyond chance. {facts} {hint}"
