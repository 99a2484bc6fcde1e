"""Notebook 01: a split that keeps copies together."""

from __future__ import annotations

import itertools
from typing import Any

import torch

from recipe_widgets.course.exercise import Exercise, MainLines, Wrong
from recipe_widgets.course.trial_tools import expect, random

Rows = tuple[list[int], list[int]]


def split_rows(y, first, share, seed):
    """Which rows train, and which validate: about `share` of each class, copies on one side.

    y: classes (N,). first: (N,), as of find_copies: equal images have the same number.
    share: from 0 to 1, of the validation set. seed: the same seed gives the same split.
    Returns (train_rows, val_rows): whole numbers, each row of 0 ... N - 1 in one of them, once.
    """
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    alone = order[first[order] == order]  # one image of each group of copies, in random order
    validates = torch.zeros(len(y), dtype=torch.bool)
    for label in y.unique():
        rows = alone[y[alone] == label]
        validates[rows[: round(share * len(rows))]] = True
    validates = validates[first]  # a copy goes where its first image goes
    return (~validates).nonzero()[:, 0], validates.nonzero()[:, 0]


def _rows(yours: Any, y: torch.Tensor, first: torch.Tensor, share: float, seed: int) -> Rows:
    """Both parts as lists; they must hold each row once."""
    found = yours(y.clone(), first.clone(), share, seed)
    pair = isinstance(found, tuple | list) and len(found) == 2
    expect(pair, "It should return two lists of rows: train_rows, val_rows.")
    try:
        parts = tuple([int(row) for row in part] for part in found)
    except (TypeError, ValueError):
        raise Wrong("The rows should be whole numbers.") from None
    train, validation = parts
    both = set(train) & set(validation)
    expect(not both, f"{len(both)} rows are in both parts: a leak.")
    expect(sorted(train + validation) == list(range(len(y))),
           f"Of {len(y)} rows {len(set(train + validation) & set(range(len(y))))} are in one of the "
           "parts: each row should be, once.")
    return train, validation


def complete(yours: Any) -> None:
    """Each row is in one of the parts, once"""
    y = torch.randint(0, 3, (50,), generator=random(1))
    _, validation = _rows(yours, y, torch.arange(50), 0.2, 0)
    expect(7 <= len(validation) <= 13,
           f"{len(validation)} of 50 rows validate; about 10 are wanted (share 0.2).")


def stratified(yours: Any) -> None:
    """The same share of each class, also of a rare one, for ten seeds"""
    y = torch.tensor([0] * 100 + [1] * 40 + [2] * 10)[torch.randperm(150, generator=random(2))]
    for seed in range(10):
        _, validation = _rows(yours, y, torch.arange(150), 0.2, seed)
        for label, wanted in ((0, 20), (1, 8), (2, 2)):
            count = int((y[validation] == label).sum())
            expect(abs(count - wanted) <= 1,
                   f"Seed {seed}: {count} of class {label} validate, and {wanted} should. Deal each "
                   "class by itself.")


def copies(yours: Any) -> None:
    """Copies stay on one side, for ten seeds"""
    first = torch.arange(90)
    first[60:75] = torch.arange(15)  # rows 60 ... 74 are copies of rows 0 ... 14
    first[75:80] = torch.arange(5)   # and rows 75 ... 79 again of rows 0 ... 4
    y = torch.arange(90) % 3
    y = y[first]
    for seed in range(10):
        train, _ = _rows(yours, y, first, 0.3, seed)
        inside = torch.zeros(90, dtype=torch.bool)
        inside[train] = True
        torn = int((inside != inside[first]).sum())
        expect(torn == 0, f"Seed {seed}: {torn} copies lie on the other side than their first image. "
                          "The network would have learnt the answer by heart.")


def seeds(yours: Any) -> None:
    """The same seed, the same split; another seed, another one"""
    y, first = torch.arange(60) % 3, torch.arange(60)
    one, again, other = (set(_rows(yours, y, first, 0.3, seed)[1]) for seed in (3, 3, 4))
    expect(one == again, "The same seed gives another split: make a torch.Generator from the seed.")
    expect(one != other, "Another seed gives the same split: is the order random?")


def chance(yours: Any) -> None:
    """Chance deals: neither neighbours nor the splits of two seeds are alike"""
    y, first = torch.zeros(60).long(), torch.arange(60)
    splits = [set(_rows(yours, y, first, 0.3, seed)[1]) for seed in range(40)]
    neighbours = sum(row + 1 in rows for rows in splits for row in rows) / 40
    common = sum(len(one & other) for one, other in itertools.pairwise(splits)) / 39
    # 18 of 60 rows by chance: 18 * 17 / 60 = 5.1 pairs of neighbours, 18 * 18 / 60 = 5.4 in common,
    # each within 0.3 (one standard deviation of the mean over 40 seeds)
    expect(3.5 < neighbours < 6.7,
           f"Of the 18 validation rows of a split {neighbours:.3g} have the next row beside them, on "
           "average over 40 seeds; by chance they are 5.1. Is the order random?")
    expect(3.5 < common < 7.3,
           f"Two seeds one after the other have {common:.3g} of 18 validation rows in common, on "
           "average; by chance they are 5.4. Is the order random for each seed anew?")


EXERCISE = Exercise(
    split_rows, "01_know_your_data", (complete, stratified, copies, seeds, chance),
    hints=(
        "Begin without copies: a random order, torch.randperm(len(y), generator=...); for each class "
        "the first `share` of its rows validate.",
        "Now the copies: deal only rows with first[row] == row. A yes-or-no for each row, "
        "validates (N,), keeps the result.",
        "validates[first] gives each row the decision of its first image.",
    ),
    needs=("find_copies",),
    main=MainLines("split", "train_rows, val_rows = split_rows(y, find_copies(x), 1 / 6, seed=0)"))
