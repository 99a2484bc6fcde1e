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
