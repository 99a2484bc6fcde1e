"""Notebook 04: weights that keep the size of signals, drawn by the variance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import nn

from recipe_widgets.course.exercise import Exercise, MainLines, Wrong
from recipe_widgets.course.trial_tools import expect, random


def he_init(model):
    """Draw the weights of every nn.Linear and nn.Conv2d of `model` anew, in place, for ReLU.

    They are random with mean 0, and with the standard deviation that keeps the size of the signal if
    half of its variance is lost at each ReLU. Their biases become 0. All other layers stay as they are.
    """
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            n = module.weight[0].numel()                  # how many products one unit adds up
            with torch.no_grad():
                module.weight.normal_(0, (2 / n) ** 0.5)  # n * variance / 2 = 1
                if module.bias is not None:
                    module.bias.zero_()


@contextmanager
def _by_hand() -> Iterator[None]:
    """torch's own version of He's init is refused inside."""
    def refuse(name: str) -> Any:
        def called(*_: Any, **__: Any) -> None:
            raise Wrong(f"It calls torch.nn.init.{name}. Write it by hand: draw normal numbers, and "
                        "scale them.")
        return called

    names = ("kaiming_normal_", "kaiming_uniform_", "kaiming_normal", "kaiming_uniform",
             "xavier_normal_", "xavier_uniform_")
    with mock.patch.multiple(nn.init, **{name: refuse(name) for name in names}):
        yield


def _std_is(weight: torch.Tensor, n_in: int, n_out: int) -> None:
    """Judge the spread of a weight tensor, to 4 %, and say what a wrong one is."""
    found, wanted = float(weight.detach().double().std()), math.sqrt(2 / n_in)
    if abs(found / wanted - 1) < 0.04:
        return
    known = {
        2 / n_in: "That is the variance 2 / n: the standard deviation is its root.",
        math.sqrt(1 / n_in): "That is sqrt(1 / n), which keeps the size without ReLU; ReLU halves the "
                             "variance at each layer.",
        math.sqrt(2 / n_out): "n is the number of inputs of a unit, not of units.",
        math.sqrt(2 / (n_in + n_out)): "That is Xavier's, a mean of inputs and outputs.",
        math.sqrt(2 / n_in / 3): "Uniform numbers between -a and a have a standard deviation of "
                                 "a / sqrt(3).",
        1.0: "Scale what you draw.",
    }
    why = next((text for std, text in known.items() if abs(found / std - 1) < 0.04), "")
    raise Wrong(f"Weights of shape {tuple(weight.shape)} have a standard deviation of {found:.4f}; it "
                f"should be {wanted:.4f}, for {n_in} products that a unit adds up."
                f"{' ' + why if why else ''}")


def _run(yours: Any, model: nn.Module, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    with _by_hand():
        yours(model)
    return model


def linear(yours: Any) -> None:
    """A linear layer of 400 inputs and 100 units"""
    layer = nn.Linear(400, 100)
    _run(yours, layer)
    _std_is(layer.weight, 400, 100)


def wide(yours: Any) -> None:
    """More units than inputs, and a mean of 0; float64"""
    layer = nn.Linear(100, 500).double()
    _run(yours, layer)
    _std_is(layer.weight, 100, 500)
    mean = float(layer.weight.detach().mean())
    # the mean of N numbers scatters by std / sqrt(N)
    expect(abs(mean) < 5 * math.sqrt(2 / 100 / 50_000), f"The mean of the weights is {mean:.3g}, and "
                                                        "should be 0.")
    expect(layer.weight.dtype == torch.float64, "It changes the dtype of the weights.")


def convolution(yours: Any) -> None:
    """A convolution: a unit adds up all channels of its window"""
    layer = nn.Conv2d(8, 128, 3)
    _run(yours, nn.Sequential(layer, nn.ReLU()))
    spread = float(layer.weight.detach().std())
    for n, what in ((8, "the channels alone"), (9, "the window alone"), (3, "one side of the window"),
                    (128 * 9, "outputs")):
        expect(abs(spread / math.sqrt(2 / n) - 1) > 0.04,
               f"For a convolution of 8 channels with a window of 3 x 3 it counts {what}: n = {n}. A "
               "unit adds up 8 * 3 * 3 products.")
    _std_is(layer.weight, 72, 128)


def biases(yours: Any) -> None:
    """Biases become 0; a layer without one"""
    model = nn.Sequential(nn.Linear(200, 200), nn.ReLU(), nn.Linear(200, 200, bias=False))
    _run(yours, model)
    bias = model[0].bias
    assert isinstance(bias, torch.Tensor)
    expect(not bias.any(), "A bias is not 0.")
    for layer in (model[0], model[2]):
        _std_is(layer.weight, 200, 200)  # type: ignore[arg-type]


def others_stay(yours: Any) -> None:
    """Layers inside others are found; norms and embeddings stay"""
    block = nn.Sequential(nn.Linear(300, 300), nn.BatchNorm1d(300), nn.ReLU())
    table = nn.Embedding(10, 300)
    with torch.no_grad():
        block[1].weight.fill_(1.5)  # type: ignore[operator]
        block[1].bias.fill_(0.5)    # type: ignore[operator]
    before = table.weight.detach().clone()
    _run(yours, nn.ModuleDict({"table": table, "body": nn.Sequential(block)}))
    _std_is(block[0].weight, 300, 300)  # type: ignore[arg-type]
    norm = block[1]
    expect(bool((norm.weight == 1.5).all() and (norm.bias == 0.5).all()),  # type: ignore[union-attr]
           "It changes a BatchNorm. Only nn.Linear and nn.Conv2d are drawn anew.")
    expect(torch.equal(table.weight, before), "It changes an nn.Embedding. Only nn.Linear and "
                                              "nn.Conv2d are drawn anew.")


def same_tensors(yours: Any) -> None:
    """In place: an optimiser that holds the weights still holds them"""
    layer = nn.Linear(200, 200)
    weight, bias = layer.weight, layer.bias
    _run(yours, layer)
    expect(layer.weight is weight and layer.bias is bias,
           "The layer has a new tensor now, and an optimiser that was made before would train the old "
           "one. Change it in place: weight.normal_(...) or weight.copy_(...).")
    expect(layer.weight.requires_grad and layer.weight.is_leaf,
           "The weights can no longer be trained: do it inside `with torch.no_grad():`.")


def drawn(yours: Any) -> None:
    """Drawn at random: layers differ, runs differ, and torch.manual_seed fixes them"""
    def weights(seed: int) -> list[torch.Tensor]:
        model = nn.Sequential(nn.Linear(200, 200), nn.ReLU(), nn.Linear(200, 200))
        _run(yours, model, seed)
        return [model[0].weight.detach(), model[2].weight.detach()]  # type: ignore[operator]

    first, again, other = weights(1), weights(1), weights(2)
    expect(not torch.equal(first[0], first[1]), "Two layers get the same numbers.")
    expect(torch.equal(first[0], again[0]), "The same torch.manual_seed gives other weights: draw them "
                                            "with torch, without a seed of your own.")
    expect(not torch.equal(first[0], other[0]), "Another seed gives the same weights: do not set a seed "
                                                "inside.")
    units = first[0].std(dim=1)
    expect(float(units.min()) > 0.5 * math.sqrt(2 / 200) and
           float((first[0][0] - first[0][1]).abs().max()) > 0, "All units have the same weights.")


def deep(yours: Any) -> None:
    """Twenty ReLU layers keep the size of the signal"""
    layers: list[nn.Module] = []
    for _ in range(20):
        layers += [nn.Linear(256, 256), nn.ReLU()]
    model = _run(yours, nn.Sequential(*layers))
    x = torch.randn(64, 256, generator=random(8))
    with torch.no_grad():
        size = float((model(x).square().mean() / x.square().mean()).sqrt())
    expect(0.1 < size < 10, f"After 20 layers the signal is {size:.2g} times as large.")


EXERCISE = Exercise(
    he_init, "04_signals_inside",
    (linear, wide, convolution, biases, others_stay, same_tensors, drawn, deep),
    hints=(
        "A unit adds up n products of a weight and an input. Variances add: the sum has n times the "
        "variance of a weight times the mean square of an input. Behind a ReLU half of it is left. So "
        "n * variance / 2 = 1.",
        "n is the number of weights of one unit: module.weight[0].numel(), for a linear layer (units, "
        "inputs) as for a convolution (units, channels, height, width).",
        "for module in model.modules(): if isinstance(module, (nn.Linear, nn.Conv2d)), then inside "
        "`with torch.no_grad():` module.weight.normal_(0, (2 / n) ** 0.5), and module.bias.zero_() if "
        "there is one.",
    ),
    main=MainLines("model", """\
he_init(model)
*_, last = model.modules()
last.weight.data.mul_(0.1)  # small outputs: the first loss is that of a guess"""))
