"""An error of the watcher's own costs one look at one object, and is told."""

from __future__ import annotations

import dataclasses
import types

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import recipe_widgets
from recipe_widgets.core import Report
from recipe_widgets.watch.evidence.layer_records import LayerRecords
from recipe_widgets.watch.evidence.loss_record import LossRecords


def train(net: nn.Module, loss, steps: int = 30, clear: bool = False, x=None, lr: float = 0.05):
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    for _ in range(steps):
        if clear:
            optimizer.zero_grad()
        loss(net(torch.randn(16, 4) if x is None else x())).backward()
        optimizer.step()
    return optimizer


def class_loss(z: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(z, torch.zeros(len(z), dtype=torch.long))


def watched(*args, **kwargs) -> Report:
    with recipe_widgets.watch() as report:
        train(*args, **kwargs)
    return report


def errors(report: Report) -> list[str]:
    assert report.problems == [], report.problems
    return [one.check for one in report.of("error")]


def test_a_loss_without_a_batch_axis():
    report = watched(nn.Linear(4, 3), lambda z: F.cross_entropy(z, torch.tensor(1)),
                     x=lambda: torch.randn(4))
    assert "grads_are_cleared" in errors(report)
    report = watched(nn.Linear(4, 1), lambda z: F.mse_loss(z.squeeze(), torch.tensor(1.0)),
                     x=lambda: torch.randn(4))
    assert "grads_are_cleared" in errors(report)


class WithState(nn.Module):
    """An LSTM that is handed its hidden state, (1, N, H): the batch is on axis 1."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, 2)

    def forward(self, x: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return self.out(self.lstm(x, state)[0][:, -1])


def test_a_hidden_state_has_its_batch_on_another_axis():
    net = WithState()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    state = torch.zeros(1, 40, 8), torch.zeros(1, 40, 8)
    with recipe_widgets.watch() as report:
        for _ in range(20):
            class_loss(net(torch.randn(40, 6, 4), state)).backward()
            optimizer.step()
    assert errors(report) == ["grads_are_cleared"]


@dataclasses.dataclass
class Output:
    logits: torch.Tensor
    loss: torch.Tensor | None = None


class Returning(nn.Module):
    def __init__(self, wrap) -> None:
        super().__init__()
        self.layer, self.wrap = nn.Linear(4, 2), wrap

    def forward(self, x: torch.Tensor):
        return self.wrap(self.layer(x))


@pytest.mark.parametrize(("wrap", "loss"), [
    (lambda z: class_loss(z), lambda out: out),
    (lambda z: {"logits": z, "names": ["a"]}, lambda out: class_loss(out["logits"])),
    (lambda z: Output(z), lambda out: class_loss(out.logits)),
    (lambda z: types.SimpleNamespace(z=z), lambda out: class_loss(out.z)),
    (lambda z: torch.distributions.Categorical(logits=z),
     lambda out: -out.log_prob(torch.zeros(16)).mean()),
    (lambda z: [z, None, 3], lambda out: class_loss(out[0])),
], ids=["scalar", "dict", "dataclass", "namespace", "distribution", "list"])
def test_models_return_all_kinds_of_things(wrap, loss):
    assert errors(watched(Returning(wrap), loss)) == ["grads_are_cleared"]
    healthy = watched(Returning(wrap), loss, clear=True)
    assert errors(healthy) == []


def test_a_model_that_returns_nothing():
    kept = []
    assert "grads_are_cleared" in errors(watched(
        Returning(kept.append), lambda _: class_loss(kept.pop())))


def test_a_rate_of_zero():
    report = watched(nn.Linear(4, 2), class_loss, clear=True, lr=0.0)
    assert report.problems == []
    with recipe_widgets.watch() as report:
        net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, weight_decay=0.1)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: float(step < 5))
        for _ in range(40):
            optimizer.zero_grad()
            class_loss(net(torch.randn(16, 4))).backward()
            optimizer.step()
            schedule.step()
    assert report.problems == []


def test_one_record_fails_and_the_others_go_on(monkeypatch):
    def crash(*_):
        raise ValueError("planted")

    monkeypatch.setattr(LossRecords, "observe", crash)
    monkeypatch.setattr(LayerRecords, "submodule_called", crash)
    report = watched(nn.Sequential(nn.Linear(4, 2)), class_loss)
    assert [one.check for one in report.of("error")] == ["grads_are_cleared"]
    assert len(report.problems) == 2
    assert all("planted" in one for one in report.problems)
    assert report.problem == report.problems[0]


def test_a_record_fails_for_one_model_only(monkeypatch):
    bad, good = nn.Sequential(nn.Linear(4, 2)), nn.Sequential(nn.Linear(4, 3))
    heard = []

    def choosy(self, module, args):
        if module is bad[0]:
            raise ValueError("planted")
        heard.append(module)

    monkeypatch.setattr(LayerRecords, "submodule_called", choosy)
    with recipe_widgets.watch() as report:
        train(bad, class_loss, clear=True)
        train(good, class_loss, clear=True)
    assert good[0] in heard
    assert len(report.problems) == 1
    assert "for Linear" in report.problems[0]
    assert "nothing suspicious" not in report.summary


class Grown(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.head = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.trunk(x).relu())


@pytest.mark.parametrize("change", ["head", "freeze", "double", "none_to_some"])
def test_a_model_that_changes_is_followed(change):
    net, x = Grown(), torch.randn(16, 4)
    with recipe_widgets.watch() as report:
        train(net, class_loss, clear=True)
        if change == "head":
            net.head = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))
        elif change == "freeze":
            net.trunk.requires_grad_(False)
        elif change == "double":
            net, x = net.double(), x.double()
        else:
            net.extra = nn.Linear(2, 2)
        train(net, class_loss, clear=True, x=lambda: x + torch.randn_like(x))
    assert errors(report) == []


def test_a_model_without_parameters_gets_some():
    class Lazy(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if not hasattr(self, "layer"):
                self.layer = nn.Linear(4, 2)
            return self.layer(x)

    with recipe_widgets.watch() as report:
        net = Lazy()
        net(torch.randn(16, 4))
        train(net, class_loss)
    assert errors(report) == ["grads_are_cleared"]


def test_a_backward_that_fails_is_left_behind():
    net = nn.Linear(4, 2)
    with recipe_widgets.watch() as report:
        z = net(torch.randn(16, 4)).sum()
        z.backward()
        with pytest.raises(RuntimeError):
            z.backward()
        train(net, class_loss)
    assert "grads_are_cleared" in errors(report)
