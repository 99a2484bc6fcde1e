"""Other training sets from the same data: bootstrap samples, disjoint parts, some of the classes,
rarer or repeated ones.

All keep the mean and std of the data they come from, so that a model, or the members of an
ensemble, can be moved from one to another and judged on the same validation set.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import torch

from recipe_widgets.core import RecipeError
from recipe_widgets.core.describe import describe_value
from recipe_widgets.core.validation import matches, unchecked, validated
from recipe_widgets.data.dataset import Data
from recipe_widgets.data.split import Samples, Split
from recipe_widgets.data.stratified_split import split_generator, stratified
from recipe_widgets.data.vault import Vault


@validated
def bootstrap(data: Data, seed: int, share: float = 1.0) -> Data:
    """`share` of the number of training samples, drawn with replacement (Efron 1979): at 1.0
    some 63 % of them occur.
    """
    if not 0 < share <= 10:
        raise RecipeError("bootstrap(share=)", found=repr(share),
                          expected="a number above 0, up to 10", mend="Try 1.0.")
    have = data.train.size
    count = max(1, round(have * float(share)))
    # with replacement: int64 (count,)
    rows = torch.randint(have, (count,), generator=split_generator(seed))
    return _with_train(data, rows, f"{count} training samples drawn with replacement, seed {seed}")


@validated
def parts(data: Data, count: int, seed: int = 0) -> list[Data]:
    """The training samples dealt into `count` disjoint sets of nearly equal size, each class in
    proportion.
    """
    if not 1 <= count <= data.train.size:
        raise RecipeError("parts(count=)", found=repr(count),
                          expected=f"a whole number from 1 to {data.train.size}", mend="Try 3.")
    draw, left = split_generator(seed), torch.arange(data.train.size)
    made = []
    for to_make in range(int(count), 0, -1):
        # an equal share of what is left
        chosen, rest = stratified(data.train.y.cpu()[left], round(len(left) / to_make), draw)
        made.append(
            _with_train(data, left[chosen],
                        f"part {count - to_make + 1} of {count} of the training samples, seed {seed}"))
        left = left[rest]
    return made


@validated
def only_classes(data: Data, classes: Annotated[Sequence[int | str], unchecked]) -> Data:
    """The samples of some classes, given by name or number, which become 0, 1, ... in the order
    given.

    All three splits are filtered; the test set lies in a new, closed vault.
    """
    if not matches(classes, Iterable):
        raise RecipeError("only_classes(classes=)", found=describe_value(classes),
                          expected="a sequence of names or numbers",
                          mend=f"The classes are {', '.join(data.classes)}.")
    chosen = [_number(data, one, "only_classes(classes=)") for one in classes]
    if len(chosen) < 2 or len(set(chosen)) < len(chosen):
        raise RecipeError("only_classes(classes=)", found=repr(list(classes)),
                          expected="two classes or more, each once",
                          mend=f"The classes are {', '.join(data.classes)}.")
    new = torch.full((data.num_classes,), -1)  # old label to new one; -1 is left out
    new[chosen] = torch.arange(len(chosen))
    train, validation, test = (_relabelled(split, new)
                               for split in (data.train, data.validation, data.vault.sealed()))
    names = tuple(data.classes[number] for number in chosen)
    return Data(data.name, names, train, validation, Vault(data.name, test), data.source,
                data.licence, (*data.notes, "only the classes " + ", ".join(names)))


def _number(data: Data, one: int | str, what: str) -> int:
    if isinstance(one, str) and one in data.classes:
        return data.classes.index(one)
    if isinstance(one,
                  numbers.Integral) and not isinstance(one, bool) and 0 <= one < data.num_classes:
        return int(one)
    raise RecipeError(what, found=repr(one), expected="a class's name, or its number from 0",
                      mend=f"The classes are {', '.join(data.classes)}.")


def _relabelled(split: Split, new: torch.Tensor) -> Split:
    labels = new.to(split.y.device)[split.y]
    taken = split.samples.take((labels >= 0).nonzero().flatten().cpu())
    return Split(Samples(taken.x, labels[labels >= 0], taken.index, taken.origin), split.name,
                 split.mean, split.std)


def _with_train(data: Data, rows: torch.Tensor, note: str) -> Data:
    train = Split(data.train.samples.take(rows), "train", data.mean, data.std)
    return replace(data, train=train, notes=(*data.notes, note), _copies={})


@validated
def few(data: Data, per_class: int, seed: int = 0) -> Data:
    """`per_class` training samples of each class, with the mean and std of all (`Data.subset`
    measures them anew).
    """
    least = int(torch.bincount(data.train.y, minlength=data.num_classes).min())
    if not 1 <= per_class <= least:
        raise RecipeError("few(per_class=)", found=repr(per_class),
                          expected=f"a whole number from 1 to {least}")
    rows = [own[:int(per_class)] for own in _rows_by_class(data, seed)]
    return _with_train(data,
                       torch.cat(rows).sort().values,
                       f"{per_class} training samples of each class, seed {seed}")


@validated
def imbalanced(data: Data, shares: Mapping[int | str, float], seed: int = 0) -> Data:
    """Only a share, above 0 and up to 1, of the training samples of some classes; validation and
    test stay as they are.
    """
    chosen = {_number(data, one, "imbalanced(shares=)"): share for one, share in shares.items()}
    for share in chosen.values():
        if not 0 < share <= 1:
            raise RecipeError("imbalanced(shares=)", found=repr(share),
                              expected="shares above 0, up to 1",
                              mend='For example imbalanced(data, {"3": 0.05}).')
    rows = []
    for label, own in enumerate(_rows_by_class(data, seed)):
        # no class disappears: one sample at least
        count = max(1, round(len(own) * float(chosen.get(label, 1.0)))) if len(own) else 0
        rows.append(own[:count])
    named = ", ".join(f"{data.classes[label]} {share:g}" for label, share in chosen.items())
    return _with_train(data,
                       torch.cat(rows).sort().values,
                       f"share of the training samples kept: {named}, seed {seed}")


@validated
def balanced(data: Data, seed: int = 0) -> Data:
    """Every class as often as the most frequent one: rare samples are repeated, each equally
    often but for one.
    """
    rows = _rows_by_class(data, seed)
    most = max(len(own) for own in rows)
    # round after round through a class, until there are `most`
    repeated = [own[torch.arange(most) % len(own)] for own in rows if len(own)]
    return _with_train(data,
                       torch.cat(repeated).sort().values,
                       f"rare classes repeated to {most} samples, seed {seed}")


def _rows_by_class(data: Data, seed: int) -> list[torch.Tensor]:
    """Each class's rows of the training split, in random order."""
    order = torch.randperm(data.train.size, generator=split_generator(seed))
    labels = data.train.y.cpu()[order]
    return [order[labels == label] for label in range(data.num_classes)]
