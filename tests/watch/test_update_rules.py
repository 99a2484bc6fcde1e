"""Terms without effect, updates that are lost or reach too much, averages and idle networks, on small
trainings whose fault is planted by one argument; without it they must be left alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.watch.session import WatchSession

RULES = ("constant_terms", "optimizer_steps", "averaged_copy", "mode_toggles", "masked_gradients", "frozen",
         "optimizer_covers_model", "loss_terms", "target_network")
BATCH = 16


def samples(n: int = 320, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(n, 10, generator=torch.Generator().manual_seed(seed))
    return x, (x[:, 0] > 0).long()


def net(norm: bool = False, dropout: float = 0.0) -> nn.Sequential:
    middle = [nn.BatchNorm1d(16)] if norm else []
    after = [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(nn.Linear(10, 16), *middle, nn.ReLU(), *after, nn.Linear(16, 2))


def batches(epochs: int = 3) -> Any:
    x, y = samples()
    for _ in range(epochs):
        for index in torch.randperm(len(x)).split(BATCH):
            yield x[index], y[index]


def said(train: Callable[..., None], *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
    """(severity, rule) of what is found in a training, notes apart."""
    torch.manual_seed(0)
    session = WatchSession(own_process=True, select=RULES)
    session.begin()
    train(*args, **kwargs)
    report = session.end()
    assert report.problem == ""
    return [(f.severity, f.name) for f in report.findings if f.severity != "note"]


# terms that lost their graph


def penalised(how: str) -> None:
    model, kept = net(), {}
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    detached = how in ("hook", "target", "weight")
    model[1].register_forward_hook(
        lambda _, __, out: kept.update(a=out.detach() if detached else out))
    for x, y in batches():
        x = x.clone().requires_grad_(how.startswith("gradient"))
        loss = F.cross_entropy(model(x), y)
        if how in ("hook", "whole"):
            loss = loss + 0.3 * kept["a"].abs().mean()
        elif how in ("weights", "weights.data"):
            tensors = [p.data if how == "weights.data" else p for p in model.parameters()]
            loss = loss + 1e-3 * sum(p.pow(2).sum() for p in tensors)
        elif how == "no_grad":
            with torch.no_grad():
                penalty = kept["a"].square().mean()
            loss += penalty
        elif how.startswith("gradient"):
            slope, = torch.autograd.grad(loss, x, retain_graph=True,
                                         create_graph=how == "gradient with graph")
            loss = loss + slope.norm(dim=1).mean()
        elif how == "target":  # a divergence whose constant part is written out
            p = kept["a"].softmax(1)
            q = model[1](model[0](x)).log_softmax(1)
            loss = loss + (p * p.log()).sum(1).mean() - (p * q).sum(1).mean()
        elif how == "weight":
            loss = loss * (1 + kept["a"].mean())
        elif how == "data":  # of the samples, and not of the network
            loss = loss + x.abs().mean().log()
        elif how == "logged":
            kept["log"] = loss.detach() + kept["a"].detach().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@pytest.mark.parametrize(("how", "found"), [
    ("hook", True), ("weights.data", True), ("no_grad", True), ("gradient", True),
    ("whole", False), ("weights", False), ("gradient with graph", False), ("target", False),
    ("weight", False), ("data", False), ("logged", False), ("none", False),
])
def test_terms_without_a_graph(how, found):
    assert said(penalised, how) == ([("warning", "constant_terms")] if found else [])


def adversarial(how: str) -> None:
    g, d = nn.Linear(4, 6), nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
    opt_g, opt_d = torch.optim.Adam(g.parameters()), torch.optim.Adam(d.parameters())
    for step in range(60):
        z, real = torch.randn(BATCH, 4), torch.randn(BATCH, 6) + 1
        real_score, fake_score = d(real), d(g(z).detach())
        loss = F.softplus(-real_score).mean() + F.softplus(fake_score).mean()
        if how == "joint":  # one pass, and a step of both
            loss = loss + F.l1_loss(g(z), real)
            opt_g.zero_grad()
        if how == "seldom":
            opt_g.zero_grad()
            loss = loss + F.l1_loss(g(z), real)
        opt_d.zero_grad()
        loss.backward()
        if how != "seldom" or step % 7 == 5:
            opt_d.step()
        if how in ("joint", "seldom"):
            opt_g.step()
            continue
        fake = g(z)
        loss = F.softplus(-d(fake.detach() if how == "detached" else fake)).mean()
        loss = loss + 0.3 * F.l1_loss(fake, real)
        opt_g.zero_grad()
        loss.backward()
        opt_g.step()


@pytest.mark.parametrize(("how", "found"), [("detached", True), ("whole", False), ("joint", False),
                                            ("seldom", False)])
def test_a_term_for_weights_that_take_no_step(how, found):
    assert said(adversarial, how) == ([("warning", "constant_terms")] if found else [])


# updates by hand


class ByHand:
    def __init__(self, parameters: Any, how: str, lr: float = 0.1) -> None:
        self.parameters, self.how, self.lr = list(parameters), how, lr

    @torch.no_grad()
    def step(self) -> None:
        for p in self.parameters:
            if self.how == "rebinds":
                p = p - self.lr * p.grad
            elif self.how == "copies":
                w = p.data.clone()
                w -= self.lr * p.grad
            elif self.how == "in place":
                p -= self.lr * p.grad
            elif self.how == "data":
                p.data = p.data - self.lr * p.grad
            elif self.how == "copied back":
                p.copy_(p - self.lr * p.grad)
            elif self.how == "measures":
                (p.grad / (p.norm() + 1e-8)).norm()
        for p in self.parameters:
            p.grad = None


class OwnOptimizer(torch.optim.Optimizer):
    def __init__(self, parameters: Any, how: str) -> None:
        super().__init__(parameters, {"lr": 0.1})
        self.how = how

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if self.how == "own rebinds":
                    p = p.add(p.grad, alpha=-group["lr"])
                else:
                    p.add_(p.grad, alpha=-group["lr"])
                p = None
        self.zero_grad()


def by_hand(how: str) -> None:
    model = net()
    own = how.startswith("own")
    optimizer: Any = OwnOptimizer(model.parameters(), how) if own else ByHand(model.parameters(), how)
    for x, y in batches():
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@pytest.mark.parametrize(("how", "found"), [
    ("rebinds", True), ("copies", True), ("own rebinds", True), ("in place", False), ("data", False),
    ("copied back", False), ("measures", False), ("own", False),
])
def test_updates_by_hand(how, found):
    assert (("error", "optimizer_steps") in said(by_hand, how)) == found


def test_adapted_copies_of_weights_are_no_lost_updates():
    def adapt() -> None:
        model = net()
        for x, y in batches():
            F.cross_entropy(model(x), y).backward()
            fast = {name: (p - 0.1 * p.grad).detach() for name, p in model.named_parameters()}
            torch.func.functional_call(model, fast, (x, ))
            model.zero_grad()

    assert said(adapt) == []


# averages


def averaged(how: str, decay: float = 0.9) -> None:
    model, optimizer = net(), None
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    shadow = [p.detach().clone() for p in model.parameters()]
    named = {name: p.detach().clone() for name, p in model.named_parameters()}
    twin = copy.deepcopy(model)
    for step, (x, y) in enumerate(batches(4)):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        with torch.no_grad():
            if how in ("away", "list"):
                for s, p in zip(shadow, model.parameters(), strict=True):
                    s.add_((s - p) * (1 - decay) * (1 if how == "away" else -1))
            elif how.startswith("dict"):
                for name, p in model.named_parameters():
                    d = {"dict": decay, "dict swapped": 1 - decay,
                         "dict growing": min(decay, (1 + step) / (10 + step))}[how]
                    named[name] = d * named[name] + (1 - d) * p.data
            elif how.startswith("copy"):
                d = {"copy": decay, "copy swapped": 1 - decay, "copy of zero": 0.0}[how]
                for s, p in zip(twin.parameters(), model.parameters(), strict=True):
                    s.data.mul_(d).add_(p.data, alpha=1 - d)
            elif how == "snapshot":
                twin.load_state_dict(model.state_dict())
            elif how == "hard" and step % 20 == 0:  # a target network, by the function of soft updates
                for s, p in zip(twin.parameters(), model.parameters(), strict=True):
                    s.data.copy_(1.0 * p.data + 0.0 * s.data)
            elif how == "slow" and step % 5 == 4:  # as lookahead does
                for s, p in zip(shadow, model.parameters(), strict=True):
                    s.add_(p - s, alpha=0.5)
                    p.copy_(s)
            elif how == "mean":
                for s, p in zip(shadow, model.parameters(), strict=True):
                    s.lerp_(p, 1 / (step + 1))
        assert optimizer is not None


@pytest.mark.parametrize(("how", "decay", "found"), [
    ("away", 0.95, "error"), ("dict swapped", 0.99, "warning"), ("copy swapped", 0.999, "warning"),
    ("copy of zero", 0.9, "warning"), ("list", 0.95, None), ("dict", 0.99, None),
    ("dict growing", 0.999, None), ("copy", 0.999, None), ("snapshot", 0.9, None), ("hard", 0.9, None),
    ("slow", 0.9, None), ("mean", 0.9, None),
])
def test_updates_of_averages(how, decay, found):
    assert said(averaged, how, decay) == ([(found, "averaged_copy")] if found else [])


# networks that do not learn


def taught(how: str) -> None:
    teacher = net(norm="norm" in how, dropout=0.0 if "plain" in how or "norm" in how else 0.3)
    student = net()
    if "untrained" not in how:
        optimizer = torch.optim.Adam(teacher.parameters(), lr=1e-2)
        for x, y in batches(2):
            optimizer.zero_grad()
            F.cross_entropy(teacher(x), y).backward()
            optimizer.step()
    if "eval" in how:
        teacher.eval()
    if "frozen" in how:
        teacher.requires_grad_(False)
    if "momentum" in how:
        student = copy.deepcopy(teacher)
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-2)
    for step, (x, y) in enumerate(batches(3)):
        with torch.set_grad_enabled("frozen" in how):
            several = 4 if "several" in how else 1
            target = torch.stack([teacher(x) for _ in range(several)]).mean(0).softmax(1)
        if "seldom" in how and step % 20:
            target = F.one_hot(y, 2).float()
        optimizer.zero_grad()
        F.cross_entropy(student(x), target).backward()
        optimizer.step()
        if "momentum" in how:
            for s, p in zip(teacher.parameters(), student.parameters(), strict=True):
                s.data.lerp_(p.data, 0.01)


@pytest.mark.parametrize(("how", "found"), [
    ("dropout", True), ("norm", True), ("norm frozen", True), ("dropout untrained", True),
    ("dropout eval", False), ("norm eval frozen", False), ("plain", False), ("momentum", False),
    ("momentum norm", False), ("several", False),
])
def test_teachers_in_training_mode(how, found):
    assert (("warning", "mode_toggles") in said(taught, how)) == found


def two_stages(how: str) -> None:
    body, first, second = net(norm=True)[:3], nn.Linear(16, 2), nn.Linear(16, 2)
    for stage, head in enumerate((first, second)):
        model = nn.Sequential(body, head)
        frozen = stage == 1 and how != "all"
        if frozen:
            body.requires_grad_(False)
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
        for x, y in batches():
            model.train()
            if frozen and how == "eval":
                body.eval()
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


@pytest.mark.parametrize(("how", "found"), [("train", True), ("eval", False), ("all", False)])
def test_norms_that_are_frozen_after_their_training(how, found):
    assert (("warning", "mode_toggles") in said(two_stages, how)) == found


def test_a_discriminator_that_is_frozen_now_and_then():
    def train() -> None:
        g, d = nn.Linear(4, 10), net(norm=True)
        opt_g, opt_d = torch.optim.Adam(g.parameters()), torch.optim.Adam(d.parameters())
        for x, _ in batches():
            d.requires_grad_(True)
            fake = g(torch.randn(BATCH, 4))
            opt_d.zero_grad()
            (F.softplus(-d(x)).mean() + F.softplus(d(fake.detach())).mean()).backward()
            opt_d.step()
            d.requires_grad_(False)
            opt_g.zero_grad()
            F.softplus(-d(fake)).mean().backward()
            opt_g.step()

    assert said(train) == []


# gradients that are masked


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.emb, self.out = nn.Embedding(30, 6), nn.Linear(6, 2)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.out(self.emb(ids).mean(1))


def masked(how: str, decay: float = 0.1) -> None:
    model = Words()
    keep = torch.zeros(30, 1)
    keep[20:] = 1
    if how == "frozen":  # after some training with gradients of zeros
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=decay)
    else:
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=decay)
    if how == "hook":
        model.emb.weight.register_hook(lambda g: g * keep)
    first = model.emb.weight.detach().clone()
    for step in range(60):
        if how == "frozen" and step == 10:
            model.emb.weight.requires_grad_(False)
        ids = torch.randint(0, 30, (32, 5))
        optimizer.zero_grad(set_to_none=how != "frozen")
        F.cross_entropy(model(ids), (ids[:, 0] > 14).long()).backward()
        gradient = model.emb.weight.grad
        if how in ("rows", "put back") and gradient is not None:
            gradient.mul_(keep)
        elif how == "compressed" and gradient is not None:
            gradient[gradient.abs() < gradient.abs().median()] = 0
        elif how == "clipped":
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        if how == "put back":
            with torch.no_grad():
                model.emb.weight[:20] = first[:20]


@pytest.mark.parametrize(("how", "decay", "found"), [
    ("rows", 0.1, True), ("hook", 0.1, True), ("frozen", 0.1, True), ("rows", 0.0, False),
    ("put back", 0.1, False), ("compressed", 0.1, False), ("clipped", 0.1, False), ("none", 0.1, False),
])
def test_masked_gradients(how, decay, found):
    assert said(masked, how, decay) == ([("warning", "masked_gradients")] if found else [])


# adapters


class Adapted(nn.Module):
    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base, self.a = base.requires_grad_(False), nn.Parameter(0.1 * torch.randn(rank, base.in_features))
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + x @ self.a.T @ self.b.T


@pytest.mark.parametrize("adapted", [True, False])
def test_random_weights_beside_adapters_are_frozen_by_design(adapted):
    def train() -> None:
        model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))
        model[0].requires_grad_(False)
        model[2].requires_grad_(False)
        if adapted:
            model[2] = Adapted(model[2], 4)
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
        for x, y in batches():
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()

    assert (("warning", "frozen") in said(train)) == (not adapted)
