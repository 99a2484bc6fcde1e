"""Settings to begin with, by name: `recipes.recipe("cifar10_5min")`. They stand in
`training.presets`.
"""

from recipe_widgets.training.presets import recipe, recipe_names

__all__ = ["recipe", "recipe_names"]
