import math

import pytest
import torch
from torch import nn

from recipe_widgets import Settings
from recipe_widgets.training import lr_at, make_optimizer


@pytest.mark.parametrize(("schedule", "shares"), [
    ("constant", {0: 1, 50: 1, 99: 1}),
    ("step", {0: 1, 49: 1, 50: 0.1, 74: 0.1, 75: 0.01}),
    ("exponential", {0: 1, 50: 0.1, 100: 0.01}),
    ("inverse", {0: 1, 100: 0.1}),
    ("cosine", {0: 1, 50: 0.5, 100: 0}),
])
def test_schedules_at_known_points(schedule: str, shares: dict[int, float]) -> None:
    settings = Settings(lr=0.4, schedule=schedule, max_steps=100)
    for step, share in shares.items():
        assert lr_at(step, settings) == pytest.approx(0.4 * share, abs=1e-12)


def test_warmup_climbs_and_then_leaves_the_schedule_alone() -> None:
    settings = Settings(lr=1.0, warmup=4, max_steps=100)
    assert [lr_at(step, settings)
            for step in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


@pytest.mark.parametrize(("name", "first"), [("sgd", 0.1 * 2), ("nesterov", 0.1 * 2 * 1.9),
                                             ("adam", 0.1), ("adamw", 0.1),
                                             ("rmsprop", 0.1 / math.sqrt(0.01))])
def test_first_update_of_each_optimizer(name: str, first: float) -> None:
    p = nn.Parameter(torch.tensor([1.0]))
    optimizer = make_optimizer([p], Settings(optimizer=name, lr=0.1, momentum=0.9))
    p.grad = torch.tensor([2.0])
    optimizer.step()
    assert 1.0 - p.item() == pytest.approx(first, rel=1e-4)


def test_momentum_is_adams_first_beta() -> None:
    group = make_optimizer([nn.Parameter(torch.ones(1))], Settings(optimizer="adam",
                                                                   momentum=0.7)).param_groups[0]
    assert group["betas"] == (0.7, 0.999)
