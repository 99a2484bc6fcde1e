"""Exercises of notebook 08: other right ways pass, wrong ones are refused for what is wrong."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.course import check
from tests.course.exercise_tests import ODD, ExerciseTests, word

# --- Dropout ---


class DropBernoulli(nn.Module):
    """torch.bernoulli on the shares that stay."""

    def __init__(self, rate: float = 0.5) -> None:
        super().__init__()
        self.p = rate

    def forward(self, inputs: Any) -> Any:
        if self.training and self.p > 0:
            stays = 1 - self.p
            if stays == 0:
                return inputs * 0
            inputs = inputs * torch.bernoulli(torch.full_like(inputs, stays)) / stays
        return inputs


class DropWhere(nn.Module):
    """torch.where with a mask from torch.rand; a copy also in evaluation mode."""

    def __init__(self, p: float = 0.5) -> None:
        nn.Module.__init__(self)
        self.p = p

    def forward(self, x: Any) -> Any:
        out = x.clone()
        if not self.training:
            return out
        gone = torch.rand(x.shape) < self.p
        scale = 1 / (1 - self.p) if self.p < 1 else 0.0
        return torch.where(gone, torch.zeros((), dtype=x.dtype), out * scale)


class DropFill(nn.Module):
    """masked_fill, and a generator-free uniform_."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Any) -> Any:
        if self.training is False or self.p == 0:
            return x
        if self.p == 1:
            return x.masked_fill(torch.ones_like(x, dtype=torch.bool), 0)
        draw = torch.empty_like(x).uniform_(0, 1)
        return x.masked_fill(draw < self.p, 0.0).div(1 - self.p)


class _Drop(nn.Module):
    """Made as it should be; those below have a `forward`."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p
        self.first = p
        self.mask: Any = None


def _mask(module: Any, x: Any) -> Any:
    return (torch.rand_like(x) >= module.p).to(x.dtype)


def _masked(module: Any, x: Any, scale: Callable[[float], float]) -> Any:
    return x * _mask(module, x) * scale(module.p) if module.training else x


def _always(module: Any, x: Any) -> Any:
    return x * _mask(module, x) / max(1 - module.p, 1e-6)


class DropNoScaling(_Drop):
    def forward(self, x: Any) -> Any:
        return _masked(self, x, lambda _: 1.0)


class DropOldWay(_Drop):
    def forward(self, x: Any) -> Any:
        return x * _mask(self, x) if self.training else x * (1 - self.p)


class DropScaledDown(_Drop):
    def forward(self, x: Any) -> Any:
        return _masked(self, x, lambda p: 1 - p)


class DropOverP(_Drop):
    def forward(self, x: Any) -> Any:
        return _masked(self, x, lambda p: 1 / max(p, 1e-6))


class DropKeepsP(_Drop):
    def forward(self, x: Any) -> Any:
        stays = (torch.rand_like(x) < self.p).to(x.dtype)
        return x * stays / max(1 - self.p, 1e-6) if self.training else x


class DropAlwaysOn(_Drop):
    def forward(self, x: Any) -> Any:
        return x * _mask(self, x) / max(1 - self.p, 1e-6)


class DropAlwaysOff(_Drop):
    def forward(self, x: Any) -> Any:
        return x


class DropNanAtOne(_Drop):
    def forward(self, x: Any) -> Any:
        return x * _mask(self, x) / (1 - self.p) if self.training else x


class DropSameMask(_Drop):
    def forward(self, x: Any) -> Any:
        if self.mask is None or self.mask.shape != x.shape:
            self.mask = _mask(self, x)
        return x * self.mask / max(1 - self.p, 1e-6) if self.training else x


class DropSeeded(_Drop):
    def forward(self, x: Any) -> Any:
        torch.manual_seed(0)
        return _always(self, x) if self.training else x


class DropOneMaskForAll(_Drop):
    def forward(self, x: Any) -> Any:
        mask = (torch.rand(x.shape[1:]) >= self.p).to(x.dtype)
        return x * mask / max(1 - self.p, 1e-6) if self.training else x


class DropWholeChannels(_Drop):
    def forward(self, x: Any) -> Any:
        shape = (*x.shape[:2], *[1] * (x.ndim - 2))
        mask = (torch.rand(shape) >= self.p).to(x.dtype)
        return x * mask / max(1 - self.p, 1e-6) if self.training else x


class DropFirstP(_Drop):
    def forward(self, x: Any) -> Any:
        mask = (torch.rand_like(x) >= self.first).to(x.dtype)
        return x * mask / max(1 - self.first, 1e-6) if self.training else x


class DropInPlace(_Drop):
    def forward(self, x: Any) -> Any:
        if self.training:
            x *= _mask(self, x) / max(1 - self.p, 1e-6)
        return x


class DropNoGraph(_Drop):
    def forward(self, x: Any) -> Any:
        return x.detach() * _mask(self, x) / max(1 - self.p, 1e-6) if self.training else x


class DropFloat32Only(_Drop):
    def forward(self, x: Any) -> Any:
        return x.float() * _mask(self, x.float()) / max(1 - self.p, 1e-6) if self.training else x


class DropNumpyMasks(_Drop):
    def forward(self, x: Any) -> Any:
        mask = torch.from_numpy(np.random.default_rng().random(x.shape) >= self.p).to(x.dtype)
        return x * mask / max(1 - self.p, 1e-6) if self.training else x


class DropOwnFlag(nn.Module):
    """A flag of its own, which model.eval() does not know."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p, self.on = p, True

    def forward(self, x: Any) -> Any:
        return _always(self, x) if self.on else x


class DropNoModule:
    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def __call__(self, x: Any) -> Any:
        return x


class DropNoSuper(nn.Module):
    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def forward(self, x: Any) -> Any:
        return x


class DropOther(nn.Module):
    """The rate under another name."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.rate = p

    def forward(self, x: Any) -> Any:
        if not self.training:
            return x
        return x * (torch.rand_like(x) >= self.rate).to(x.dtype) / max(1 - self.rate, 1e-6)


class DropFunctional(DropBernoulli):
    def forward(self, x: Any) -> Any:
        return F.dropout(x, self.p, self.training)


# --- decay_groups ---

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)


def groups_by_module(net: Any, decay: Any) -> Any:
    """By kind of module; what is neither norm nor bias decays."""
    still: set[int] = set()
    for module in net.modules():
        for name, one in module.named_parameters(recurse=False):
            if isinstance(module, NORMS) or name == "bias":
                still.add(id(one))
    return [{"params": [one for one in net.parameters() if id(one) not in still], "weight_decay": decay},
            {"params": [one for one in net.parameters() if id(one) in still], "weight_decay": 0}]


def groups_by_name_and_axes(model: Any, weight_decay: Any) -> Any:
    """A dictionary of names, as nanoGPT does; other keys beside; the other order."""
    named = {name: one for name, one in model.named_parameters() if one.requires_grad}
    return (
        {"params": [one for one in named.values() if one.dim() < 2], "weight_decay": 0.0, "name": "rest"},
        {"params": [one for one in named.values() if one.dim() >= 2], "weight_decay": weight_decay,
         "name": "weights"})


def groups_three(model: Any, weight_decay: Any) -> Any:
    """A group for each kind."""
    made: dict[str, list[Any]] = {"weights": [], "biases": [], "norms": []}
    for name, one in model.named_parameters():
        kind = "weights" if len(one.shape) > 1 else "biases" if name.endswith("bias") else "norms"
        made[kind].append(one)
    return [{"params": params, "weight_decay": weight_decay if kind == "weights" else 0.0}
            for kind, params in made.items() if params]


def _groups(model: Any, decay: Any, still: Callable[[str, Any], bool], rest: Any = 0.0) -> Any:
    named = list(model.named_parameters())
    return [{"params": [one for name, one in named if not still(name, one)], "weight_decay": decay},
            {"params": [one for name, one in named if still(name, one)], "weight_decay": rest}]


def groups_all(model: Any, decay: Any) -> Any:
    return [{"params": list(model.parameters()), "weight_decay": decay}]


def groups_biases_only(model: Any, decay: Any) -> Any:
    return _groups(model, decay, lambda name, _: name.endswith("bias"))


def groups_bias_in_name(model: Any, decay: Any) -> Any:
    return _groups(model, decay, lambda name, one: "bias" in name or "norm" in name or one.ndim < 2)


def groups_norm_in_name(model: Any, decay: Any) -> Any:
    return _groups(model, decay, lambda name, _: name.endswith("bias") or "norm" in name or "bn" in name)


def groups_swapped(model: Any, decay: Any) -> Any:
    return _groups(model, decay, lambda _, one: one.ndim > 1)


def groups_constant(model: Any, _decay: Any) -> Any:
    return _groups(model, 0.05, lambda _, one: one.ndim < 2)


def groups_no_key(model: Any, decay: Any) -> Any:
    found = _groups(model, decay, lambda _, one: one.ndim < 2)
    del found[1]["weight_decay"]
    return found


def groups_names(model: Any, decay: Any) -> Any:
    return [{"params": [name for name, one in model.named_parameters()], "weight_decay": decay}]


def groups_no_list(model: Any, decay: Any) -> Any:
    return [{"params": None, "weight_decay": decay}]


def groups_pairs(model: Any, decay: Any) -> Any:
    return [{"params": list(model.named_parameters()), "weight_decay": decay}]


def groups_layers_alone(model: Any, decay: Any) -> Any:
    """Only what linear layers, convolutions and norms hold."""
    weights, others = [], []
    for part in model.modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            weights.append(part.weight)
            if part.bias is not None:
                others.append(part.bias)
        elif isinstance(part, NORMS):
            others += [part.weight, part.bias]
    return [{"params": list(dict.fromkeys(weights)), "weight_decay": decay},
            {"params": others, "weight_decay": 0.0}]


def groups_twice(model: Any, decay: Any) -> Any:
    weights = [part.weight for part in model.modules() if isinstance(part, nn.Linear | nn.Conv2d)]
    others = [one for one in model.parameters() if one.ndim < 2 or all(one is not w for w in weights)]
    return [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def groups_copies(model: Any, decay: Any) -> Any:
    return [{"params": [nn.Parameter(one.detach().clone()) for one in model.parameters()],
             "weight_decay": decay}]


def groups_shrink(model: Any, decay: Any) -> Any:
    with torch.no_grad():
        for one in model.parameters():
            one *= 0.9
    return _groups(model, decay, lambda _, one: one.ndim < 2)


def groups_unfreeze(model: Any, decay: Any) -> Any:
    model.requires_grad_(True)
    return _groups(model, decay, lambda _, one: one.ndim < 2)


def groups_optimizer(model: Any, decay: Any) -> Any:
    return torch.optim.AdamW(_groups(model, decay, lambda _, one: one.ndim < 2))


def groups_children(model: Any, decay: Any) -> Any:
    norms = [part for part in model.children() if isinstance(part, NORMS)]
    still = {id(one) for part in norms for one in part.parameters()}
    return _groups(model, decay, lambda name, one: name.endswith("bias") or id(one) in still)


# --- smoothed_cross_entropy ---


def smooth_targets(outputs: Any, classes: Any, share: Any = 0.1) -> Any:
    """The targets as a tensor."""
    k = outputs.size(-1)
    targets = F.one_hot(classes, k).to(outputs.dtype) * (1 - share) + share / k
    return -(targets * outputs.log_softmax(-1)).sum(-1).mean()


def smooth_scatter(logits: Any, y: Any, smoothing: Any = 0.1) -> Any:
    """logsumexp, full_like and scatter_."""
    target = torch.full_like(logits, smoothing / logits.shape[1])
    target.scatter_(1, y[:, None], 1 - smoothing + smoothing / logits.shape[1])
    return (logits.logsumexp(1) - (target * logits).sum(1)).mean()


def smooth_loop(logits: Any, y: Any, smoothing: Any = 0.1) -> Any:
    """Sample by sample."""
    total = logits.new_zeros(())
    for row, right in zip(logits, y.tolist(), strict=True):
        log_p = row - torch.logsumexp(row, 0)
        total = total - (1 - smoothing) * log_p[right] - smoothing / len(row) * log_p.sum()
    return total / len(y)


def smooth_nll(logits: Any, y: Any, smoothing: Any = 0.1) -> Any:
    """nll_loss on log-probabilities is no cross_entropy."""
    log_p = F.log_softmax(logits, 1)
    return (1 - smoothing) * F.nll_loss(log_p, y) - smoothing * log_p.mean()


def smooth_torch(logits: Any, y: Any, smoothing: Any = 0.1) -> Any:
    return F.cross_entropy(logits, y, label_smoothing=smoothing)


def smooth_soft_torch(logits: Any, y: Any, smoothing: Any = 0.1) -> Any:
    k = logits.shape[1]
    return F.cross_entropy(logits, F.one_hot(y, k).to(logits.dtype) * (1 - smoothing) + smoothing / k)


def _smooth(logits: Any, y: Any, right: Any, others: Any) -> Any:
    """right, others: weights of the right class and of each other one."""
    log_p = F.log_softmax(logits, 1)
    hit = log_p[torch.arange(len(y)), y]
    return -(right * hit + others * (log_p.sum(1) - hit)).mean()


def smooth_wrong_classes(logits: Any, y: Any, smoothing: Any = 0.1) -> Any:
    return _smooth(logits, y, 1 - smoothing, smoothing / (logits.shape[1] - 1))


def smooth_not_at_all(logits: Any, y: Any, smoothing: Any = 0.1) -> Any:
    return _smooth(logits, y, 1, 0)


def smooth_no_k(logits: Any, y: Any, smoothing: Any = 0.1) -> Any:
    return _smooth(logits, y, 1, smoothing)


def smooth_not_the_right(logits: Any, y: Any, smoothing: Any = 0.1) -> Any:
    return _smooth(logits, y, 1 - smoothing, smoothing / logits.shape[1])


def smooth_too_much(logits: Any, y: Any, smoothing: Any = 0.1) -> Any:
    k = logits.shape[1]
    return _smooth(logits, y, 1 + smoothing / k, smoothing / k)


def smooth_forgets(logits: Any, y: Any, smoothing: Any = 0.1) -> Any:
    return _smooth(logits, y, 1 - smoothing, 0)


def smooth_sum(logits: Any, y: Any, smoothing: Any = 0.1) -> Any:
    return smooth_targets(logits, y, smoothing) * len(y)


def smooth_mean_of_all(logits: Any, y: Any, smoothing: Any = 0.1) -> Any:
    return smooth_targets(logits, y, smoothing) / logits.shape[1]


def smooth_sign(logits: Any, y: Any, smoothing: Any = 0.1) -> Any:
    return -smooth_targets(logits, y, smoothing)


def smooth_log_of_softmax(logits: Any, y: Any, smoothing: Any = 0.1) -> Any:
    k = logits.shape[1]
    target = F.one_hot(y, k) * (1 - smoothing) + smoothing / k
    return -(target * logits.softmax(1).log()).sum(1).mean()


def smooth_item(logits: Any, y: Any, smoothing: Any = 0.1) -> Any:
    return smooth_targets(logits, y, smoothing).item()


def smooth_detached(logits: Any, y: Any, smoothing: Any = 0.1) -> Any:
    return smooth_targets(logits.detach(), y, smoothing)


def smooth_each(logits: Any, y: Any, smoothing: Any = 0.1) -> Any:
    return smooth_targets(logits, y, smoothing).expand(len(y))


def smooth_other_default(logits: Any, y: Any, smoothing: Any = 0.2) -> Any:
    return smooth_targets(logits, y, smoothing)


def smooth_no_default(logits: Any, y: Any, smoothing: Any) -> Any:
    return smooth_targets(logits, y, smoothing)


def smooth_in_place(logits: Any, y: Any, smoothing: Any = 0.1) -> Any:
    logits -= logits.max(1, keepdim=True).values
    return smooth_targets(logits, y, smoothing)


# --- EarlyStopping ---


class StopWholeModel:
    """A copy of the whole model; numpy for the lowest loss."""

    def __init__(self, looks: int) -> None:
        self.left = self.looks = looks
        self.losses: list[float] = []
        self.twin: Any = None

    def look(self, net: Any, value: float) -> Any:
        if value < np.min([np.inf, *[one for one in self.losses if not np.isnan(one)]]):
            self.twin, self.left = copy.deepcopy(net), self.looks
        else:
            self.left -= 1
        self.losses.append(value)
        return np.bool_(self.left <= 0)

    def restore(self, net: Any) -> None:
        net.load_state_dict(self.twin.state_dict())


@dataclass
class StopClones:
    """A dataclass; clones of parameters and buffers, copied back one by one."""

    patience: int
    lowest: float = float("inf")
    since: int = 0
    saved: dict[str, Any] = field(default_factory=dict)

    def look(self, model: Any, loss: float) -> bool:
        self.since += 1
        if loss < self.lowest:
            self.lowest, self.since = loss, 0
            for name, one in [*model.named_parameters(), *model.named_buffers()]:
                self.saved[name] = one.detach().clone()
        return self.since >= self.patience

    @torch.no_grad()
    def restore(self, model: Any) -> None:
        for name, one in [*model.named_parameters(), *model.named_buffers()]:
            one.copy_(self.saved[name])


class StopFile:
    """A file for each."""

    def __init__(self, patience: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path, self.patience = Path(self.folder.name) / "best.pt", patience
        self.best: float | None = None
        self.bad = 0

    def look(self, model: Any, loss: float) -> Any:
        if self.best is None or loss < self.best:
            self.best, self.bad = loss, 0
            torch.save(model.state_dict(), self.path)
            return False
        self.bad += 1
        return torch.tensor(self.bad >= self.patience)

    def restore(self, model: Any) -> None:
        model.load_state_dict(torch.load(self.path))


class _Stop:
    """A right version, one method of which the wrong ones below replace."""

    def __init__(self, patience: int) -> None:
        self.patience, self.lowest, self.waited = patience, float("inf"), 0
        self.best: Any = None

    def keep(self, model: Any) -> Any:
        return copy.deepcopy(model.state_dict())

    def better(self, loss: float) -> bool:
        return loss < self.lowest

    def look(self, model: Any, loss: float) -> Any:
        if self.better(loss):
            self.lowest, self.waited, self.best = loss, 0, self.keep(model)
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self, model: Any) -> None:
        model.load_state_dict(self.best)


class StopReferences(_Stop):
    def keep(self, model: Any) -> Any:
        return model.state_dict()


class StopShallow(_Stop):
    def keep(self, model: Any) -> Any:
        return dict(model.state_dict())


class StopParameters(_Stop):
    def keep(self, model: Any) -> Any:
        return {name: one.detach().clone() for name, one in model.named_parameters()}

    def restore(self, model: Any) -> None:
        model.load_state_dict(self.best, strict=False)


class StopNewTensors(_Stop):
    def restore(self, model: Any) -> None:
        for name, _ in list(model.named_parameters()):
            part, _, last = name.rpartition(".")
            setattr(model.get_submodule(part), last, nn.Parameter(self.best[name].clone()))
        model.load_state_dict(self.best)


class StopAliases(_Stop):
    def restore(self, model: Any) -> None:
        for name, one in [*model.named_parameters(), *model.named_buffers()]:
            one.data = self.best[name]


class StopNothing(_Stop):
    def restore(self, model: Any) -> None:
        pass


class StopRebinds(_Stop):
    def restore(self, model: Any) -> None:
        model = self.best  # noqa: F841  the slip itself


class StopTooLate(_Stop):
    def look(self, model: Any, loss: float) -> Any:
        super().look(model, loss)
        return self.waited > self.patience


class StopInAll(_Stop):
    def look(self, model: Any, loss: float) -> Any:
        if self.better(loss):
            self.lowest, self.best = loss, self.keep(model)
        else:
            self.waited += 1
        return self.waited >= self.patience


class StopLastLoss(_Stop):
    def look(self, model: Any, loss: float) -> Any:
        answer = super().look(model, loss)
        self.lowest = loss
        return answer


class StopEqual(_Stop):
    def better(self, loss: float) -> bool:
        return loss <= self.lowest


class StopNotWorse(_Stop):
    def better(self, loss: float) -> bool:
        return not loss >= self.lowest


class StopLargest(_Stop):
    def __init__(self, patience: int) -> None:
        super().__init__(patience)
        self.lowest = float("-inf")

    def better(self, loss: float) -> bool:
        return loss > self.lowest


class StopSilent(_Stop):
    def look(self, model: Any, loss: float) -> Any:
        super().look(model, loss)


class StopShared(_Stop):
    lowest, waited, best = float("inf"), 0, {}

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def look(self, model: Any, loss: float) -> Any:
        if loss < StopShared.lowest:
            StopShared.lowest, StopShared.waited, StopShared.best = loss, 0, self.keep(model)
        else:
            StopShared.waited += 1
        return StopShared.waited >= self.patience


class StopNoRestore:
    def __init__(self, patience: int) -> None:
        self.patience = patience

    def look(self, model: Any, loss: float) -> Any:
        return False


class StopEmpty:
    """Nothing yet."""


RIGHT = [
    ("Dropout", DropBernoulli), ("Dropout", DropWhere), ("Dropout", DropFill),
    ("decay_groups", groups_by_module), ("decay_groups", groups_by_name_and_axes),
    ("decay_groups", groups_three),
    ("smoothed_cross_entropy", smooth_targets), ("smoothed_cross_entropy", smooth_scatter),
    ("smoothed_cross_entropy", smooth_loop), ("smoothed_cross_entropy", smooth_nll),
    ("EarlyStopping", StopWholeModel), ("EarlyStopping", StopClones), ("EarlyStopping", StopFile),
]
WRONG = [
    ("Dropout", DropNoScaling, "must grow"),
    ("Dropout", DropOldWay, "must grow.*\n.*In evaluation mode, a number is"),
    ("Dropout", DropScaledDown, "multiplied by 1 - p"),
    ("Dropout", DropOverP, "share that stays, 1 - p"),
    ("Dropout", DropKeepsP, "you keep them"),
    ("Dropout", DropAlwaysOn, "in evaluation mode, too"),
    ("Dropout", DropAlwaysOff, "Nothing is dropped in training mode"),
    ("Dropout", DropNanAtOne, "gives NaN"),
    ("Dropout", DropSameMask, "drop the same numbers"),
    ("Dropout", DropSeeded, "set no seed"),
    ("Dropout", DropOneMaskForAll, "All samples have the same mask"),
    ("Dropout", DropWholeChannels, "Whole channels"),
    ("Dropout", DropFirstP, "self.p in forward|numbers are 0; about 90%"),
    ("Dropout", DropInPlace, "changes its input x"),
    ("Dropout", DropNoGraph, "cut off"),
    ("Dropout", DropFloat32Only, "dtype torch.float64, the result torch.float32"),
    ("Dropout", DropNumpyMasks, "draw with torch"),
    ("Dropout", DropOwnFlag, "self.training says"), ("Dropout", DropNoModule, "no nn.Module"),
    ("Dropout", DropNoSuper, "super"), ("Dropout", DropOther, "as self.p"),
    ("Dropout", DropFunctional, "functional.dropout"), ("Dropout", nn.Dropout, "Draw the mask yourself"),
    ("decay_groups", groups_all, "1.bias is a bias, and should not decay"),
    ("decay_groups", groups_biases_only, "of a norm, and should not decay"),
    ("decay_groups", groups_bias_in_name, "names are anybody's"),
    ("decay_groups", groups_norm_in_name, "names are anybody's"),
    ("decay_groups", groups_swapped, "1.weight should decay"),
    ("decay_groups", groups_constant, "0.3 was handed in"),
    ("decay_groups", groups_no_key, "0.01 in AdamW"), ("decay_groups", groups_names, "parameters are wanted"),
    ("decay_groups", groups_no_list, "a list of parameters is wanted"),
    ("decay_groups", groups_pairs, "pairs of a name and a parameter"),
    ("decay_groups", groups_layers_alone, "no optimiser would train it"),
    ("decay_groups", groups_twice, "stands there twice"),
    ("decay_groups", groups_copies, "no parameter of the model"),
    ("decay_groups", groups_shrink, "The groups only sort"),
    ("decay_groups", groups_unfreeze, "requires_grad of .* is changed"),
    ("decay_groups", groups_optimizer, "returns an optimizer"),
    ("decay_groups", groups_children, "of a norm, and should not decay"),
    ("smoothed_cross_entropy", smooth_torch, "by hand"),
    ("smoothed_cross_entropy", smooth_soft_torch, "by hand"),
    ("smoothed_cross_entropy", smooth_wrong_classes, "among the wrong classes alone"),
    ("smoothed_cross_entropy", smooth_not_at_all, "loss without smoothing"),
    ("smoothed_cross_entropy", smooth_no_k, "✗ Random outputs"),
    ("smoothed_cross_entropy", smooth_not_the_right, "The right class gets its smoothing / K, too"),
    ("smoothed_cross_entropy", smooth_too_much, "so that the target sums to 1"),
    ("smoothed_cross_entropy", smooth_forgets, "share of all classes is missing"),
    ("smoothed_cross_entropy", smooth_sum, "the sum over the samples"),
    ("smoothed_cross_entropy", smooth_mean_of_all, "mean over the classes, too"),
    ("smoothed_cross_entropy", smooth_sign, "sign is the other one"),
    ("smoothed_cross_entropy", smooth_log_of_softmax, "its logarithm is infinite"),
    ("smoothed_cross_entropy", smooth_item, "must stay a tensor"),
    ("smoothed_cross_entropy", smooth_detached, "cut off from its graph"),
    ("smoothed_cross_entropy", smooth_each, "shape should be"),
    ("smoothed_cross_entropy", smooth_other_default, "✗ Without the third argument"),
    ("smoothed_cross_entropy", smooth_no_default, "cannot be called"),
    ("smoothed_cross_entropy", smooth_in_place, "changes its input logits"),
    ("EarlyStopping", StopReferences, "references to the weights"),
    ("EarlyStopping", StopShallow, "references to the weights"),
    ("EarlyStopping", StopParameters, "no parameters"),
    ("EarlyStopping", StopNewTensors, "no longer moves the model"),
    ("EarlyStopping", StopAliases, "Restored a second time"),
    ("EarlyStopping", StopNothing, "After restore"), ("EarlyStopping", StopRebinds, "After restore"),
    ("EarlyStopping", StopTooLate, "True at look 4, and yours is never True"),
    ("EarlyStopping", StopInAll, "counting begins again"),
    ("EarlyStopping", StopLastLoss, "not lower than 1"), ("EarlyStopping", StopEqual, "Equal is not lower"),
    ("EarlyStopping", StopNotWorse, "nan < 1 is False"),
    ("EarlyStopping", StopLargest, "Each of them is better"),
    ("EarlyStopping", StopSilent, "True or False is wanted"),
    ("EarlyStopping", StopShared, "knows the losses of another"), ("EarlyStopping", StopNoRestore, "no method restore"),
]
FOREIGN = [
    ("smoothed_cross_entropy", smooth_no_k, "mean is wanted|among the wrong classes|sums to 1"),
    ("EarlyStopping", StopNothing, "buffers"),
]


class TestExercises(ExerciseTests):
    """Of notebook 08."""


@pytest.mark.parametrize("odd", ODD, ids=word)
def test_whatever_a_layer_returns_is_judged(odd: Any) -> None:
    class Odd(nn.Module):
        def __init__(self, p: float = 0.5) -> None:
            super().__init__()
            self.p = p

        def forward(self, _: Any) -> Any:
            return odd

    verdict = check(Odd, "Dropout")
    assert not verdict.accepted
    assert verdict.trials, verdict


@pytest.mark.parametrize("odd", ODD, ids=word)
def test_whatever_a_look_returns_is_judged(odd: Any) -> None:
    class Odd:
        def __init__(self, _: Any) -> None:
            pass

        def look(self, _model: Any, _loss: Any) -> Any:
            return odd

        def restore(self, _model: Any) -> Any:
            return odd

    verdict = check(Odd, "EarlyStopping")
    assert not verdict.accepted
    assert verdict.trials, verdict


@pytest.mark.parametrize("name", ["Dropout", "EarlyStopping"])
def test_an_empty_class_is_begun_by_a_hint(name: str) -> None:
    assert "nothing is written yet" in str(check(StopEmpty, name))
