"""The tables of optimisers, schedules and losses: whole, and strict about names."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets import Data, RecipeError, Settings, train
from recipe_widgets.core import History
from recipe_widgets.core.choice_table import ChoiceTable
from recipe_widgets.models import build_model
from recipe_widgets.training import (
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
    Training,
    change_settings,
    loss_at_start,
    lr_at,
    make_optimizer,
    why_diverged,
)
from recipe_widgets.training.losses import loss_function
from recipe_widgets.training.optimizers import update_optimizer

TABLES = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "loss": LOSSES}
K, N = 5, 12  # classes, samples


def made_up(**values: str) -> Settings:
    """Settings with names that their own check would refuse: a choice without a row."""
    settings = Settings()
    for name, value in values.items():
        object.__setattr__(settings, name, value)
    return settings


@pytest.mark.parametrize("knob", TABLES)
def test_every_choice_has_a_row_with_a_hint(knob: str) -> None:
    names = [row.name for row in TABLES[knob]]
    assert sorted(names) == sorted(Settings.knob(knob).choices)
    assert all(row.hint.endswith(".") for row in TABLES[knob])


@pytest.mark.parametrize("knob", TABLES)
def test_a_table_that_differs_from_the_choices_cannot_be_made(knob: str) -> None:
    first, *rest = TABLES[knob]
    with pytest.raises(LookupError, match=f"no row for {first.name}"):
        ChoiceTable(knob, rest)
    with pytest.raises(LookupError, match="rows that are no choice: adamax"):
        ChoiceTable(knob, [first, *rest, replace(first, name="adamax")])


def test_a_made_up_name_is_told_with_the_names_that_there_are(blobs: Data) -> None:
    every = "sgd, nesterov, adam, adamw, rmsprop"
    history = History()
    history.append("train_loss", 0, 1.0)
    history.append("train_loss", 1, math.nan)
    weights = [nn.Parameter(torch.zeros(1))]
    running = make_optimizer(weights, Settings())
    wrong = made_up(optimizer="adammm")
    for attempt in (lambda: Settings(optimizer="adammm"),
                    lambda: make_optimizer(weights, wrong),
                    lambda: update_optimizer(running, wrong),
                    lambda: train(blobs, wrong),
                    lambda: why_diverged(history, wrong)):
        with pytest.raises(RecipeError, match=f"'adammm', expected one of {every}") as told:
            attempt()
        assert "Did you mean 'adam'" in str(told.value)
    with pytest.raises(RecipeError, match="'cosin', expected one of constant, step"):
        lr_at(0, made_up(schedule="cosin"))
    with pytest.raises(RecipeError, match="'huber', expected one of cross_entropy, focal"):
        Training(build_model(Settings(), blobs.shape, 3), blobs, made_up(loss="huber"))


@pytest.mark.parametrize("row", OPTIMIZERS, ids=lambda row: row.name)
def test_a_running_optimiser_takes_the_numbers_of_a_new_one(row) -> None:
    settings = Settings(optimizer=row.name, lr=0.3, momentum=0.7, weight_decay=0.01)
    running = make_optimizer([nn.Parameter(torch.ones(3))], Settings(optimizer=row.name))
    update_optimizer(running, settings)
    fresh = make_optimizer([nn.Parameter(torch.ones(3))], settings)
    mine, theirs = ({name: value for name, value in one.param_groups[0].items()
                     if name != "params"} for one in (running, fresh))
    assert mine == theirs


@pytest.mark.parametrize("row", OPTIMIZERS, ids=lambda row: row.name)
def test_momentum_has_an_effect_where_its_row_says_so(row) -> None:
    groups = [row.group(Settings(optimizer=row.name, momentum=m)) for m in (0.1, 0.5)]
    assert (groups[0] != groups[1]) == row.momentum


@pytest.mark.parametrize("row", OPTIMIZERS, ids=lambda row: row.name)
def test_the_sound_rate_trains(blobs: Data, row) -> None:
    settings = Settings(optimizer=row.name, lr=row.sound_lr, width=16, batch_size=32, max_steps=60)
    losses = train(blobs, settings).history.series("train_loss")
    assert np.mean(losses[-10:]) < 0.8 * losses[0]


@pytest.fixture
def outputs() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return (3 * torch.randn(N, K, generator=generator, dtype=torch.float64),
            torch.randint(K, (N,), generator=generator))


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.name)
def test_one_hot_targets_and_labels_are_one_loss(row, outputs) -> None:
    z, y = outputs
    assert row.function(z, F.one_hot(y, K).double(), 0.0) == pytest.approx(
        float(row.function(z, y, 0.0)))


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.name)
def test_smoothing_is_the_loss_of_smoothed_targets(row, outputs) -> None:
    z, y = outputs
    soft = 0.8 * F.one_hot(y, K) + 0.2 / K
    assert row.function(z, soft, 0.0) == pytest.approx(float(row.function(z, y, 0.2)))


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.name)
def test_a_model_of_zeros_begins_where_the_row_says(row) -> None:
    z, y = torch.zeros(N, K), torch.arange(N) % K
    expected = loss_at_start(Settings(loss=row.name), K)
    assert float(row.function(z, y, 0.0)) == pytest.approx(expected, rel=1e-6)


def test_losses_by_hand() -> None:
    z, y = torch.tensor([[2.0, 0.0, -1.0]]), torch.tensor([0])
    p = z.softmax(1)[0]
    found = {row.name: float(row.function(z, y, 0.0)) for row in LOSSES}
    assert found["focal"] == pytest.approx(float(-(1 - p[0]) ** 2 * p[0].log()))
    assert found["hinge"] == pytest.approx(0.0)  # ahead by 2 and 3: more than 1
    assert found["mse"] == pytest.approx((1 + 0 + 1) / 3)
    assert found["brier"] == pytest.approx(float((p[0] - 1) ** 2 + p[1] ** 2 + p[2] ** 2))
    behind = LOSSES["hinge"].function(z, torch.tensor([1]), 0.0)
    assert float(behind) == pytest.approx((1 + 2 - 0) / 3)  # the first class leads by 2


@pytest.mark.parametrize("loss", Settings.knob("loss").choices)
@pytest.mark.parametrize("augment", ["none", "mixup", "cutmix"])
def test_every_loss_trains_with_mixed_images_too(blobs: Data, loss: str, augment: str) -> None:
    settings = Settings(loss=loss, augment=augment, width=16, batch_size=32, max_steps=40, lr=0.1)
    run = train(blobs, settings)
    assert run.status == "done"
    if augment == "none":
        assert run.history.last("val_accuracy") > 0.5


def test_the_validation_set_is_judged_by_the_same_loss_without_smoothing(blobs: Data) -> None:
    settings = Settings(loss="mse", label_smoothing=0.3, width=16, max_steps=10)
    run = train(blobs, settings)
    x, y = blobs.validation.batch(torch.arange(blobs.validation.size))
    expected = F.mse_loss(run.model.eval()(x).detach(), F.one_hot(y, 3).float())
    assert run.history.last("val_loss") == pytest.approx(float(expected), rel=1e-5)


def test_the_loss_is_hot(blobs: Data) -> None:
    settings = Settings(width=16, max_steps=10)
    training = Training(build_model(settings, blobs.shape, 3), blobs, settings)
    training.step()
    assert change_settings(training, settings.replace(loss="hinge")) == {"loss": "hinge"}
    x, y, targets = training.batch()
    output = training.forward(x)
    assert float(training.loss_of(output, targets)) == float(F.multi_margin_loss(output, y))


def test_loss_functions_take_two_arguments() -> None:
    z, y = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    assert loss_function(Settings(loss="focal", label_smoothing=0.1))(z, y).ndim == 0
