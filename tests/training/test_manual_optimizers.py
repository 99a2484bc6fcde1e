"""The rules written by hand against `torch.optim`, step by step, in float64."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from recipe_widgets import Settings
from recipe_widgets.training import make_optimizer
from recipe_widgets.training import manual_optimizers as by_hand

STEPS = 100
CASES = {
    "sgd": (by_hand.sgd, {}, lambda p, lr: torch.optim.SGD(p, lr)), "momentum":
    (by_hand.momentum, {"gamma":
                        0.9}, lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9)), "velocity":
    (by_hand.momentum_velocity, {"gamma": 0.9}, lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9)),
    "nesterov": (by_hand.nesterov, {"gamma": 0.8},
                 lambda p, lr: torch.optim.SGD(p, lr, momentum=0.8, nesterov=True)), "adagrad":
    (by_hand.adagrad, {}, lambda p, lr: torch.optim.Adagrad(p, lr)), "rmsprop": (by_hand.rmsprop, {
        "alpha": 0.9
    }, lambda p, lr: torch.optim.RMSprop(p, lr, alpha=0.9)), "adadelta":
    (by_hand.adadelta, {}, lambda p, lr: torch.optim.Adadelta(p, lr)), "adam": (by_hand.adam, {
        "beta1": 0.8, "beta2": 0.99
    }, lambda p, lr: torch.optim.Adam(p, lr, betas=(0.8, 0.99))),
}


def bowl() -> tuple[nn.Parameter, torch.Tensor, torch.Tensor]:
    """A weight of 12 numbers and a noisy, ill-conditioned quadratic around 0: curvature 0.1 to
    10.
    """
    draw = torch.Generator().manual_seed(0)
    start = torch.randn(3, 4, generator=draw, dtype=torch.float64)
    noise = torch.randn(STEPS, 3, 4, generator=draw, dtype=torch.float64) * 0.1
    return nn.Parameter(start), torch.logspace(-1, 1, 12, dtype=torch.float64).view(3, 4), noise


def path(make, lr_of=lambda step: 0.01) -> torch.Tensor:
    """The weight after each of 100 steps."""
    w, curvature, noise = bowl()
    optimizer, seen = make([w]), []
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = lr_of(step)
        optimizer.zero_grad()
        (0.5 * curvature * w**2 + noise[step] * w).sum().backward()
        optimizer.step()
        seen.append(w.detach().clone())
    return torch.stack(seen)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("decay", [0.0, 0.05])
def test_every_step_equals_that_of_torch(name: str, decay: float) -> None:
    rule, constants, reference = CASES[name]

    def theirs(params):
        optimizer = reference(params, 0.01)
        optimizer.param_groups[0]["weight_decay"] = decay
        return optimizer

    ours = path(lambda params: by_hand.ManualOptimizer(params, rule, 0.01, weight_decay=decay, **constants))
    torch.testing.assert_close(ours, path(theirs), rtol=1e-9, atol=1e-12)


def test_the_two_ways_of_writing_momentum_differ_once_the_learning_rate_changes() -> None:
    def falling(step: int) -> float:
        return 0.01 if step < 50 else 0.001

    both = [path(lambda params, rule=rule: by_hand.ManualOptimizer(params, rule, 0.01, gamma=0.9), falling)
            for rule in (by_hand.momentum, by_hand.momentum_velocity)]
    torch.testing.assert_close(both[0][:50], both[1][:50])
    assert float((both[0][50] - both[1][50]).norm()) > 1e-3


def test_momentum_grows_to_one_over_one_minus_gamma_when_gradients_agree() -> None:
    w, state = torch.zeros(1), {}
    for _ in range(200):
        before = w.clone()
        by_hand.momentum(w, torch.ones(1), state, lr=0.1, gamma=0.9)
    assert float(before - w) == pytest.approx(0.1 / (1 - 0.9), rel=1e-5)


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_a_normalised_step_is_lr_long_whatever_the_gradient(size: float) -> None:
    w = torch.zeros(2)
    by_hand.normalized(w, torch.tensor([3.0, 4.0]) * size, {}, lr=0.5)
    assert w.tolist() == pytest.approx([-0.3, -0.4], rel=1e-5)


def test_adams_first_step_is_lr_whatever_the_gradient() -> None:
    w = torch.zeros(3)
    by_hand.adam(w, torch.tensor([1e-3, 1.0, -1e3]), {}, lr=0.5)
    assert w.tolist() == pytest.approx([-0.5, -0.5, 0.5], rel=1e-4)


@pytest.mark.parametrize(("name", "kind"), [("adagrad", torch.optim.Adagrad),
                                            ("adadelta", torch.optim.Adadelta),
                                            ("normalized", by_hand.ManualOptimizer)])
def test_settings_choose_them(name: str, kind: type) -> None:
    optimizer = make_optimizer([nn.Parameter(torch.ones(2))],
                               Settings(optimizer=name, lr=0.3, weight_decay=0.1))
    assert type(optimizer) is kind
    assert (optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["weight_decay"]) == (0.3,
                                                                                            0.1)


def test_state_survives_a_round_trip() -> None:
    w, curvature, _ = bowl()
    optimizer = by_hand.ManualOptimizer([w], by_hand.adam, 0.01)
    twin = nn.Parameter(w.detach().clone())
    other = by_hand.ManualOptimizer([twin], by_hand.adam, 0.01)
    for p, made in ((w, optimizer), (twin, other)):
        p.grad = curvature.clone()
        made.step()
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))  # torch itself does not copy
    optimizer.step()
    other.step()
    assert torch.equal(w, twin)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))],
                         ids=["deepcopy", "pickle"])
def test_a_copy_goes_on_to_the_same_bits(copied) -> None:
    w, curvature, _ = bowl()
    pair = (w, by_hand.ManualOptimizer([w], by_hand.adam, 0.01, beta1=0.8))
    w.grad = curvature.clone()
    pair[1].step()
    twin = copied(pair)
    for p, optimizer in (pair, twin):
        p.grad = curvature.clone()
        optimizer.step()
    assert twin[0] is not w
    assert torch.equal(twin[0], w)
