"""An error inside the package comes out as it is: nothing turns it into the reader's mistake."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from recipe_widgets import Data, LivePanel, RecipeError, Settings, evaluate, steps, train
from recipe_widgets.lessons import nb03_check_the_machinery
from recipe_widgets.models import build_model

FEW = Settings(width=8, max_steps=2)


def model_of(data: Data) -> nn.Module:
    return build_model(FEW, data.shape, data.num_classes)


# (what a reader calls, the module and name of what breaks inside)
CALLS: list[tuple[Callable[[Data], Any], str, str]] = [
    (lambda data: train(data, FEW), "training.trainer", "make_optimizer"),
    (lambda data: train(data, FEW), "training.loop", "Training"),
    (lambda data: list(steps(model_of(data), data, FEW)), "training.trainer", "BatchIndices"),
    (lambda data: evaluate(model_of(data), data.validation), "training.validation", "eval_mode"),
    (lambda data: LivePanel(data, FEW), "panels.live_panel", "chosen_knobs"),
    (lambda data: nb03_check_the_machinery.milestones(data, FEW, 1),
     "lessons.nb03_check_the_machinery.input_speed", "train"),
]


@pytest.mark.parametrize(("call", "module", "name"), CALLS)
def test_a_key_error_of_ours_stays_one(call: Callable[[Data], Any], module: str, name: str,
                                       blobs: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    def planted(*_: Any, **__: Any) -> None:
        raise KeyError("planted")

    monkeypatch.setattr(importlib.import_module(f"recipe_widgets.{module}"), name, planted)
    with pytest.raises(KeyError, match="planted"):
        call(blobs)


class Forgetful(nn.Module):
    """A reader's model with a slip in its forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return {"out": self.layer(x.flatten(1))}["output"]


@pytest.mark.parametrize("call", [
    lambda data: train(data, FEW, Forgetful()),
    lambda data: list(steps(Forgetful(), data, FEW)),
    lambda data: evaluate(Forgetful(), data.validation),
])
def test_a_key_error_in_the_readers_model_is_told_as_theirs(call: Callable[[Data], Any],
                                                           blobs: Data) -> None:
    with pytest.raises(RecipeError, match="KeyError: 'output'") as told:
        call(blobs)
    assert isinstance(told.value.__cause__, KeyError)


def test_a_loss_of_another_kind_is_told_as_the_readers(blobs: Data) -> None:
    with pytest.raises(RecipeError, match="loss"):
        train(blobs, FEW, loss_fn=lambda output, y: output.sum(1))  # (N,), not one number
