"""Layer 1: plain models built from `Settings`."""

from recipe_widgets.models.build import build_model, count_parameters
from recipe_widgets.models.layers import Dropout, Maxout

__all__ = ["Dropout", "Maxout", "build_model", "count_parameters"]
