"""Settings files to begin with; `benchmarks/recipes.py` measures what they reach.

cifar10_5min    CIFAR-10's embedded sample, meant for about five minutes on two CPU cores
mnist_strong    MNIST, as well as a small VGG can
"""

from __future__ import annotations

import difflib
from importlib import resources

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.core.arguments import checked


@checked()
def recipe_names() -> tuple[str, ...]:
    """The recipes that come with the package."""
    files = resources.files(__name__).iterdir()
    return tuple(
        sorted(file.name.removesuffix(".json") for file in files if file.name.endswith(".json")))


@checked()
def recipe(name: str) -> Settings:
    """The settings of a recipe by its name: `train(load("cifar10"), recipe("cifar10_5min"))`."""
    names = recipe_names()
    if name not in names:
        near = difflib.get_close_matches(str(name), names, n=1)
        raise RecipeError("recipe(name)", found=repr(name), expected="one of " + ", ".join(names),
                          mend=f"Did you mean {near[0]!r}?" if near else "")
    try:
        text = (resources.files(__name__) / f"{name}.json").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"Recipe {name}", found=f"a file that cannot be read ({error})",
                          expected="the one that belongs "
                          "there", mend="Reinstall recipe_widgets.") from None
    return Settings.from_json(text)


__all__ = ["recipe", "recipe_names"]
