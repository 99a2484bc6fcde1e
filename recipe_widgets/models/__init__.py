"""Layer 1: plain models built from `Settings`."""

from recipe_widgets.models.autoencoder import Autoencoder, build_autoencoder
from recipe_widgets.models.build import build_model, count_parameters
from recipe_widgets.models.layers import Dropout, Maxout
from recipe_widgets.models.transfer import new_head, pretrained

__all__ = [
    "Autoencoder", "Dropout", "Maxout", "build_autoencoder", "build_model", "count_parameters",
    "new_head", "pretrained"
]
