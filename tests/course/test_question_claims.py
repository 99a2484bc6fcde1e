"""What questions call the right answer, measured once more, apart from the pages' own cells."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets import load
from recipe_widgets.course.exercises import exercise_named
from recipe_widgets.course.questions import question_named


def test_ten_times_the_rate_with_momentum_ends_near_a_guess() -> None:
    """Over 300 steps, as the question says; without momentum the same rate does no harm."""
    data = load("mnist")
    x, y = data.train.batch(torch.arange(19_200))
    batches = list(zip(x.split(64), y.split(64), strict=True))
    ends = {}
    for momentum in (0.0, 0.9):
        for lr in (0.05, 0.5):
            torch.manual_seed(0)
            model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
            optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
            losses = exercise_named("train_epoch").reference(
                model, batches, F.cross_entropy, optimizer)
            ends[momentum, lr] = sum(losses[-20:]) / 20
    assert question_named("ten_times_lr").answer == "High, near a guess"
    assert ends[0.9, 0.05] < 0.4
    assert abs(ends[0.9, 0.5] - math.log(10)) < 0.7
    assert ends[0.0, 0.5] < 0.5


def test_sigmoid_is_flat_for_three_quarters_of_inputs_with_a_spread_of_ten() -> None:
    beyond = math.log((1 + math.sqrt(0.8)) / (1 - math.sqrt(0.8)))  # there a(1 - a) is 0.05
    share = math.erfc(beyond / 10 / math.sqrt(2))
    assert question_named("sigmoid_at_ten").answer == "About three quarters"
    assert abs(share - 0.75) < 0.05


def test_xavier_is_the_root_where_a_layer_is_as_wide_as_its_inputs() -> None:
    assert question_named("xavier_and_root").answer == "They are equal"
    assert math.isclose(math.sqrt(2 / (128 + 128)), math.sqrt(1 / 128))


def test_units_of_digits_die_at_a_rate_of_one_and_not_at_a_tenth() -> None:
    x, y = load("mnist").train.batch(torch.arange(8000))
    dead = {}
    for lr in (0.1, 0.5, 1.0):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
        rows = torch.randint(len(x), (200, 64), generator=torch.Generator().manual_seed(0))
        exercise_named("train_epoch").reference(
            model, ((x[r], y[r]) for r in rows), F.cross_entropy,
            torch.optim.SGD(model.parameters(), lr=lr))
        dead[lr] = exercise_named("dead_units").reference(model, [(x, y)])["2"]
    assert question_named("dying_rate").answer == "1"
    assert dead[0.1] < 0.1
    assert dead[0.5] < 0.5 < dead[1.0]
