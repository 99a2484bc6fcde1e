"""Findings at the step where they happen."""

from __future__ import annotations

import math
import sys

import pytest
import torch
from torch import nn

import recipe_widgets
from recipe_widgets import RecipeError
from recipe_widgets.watch.anomaly import AnomalyError, all_finite


class Training:
    """A healthy loop; `spoil(step, loss)` gives the loss that is minimised in its place."""

    def __init__(self, spoil=lambda step, loss: loss, clear: bool = True, make=torch.optim.SGD) -> None:
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
        self.optimizer = make(self.net.parameters(), lr=0.05)
        self.spoil, self.clear, self.step = spoil, clear, 0

    def run(self, steps: int) -> None:
        for self.step in range(steps):
            if self.clear:
                self.optimizer.zero_grad()
            x = torch.randn(20, 6)
            loss = nn.functional.cross_entropy(self.net(x), (x[:, 0] > 0).long())
            self.spoil(self.step, loss).backward()
            self.optimizer.step()


def nan_at_7(step, loss):
    return loss * math.nan if step == 7 else loss


def infinite_slope_at_7(step, loss):
    """The loss stays what it is; its gradient is 0 · ∞."""
    return loss + ((loss - loss).sqrt() if step == 7 else 0)


@pytest.mark.parametrize(("spoil", "what"), [(nan_at_7, "the loss"),
                                             (infinite_slope_at_7, "gradient of Sequential.0.weight")])
def test_it_is_raised_at_its_step_before_the_weights_are_lost(spoil, what):
    training = Training(spoil)
    with pytest.raises(AnomalyError, match=what) as error, recipe_widgets.watch(raise_on="error"):
        training.run(20)
    assert training.step == 7
    assert isinstance(error.value, RecipeError)
    assert (error.value.finding.name, error.value.finding.severity) == ("curve", "error")
    assert error.value.finding.where.partition(":")[0].endswith("test_anomaly.py")
    assert all_finite(training.net.parameters())
    assert error.value.finding.measured == 7


def test_what_events_prove_is_raised_after_a_few_steps():
    training = Training(clear=False)
    with (pytest.raises(AnomalyError, match="grads_are_cleared"),
          recipe_widgets.watch(raise_on="error") as report):
        training.run(100)
    assert training.step == 9
    assert [one.name for one in report.of("error")] == ["grads_are_cleared"]
    training = Training(lambda _, loss: -loss)
    with pytest.raises(AnomalyError, match="loss_sign"), recipe_widgets.watch(raise_on="error"):
        training.run(100)


def test_a_function_hears_of_each_once_and_the_code_goes_on():
    heard = []
    training = Training(lambda step, loss: loss * math.nan if step > 7 else loss, clear=False)
    with recipe_widgets.watch(on_anomaly=heard.append):
        training.run(50)
    assert training.step == 49
    assert [one.name for one in heard] == ["curve", "curve", "grads_are_cleared"]
    assert [one.message.partition(" is")[0] for one in heard[:2]] == [
        "the loss", "the gradient of Sequential.0.weight"]


def test_nothing_is_raised_that_was_not_asked_for():
    Training(nan_at_7).run(10)
    for options in ({}, {"raise_on": "error", "ignore": ["curve"]},
                    {"raise_on": "error", "select": ["clipping"]}):
        with recipe_widgets.watch(**options):
            Training(nan_at_7).run(20)
    with recipe_widgets.watch(raise_on="error"):
        loss = nn.Linear(2, 1)(torch.ones(1, 2)).sum()
        (loss * math.nan).backward()  # recipe: ignore[curve]
    with pytest.raises(RecipeError, match="Severity"), recipe_widgets.watch(raise_on="bad"):
        pass


def test_torch_is_put_back():
    before = torch.autograd.backward
    with pytest.raises(AnomalyError), recipe_widgets.watch(raise_on="error"):
        Training(nan_at_7).run(20)
    assert torch.autograd.backward is before
    Training(nan_at_7).run(10)


@pytest.mark.parametrize("make", [torch.optim.SGD, torch.optim.Adam])
def test_healthy_runs_go_through_to_the_same_bit(make):
    weights = []
    for options in (None, {"raise_on": "note"}):
        training = Training(make=make)
        if options is None:
            training.run(45)
        else:
            with recipe_widgets.watch(**options) as report:
                training.run(45)
            assert report.ok
        weights.append(nn.utils.parameters_to_vector(training.net.parameters()))
    assert torch.equal(*weights)


def test_a_scaler_may_overflow():
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**100, growth_interval=1000)
    with recipe_widgets.watch(raise_on="error"):
        for _ in range(60):  # the factor is halved until a step is finite
            optimizer.zero_grad()
            scaler.scale((net(torch.randn(8, 4)) * 1e10).square().mean()).backward()
            scaler.step(optimizer)
            scaler.update()
    assert scaler.get_scale() < 2.0**100


def test_finite_is_judged_by_the_largest_number():
    assert all_finite([torch.full((100, ), 3e38), torch.tensor([1]), torch.empty(0), None])
    assert all_finite([torch.full((1000, ), 6e4, dtype=torch.float16)])
    assert not all_finite([torch.ones(3), torch.tensor([1.0, math.inf])])
    assert not all_finite([torch.tensor([1.0, math.nan])])
    sparse = torch.sparse_coo_tensor([[0]], [math.nan], (3, ), check_invariants=True)
    assert not all_finite([sparse])


def test_a_complex_number_that_is_none_is_seen():
    assert all_finite([torch.ones(2, dtype=torch.complex64)])
    assert not all_finite([torch.tensor([1.0 + 1j * math.nan])])


def test_an_error_in_looking_is_noted_and_does_not_reach_the_script(monkeypatch):
    def broken(tensors):
        raise ValueError("ours")

    anomaly = sys.modules["recipe_widgets.watch.anomaly"]  # `recipe_widgets.watch` is a function
    monkeypatch.setattr(anomaly, "all_finite", broken)
    with recipe_widgets.watch(raise_on="error") as report:
        Training().run(5)
    assert report.steps == 5
    assert any("ours" in one for one in report.problems)
