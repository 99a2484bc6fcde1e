"""The size of updates, measured without changing the run."""

import pytest
import torch
from torch import nn

from recipe_widgets import Data, Settings, train
from recipe_widgets.training import UpdateRatio


def test_the_ratio_is_that_of_the_change() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    with torch.no_grad():
        for layer in model:
            layer.weight.fill_(2.0)  # norm 4
    probe = UpdateRatio()
    probe.before(model)
    with torch.no_grad():
        model[0].weight.add_(0.2)  # norm 0.4: a tenth
        model[1].weight.add_(0.02)  # a hundredth
        model[0].bias.add_(100.0)  # vectors do not count
    found = probe.after(model, torch.zeros(1), torch.zeros(1))
    assert found["update_ratio"] == pytest.approx(
        0.01, rel=1e-4)  # torch's median of two is the lower one


def test_weights_of_zero_have_no_ratio() -> None:
    model = nn.Linear(2, 2)
    nn.init.zeros_(model.weight)
    probe = UpdateRatio()
    probe.before(model)
    assert probe.after(model, torch.zeros(1), torch.zeros(1)) == {}


def test_a_run_is_the_same_with_it(blobs: Data) -> None:
    settings = Settings(width=8, max_steps=30, batch_size=32)
    with_it, without = train(blobs, settings,
                             probes=[UpdateRatio(every=10)]), train(blobs, settings)
    assert with_it.history.series("train_loss") == without.history.series("train_loss")
    assert with_it.history.steps("update_ratio") == [0, 10, 20]
    assert all(ratio > 0 for ratio in with_it.history.series("update_ratio"))
