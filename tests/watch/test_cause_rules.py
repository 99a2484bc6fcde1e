"""Causes that only the order of events or the values themselves give away, each planted by one
argument; without it the same training must be left alone.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler as lrs
from torch.utils.data import DataLoader, Dataset, TensorDataset, WeightedRandomSampler

from recipe_widgets.watch.session import WatchSession

WARNED = "warning"


def said(rule: str, train: Callable[..., None], *args: Any, **kwargs: Any) -> list[str]:
    """Severities of what this rule finds in a training, notes apart."""
    torch.manual_seed(0)
    session = WatchSession(own_process=True, select=[rule])
    session.begin()
    train(*args, **kwargs)
    report = session.end()
    assert report.problem == ""
    return [one.severity for one in report.findings if one.severity != "note"]


def samples(n: int = 320, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(n, 10, generator=torch.Generator().manual_seed(seed))
    return x, (x[:, 0] > 0).long()


def net(outputs: int = 2) -> nn.Sequential:
    return nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, outputs))


def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor) -> None:
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()


# schedules of an accumulation


def accumulated(how: str, by_hand: bool, accumulate: int = 4, end: float = 0.0) -> None:
    """how: where the schedule is stepped, and in what its length counts."""
    model, (x, y) = net(), samples()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader, epochs = DataLoader(TensorDataset(x, y), 8, shuffle=True), 5
    passes = epochs * len(loader)
    length = passes if "length in passes" in how else passes // accumulate
    count = 0
    scheduler = None if by_hand else lrs.LinearLR(optimizer, 1.0, end, total_iters=length)
    for _ in range(epochs):
        for i, (a, b) in enumerate(loader, 1):
            (F.cross_entropy(model(a), b) / accumulate).backward()
            stepped = i % accumulate == 0
            if stepped:
                optimizer.step()
                optimizer.zero_grad()
            if stepped or "each pass" in how:
                count += 1
                if scheduler is not None:
                    scheduler.step()
                else:
                    optimizer.param_groups[0]["lr"] = 0.1 * max(end, 1 - count / length)


@pytest.mark.parametrize("by_hand", [True, False])
@pytest.mark.parametrize("end", [0.0, 0.1])
@pytest.mark.parametrize(("how", "found"), [
    ("each pass", True), ("each pass, length in passes", False), ("each step", False),
])
@pytest.mark.filterwarnings("ignore:Detected call of")
def test_a_schedule_that_is_stepped_at_each_micro_batch(how, found, end, by_hand):
    assert said("schedule", accumulated, how, by_hand, end=end) == ([WARNED] if found else [])


@pytest.mark.parametrize(("idle", "found"), [(0.5, True), (0.0, False)])
def test_a_rate_by_hand_that_comes_to_nothing(idle, found):
    def train() -> None:
        model, (x, y) = net(), samples()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for i in range(40):
            optimizer.param_groups[0]["lr"] = 0.1 * max(0.0, 1 - i / (40 * (1 - idle)))
            step(model, optimizer, x, y)

    assert said("schedule", train) == ([WARNED] if found else [])


# class weights and samplers


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(("sampler", "weights", "found"), [
    (True, True, True), (True, False, False), (False, True, False), ("root", "root", False),
])
def test_classes_that_are_balanced_twice(sampler, weights, found, binary):
    def train() -> None:
        x, _ = samples(1200)
        y = (x[:, 0] > 1.3).long()
        share = torch.bincount(y) / len(y)
        if "root" in (sampler, weights):  # both in half
            share = share.sqrt()
        drawn = WeightedRandomSampler((1 / share)[y], len(y)) if sampler else None
        loader = DataLoader(TensorDataset(x, y), 32, sampler=drawn, shuffle=drawn is None)
        model = net(1 if binary else 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        for a, b in loader:
            optimizer.zero_grad()
            if binary:
                loss = F.binary_cross_entropy_with_logits(
                    model(a)[:, 0], b.float(), pos_weight=share[0] / share[1] if weights else None)
            else:
                loss = F.cross_entropy(model(a), b, weight=1 / share if weights else None)
            loss.backward()
            optimizer.step()

    assert said("class_weights", train) == ([WARNED] if found else [])


# resumes


@pytest.mark.parametrize(("optimizer", "saves", "goes_on", "found"), [
    ("Adam", False, True, True), ("Adam", True, True, False), ("Adam", False, False, False),
    ("SGD", False, True, False), ("Adam, a file of its own", False, True, False),
    ("Adam, the same one", False, True, False),
])
@pytest.mark.filterwarnings("ignore:Detected call of")
def test_a_resume_from_a_file_without_the_optimizer(optimizer, saves, goes_on, found):
    def train() -> None:
        file, own, (x, y) = io.BytesIO(), io.BytesIO(), samples()
        kind = torch.optim.SGD if optimizer == "SGD" else torch.optim.Adam
        kept = None
        for again in (False, True):
            model = net()
            moves: torch.optim.Optimizer = kind(model.parameters(), lr=1e-3)
            if kept is not None and "same" in optimizer:
                model, moves = kept
            scheduler = lrs.LinearLR(moves, 1.0, 0.1, 32)
            kept = model, moves
            if again:
                file.seek(0)
                state = torch.load(file)
                model.load_state_dict(state["model"])
                if saves:
                    moves.load_state_dict(state["optimizer"])
                if "file" in optimizer:
                    own.seek(0)
                    moves.load_state_dict(torch.load(own))
                scheduler.load_state_dict(state["scheduler"])
            for a, b in zip(x.split(20), y.split(20), strict=True):
                if goes_on or not again:
                    step(model, moves, a, b)
                    scheduler.step()
            state = {"model": model.state_dict(), "scheduler": scheduler.state_dict(), "epoch": 1}
            if saves:
                state["optimizer"] = moves.state_dict()
            if not again:
                torch.save(state, file)
                torch.save(moves.state_dict(), own)

    assert said("resume", train) == ([WARNED] if found else [])


# averages of the weights


class Wrapped(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)


@pytest.mark.parametrize("into", ["copies", "the model"])
@pytest.mark.parametrize("prefix", [True, False])
def test_an_average_whose_updates_find_no_name(prefix, into):
    @torch.no_grad()
    def evaluate(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
        return model.eval()(x)

    def train() -> None:
        model, (x, y) = net(), samples()
        average = {name: p.detach().clone() for name, p in model.named_parameters()}
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(4):
            model.train()
            for a, b in zip(x.split(16), y.split(16), strict=True):
                step(model, optimizer, a, b)
                for name, p in (Wrapped(model) if prefix else model).named_parameters():
                    if name in average:
                        average[name].lerp_(p.detach(), 0.1)
            evaluate(model, x)
            before = copy.deepcopy(model.state_dict())
            whole = copy.deepcopy(model) if into == "copies" else model
            whole.load_state_dict(average)
            evaluate(whole, x)
            if into == "the model":
                model.load_state_dict(before)

    assert said("averaged_copy", train) == ([WARNED] if prefix else [])


def test_folds_that_begin_with_the_same_weights_are_no_average():
    def train() -> None:
        model, (x, y) = net(), samples()
        start = copy.deepcopy(model.state_dict())
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(4):
            model.load_state_dict(start)
            with torch.no_grad():
                model.eval()(x)
            model.train()
            for a, b in zip(x.split(16), y.split(16), strict=True):
                step(model, optimizer, a, b)

    assert said("averaged_copy", train) == []


# mixed precision


@pytest.mark.parametrize(("dtype", "factor", "within", "found"), [
    (torch.float16, 1.0, False, True), (torch.float16, 1.0, True, True),
    (torch.bfloat16, 1.0, False, False), (torch.float16, 2.0**15, False, False), (None, 1.0, False, False),
])
def test_float16_without_a_scaler(dtype, factor, within, found):
    class Cast(nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.autocast("cpu", dtype=dtype or torch.float16, enabled=within):
                return super().forward(x).float()

    def train() -> None:
        model, (x, y) = Cast(*net()) if within else net(), samples()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1 / factor)
        for _ in range(10):
            with torch.autocast("cpu", dtype=dtype or torch.float16, enabled=dtype is not None and not within):
                loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            (1e-3 * factor * loss).backward()
            optimizer.step()

    assert said("update_precision", train) == ([WARNED] if found else [])


# two networks, each with an optimiser


def adversarial(clears: str, one_line: bool) -> None:
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    critic = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizers = [torch.optim.Adam(one.parameters(), lr=1e-3) for one in (generator, critic)]

    def loss_of(number: int) -> torch.Tensor:
        fake = generator(torch.randn(16, 4))
        if number == 0:
            return F.softplus(-critic(fake)).mean()
        return F.softplus(critic(fake.detach())).mean() + F.softplus(-critic(torch.randn(16, 2))).mean()

    def clear(number: int) -> None:
        if clears == "both":
            generator.zero_grad()
            critic.zero_grad()
        elif clears == "own, before":
            optimizers[number].zero_grad()

    for _ in range(30):
        if one_line:
            for number in (0, 1):
                loss = loss_of(number)
                clear(number)
                loss.backward()
                optimizers[number].step()
                if clears == "own, after":
                    optimizers[number].zero_grad()
        else:
            clear(0)
            loss_of(0).backward()
            optimizers[0].step()
            if clears == "own, after":
                optimizers[0].zero_grad()
            clear(1)
            loss_of(1).backward()
            optimizers[1].step()
            if clears == "own, after":
                optimizers[1].zero_grad()


@pytest.mark.parametrize("one_line", [True, False])
@pytest.mark.parametrize(("clears", "found"), [
    ("both", False), ("own, before", False), ("own, after", True),
])
def test_gradients_that_a_generator_leaves_in_its_critic(clears, found, one_line):
    assert said("grads_are_cleared", adversarial, clears, one_line) == (["error"] if found else [])
    assert said("accumulation", adversarial, clears, one_line) == []


def test_one_number_a_sample_is_nothing_to_learn_from():
    """An entity's number has no features: probes that lay samples flat failed on it."""
    class Entities(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(40, 8)

        def forward(self, head: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
            return (self.table(head) * self.table(other)) @ self.table.weight.T

    def train() -> None:
        model, facts = Entities(), torch.randint(0, 40, (640, 3))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for rows in facts.split(16):
            optimizer.zero_grad()
            F.cross_entropy(model(rows[:, 0], rows[:, 1]), rows[:, 2]).backward()
            optimizer.step()

    assert said("augmentation_keeps_label", train) == []


# searches that find what was masked


@pytest.mark.parametrize(("fill", "search", "found"), [
    (float("inf"), lambda d: d.max(1).values, True), (float("inf"), lambda d: d.min(1).values, False),
    (float("-inf"), lambda d: d.max(1).values, False), (-1e9, lambda d: d.amin(1), True),
    (1e9, lambda d: d.topk(1, 1).values[:, 0], True),
    (float("inf"), lambda d: d.topk(1, 1, largest=False).values[:, 0], False),
])
def test_a_search_that_finds_the_mask(fill, search, found):
    def train() -> None:
        model, (x, _) = net(4), samples()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for a in x.split(16):
            z = F.normalize(model(a), dim=1)
            distance = (1 - z @ z.T).masked_fill(torch.eye(len(z), dtype=torch.bool), fill)
            loss = F.relu(0.5 - search(distance)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    assert said("masked_extreme", train) == (["error"] if found else [])


# one object that is stored again and again


class Buffer:
    def __init__(self) -> None:
        self.entries: list[Any] = []
        self.current: list[float] = []
        self.state = np.zeros(10, np.float32)

    def play(self, how: str) -> None:
        if how in ("cleared", "in a tuple"):
            self.current.clear()
        else:
            self.current = []
        self.current.extend(np.random.default_rng(len(self.entries)).normal(size=10).tolist())
        self.state[:] = self.current
        self.entries.append({
            "cleared": self.current, "new": self.current, "in a tuple": (self.current, 1.0),
            "array": self.state, "array copied": self.state.copy(), "number": 1.0,
        }[how])


@pytest.mark.parametrize(("how", "found"), [
    ("cleared", True), ("in a tuple", True), ("array", True), ("new", False), ("array copied", False),
    ("number", False),
])
def test_entries_that_are_one_object(how, found):
    def train() -> None:
        model, (x, y), buffer = net(), samples(), Buffer()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for a, b in zip(x.split(16), y.split(16), strict=True):
            buffer.play(how)
            step(model, optimizer, a, b)

    assert said("repeated_entries", train) == (["error"] if found else [])


@pytest.mark.parametrize("copied", [True, False])
def test_a_history_of_weights(copied):
    def train() -> None:
        model, (x, y) = net(), samples()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        history, same = [], [torch.zeros(3)] * 4
        for a, b in zip(x.split(16), y.split(16), strict=True):
            step(model, optimizer, a, b)
            same[0].add_(1)  # a list that was made as a whole
            state = model.state_dict()
            history.append(copy.deepcopy(state) if copied else state)

    assert said("repeated_entries", train) == ([] if copied else ["error"])


# label maps


class Maps(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    def __init__(self, how: str, classes: int, by_pillow: bool) -> None:
        generator = torch.Generator().manual_seed(0)
        small = torch.randint(0, classes, (40, 1, 5, 5), generator=generator).float()
        self.maps = F.interpolate(small, size=(20, 20), mode="nearest")
        self.how, self.by_pillow = how, by_pillow

    def __len__(self) -> int:
        return len(self.maps)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        one = self.maps[i]
        if self.by_pillow:
            image = Image.fromarray(one[0].numpy().astype(np.uint8))
            how = {"nearest": Image.Resampling.NEAREST}.get(self.how)
            mask = torch.from_numpy(np.array(image.resize((12, 12), how))).long()
        else:
            mask = F.interpolate(one[None], size=(12, 12), mode=self.how)[0, 0].round().long()
        return F.interpolate(one[None], size=(12, 12), mode="bilinear")[0], mask


@pytest.mark.parametrize("by_pillow", [True, False])
@pytest.mark.parametrize(("how", "classes", "found"), [
    ("bilinear", 5, True), ("nearest", 5, False), ("bilinear", 2, False),
])
def test_label_maps_that_are_interpolated(how, classes, by_pillow, found):
    def train() -> None:
        model = nn.Conv2d(1, classes, 3, padding=1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for a, b in DataLoader(Maps(how, classes, by_pillow), 8, shuffle=True):
            step(model, optimizer, a + 0.1, b.clamp(max=classes - 1))

    assert said("label_maps", train) == (["error"] if found else [])


# statistics of the evaluation samples


@pytest.mark.parametrize("through", ["custom", "tensors", "loop"])
@pytest.mark.parametrize(("how", "found"), [("own", True), ("training's", False), ("per batch", False)])
def test_evaluation_samples_with_statistics_of_their_own(how, through, found):
    class Table(Dataset[tuple[torch.Tensor, torch.Tensor]]):
        def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
            self.x, self.y = x, y

        def __len__(self) -> int:
            return len(self.x)

        def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
            return self.x[i], self.y[i]

    def standard(x: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
        return (x - of.mean(0)) / of.std(0)

    def train() -> None:
        (x, y), (other, labels) = samples(), samples(100, 1)
        raw = x
        if how != "per batch":
            x, other = standard(raw, raw), standard(other, other if how == "own" else raw)
        model = net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        if through == "loop":
            for rows in torch.randperm(len(x)).split(32):
                step(model, optimizer, standard(x[rows], x[rows]) if how == "per batch" else x[rows], y[rows])
            with torch.no_grad():
                model.eval()(standard(other, other) if how == "per batch" else other)
            return
        kind = Table if through == "custom" else TensorDataset
        for a, b in DataLoader(kind(x, y), 32, shuffle=True):
            step(model, optimizer, a, b)
        with torch.no_grad():
            for a, _ in DataLoader(kind(other, labels), 40):
                model.eval()(a)

    assert said("leaked_statistics", train) == ([WARNED] if found else [])
