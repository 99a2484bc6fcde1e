"""Layer 1: data that is kept as bytes on the device that trains, its splits, and the vault
around the test set.
"""

from recipe_widgets.data.dataset import Data
from recipe_widgets.data.datasets import load
from recipe_widgets.data.resample import balanced, bootstrap, few, imbalanced, only_classes, parts
from recipe_widgets.data.split import Split

__all__ = [
    "Data", "Split", "balanced", "bootstrap", "few", "imbalanced", "load", "only_classes", "parts"
]
