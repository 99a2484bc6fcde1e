"""Layer 4: ensembles, bagging and distillation."""

from recipe_widgets.ensembles.ensemble import Ensemble, Gain, gain, gain_of, probabilities
from recipe_widgets.ensembles.members import bagging, distill, models_of
from recipe_widgets.training import MultiSeedTraining, train_many

__all__ = [
    "Ensemble", "Gain", "MultiSeedTraining", "bagging", "distill", "gain", "gain_of", "models_of",
    "probabilities", "train_many"
]
