"""Layer 4: how good is it, with what certainty, and is A better than B?

Each function takes the answers first and the truth second, as PyTorch's losses do:
`accuracy(predicted, y)` on arrays, `accuracy(model, data.validation)` on a model and a split.
"""

from recipe_widgets.evaluation.class_metrics import (
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
from recipe_widgets.evaluation.ledger import Ledger, LedgerEntry
from recipe_widgets.evaluation.predictions import Predictions, as_predictions
from recipe_widgets.evaluation.reliability import Calibration, calibration, temperature

__all__ = [
           "Calibration",
           "ClassTable",
           "Confusion",
           "Difference",
           "Kappa",
           "Ledger",
           "LedgerEntry",
           "McNemar",
           "Mistakes",
           "Predictions",
           "Proportion",
           "accuracy",
           "as_predictions",
           "bootstrap_difference",
           "calibration",
           "confusion",
           "kappa",
           "mcnemar",
           "per_class",
           "proportion",
           "temperature",
           "worst_mistakes"
]
