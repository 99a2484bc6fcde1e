"""Bootstrap samples, parts and class splits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recipe_widgets import Data, RecipeError
from recipe_widgets.data import balanced, bootstrap, few, imbalanced, only_classes, parts


def test_a_bootstrap_sample_holds_the_expected_share(blobs: Data) -> None:
    one = bootstrap(blobs, seed=1)
    assert one.train.size == blobs.train.size
    assert len(set(one.train.index.tolist())) / blobs.train.size == pytest.approx(
        1 - np.exp(-1), abs=0.06)
    assert set(one.train.index.tolist()) <= set(blobs.train.index.tolist())
    where = {int(i): row for row, i in enumerate(blobs.train.index)}
    rows = torch.tensor([where[int(i)] for i in one.train.index])
    assert torch.equal(one.train.x, blobs.train.x[rows])
    assert torch.equal(one.train.y, blobs.train.y[rows])
    assert (one.mean, one.std) == (blobs.mean, blobs.std)
    assert one.validation is blobs.validation
    assert torch.equal(one.train.index, bootstrap(blobs, seed=1).train.index)
    assert not torch.equal(one.train.index, bootstrap(blobs, seed=2).train.index)
    assert bootstrap(blobs, seed=1, share=0.5).train.size == blobs.train.size // 2


def test_parts_are_disjoint_cover_all_and_keep_the_proportions(blobs: Data) -> None:
    made = parts(blobs, 3, seed=4)
    indices = [part.train.index.tolist() for part in made]
    assert sorted(sum(indices, [])) == sorted(blobs.train.index.tolist())
    for part in made:
        counts = torch.bincount(part.train.y)
        assert int(counts.max() - counts.min()) <= 1
        # images with their labels
        assert torch.equal(part.train.x.float().mean(3).argmax(2)[:, 0], part.train.y)


def test_only_some_classes_in_the_order_given(blobs: Data) -> None:
    two = only_classes(blobs, ["low", 0])
    assert two.classes == ("low", "top")
    for ours, whole in ((two.train, blobs.train), (two.validation, blobs.validation)):
        assert ours.size == int((whole.y != 1).sum())
        assert torch.equal(ours.y, torch.where(whole.y[whole.y != 1] == 2, 0, 1))
        assert torch.equal(ours.x, whole.x[whole.y != 1])
        assert ours.mean == blobs.mean
    assert two.vault.size == int((blobs.vault.sealed().y != 1).sum())
    with pytest.raises(RecipeError, match="vault"):
        two.test  # noqa: B018


def test_repeats_are_not_dealt_into_train_and_test(blobs: Data) -> None:
    shares = (0.6, 0.2, 0.2)
    for repeated in (bootstrap(blobs, seed=1), balanced(imbalanced(blobs, {"low": 0.5}))):
        number = torch.stack([repeated.train.origin.to(torch.int64), repeated.train.index])
        again = repeated.train.size - number.unique(dim=1).shape[1]
        with pytest.raises(RecipeError,
                           match=rf"Data\.split: found {again} repeats .* Split first"):
            repeated.split(*shares)
    dealt = bootstrap(blobs.split(*shares), seed=1)  # in this order nothing leaks
    held = set(dealt.audit_test("look").index.tolist())
    assert not held & set(dealt.train.index.tolist())
    assert imbalanced(blobs, {"low": 0.5}).split(*shares).sizes["test"] > 0  # nothing is repeated


@pytest.mark.parametrize(
    "classes", [["low"], ["low", "low"], ["low", 2], ["low", "up"], [0, 3], [0, -1], [True, 0], []])
def test_wrong_classes_are_told(blobs: Data, classes: list) -> None:
    with pytest.raises(RecipeError, match="The classes are top, middle, low"):
        only_classes(blobs, classes)


def test_other_slips_are_told(blobs: Data) -> None:
    for share in (0, -1, True, "all"):
        with pytest.raises(RecipeError, match="share"):
            bootstrap(blobs, 0, share)
    for count in (0, 401, 1.5, True):
        with pytest.raises(RecipeError, match="parts"):
            parts(blobs, count)


def test_few_takes_so_many_of_each_class_and_keeps_the_moments(blobs: Data) -> None:
    made = few(blobs, 5, seed=3)
    assert torch.bincount(made.train.y).tolist() == [5, 5, 5]
    assert (made.mean, made.validation) == (blobs.mean, blobs.validation)
    assert torch.equal(made.train.index, few(blobs, 5, seed=3).train.index)
    assert not torch.equal(made.train.index, few(blobs, 5, seed=4).train.index)
    with pytest.raises(RecipeError, match="per_class"):
        few(blobs, 10_000)


def test_imbalanced_thins_the_named_classes_and_balanced_repeats_them(blobs: Data) -> None:
    full = torch.bincount(blobs.train.y)
    thin = imbalanced(blobs, {"low": 0.1, 0: 0.5})
    counts = torch.bincount(thin.train.y)
    assert counts.tolist() == [round(int(full[0]) * 0.5), int(full[1]), round(int(full[2]) * 0.1)]
    even = balanced(thin)
    assert torch.bincount(even.train.y).tolist() == [int(full[1])] * 3
    # nothing new, nothing lost
    assert set(even.train.index.tolist()) == set(thin.train.index.tolist())
    rare = torch.bincount(even.train.index[even.train.y == 2])
    assert int(rare.max()) - int(rare[rare > 0].min()) <= 1
    assert even.validation is blobs.validation
    with pytest.raises(RecipeError, match="shares above 0"):
        imbalanced(blobs, {"low": 0.0})
