"""Stratified splits of samples by seed, the same on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from recipe_widgets.core import RecipeError, generator


def stratified(y: torch.Tensor, count: int,
               draw: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose `count` rows, each class in proportion; returns (chosen, rest), int64 and in ascending
    order.

    Every class gets its share rounded down; what is left goes to the classes with the largest
    remainders.
    """
    labels = y.cpu().numpy()  # numpy sorts in one thread, whatever else keeps the cores busy
    sizes = np.bincount(labels)
    quota, over = np.divmod(sizes * count, max(1, len(labels)))  # (K,) each
    # the largest remainder method
    quota[np.argsort(-over, kind="stable")[: count - int(quota.sum())]] += 1
    shuffled = torch.randperm(len(labels), generator=draw).numpy()
    # 16 bits take a radix sort, several times as fast
    narrow = labels.astype(np.uint16) if len(sizes) <= 2**16 else labels
    # class after class, each in random order
    order = shuffled[np.argsort(narrow[shuffled], kind="stable")]
    grouped = labels[order]
    # of each row within its class: 0, 1, ...
    rank = np.arange(len(labels)) - (np.cumsum(sizes) - sizes)[grouped]
    chosen = np.zeros(len(labels), bool)
    chosen[order] = rank < quota[grouped]
    return torch.from_numpy(np.flatnonzero(chosen)), torch.from_numpy(np.flatnonzero(~chosen))


def split_rows(y: torch.Tensor, validation: int, test: int, seed: int) -> tuple[torch.Tensor, ...]:
    """Rows of train, validation and test: disjoint, and together all of them."""
    draw = split_generator(seed)
    test_rows, rest = stratified(y, test, draw)
    chosen, train = stratified(y[rest], validation, draw)  # rows of `rest`
    return rest[train], rest[chosen], test_rows


def split_generator(seed: Any) -> torch.Generator:
    """The generator that splits are drawn from; a `RecipeError` for what is no seed."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise RecipeError("Seed", found=repr(seed), expected="a whole number from 0 to 2**63 - 1",
                          mend="Try seed=0.")
    return generator(int(seed), "split")


def checked_fraction(value: Any, what: str) -> float:
    """`value` as a fraction in [0, 1)."""
    is_number = isinstance(value, float | int | np.floating) and not isinstance(value, bool)
    if not is_number or not 0 <= value < 1:
        raise RecipeError(what, found=repr(value),
                          expected="a fraction from 0 up to, not including, 1",
                          mend="Try 1/6; 0 is for none at all.")
    return float(value)


def sample_count(total: int, part: float, what: str) -> int:
    """How many of `total` samples a fraction means; none only when the fraction is 0."""
    count = round(total * part)
    if part and not count:
        raise RecipeError(
            what, found=f"{part:g} of {total} samples, which is none",
            expected="at least one sample",
            mend="Take more samples, a larger fraction, or 0 for a split that is empty on purpose.")
    return count


def check_train_left(total: int, held_out: int, what: str) -> None:
    """Raise a `RecipeError` where validation and test leave nothing to train on."""
    if total - held_out < 1:
        raise RecipeError(what, found=f"{total} samples, all of them held out",
                          expected="at least one to train on",
                          mend="Take more samples, or smaller fractions for validation and test.")
