"""Notebook 05: LeNet from the table of its shapes."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import torch
from torch import nn

from recipe_widgets.course.exercise import Exercise, Wrong
from recipe_widgets.course.trial_tools import close, expect, guarded, random, tensor


def make_model():
    """LeNet-5 for digits, as it is built today: another one, with weights of its own, at each call.

    x (N, 1, 28, 28) to outputs (N, 10), a number for each class, no softmax. Layer by layer:
      convolution 5 x 5, padding 2     6 x 28 x 28
      ReLU, max-pooling 2 x 2          6 x 14 x 14
      convolution 5 x 5               16 x 10 x 10
      ReLU, max-pooling 2 x 2         16 x 5 x 5
      dense, ReLU                     120
      dense, ReLU                     84
      dense                           10
    """
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120), nn.ReLU(),
        nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, 10))


def _made(yours: Any) -> nn.Module:
    model = yours()
    if isinstance(model, type):
        raise Wrong(f"It returns the class {model.__name__}; a network is wanted: "
                    f"{model.__name__}().")
    if not isinstance(model, nn.Module):
        raise Wrong(f"It returns {type(model).__name__}; a network, an nn.Module, is wanted.")
    return model


def _digits(seed: int, n: int) -> torch.Tensor:
    return torch.randn(n, 1, 28, 28, generator=random(seed))


def _shapes(model: nn.Module) -> Counter[tuple[int, ...]]:
    return Counter(tuple(weight.shape) for weight in model.parameters())


def shape(yours: Any) -> None:
    """Ten numbers for each digit, for one digit and for five"""
    model = _made(yours)
    for n in (1, 5):
        tensor(guarded(model)(_digits(1, n)), (n, 10), "Its output is")


def weights(yours: Any) -> None:
    """The weights of the table: 61,706 numbers"""
    found, wanted = _shapes(_made(yours)), _shapes(make_model())
    missing, extra = (", ".join(map(str, sorted((one - other).elements())))
                      for one, other in ((wanted, found), (found, wanted)))
    expect(found == wanted, f"Shapes of weights that are missing: {missing or 'none'}; that are too "
                            f"many: {extra or 'none'}. A convolution from 1 to 6 channels has "
                            "(6, 1, 5, 5) and (6,), a dense layer from 84 to 10 (10, 84) and (10,).")


def _as_built(activations: tuple[type[nn.Module], ...], pooling: type[nn.Module]) -> nn.Sequential:
    """The reference with other layers without weights in it."""
    model, each = make_model(), iter(activations)
    layers = [next(each)() if isinstance(part, nn.ReLU)
              else pooling(2) if isinstance(part, nn.MaxPool2d) else part for part in model]
    return nn.Sequential(*layers)


def _variants() -> dict[str, nn.Sequential]:
    """What a slip computes -> the words for it."""
    relu, places = (nn.ReLU, ) * 4, ("first convolution", "second convolution", "first dense layer",
                                     "second dense layer")
    found = {"It has mean-pooling; the table says max-pooling.": _as_built(relu, nn.AvgPool2d)}
    for off in itertools.product((False, True), repeat=4):
        names = [place for place, one in zip(places, off, strict=True) if one]
        kinds = tuple(nn.Identity if one else nn.ReLU for one in off)
        if names:
            found[f"No ReLU after the {', '.join(names)}."] = _as_built(kinds, nn.MaxPool2d)
    for other in (nn.Tanh, nn.Sigmoid):
        found[f"It has {other.__name__} where the table says ReLU."] = _as_built((other,) * 4,
                                                                            nn.MaxPool2d)
    return found


def _with_weights_of(net: nn.Sequential, model: nn.Module) -> nn.Sequential:
    """Each shape is there once, so it tells which weight goes where."""
    by_shape = {tuple(weight.shape): weight.detach().float() for weight in model.parameters()}
    with torch.no_grad():
        for weight in net.parameters():
            weight.copy_(by_shape[tuple(weight.shape)])
    return net


def computes(yours: Any) -> None:
    """It computes what the table says"""
    model = _made(yours)
    expect(_shapes(model) == _shapes(make_model()), "Not tried: its weights are not those of the table.")
    model.eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(2)  # so that each ReLU and each maximum matters
    x = _digits(2, 6)
    with torch.no_grad():
        found = tensor(guarded(model)(x), (6, 10), "Its output is")
        wanted = _with_weights_of(make_model(), model)(x)
        if torch.allclose(found.float(), wanted, rtol=1e-3, atol=1e-4):
            return
        for scores, words in ((wanted.softmax(1), "a softmax"), (wanted.log_softmax(1), "a log-softmax"),
                              (wanted.relu(), "a ReLU")):
            expect(not torch.allclose(found.float(), scores, rtol=1e-3, atol=1e-4),
                   f"There is {words} at the end. The loss wants the numbers as they are.")
        for words, net in _variants().items():
            expect(not torch.allclose(found.float(), _with_weights_of(net, model)(x), rtol=1e-3,
                                      atol=1e-4), words)
    close(found, wanted, "The output", "Go through the table layer by layer, and print the shapes.")


def its_own(yours: Any) -> None:
    """Each call makes another network"""
    one, two = _made(yours), _made(yours)
    shared = {id(weight) for weight in one.parameters()} & {id(weight) for weight in two.parameters()}
    expect(not shared, "Two calls return the same weights. Make the layers inside the function.")
    equal = all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=False))
    expect(not equal, "Two calls give equal weights: is a seed set inside? That belongs to the script.")


def learns(yours: Any) -> None:
    """All weights get a gradient; it works in float64, too"""
    model = _made(yours).double().train()
    out = tensor(guarded(model)(_digits(3, 32).double()), (32, 10), "Its output is")
    expect(out.dtype == torch.float64, f"In float64 its output is {out.dtype}.")
    guarded(model)(_digits(3, 32).double()).square().sum().backward()
    silent = [name for name, weight in model.named_parameters()
              if weight.grad is None or not weight.grad.any()]
    expect(not silent, f"No gradient reaches {', '.join(silent)}.")


EXERCISE = Exercise(
    make_model, "05_overfit",
    (shape, weights, computes, its_own, learns),
    hints=(
        "nn.Sequential(...) takes the layers one after the other. Begin with nn.Conv2d(1, 6, 5, "
        "padding=2): from 1 channel to 6, with kernels of 5 x 5.",
        "After each convolution nn.ReLU() and nn.MaxPool2d(2). Before the first dense layer "
        "nn.Flatten(): 16 x 5 x 5 = 400 numbers.",
        "The dense part: nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), "
        "nn.Linear(84, 10).",
    ))
