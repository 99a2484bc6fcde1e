"""`load`: the data sets that the lessons use."""

from __future__ import annotations

import difflib
from typing import Annotated, Any

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import unchecked, validated
from recipe_widgets.data import stratified_split
from recipe_widgets.data.dataset import Data, assemble
from recipe_widgets.data.embedded import MANIFESTS, embedded, manifest
from recipe_widgets.data.split import Samples


@validated
def load(name: Annotated[str, unchecked], full: bool = False, seed: int = 0,
         validation: float = 1 / 6) -> Data:
    """A data set by name: "mnist" (all 70,000) or "cifar10" (a balanced sample of 12,000;
    `full=True` for all 60,000).

    The original test set lies in the vault. A sixth of the training set, drawn with `seed`, each
    class in proportion, is the validation set. What comes with the package needs no network. The
    complete CIFAR-10 is read from the folder `RECIPE_DATA` (or the user's cache), and downloaded
    into it the first time (170 MB).

    Returns:
        Data of its own, that shares no memory with what others loaded.
    """
    _known(name)
    part = stratified_split.fraction(validation, "load(validation=)")
    if full and name == "cifar10":
        from recipe_widgets.data.full_sets import SETS, complete

        train, test = complete(SETS[name])
        about = {**manifest(name), "notes": "the complete set"}
    else:
        decoded = embedded(name)
        train, test, about = decoded.train, _copy(decoded.test), decoded.about
    held = stratified_split.share(len(train.y), part, "load(validation=)")
    rest, chosen, _ = stratified_split.three_ways(train.y, held, 0, seed)
    return assemble(train.take(rest), train.take(chosen), test, name=name,
                    classes=tuple(about["classes"]), source=about["source"],
                    licence=about["licence"], notes=(about["notes"], ))


def _copy(samples: Samples) -> Samples:
    """Memory of its own, so that nobody can spoil what the process keeps decoded."""
    return Samples(*(getattr(samples, key).clone() for key in ("x", "y", "index", "origin")))


def _known(name: Any) -> None:
    if not isinstance(name, str) or name not in MANIFESTS:
        near = difflib.get_close_matches(str(name).lower(), MANIFESTS, n=1)
        raise RecipeError(
            "load", found=repr(name), expected="one of " + ", ".join(MANIFESTS),
            mend=f"Did you mean {near[0]!r}?" if near else
            "Your own images or tables go in through Data.from_arrays or Data.from_folder.")
