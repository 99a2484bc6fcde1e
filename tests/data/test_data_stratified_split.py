"""Dealing: stratified, seeded, disjoint, complete."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recipe_widgets import RecipeError
from recipe_widgets.data import stratified_split


def test_each_class_in_proportion() -> None:
    y = torch.tensor([0] * 10 + [1] * 20 + [2] * 30)
    chosen, rest = stratified_split.stratified(y, 12, stratified_split.split_generator(0))
    assert torch.bincount(y[chosen]).tolist() == [2, 4, 6]
    assert torch.bincount(y[rest]).tolist() == [8, 16, 24]


def test_what_is_left_goes_to_the_largest_remainders() -> None:
    y = torch.tensor([0] * 5 + [1] * 3 + [2] * 2)  # shares of 4: 2.0, 1.2, 0.8
    chosen, _ = stratified_split.stratified(y, 4, stratified_split.split_generator(0))
    assert torch.bincount(y[chosen], minlength=3).tolist() == [2, 1, 1]


def test_seeds() -> None:
    y = torch.arange(100) % 4
    draws = [stratified_split.stratified(y, 20, stratified_split.split_generator(seed))[0].tolist() for seed in (0, 0, 1)]
    assert draws[0] == draws[1]
    assert draws[0] != draws[2]


def test_the_draw_never_changes() -> None:
    """A known answer: readers' published numbers rest on it."""
    chosen, _ = stratified_split.stratified(torch.arange(30) % 3, 6, stratified_split.split_generator(0))
    assert chosen.tolist() == [1, 11, 15, 16, 17, 18]


@settings(deadline=None, database=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.data())
def test_three_ways_is_a_partition(labels: list[int], data: st.DataObject) -> None:
    test = data.draw(st.integers(0, len(labels)))
    validation = data.draw(st.integers(0, len(labels) - test))
    parts = stratified_split.split_rows(torch.tensor(labels), validation, test, seed=3)
    assert [len(part) for part in parts] == [len(labels) - validation - test, validation, test]
    assert sorted(torch.cat(parts).tolist()) == list(range(len(labels)))
    # never more than one sample away from the exact share
    for label, total in enumerate(np.bincount(labels)):
        got = int((torch.tensor(labels)[parts[2]] == label).sum())
        assert abs(got - total * test / len(labels)) < 1


def test_many_classes() -> None:
    y = torch.arange(70_000).repeat(2)
    chosen, _ = stratified_split.stratified(y, 70_000, stratified_split.split_generator(0))
    assert y[chosen].unique().numel() == 70_000


@pytest.mark.parametrize("seed", [-1, 1.5, None, True, 2**63])
def test_bad_seeds(seed: object) -> None:
    with pytest.raises(RecipeError, match="Seed"):
        stratified_split.split_generator(seed)


@pytest.mark.parametrize("value", [1, -0.1, float("nan"), "0.2", None, True])
def test_bad_fractions(value: object) -> None:
    with pytest.raises(RecipeError, match="fraction from 0"):
        stratified_split.checked_fraction(value, "here")
