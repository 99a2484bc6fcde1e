"""Ensembles with answers known beforehand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from recipe_widgets import Data, RecipeError, Settings, evaluate, train
from recipe_widgets.ensembles import (
    Ensemble,
    bagging,
    distill,
    gain,
    gain_of,
    models_of,
    probabilities,
)
from recipe_widgets.models import build_model
from recipe_widgets.training import train_many

SHORT = Settings(width=16, max_steps=40, batch_size=32)


class Says(nn.Module):
    """The same log-probabilities for every sample."""

    def __init__(self, *probs: float) -> None:
        super().__init__()
        self.logp = nn.Parameter(torch.tensor(probs).log())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logp.expand(len(x), -1)


def test_the_ensemble_is_the_mean_of_probabilities(blobs: Data) -> None:
    both = Ensemble([Says(0.8, 0.1, 0.1), Says(0.2, 0.3, 0.5)])
    assert both(torch.zeros(2, 1, 8, 8)).exp()[1].tolist() == pytest.approx([0.5, 0.2, 0.3])
    shares = [float((blobs.validation.y == k).double().mean()) for k in range(3)]
    result = evaluate(both, blobs.validation)
    assert result.accuracy == pytest.approx(shares[0])
    assert result.loss == pytest.approx(-sum(s * math.log(p)
                                             for s, p in zip(shares, (0.5, 0.2, 0.3), strict=True)))


def test_gain_counted_by_hand() -> None:
    """Three members that each miss another third of the samples: any two tie or win, all three
    are always right.
    """
    y = torch.tensor([0, 1, 0, 1, 0, 1])
    right, wrong = 0.9, 0.3  # probability of the true class
    probs = torch.full((3, 6), right).double()
    for member in range(3):
        probs[member, 2 * member : 2 * member + 2] = wrong
    full = torch.zeros(3, 6, 2).double()
    full.scatter_(2, y.expand(3, -1)[:, :, None], probs[:, :, None])
    full.scatter_(2, 1 - y.expand(3, -1)[:, :, None], 1 - probs[:, :, None])
    found = gain_of(full, y)
    assert found.members == pytest.approx((2 / 3,) * 3)
    assert found.accuracy == pytest.approx((2 / 3, 1.0, 1.0))
    assert (found.lowest[0], found.highest[2]) == pytest.approx((2 / 3, 1.0))
    assert found.loss[0] == pytest.approx(-(2 * math.log(0.9) + math.log(0.3)) / 3)
    assert found.loss[2] == pytest.approx(-math.log((0.9 + 0.9 + 0.3) / 3))
    assert found.disagreement.tolist() == pytest.approx(
        np.array([[0, 2, 2], [2, 0, 2], [2, 2, 0]]) / 3)
    assert found.diversity == pytest.approx(2 / 3)
    assert "66.67%" in str(found)


def test_many_members_are_sampled_not_enumerated() -> None:
    probs = torch.rand(12, 30, 3, generator=torch.Generator().manual_seed(0)).double().softmax(2)
    found = gain_of(probs, torch.arange(30) % 3)
    assert len(found.accuracy) == 12
    assert found.lowest[11] == found.highest[11] == found.accuracy[11]
    assert found.accuracy[0] == pytest.approx(sum(found.members) / 12)


def test_probabilities_and_gain_of_models(blobs: Data) -> None:
    models = models_of(train_many(blobs, SHORT.replace(max_steps=8), range(3)))
    probs = probabilities(models, blobs.validation, batch_size=7)
    assert probs.shape == (3, 100, 3)
    assert torch.allclose(probs.sum(2), torch.ones(3, 100).double())
    found = gain(models, blobs.validation)
    assert found.members == pytest.approx(
        [evaluate(model, blobs.validation).accuracy for model in models])
    assert found.loss[2] == pytest.approx(
        evaluate(Ensemble(models), blobs.validation).loss, rel=1e-5)
    # Jensen: the mean's loss is never above the mean loss
    assert found.loss[2] <= found.loss[0] + 1e-12
    for model in models:
        assert model.training


@pytest.mark.parametrize("disjoint", [False, True])
def test_bagging_trains_each_member_on_its_own_set(blobs: Data, disjoint: bool) -> None:
    from recipe_widgets.data import bootstrap, parts

    runs = bagging(blobs, SHORT.replace(seed=5), 2, disjoint=disjoint)
    assert [run.settings.seed for run in runs] == [5, 6]
    own = parts(blobs, 2, 5)[1] if disjoint else bootstrap(blobs, 6)
    alone = train(own, SHORT.replace(seed=6))
    assert runs[1].history.series("train_loss") == alone.history.series("train_loss")


def test_distillation_loss_by_hand_and_the_teacher_stays_as_it_was(blobs: Data) -> None:
    teacher = Ensemble([Says(0.7, 0.2, 0.1)]).train()
    settings = Settings(model="linear", init="zeros", max_steps=1, batch_size=32)
    run = distill(teacher, blobs, settings, temperature=2.0, share=0.75)
    soft = torch.tensor([0.7, 0.2, 0.1]).sqrt()
    soft = soft / soft.sum()
    kl = float((soft * (soft * 3).log()).sum())
    assert run.history.series("train_loss")[0] == pytest.approx(0.75 * 4 * kl + 0.25 * math.log(3),
                                                                rel=1e-5)
    assert teacher.training
    assert teacher.members[0].training
    assert all(p.grad is None for p in teacher.parameters())


def test_a_student_learns_what_the_teacher_says_not_the_labels(blobs: Data) -> None:
    class Shifted(nn.Module):
        """The true class plus one."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 10 * nn.functional.one_hot((x.mean(3)[:, 0, :3].argmax(1) + 1) % 3, 3).float()

    run = distill(Shifted(), blobs, SHORT.replace(max_steps=150), share=1.0, temperature=1.0)
    x, y = next(blobs.validation.batches(100))
    assert float((run.model(x).argmax(1) == (y + 1) % 3).float().mean()) > 0.9


def test_slips_are_told() -> None:
    with pytest.raises(RecipeError, match="Ensemble"):
        Ensemble([])
    data = Data.from_arrays(np.eye(12, dtype="f4"), np.arange(12) % 2)
    model = build_model(Settings(model="linear"), data.shape, 2)
    with pytest.raises(RecipeError, match="some of each"):
        gain([], data.validation)
    with pytest.raises(RecipeError, match="bagging"):
        bagging(data, SHORT, 0)
    with pytest.raises(RecipeError, match="temperature"):
        distill(model, data, SHORT, temperature=0.0)
