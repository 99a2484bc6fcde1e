"""Lessons of notebook 02 on tiny data with known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets import Data, RecipeError, Settings, train
from recipe_widgets.lessons.nb00_start_here.first_runs import show_batch
from recipe_widgets.lessons.nb02_skeleton_and_baselines import loss_shapes
from recipe_widgets.models import build_model

SMALL = Settings(width=8, max_steps=40, batch_size=32)


def test_losses_at_zero_are_those_by_hand() -> None:
    z, y = torch.zeros(5, 7, dtype=torch.float64), torch.arange(5)
    by_hand = {"softmax": math.log(7), "hinge": 6.0, "L2": 1.0, "Huber": 0.5}
    for name, loss in loss_shapes.LOSSES.items():
        assert float(loss(z, y)) == pytest.approx(by_hand[name])
        assert loss_shapes.at_zero(name, 7) == pytest.approx(by_hand[name])


@pytest.mark.parametrize(("name", "score", "loss", "push"), [
    ("softmax", 0.0, math.log(10), 0.9),
    ("softmax", math.log(9), math.log(2), 0.5),
    ("hinge", 0.25, 9 * 0.75, 9.0),
    ("hinge", 1.5, 0.0, 0.0),
    ("L2", 3.0, 4.0, -4.0),
    ("Huber", 3.0, 1.5, -1.0),
    ("Huber", 0.5, 0.125, 0.5),
])
def test_push(name: str, score: float, loss: float, push: float) -> None:
    assert loss_shapes.push(name, score) == pytest.approx((loss, push))


def test_unknown_loss() -> None:
    with pytest.raises(RecipeError, match="one of softmax"):
        loss_shapes.push("cosine", 1.0)


def test_loss_shapes_say_who_stops() -> None:
    assert "Hinge: no push any more; L2, Huber: back down." in loss_shapes.loss_shapes(2.0).alt
    assert "back" not in loss_shapes.loss_shapes(0.0).alt


def test_dice_are_first_losses_of_seeds(blobs: Data) -> None:
    made = loss_shapes.Dice(blobs, SMALL, samples=50)
    made.roll(3)
    made.roll(2)
    assert made.rolls == 5
    x, y = blobs.train.batch(torch.arange(50))
    expected = F.cross_entropy(build_model(SMALL.replace(seed=4), blobs.shape, 3)(x), y)
    assert made.values["softmax"][4] == pytest.approx(float(expected.detach()), rel=1e-5)
    zeros = loss_shapes.Dice(blobs, SMALL.replace(init="zeros"))
    zeros.roll(2)
    assert zeros.values["softmax"] == pytest.approx([math.log(3)] * 2)
    assert zeros.values["hinge"] == pytest.approx([2.0] * 2)
    assert "over 2 initialisations" in str(zeros)
    assert "not rolled yet" in str(loss_shapes.Dice(blobs, SMALL))
    assert len(made.plot().png()) < 60_000


def test_run_at_gives_the_weights_of_that_step(blobs: Data) -> None:
    run = train(blobs, SMALL)
    short = train(blobs, SMALL.replace(max_steps=15))
    again = run.at(15)
    assert again.history.series("train_loss") == run.history.series("train_loss")[:15]
    for a, b in zip(again.model.parameters(), short.model.parameters(),
                    strict=True):  # type: ignore[union-attr]
        assert torch.equal(a, b)
    first = build_model(SMALL, blobs.shape, 3)
    assert all(
        torch.equal(a, b)
        for a, b in zip(run.at(0).model.parameters(), first.parameters(),
                        strict=True))  # type: ignore[union-attr]
    assert run.steps_done == 40
    with pytest.raises(RecipeError, match="0 to 40"):
        run.at(41)


def test_run_at_refuses_what_it_cannot_redo(blobs: Data) -> None:
    own = train(blobs, SMALL, nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))
    with pytest.raises(RecipeError, match="model of your own"):
        own.at(10)
    run = train(blobs, SMALL)
    run.data = None
    with pytest.raises(RecipeError, match="without its data"):
        run.at(1)


def test_show_batch_after_augmentation(blobs: Data) -> None:
    plain, turned = show_batch(blobs, 8), show_batch(blobs, 8, augment="rotate")
    assert plain.alt == turned.alt, "the same samples"
    assert not np.array_equal(np.asarray(plain.figure.axes[0].images[0].get_array()),
                              np.asarray(turned.figure.axes[0].images[0].get_array()))
