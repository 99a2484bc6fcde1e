"""Layer 4: how good is it, with what certainty, and is A better than B?

Each function takes the answers first and the truth second, as PyTorch's losses do:
`accuracy(predicted, y)` on arrays, `accuracy(model, data.validation)` on a model and a split.
"""

from recipe_widgets.evaluation.answers import Answers, answers
from recipe_widgets.evaluation.calibration import Calibration, calibration, temperature
from recipe_widgets.evaluation.classes import (
           ClassTable,
           Confusion,
           Mistakes,
           confusion,
           per_class,
           worst_mistakes,
)
from recipe_widgets.evaluation.compare import (
           Difference,
           Kappa,
           McNemar,
           bootstrap_difference,
           kappa,
           mcnemar,
)
from recipe_widgets.evaluation.intervals import Proportion, accuracy, proportion
from recipe_widgets.evaluation.ledger import Entry, Ledger

__all__ = [
    "Answers", "Calibration", "ClassTable", "Confusion", "Difference", "Entry", "Kappa", "Ledger",
    "McNemar", "Mistakes", "Proportion", "accuracy", "answers", "bootstrap_difference",
    "calibration", "confusion", "kappa", "mcnemar", "per_class", "proportion", "temperature",
    "worst_mistakes"
]
