"""Notebook 08: weight decay for weights, none for norms and biases."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from recipe_widgets.core.describe import describe_value
from recipe_widgets.course.exercise import Exercise, MainLines, Wrong
from recipe_widgets.course.trial_tools import expect, guarded


def decay_groups(model, weight_decay):
    """Two parameter groups for an optimiser: weights decay, norms and biases do not.

    Returns a list of two dictionaries, each with "params" (a list) and "weight_decay": first the
    weights of linear layers and convolutions, with this weight_decay; then all biases and the
    parameters of norms (BatchNorm, LayerNorm, GroupNorm), with 0.
    Each parameter of the model stands in exactly one of them; where an embedding or a parameter of a
    module's own stands is up to you. A norm here is over one axis: its parameters have one axis. The
    model stays as it is.
    """
    weights, others = [], []
    for parameter in model.parameters():        # each one once, also where two layers share it
        if parameter.ndim > 1:
            weights.append(parameter)
        else:                                   # biases, and the scales and shifts of norms
            others.append(parameter)
    return [{"params": weights, "weight_decay": weight_decay},
            {"params": others, "weight_decay": 0.0}]


def _decay_of(yours: Any, model: nn.Module, weight_decay: float) -> dict[str, float]:
    """Name of each parameter -> the decay that AdamW gives it with the learner's groups."""
    found = yours(model, weight_decay)
    if isinstance(found, torch.optim.Optimizer):
        raise Wrong("It returns an optimizer; the groups are wanted, as its first argument.")
    listed = list(found) if isinstance(found, list | tuple) else []
    if not listed or not all(isinstance(one, dict) and "params" in one for one in listed):
        raise Wrong(f'It returns {describe_value(found)}; a list of dictionaries with "params" and '
                    '"weight_decay" is wanted.')
    names = {id(one): name for name, one in model.named_parameters()}
    decays: dict[str, float] = {}
    for number, group in enumerate(listed, 1):
        inside = group["params"]
        if not isinstance(inside, Iterable) or isinstance(inside, str):
            raise Wrong(f'"params" of group {number} is {describe_value(inside)}; a list of parameters is '
                        "wanted.")
        inside = [inside] if isinstance(inside, torch.Tensor) else guarded(list)(inside)
        for one in inside:
            if not isinstance(one, torch.Tensor):
                raise Wrong(f"Group {number} holds {describe_value(one)}; parameters are wanted. "
                            "(named_parameters() gives pairs of a name and a parameter.)")
            expect(id(one) in names, f"Group {number} holds a tensor that is no parameter of the model: "
                                     "an optimiser would move it, and the model would not notice.")
            name = names[id(one)]
            expect(name not in decays, f"{name} stands there twice, and PyTorch refuses that. "
                                       "model.parameters() gives each one once, also where two layers "
                                       "share it.")
            expect("weight_decay" in group, f'Group {number} has no "weight_decay", so it takes that of '
                                            "the optimiser: 0.01 in AdamW. Say 0.0 where none is wanted.")
            decay = group["weight_decay"]
            if isinstance(decay, bool) or not isinstance(decay, float | int):
                raise Wrong(f'"weight_decay" of group {number} is {describe_value(decay)}; a number is '
                            "wanted.")
            decays[name] = float(decay)
    lost = [name for name, one in model.named_parameters() if one.requires_grad and name not in decays]
    expect(not lost, f"{', '.join(lost)}: in no group, so no optimiser would train it.")
    try:
        torch.optim.AdamW(yours(model, weight_decay), lr=0.1)
    except (TypeError, ValueError) as error:
        raise Wrong(f"torch.optim.AdamW refuses these groups: {error}") from None
    return decays


def _judge(yours: Any, model: nn.Module, decaying: set[str], staying: set[str],
           weight_decay: float = 0.05) -> None:
    decays = _decay_of(yours, model, weight_decay)
    for name in sorted(decaying):
        expect(decays[name] != 0, f"{name} should decay, and its weight_decay is 0.")
        expect(abs(decays[name] - weight_decay) < 1e-12, f"{name} has weight_decay {decays[name]:g}; "
                                                         f"{weight_decay:g} was handed in.")
    for name in sorted(staying):
        what = "a bias" if name.endswith("bias") and "norm" not in name else "of a norm"
        expect(decays[name] == 0, f"{name} is {what}, and should not decay: its weight_decay is "
                                  f"{decays[name]:g}.")


def _all_of(model: nn.Module) -> set[str]:
    return {name for name, _ in model.named_parameters()}


def plain(yours: Any) -> None:
    """An MLP: weights decay, biases do not"""
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    _judge(yours, model, {"1.weight", "3.weight"}, {"1.bias", "3.bias"})
    _judge(yours, model, {"1.weight", "3.weight"}, {"1.bias", "3.bias"}, 0.3)


class _Net(nn.Module):
    """Convolutions, three kinds of norms, layers inside layers, and names that mislead."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4))
        self.block = nn.ModuleDict({"second": nn.Conv2d(4, 4, 3), "gn": nn.GroupNorm(2, 4)})
        self.first_norm = nn.LayerNorm(4)
        self.debias = nn.Linear(4, 4)     # a weight below a name that holds "bias"
        self.normaliser = nn.Linear(4, 4, bias=False)


_STAYING = {"stem.1.weight", "stem.1.bias", "block.second.bias", "block.gn.weight", "block.gn.bias",
            "first_norm.weight", "first_norm.bias", "debias.bias"}


def norms(yours: Any) -> None:
    """BatchNorm, LayerNorm and GroupNorm, under any name, inside other modules"""
    model = _Net()
    decays = _decay_of(yours, model, 0.1)
    for name in ("debias.weight", "normaliser.weight"):
        expect(decays[name] != 0, f"{name} is the weight of a linear layer, and should decay. Go by the "
                                  "number of axes or by the kind of the module: names are anybody's.")
    _judge(yours, model, _all_of(model) - _STAYING, _STAYING, 0.1)


def shared(yours: Any) -> None:
    """A weight that two layers share stands there once"""
    one, two = nn.Linear(5, 5), nn.Linear(5, 5)
    two.weight = one.weight
    _judge(yours, nn.Sequential(one, nn.Tanh(), two), {"0.weight"}, {"0.bias", "2.bias"})


class _Tokens(nn.Module):
    """Parameters of its own, beside those of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, 4))
        self.scale = nn.Parameter(torch.ones(4))
        self.places = nn.Embedding(7, 4)
        self.head = nn.Linear(4, 3)


def none_lost(yours: Any) -> None:
    """No parameter is lost: embeddings, and parameters of a module's own"""
    _judge(yours, _Tokens(), {"head.weight"}, {"head.bias"})


def stays(yours: Any) -> None:
    """The model stays as it is"""
    model = _Net()
    model.stem[0].weight.requires_grad_(False)
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    trained = {name for name, one in model.named_parameters() if one.requires_grad}
    yours(model, 0.1)
    for name, one in model.named_parameters():
        expect(torch.equal(one, before[name]), f"{name} has moved. The groups only sort; the decay is "
                                               "the optimiser's work.")
        expect(one.requires_grad == (name in trained), f"requires_grad of {name} is changed.")


def step(yours: Any) -> None:
    """A step of AdamW without a gradient: weights shrink, the rest stays"""
    model = _Net()
    with torch.no_grad():
        for one in model.parameters():
            one.fill_(2.0)
            one.grad = torch.zeros_like(one)
    _decay_of(yours, model, 0.5)  # what is wrong with the groups is told there
    torch.optim.AdamW(yours(model, 0.5), lr=0.1).step()
    for name, one in model.named_parameters():
        wanted = 2.0 if name in _STAYING else 2.0 * (1 - 0.1 * 0.5)
        found = float(one.detach().flatten()[0])
        expect(abs(found - wanted) < 1e-5, f"{name} goes from 2 to {found:.4g}, and should go to "
                                           f"{wanted:.4g}: 2 (1 - lr · weight_decay) or 2.")


EXERCISE = Exercise(
    decay_groups, "08_regularise_the_model", (plain, norms, shared, none_lost, stays, step),
    hints=(
        "Go through model.parameters() once, and put each one into one of two lists. What sets biases, "
        "and the scales and shifts of norms, apart from weights? Print their shapes.",
        "A weight of a linear layer has two axes, that of a convolution four; a bias or a norm's "
        "parameter has one. parameter.ndim is their number.",
        'return [{"params": weights, "weight_decay": weight_decay}, {"params": others, '
        '"weight_decay": 0.0}].',
    ),
    main=MainLines("parameters", "parameters = decay_groups(model, 0.01)"))
