"""Layer 1: plain models built from `Settings`."""

from recipe_widgets.models.build import build_model, count_parameters
from recipe_widgets.models.layers import Dropout

__all__ = ["Dropout", "build_model", "count_parameters"]
