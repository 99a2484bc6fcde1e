"""The maximal update parametrisation is the one of its paper: in the form of its table 3 as the
experiment has it, and of its table 8 as its authors' package has it, a net learns the same.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets import Settings
from recipe_widgets.models import build_model
from studies import rate_across_width as study

NO_EPSILON = 1e-20  # Adam's own 1e-8 weighs differently in the two forms


def settings(width, lr=0.01):
    return Settings(model="mlp", width=width, depth=2, optimizer="adam", momentum=0.9, lr=lr)


def batch(n=64):
    draw = torch.Generator().manual_seed(0)
    return (torch.rand(n, 1, 8, 8, generator=draw, dtype=torch.float64),
            torch.randint(10, (n, ), generator=draw))


class Table8(nn.Module):
    """Two hidden layers. The output layer's input is divided by the width (in units of the narrow
    net's), and its weights begin alike at each width and learn at the rate of vectors.
    """

    def __init__(self, same_draw: nn.Module, ratio: float) -> None:
        super().__init__()
        drawn = [layer for layer in same_draw.modules() if isinstance(layer, nn.Linear)]
        self.first, self.hidden, self.out = (
            nn.Linear(layer.in_features, layer.out_features, dtype=torch.float64) for layer in drawn)
        for mine, theirs in zip((self.first, self.hidden, self.out), drawn, strict=True):
            mine.load_state_dict(theirs.state_dict())
        self.multiplier = ratio
        with torch.no_grad():
            self.out.weight.div_(math.sqrt(ratio))
            for layer in (self.hidden, self.out):
                layer.bias.div_(math.sqrt(ratio))

    def optimizer(self, lr: float, ratio: float) -> torch.optim.Optimizer:
        others = [part for part in self.parameters() if part is not self.hidden.weight]
        return torch.optim.Adam([{"params": [self.hidden.weight], "lr": lr * ratio}, {"params": others}],
                                lr=lr, betas=(0.9, 0.999), eps=NO_EPSILON)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = F.relu(self.hidden(F.relu(self.first(x.flatten(1)))))
        return self.out(out * self.multiplier)


def test_both_forms_of_the_paper_learn_the_same():
    width = 64
    x, y = batch()
    model = build_model(settings(width), (1, 8, 8), 10).double()
    other = Table8(model, study.BASE / width)
    optimizers = [study.maximal_update(model, settings(width)),
                  other.optimizer(0.01, study.BASE / width)]
    for group in optimizers[0].param_groups:
        group["eps"] = NO_EPSILON
    before = model(x).detach()
    for _ in range(10):
        for net, optimizer in zip((model, other), optimizers, strict=True):
            optimizer.zero_grad()
            F.cross_entropy(net(x), y).backward()
            optimizer.step()
        assert torch.allclose(model(x), other(x), rtol=1e-9, atol=1e-9)
    assert (model(x) - before).abs().max() > 0.1  # they did learn


def change_of_outputs(width, parametrised):
    """After three steps, root mean square over a batch."""
    x, y = batch()
    own = settings(width, 0.001)  # small enough that the softmax does not saturate
    model = build_model(own, (1, 8, 8), 10).double()
    optimizer = (study.maximal_update(model, own) if parametrised
                 else torch.optim.Adam(model.parameters(), lr=own.lr))
    before = model(x).detach()
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return float((model(x) - before).detach().pow(2).mean().sqrt())


def test_outputs_change_as_much_at_each_width():
    """What the parametrisation is for; in the usual one they change more, the wider the net."""
    narrow, wide = (change_of_outputs(width, parametrised=True) for width in (64, 1024))
    assert wide == pytest.approx(narrow, rel=0.5)
    narrow, wide = (change_of_outputs(width, parametrised=False) for width in (64, 1024))
    assert wide > 4 * narrow


def test_the_narrow_net_is_what_it_was():
    model = build_model(settings(study.BASE), (1, 8, 8), 10)
    before = [weight.clone() for weight in model.parameters()]
    optimizer = study.maximal_update(model, settings(study.BASE))
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert {group["factor"] for group in optimizer.param_groups} == {1.0}
