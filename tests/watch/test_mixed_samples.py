"""Mixup: partners that were scaled before they were taken."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.watch import watch


def scaled_first(x, lam, order):
    return x.mul_(lam).add_(x.flip(0), alpha=1 - lam)


def scaled_first_by_operators(x, lam, order):
    x *= lam
    x += (1 - lam) * x[order]
    return x


def taken_first(x, lam, order):
    other = x.flip(0).mul_(1 - lam)
    return x.mul_(lam).add_(other)


def new_tensors(x, lam, order):
    return lam * x + (1 - lam) * x[order]


def decayed(x, lam, order):
    """A leak of the past: no mixture of two samples."""
    return x.mul_(lam).add_(x.roll(1, 0), alpha=0.1)


@pytest.mark.parametrize(
    ("mix", "wrong"),
    [
        (scaled_first, True),
        (scaled_first_by_operators, True),
        (taken_first, False),
        (new_tensors, False),
        (decayed, False),
    ],
)
def test_partners_of_mixup(mix, wrong):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    with watch(select=["mixed_samples"]) as report:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in range(6):
            x, y = torch.randn(8, 1, 4, 4), torch.randint(0, 3, (8,))
            mixed = mix(x, 0.3 + 0.05 * step, torch.randperm(8))
            optimizer.zero_grad()
            F.cross_entropy(model(mixed), y).backward()
            optimizer.step()
    assert not report.problem
    assert [one.name for one in report.findings] == (["mixed_samples"] if wrong else [])
