"""Schedules against closed forms and `torch.optim.lr_scheduler`."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler as S

from recipe_widgets import Data, Settings, steps, train
from recipe_widgets.models import build_model
from recipe_widgets.training import Plateau, lr_at

LENGTH = 200


def theirs(make) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.4)
    scheduler, seen = make(optimizer), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(LENGTH):
            seen.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    return seen


@pytest.mark.parametrize(("schedule", "make"), [
    ("halve", lambda o: S.StepLR(o, LENGTH // 5, 0.5)),
    ("step", lambda o: S.MultiStepLR(o, [LENGTH // 2, 3 * LENGTH // 4], 0.1)),
    ("exponential", lambda o: S.ExponentialLR(o, 0.01 ** (1 / LENGTH))),
    ("epoch", lambda o: S.StepLR(o, 10, 0.98)),
    ("inverse", lambda o: S.LambdaLR(o, lambda step: 1 / (1 + 9 / LENGTH * step))),
    ("cosine", lambda o: S.CosineAnnealingLR(o, LENGTH)),
    ("linear", lambda o: S.LinearLR(o, 1.0, 0.0, LENGTH)),
    ("onecycle", lambda o: S.OneCycleLR(o, 0.4, total_steps=LENGTH, cycle_momentum=False)),
    ("wsd", lambda o: S.SequentialLR(o, [S.ConstantLR(o, 1.0), S.LinearLR(o, 1.0, 0.0, LENGTH // 5)],
                                     [4 * LENGTH // 5])),
])
def test_every_step_equals_that_of_torch(schedule: str, make) -> None:
    settings = Settings(lr=0.4, schedule=schedule, max_steps=LENGTH)
    ours = [lr_at(step, settings, steps_per_epoch=10) for step in range(LENGTH)]
    assert ours == pytest.approx(theirs(make), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("schedule", Settings.knob("schedule").choices)
@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_the_shortest_runs_have_a_learning_rate(schedule: str, length: int) -> None:
    settings = Settings(lr=0.4, schedule=schedule, max_steps=length)
    for step in range(length + 1):
        assert 0 <= lr_at(step, settings) <= 0.4 + 1e-12


def test_plateau_is_torchs_rule() -> None:
    losses = [3, 2, 2, 2.0001, 2, 2, 1, 1.5, 1.5, 1.5, 1.5, 0.99995, 1, 1, 1, 1, 1, 0.5]
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 1.0)
    reference, ours = S.ReduceLROnPlateau(optimizer, patience=3), Plateau()
    for loss in losses:
        reference.step(loss)
        ours.look(loss)
        assert ours.factor == pytest.approx(optimizer.param_groups[0]["lr"])
    assert ours.factor < 0.1
    twin = Plateau()
    twin.load_state_dict(ours.state_dict())
    assert twin.__dict__ == ours.__dict__


def test_a_run_on_a_plateau_lowers_its_learning_rate(blobs: Data) -> None:
    settings = Settings(model="linear", lr=0.5, schedule="plateau", init="zeros", max_steps=40,
                        eval_every=4, momentum=0.0)
    frozen = build_model(settings, blobs.shape, 3)
    for p in frozen.parameters():
        p.requires_grad_(False)
    frozen[1].weight.requires_grad_(True)
    frozen[1].register_forward_hook(lambda layer, inputs, out: out * 0 + 0 * layer.weight.sum())
    lrs = train(blobs, settings, frozen).history.series("lr")
    # looks after steps 4, 8, 10 (an early one), 12 and 16 are not better than the first
    assert lrs[:20] == [0.5] * 20
    assert lrs[-1] < 0.5


def test_a_run_follows_epochs(blobs: Data) -> None:
    settings = Settings(lr=0.5, schedule="epoch", max_steps=15, batch_size=100,
                        width=8)  # 400 samples: 4 steps an epoch
    model = build_model(settings, blobs.shape, 3)
    *_, last = steps(model, blobs, settings)
    assert last.history.series("lr") == pytest.approx(
        [0.5 * 0.98**(step // 4) for step in range(15)])
