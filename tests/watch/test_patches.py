"""What is put onto torch: it lets go of everything afterwards, and hears one thread only."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
import torch
from torch import nn
from torch.autograd.graph import get_gradient_edge
from torch.utils.data import DataLoader, TensorDataset

import recipe_widgets
from recipe_widgets.watch.session import WatchSession

CE = nn.functional.cross_entropy


def train(net: nn.Module, steps: int, clear: bool = False) -> torch.optim.Optimizer:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    g = torch.Generator().manual_seed(0)
    for _ in range(steps):
        if clear:
            optimizer.zero_grad()
        CE(net(torch.randn(16, 4, generator=g)), torch.randint(2, (16,), generator=g)).backward()
        optimizer.step()
    return optimizer


def test_nothing_is_kept_alive_afterwards():
    with recipe_widgets.watch():
        net, data = nn.Linear(4, 2), TensorDataset(torch.randn(8, 4))
        loader = DataLoader(data, 4)
        optimizer = train(net, 5)
    gone = [weakref.ref(thing) for thing in (net, data, loader, optimizer)]
    del net, data, loader, optimizer
    gc.collect()
    assert [ref() for ref in gone] == [None] * 4


class Parked(nn.Module):
    """Waits inside its first forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.inside, self.go = nn.Linear(4, 2), threading.Event(), threading.Event()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.inside.set()
        assert self.go.wait(60)
        return self.layer(x)


def heard(neighbour: bool) -> tuple[list[str], int, list[int], int]:
    """Findings, steps, training passes by model, and samples seen, of a faulty loop; a second
    thread may train meanwhile.
    """
    torch.manual_seed(0)
    net, other = nn.Linear(4, 2), Parked()
    thread = threading.Thread(target=train, args=(other, 5, True))
    watching = WatchSession()
    watching.begin()
    if neighbour:
        thread.start()
        assert other.inside.wait(60)
    train(net, 10)  # while the other one is in its forward pass
    other.go.set()
    if neighbour:
        thread.join()
    train(net, 10)
    r = watching.recorder
    counts = [m.trained for m in r.models], len(r.samples.train_hashes)
    report = watching.end()
    return [f.check for f in report.findings], report.steps, *counts


def test_training_in_another_thread_is_not_heard():
    alone = heard(neighbour=False)
    assert alone[1:] == (20, [20], 20)
    assert heard(neighbour=True) == alone


@pytest.mark.parametrize("options", [{}, {"raise_on": "error"}])
def test_roots_that_can_be_read_only_once_reach_torch(options):
    """backward takes any iterable of tensors, and edges of a graph."""
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with recipe_widgets.watch(**options) as report:
        for _ in range(3):
            optimizer.zero_grad()
            torch.autograd.backward(iter([model(torch.ones(2, 4)).sum()]))
            assert model.weight.grad is not None
            assert model.weight.grad.eq(2).all()
            optimizer.step()
        loss = model(torch.ones(2, 4)).sum()
        optimizer.zero_grad()
        torch.autograd.backward(get_gradient_edge(loss), torch.ones(()))
        assert model.weight.grad.eq(2).all()
    assert not report.problem
