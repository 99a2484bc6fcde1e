"""Schedules, averaged copies, precision, samplers and resumes, on small trainings whose fault is
planted by one argument; without it they must be left alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler as lrs
from torch.utils.data import DataLoader, Subset, TensorDataset, WeightedRandomSampler
from torch.utils.data.distributed import DistributedSampler

from recipe_widgets.watch.session import WatchSession

EPOCHS, BATCH = 6, 16
RULES = ("schedule", "plateau_metric", "averaged_copy", "sample_order", "update_precision",
         "random_numbers", "optimizer_state", "resume", "accumulation", "stored_samples",
         "metric_recount", "leaked_statistics", "split_leak")


def samples(n: int = 320, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(n, 10, generator=torch.Generator().manual_seed(seed))
    return x, (x[:, 0] > 0).long()


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(10, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))


def sgd(model: nn.Module, **more: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.1, **more)


def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor,
         y: torch.Tensor) -> torch.Tensor:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


@torch.no_grad()
def evaluate(model: nn.Module) -> tuple[float, float]:
    """(loss, accuracy)"""
    model.eval()
    x, y = samples(100, 1)
    out = model(x)
    return float(F.cross_entropy(out, y)), float((out.argmax(1) == y).float().mean())


def said(train: Callable[..., None], *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
    """(severity, rule) of what is found in a training, notes apart."""
    torch.manual_seed(0)
    session = WatchSession(own_process=True, select=RULES)
    session.begin()
    train(*args, **kwargs)
    report = session.end()
    assert report.problem == ""
    return [(f.severity, f.name) for f in report.findings if f.severity != "note"]


# schedules


def scheduled(make: Callable[..., Any], per_batch: bool = False, accumulate: int = 1,
              metric: str = "", before: bool = False, other: bool = False) -> None:
    model, (x, y) = nn.Linear(10, 2), samples()
    optimizer = sgd(model)
    loader = DataLoader(TensorDataset(x, y), BATCH, shuffle=True)
    scheduler = make(sgd(model) if other else optimizer, len(loader))
    for _ in range(EPOCHS):
        if before:
            scheduler.step()
        for i, (a, b) in enumerate(loader, 1):
            loss = F.cross_entropy(model(a), b)
            (loss / accumulate).backward()
            if i % accumulate == 0:
                optimizer.step()
                optimizer.zero_grad()
                if per_batch:
                    scheduler.step()
        validation, accuracy = evaluate(model)
        if metric:
            scheduler.step({"loss": validation, "accuracy": accuracy, "batch": loss.detach(),
                            "error": 1 - accuracy}[metric])
        elif not per_batch and not before:
            scheduler.step()


def cosine(length: Callable[[int], int]) -> Callable[..., Any]:
    return lambda optimizer, batches: lrs.CosineAnnealingLR(optimizer, length(batches))


def function(factor: Callable[[int, int], float]) -> Callable[..., Any]:
    return lambda optimizer, batches: lrs.LambdaLR(optimizer, lambda n: factor(n, batches))


def warm_then_cosine(optimizer: Any, batches: int) -> Any:
    parts = [lrs.LinearLR(optimizer, 0.01, total_iters=40),
             lrs.CosineAnnealingLR(optimizer, batches * EPOCHS - 40)]
    return lrs.SequentialLR(optimizer, parts, [40])


def plateau(mode: str) -> Callable[..., Any]:
    return lambda optimizer, _: lrs.ReduceLROnPlateau(optimizer, mode)


@pytest.mark.parametrize(("make", "more"), [
    (cosine(lambda batches: batches), {}),
    (cosine(lambda batches: batches * EPOCHS), {}),
    (cosine(lambda batches: batches * EPOCHS), {"per_batch": True, "accumulate": 4}),
    (cosine(lambda _: EPOCHS), {"per_batch": True}),
    (function(lambda n, _: min(1.0, (n + 1) / 500)), {}),
    (function(lambda n, batches: max(0.0, 1 - n / (EPOCHS * batches))), {}),
    (function(lambda n, _: max(0.0, 1 - n / EPOCHS)), {"per_batch": True}),
    (function(lambda n, _: 0.1 * 0.9**n), {}),
    (warm_then_cosine, {}),
    (lambda optimizer, _: lrs.StepLR(optimizer, 1, 0.5), {"before": True}),
])
@pytest.mark.filterwarnings("ignore:Detected call of")
def test_a_schedule_that_does_not_fit_is_warned_of(make, more):
    assert said(scheduled, make, **more) == [("warning", "schedule")]


def test_a_schedule_of_another_optimizer_is_an_error():
    assert said(scheduled, lambda o, _: lrs.StepLR(o, 1, 0.5), other=True) == [("error", "schedule")]


@pytest.mark.parametrize(("make", "more"), [
    (cosine(lambda _: EPOCHS), {}),
    (cosine(lambda batches: batches * EPOCHS), {"per_batch": True}),
    (cosine(lambda batches: batches * EPOCHS // 4), {"per_batch": True, "accumulate": 4}),
    (function(lambda n, _: min(1.0, (n + 1) / 50)), {"per_batch": True}),
    (function(lambda n, batches: max(0.0, 1 - n / (EPOCHS * batches))), {"per_batch": True}),
    (function(lambda n, _: 0.9**n), {}),
    (warm_then_cosine, {"per_batch": True}),
    (lambda optimizer, _: lrs.StepLR(optimizer, 30), {}),
    (cosine(lambda _: 73), {}),  # stopped early, perhaps
])
def test_a_schedule_that_fits_is_left_alone(make, more):
    assert said(scheduled, make, **more) == []


@pytest.mark.parametrize(("mode", "metric", "found"), [
    ("max", "loss", "error"), ("min", "accuracy", "error"), ("min", "batch", "warning"),
    ("min", "loss", None), ("max", "accuracy", None), ("min", "error", None),
])
def test_what_a_plateau_is_measured_by(mode, metric, found):
    assert said(scheduled, plateau(mode), metric=metric) == (
        [(found, "plateau_metric")] if found else [])


# averaged copies


def averaged(decay: float = 0.9, buffers: bool = False, last_only: bool = False, update: bool = True,
             trains_itself: bool = False, both: bool = False, reference: bool = False) -> None:
    model, (x, y) = net(), samples()
    average, optimizer = copy.deepcopy(model).eval(), sgd(model)
    for epoch in range(4):
        model.train()
        for a, b in DataLoader(TensorDataset(x, y), BATCH, shuffle=True):
            step(model, optimizer, a, b)
            for mine, theirs in zip(average.parameters(), model.parameters(), strict=True):
                if update:
                    mine.data.mul_(decay).add_(theirs.data, alpha=1 - decay)
            for mine, theirs in zip(average.buffers(), model.buffers(), strict=True):
                if buffers:
                    mine.copy_(theirs)
            if trains_itself:
                with torch.no_grad():
                    average.train()(a)
        if both:
            evaluate(model)
        if reference:
            start = average
            evaluate(start)
        elif not last_only or epoch == 3:
            evaluate(average)


@pytest.mark.parametrize(("more", "found"), [
    ({}, "error"), ({"last_only": True}, "error"), ({"decay": 0.9999, "buffers": True}, "warning"),
    ({"update": False}, "warning"), ({"buffers": True}, None), ({"trains_itself": True}, None),
    ({"buffers": True, "last_only": True}, None), ({"update": False, "both": True}, "warning"),
    ({"update": False, "both": True, "reference": True}, None),
])
def test_averaged_copies(more, found):
    assert said(averaged, **more) == ([(found, "averaged_copy")] if found else [])


# the order of samples


def ordered(sampler: Any = None, set_epoch: bool = False, shuffle: bool = False, how: str = "epochs",
            seed: bool = False) -> None:
    model, data = net(), TensorDataset(*samples())
    optimizer = sgd(model)
    loader = DataLoader(data, BATCH, sampler=sampler, shuffle=shuffle)
    once = iter(loader)
    if how in ("anew", "one batch"):
        a, b = next(once)
        for _ in range(20):
            step(model, optimizer, *(next(iter(loader)) if how == "anew" else (a, b)))
        return
    for epoch in range(4):
        if seed:
            loader.generator = torch.Generator().manual_seed(3)
            loader.sampler.generator = loader.generator
        if set_epoch:
            sampler.set_epoch(epoch)
        for a, b in once if how == "once" else loader:
            step(model, optimizer, a, b)


def spread(shuffle: bool = True) -> DistributedSampler:
    return DistributedSampler(TensorDataset(*samples()), 1, 0, shuffle=shuffle)


@pytest.mark.parametrize(("more", "found"), [
    ({"sampler": spread()}, "error"), ({"shuffle": True, "seed": True}, "warning"),
    ({"sampler": WeightedRandomSampler([0.2, 0.8], 320)}, "error"), ({"how": "anew"}, "warning"),
    ({"how": "once", "shuffle": True}, "warning"), ({"sampler": spread(), "set_epoch": True}, None),
    ({"sampler": spread(shuffle=False)}, None), ({"shuffle": True}, None), ({}, None),
    ({"sampler": WeightedRandomSampler([0.2] * 320, 320)}, None), ({"how": "one batch"}, None),
    ({"how": "anew", "shuffle": True}, None),
])
def test_the_order_of_samples(more, found):
    assert said(ordered, **more) == ([(found, "sample_order")] if found else [])


def test_experiments_with_the_same_seed_are_left_alone():
    def train() -> None:
        for _ in range(4):
            torch.manual_seed(0)
            model, data = net(), TensorDataset(*samples())
            optimizer = torch.optim.Adam(model.parameters())
            for a, b in DataLoader(data, BATCH, shuffle=True):
                step(model, optimizer, a, b)

    assert said(train) == []


class InPlace(TensorDataset):
    """Subtracts from what is stored, or from a copy."""

    copies = False

    def __getitem__(self, i: int) -> Any:
        x, y = super().__getitem__(i)
        x = x.clone() if self.copies else x
        x -= 0.1
        return x, y


@pytest.mark.parametrize("copies", [False, True])
def test_a_data_set_that_changes_what_it_stores(copies):
    def train() -> None:
        model, data = net(), InPlace(*samples())
        data.copies = copies
        optimizer = sgd(model)
        for _ in range(3):
            for a, b in DataLoader(data, BATCH, shuffle=True):
                step(model, optimizer, a, b)

    assert said(train) == ([] if copies else [("error", "stored_samples")])


# precision, steps, resumes


def scaled(how: str) -> None:
    model, (x, y) = net(), samples()
    optimizer, other = sgd(model), sgd(model)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for i, (a, b) in enumerate(zip(x.split(10), y.split(10), strict=True)):
        loss = F.cross_entropy(model(a), b)
        if how == "plain step":
            scaler.scale(loss).backward()
            optimizer.step()
        elif how == "plain loss":
            scaler.scale(loss)
            loss.backward()
        elif how == "halves":
            (scaler.scale(loss) / 2).backward()
            if i % 2 == 0:
                continue
        else:
            scaler.scale(loss).backward()
        if how != "plain step":
            scaler.step(optimizer)
            scaler.update()
        if how == "twice":
            optimizer.step()
        optimizer.zero_grad()
        if how == "two":
            F.cross_entropy(model(a), b).backward()
            other.step()
            other.zero_grad()


@pytest.mark.parametrize(("how", "rule"), [
    ("plain step", "update_precision"), ("plain loss", "update_precision"),
    ("twice", "optimizer_state"), ("halves", ""), ("two", ""), ("right", ""),
])
def test_scaled_gradients(how, rule):
    assert said(scaled, how) == ([("error", rule)] if rule else [])


@pytest.mark.parametrize(("dtype", "lr", "found"), [
    (torch.bfloat16, 1e-5, True), (torch.bfloat16, 1e-2, False), (torch.float32, 1e-5, False),
])
def test_updates_that_are_rounded_away(dtype, lr, found):
    def train() -> None:
        model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 2)).to(dtype)
        optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
        x, y = samples()
        for a, b in zip(x.to(dtype).split(10), y.split(10), strict=True):
            step(model, optimizer, a, b)

    assert said(train) == ([("warning", "update_precision")] if found else [])


@pytest.mark.parametrize(("where", "momentum", "found"), [
    ("epoch", 0.9, True), ("epoch", 0.0, False), ("run", 0.9, False), ("task", 0.9, False),
])
def test_an_optimizer_that_is_made_anew(where, momentum, found):
    def train() -> None:
        model, (x, y) = net(), samples()
        optimizer = sgd(model, momentum=momentum) if where == "run" else None
        for epoch in range(4):
            if where != "run":
                optimizer = sgd(model, momentum=momentum)
            if where == "task":  # data of its own
                x, y = samples(seed=epoch)
            for a, b in DataLoader(TensorDataset(x, y), BATCH, shuffle=True):
                step(model, optimizer, a, b)

    assert said(train) == ([("warning", "optimizer_state")] if found else [])


@pytest.mark.parametrize("clears_each", [True, False])
def test_gradients_that_are_cleared_before_each_pass(clears_each):
    def train() -> None:
        model, (x, y) = net(), samples()
        optimizer = sgd(model)
        for i, (a, b) in enumerate(zip(x.split(8), y.split(8), strict=True), 1):
            if clears_each:
                optimizer.zero_grad()
            (F.cross_entropy(model(a), b) / 4).backward()
            if i % 4 == 0:
                optimizer.step()
                if not clears_each:
                    optimizer.zero_grad()

    assert said(train) == ([("warning", "accumulation")] if clears_each else [])


def test_gradients_that_are_collected_and_put_back_are_used():
    def train() -> None:
        model, (x, y) = net(), samples()
        optimizer = sgd(model)
        for a, b in zip(x.split(10), y.split(10), strict=True):
            sums = [torch.zeros_like(p) for p in model.parameters()]
            for part in range(2):
                optimizer.zero_grad()
                F.cross_entropy(model(a[part::2]), b[part::2]).backward()
                sums = [s + p.grad for s, p in zip(sums, model.parameters(), strict=True)]
            for s, p in zip(sums, model.parameters(), strict=True):
                p.grad = s
            optimizer.step()

    assert said(train) == []


def test_a_closure_computes_gradients_within_the_step():
    def train() -> None:
        model, (x, y) = nn.Linear(10, 2), samples()
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss

        for _ in range(12):
            optimizer.step(closure)

    assert said(train) == []


def test_sam_uses_the_gradients_that_it_clears():
    def train() -> None:
        model, (x, y) = net(), samples()
        optimizer = sgd(model)
        for a, b in zip(x.split(10), y.split(10), strict=True):
            for climb in (True, False):
                F.cross_entropy(model(a), b).backward()
                with torch.no_grad():
                    for p in model.parameters() if climb else ():
                        p.add_(p.grad, alpha=0.01)
                if not climb:
                    optimizer.step()
                optimizer.zero_grad()

    assert said(train) == []


@pytest.mark.parametrize(("loads", "found"), [
    ("model", True), ("model, optimizer", True), ("model, optimizer, scheduler", False),
    ("another model", False),
])
def test_a_resume_that_leaves_states_out(tmp_path, loads, found):
    def train() -> None:
        file, (x, y) = tmp_path / "run.pt", samples()
        for again in (False, True):
            layers = [nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 2)]
            model = nn.Sequential(*layers)
            extra = nn.Linear(2, 2) if again and loads == "another model" else nn.Identity()
            whole = nn.Sequential(model, extra)
            optimizer = torch.optim.Adam(whole.parameters(), lr=1e-3)
            scheduler = lrs.ExponentialLR(optimizer, 0.9)
            if again:
                state = torch.load(file)
                model.load_state_dict(state["model"])
                if "optimizer" in loads:
                    optimizer.load_state_dict(state["optimizer"])
                if "scheduler" in loads:
                    scheduler.load_state_dict(state["scheduler"])
            for a, b in zip(x.split(20), y.split(20), strict=True):
                step(whole, optimizer, a, b)
            scheduler.step()
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(),
                        "scheduler": scheduler.state_dict()}, file)

    assert said(train) == ([("warning", "resume")] if found else [])


@pytest.mark.parametrize(("how", "found"), [
    ("anew", True), ("steps", True), ("after the load", True), ("forward", False), ("last_epoch", False),
    ("exponential", False), ("another plan", False), ("no count", False), ("at once", False),
])
@pytest.mark.filterwarnings("ignore:Detected call of")
def test_a_resume_from_a_file_without_the_schedule(tmp_path, how, found):
    def make(optimizer: Any, last: int = -1) -> Any:
        if how == "exponential":
            return lrs.ExponentialLR(optimizer, 0.9)
        if how == "steps":
            return lrs.StepLR(optimizer, 2, 0.1, last_epoch=last)
        return lrs.LambdaLR(optimizer, lambda n: max(0.0, 1 - n / 10), last_epoch=last)

    def train() -> None:
        file, data = tmp_path / "run.pt", DataLoader(TensorDataset(*samples()), 20)
        for again in (False, True):
            model = net()
            optimizer = torch.optim.Adam(
                model.parameters(), lr=1e-2 if again and how == "another plan" else 2e-2)
            scheduler = make(optimizer) if not again or how not in ("after the load", "last_epoch") else None
            if again:
                state = torch.load(file)
                model.load_state_dict(state["model"])
                optimizer.load_state_dict(state["optimizer"])
                if how == "forward":
                    for _ in range(5):
                        scheduler.step()
                elif scheduler is None:
                    scheduler = make(optimizer, 5 if how == "last_epoch" else -1)
            for _ in range(0 if again and how == "at once" else 5):
                for a, b in data:
                    step(model, optimizer, a, b)
                scheduler.step()
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 5}
            torch.save({key: value for key, value in state.items() if key != "epoch" or how != "no count"},
                       file)

    assert said(train) == ([("warning", "resume")] if found else [])


# rates that are set by hand, and schedulers that are made anew


def rated(rate: Callable[[int, int], float]) -> None:
    """rate: of the epoch and the batch."""
    model, data = net(), TensorDataset(*samples())
    optimizer = sgd(model)
    batches = DataLoader(data, BATCH, shuffle=True)
    for epoch in range(EPOCHS):
        for i, (a, b) in enumerate(batches):
            for group in optimizer.param_groups:
                group["lr"] = rate(epoch, i)
            step(model, optimizer, a, b)


@pytest.mark.parametrize(("rate", "found"), [
    (lambda epoch, i: 0.1 * min(1.0, (i + 1) / 12), True),
    (lambda epoch, i: 1e-5 + 0.1 * i / 12 if i < 12 else 0.1 * (1 - epoch / EPOCHS), True),
    (lambda epoch, i: 1e-5 + 0.1 * i / 12 if i < 12 else 0.05 * (1 + np.cos(np.pi * (20 * epoch + i) / 120)),
     True),
    (lambda epoch, i: 0.1 * min(1.0, (20 * epoch + i + 1) / 30), False),
    (lambda epoch, i: 0.1 * 0.5 * (1 + np.cos(np.pi * i / 20)), False),  # warm restarts
    (lambda epoch, i: 0.01 + 0.1 * (1 - abs(i / 10 - 1)), False),  # up and down again
    (lambda epoch, i: 0.1 * 0.1**(epoch // 2), False),
    (lambda epoch, i: 0.1 if (20 * epoch + i) % 7 else 0.01, False),
])
def test_a_warm_up_that_begins_anew(rate, found):
    assert said(rated, rate) == ([("warning", "schedule")] if found else [])


@pytest.mark.parametrize(("make", "in_loop", "found"), [
    (lambda o, n: lrs.StepLR(o, 3, 0.1), True, True),
    (lambda o, n: lrs.LambdaLR(o, lambda k: 1 / (1 + k)), True, True),
    (lambda o, n: lrs.CosineAnnealingWarmRestarts(o, n), True, False),
    (lambda o, n: lrs.ExponentialLR(o, 0.9), True, False),
    (lambda o, n: lrs.StepLR(o, 3, 0.1), False, False),
])
@pytest.mark.filterwarnings("ignore:Detected call of")
def test_a_scheduler_that_is_made_in_the_loop(make, in_loop, found):
    def train() -> None:
        model, loader = net(), DataLoader(TensorDataset(*samples()), BATCH, shuffle=True)
        optimizer = sgd(model)
        scheduler = make(optimizer, len(loader)) if not in_loop else None
        for _ in range(EPOCHS):
            if in_loop:
                scheduler = make(optimizer, len(loader))
            for a, b in loader:
                step(model, optimizer, a, b)
                if isinstance(scheduler, lrs.CosineAnnealingWarmRestarts):
                    scheduler.step()
            if not isinstance(scheduler, lrs.CosineAnnealingWarmRestarts):
                scheduler.step()

    assert said(train) == ([("warning", "schedule")] if found else [])


# seeds that an evaluation sets


@pytest.mark.parametrize(("how", "found"), [
    ("global", "sample_order"), ("permutation", "random_numbers"), ("own", None), ("restored", None),
    ("by epoch", None), ("none", None),
])
def test_a_seed_of_an_evaluation(how, found):
    def train() -> None:
        model, data = net(), TensorDataset(*samples())
        optimizer, loader = sgd(model), DataLoader(data, BATCH, shuffle=True)
        for epoch in range(6):
            model.train()
            indices = torch.randperm(len(data)).split(BATCH) if how == "permutation" else ()
            for a, b in (data[i] for i in indices) if how == "permutation" else loader:
                step(model, optimizer, a, b)
            state = torch.get_rng_state()
            generator = None
            if how in ("global", "permutation", "restored"):
                generator = torch.manual_seed(0)
            elif how == "own":
                generator = torch.Generator().manual_seed(0)
            elif how == "by epoch":
                generator = torch.manual_seed(epoch)
            model.eval()
            with torch.no_grad():
                model(torch.randn(40, 10, generator=generator))
            if how == "restored":
                torch.set_rng_state(state)

    assert said(train) == ([("warning", found)] if found else [])


# folds


def folded(how: str, loaders: bool = True) -> None:
    x, y = samples(400, 5)
    data, parts = TensorDataset(x, y), torch.arange(400).chunk(4)
    model = net()
    start, optimizer = copy.deepcopy(model.state_dict()), sgd(model)
    for k in range(4):
        if how in ("new", "new, then all"):
            model = net()
            optimizer = sgd(model)
        elif how == "loaded":
            model.load_state_dict(start)
        elif how == "reset":
            for layer in model:
                if hasattr(layer, "reset_parameters"):
                    layer.reset_parameters()
        train = torch.cat([part for j, part in enumerate(parts) if j != k])
        held_out = parts[k]
        if how == "ahead":  # each part is evaluated before it is trained on
            train, held_out = parts[k], parts[(k + 1) % 4] if k < 3 else torch.zeros(0, dtype=torch.long)
        for _ in range(2):
            model.train()
            batches = (DataLoader(Subset(data, train.tolist()), BATCH, shuffle=True) if loaders
                       else [data[i] for i in train[torch.randperm(len(train))].split(BATCH)])
            for a, b in batches:
                step(model, optimizer, a, b)
        model.eval()
        if len(held_out):
            test = (DataLoader(Subset(data, held_out.tolist()), 50) if loaders
                    else [data[i] for i in held_out.split(50)])
            with torch.no_grad():
                hits = sum(int((model(a).argmax(1) == b).sum()) for a, b in test)
            print(f"accuracy {hits / len(held_out):.3f}")


@pytest.mark.parametrize("loaders", [True, False])
@pytest.mark.parametrize(("how", "found"), [
    ("one model", True), ("new", False), ("loaded", False), ("reset", False), ("ahead", False),
])
def test_folds_of_a_cross_validation(how, found, loaders):
    assert bool(said(folded, how, loaders)) == found


@pytest.mark.parametrize("divisor", ["samples", "batches"])
def test_a_loss_that_is_divided_twice(divisor, capsys):
    def train() -> None:
        model, (x, y), (test_x, test_y) = net(), samples(), samples(100, 1)
        optimizer = sgd(model)
        for _ in range(2):
            for a, b in zip(x.split(20), y.split(20), strict=True):
                step(model.train(), optimizer, a, b)
            total, batches = 0.0, list(zip(test_x.split(25), test_y.split(25), strict=True))
            model.eval()
            with torch.no_grad():
                for a, b in batches:
                    total += F.cross_entropy(model(a), b).item()
            print(f"validation loss {total / (100 if divisor == 'samples' else len(batches)):.5f}")

    assert said(train) == ([("warning", "metric_recount")] if divisor == "samples" else [])


@pytest.mark.parametrize("before_the_split", [True, False])
def test_statistics_of_all_samples(before_the_split):
    def train() -> None:
        model, (x, y) = net(), samples()
        of = x if before_the_split else x[:240]
        data = TensorDataset((x - of.mean(0)) / of.std(0), y)
        optimizer = sgd(model)
        for a, b in DataLoader(Subset(data, range(240)), BATCH, shuffle=True):
            step(model.train(), optimizer, a, b)
        with torch.no_grad():
            for a, _ in DataLoader(Subset(data, range(240, 320)), 40):
                model.eval()(a)

    assert said(train) == ([("warning", "leaked_statistics")] if before_the_split else [])


def test_two_scalers_with_factors_of_their_own_skip_nothing():
    """As a GAN has them: one scaler's smaller factor is no skipped step of the other's."""

    def train() -> None:
        nets = [net(), net()]
        optimizers = [sgd(one) for one in nets]
        scalers = [torch.amp.GradScaler("cpu", init_scale=scale) for scale in (1024.0, 512.0)]
        x, y = samples()
        for _ in range(2 * EPOCHS):
            for a, b in zip(x.split(80), y.split(80), strict=True):
                for one, optimizer, scaler in zip(nets, optimizers, scalers, strict=True):
                    optimizer.zero_grad()
                    scaler.scale(F.cross_entropy(one(a), b)).backward()
                    scaler.step(optimizer)
                    scaler.update()

    assert said(train) == []
