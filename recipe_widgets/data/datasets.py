"""The table of data sets, and `load`, which makes `Data` of a row.

To add a data set: write a function that gives its training and test samples, and a row into
`DATASETS`. `load`, `recipe data` and data/build.py take it from there. A set that is downloaded
also needs its archives, with their digests, in `full_sets.SETS`; one that comes with the package
needs the digest of its manifest in `embedded.MANIFESTS`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import torch

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import unchecked, validated
from recipe_widgets.data.dataset import Data, assemble
from recipe_widgets.data.split import Deal, Samples
from recipe_widgets.data.stratified_split import checked_fraction, sample_count, split_rows

TrainAndTest = tuple[Samples, Samples]


def _embedded(name: str, deal: Deal) -> list[Samples]:
    """What comes with the package; no network is needed."""
    from recipe_widgets.data.embedded import dealt

    return dealt(name, deal)


def _from_archives(name: str) -> TrainAndTest:
    """The complete set, downloaded into the cache folder the first time."""
    from recipe_widgets.data.full_sets import SETS, complete

    return complete(SETS[name])


@dataclass(frozen=True)
class DatasetRow:
    """One data set.

    Attributes:
        name: as `load` takes it. title: as a page shows it.
        classes: their names, in the order of the labels.
        shape: of one sample, (C, H, W).
        source, licence: where the samples come from, and on what terms.
        read: name to training samples, from which the validation set is taken, and test samples.
        read_dealt: instead of it, where dealing on the way saves a copy: the name, and a function
            from labels to the rows of each part, to the parts of the training samples and the test
            samples.
        notes: what they give.
        read_all: the same of the complete set, where they give a part of it.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    shape: tuple[int, ...]
    source: str
    licence: str
    read: Callable[[str], TrainAndTest] | None = None
    read_dealt: Callable[[str, Deal], list[Samples]] | None = None
    notes: str = "the complete set"
    read_all: Callable[[str], TrainAndTest] | None = None


DATASETS = {row.name: row for row in [
    DatasetRow(
        "mnist", "MNIST", tuple(map(str, range(10))), (1, 28, 28),
        source="Y. LeCun, C. Cortes, C. J. C. Burges: The MNIST database of handwritten digits "
               "(1998)",
        licence="CC BY-SA 3.0, as commonly stated; see data/README.md",
        read_dealt=_embedded),
    DatasetRow(
        "cifar10", "CIFAR-10",
        ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        (3, 32, 32),
        source="A. Krizhevsky: Learning multiple layers of features from tiny images. Technical "
               "report, University of Toronto (2009)",
        licence="no formal licence; its authors offer it for download and ask to cite the report; "
                "see data/README.md",
        read_dealt=_embedded,
        notes="a balanced sample: 1,000 of 5,000 training and 200 of 1,000 test images of each "
              "class",
        read_all=_from_archives),
]}


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
    Raises:
        RecipeError: no such data set; the message lists the names.
    """
    row = _row(name)
    part = checked_fraction(validation, "load(validation=)")

    def deal(y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        held_out = sample_count(len(y), part, "load(validation=)")
        return split_rows(y, held_out, 0, seed)[:2]  # train, validation; the test set is there

    whole = full and row.read_all is not None
    notes = "the complete set" if whole else row.notes
    read = row.read_all if whole else row.read
    if read is not None:
        samples, test = read(name)
        train, held_out = (samples.take(rows) for rows in deal(samples.y))
    elif row.read_dealt is not None:
        train, held_out, test = row.read_dealt(name, deal)
    else:
        raise LookupError(f"{name}: DATASETS says nobody who reads it")
    return assemble(train, held_out, test, name=name, classes=row.classes, source=row.source,
                    licence=row.licence, notes=(notes, ))


def _row(name: Any) -> DatasetRow:
    if isinstance(name, str) and name in DATASETS:
        return DATASETS[name]
    near = difflib.get_close_matches(str(name).lower(), DATASETS, n=1)
    raise RecipeError(
        "load", found=repr(name), expected="one of " + ", ".join(DATASETS),
        mend=f"Did you mean {near[0]!r}?" if near else
        "Your own images or tables go in through Data.from_arrays or Data.from_folder.")
