# ruff: noqa: N999  a file has the name of its exercise, and this one is a class
"""Notebook 05: a residual block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from recipe_widgets.course.exercise import Exercise, Wrong
from recipe_widgets.course.trial_tools import (
    close,
    copy_of,
    expect,
    guarded,
    inputs_kept,
    random,
    tensor,
)


class ResidualBlock(nn.Module):
    """relu(shortcut(x) + f(x)), made by ResidualBlock(inputs, outputs, stride): channels in, channels out.

    f: convolution 3 x 3 with this stride, BatchNorm, ReLU, convolution 3 x 3, BatchNorm.
    Both convolutions have padding 1 and no bias.
    shortcut: x itself where f(x) has the shape of x; else a convolution 1 x 1 with this stride
    and without a bias, then BatchNorm.
    x (N, inputs, H, W) to (N, outputs, H / stride, W / stride). x itself stays as it is.
    """

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.f = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs))
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return torch.relu(self.shortcut(x) + self.f(x))


_KINDS = ((4, 4, 1), (3, 5, 1), (4, 4, 2), (3, 6, 2))  # inputs, outputs, stride


def _made(yours: Any, inputs: int, outputs: int, stride: int) -> nn.Module:
    block = yours(inputs, outputs, stride)
    if not isinstance(block, nn.Module):
        raise Wrong("It is no nn.Module: begin with class ResidualBlock(nn.Module).")
    return block


def _images(seed: int, channels: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(4, channels, 6, 6, generator=random(seed), dtype=dtype)


def _name(inputs: int, outputs: int, stride: int) -> str:
    return f"ResidualBlock({inputs}, {outputs}, {stride})"


def _kernels(block: nn.Module) -> Counter[tuple[int, ...]]:
    return Counter(tuple(part.weight.shape) for part in block.modules()
                   if isinstance(part, nn.Conv2d))


def shapes(yours: Any) -> None:
    """Shapes: more channels, half the size, both, and neither"""
    for inputs, outputs, stride in _KINDS:
        block = _made(yours, inputs, outputs, stride)
        tensor(guarded(block)(_images(1, inputs)), (4, outputs, 6 // stride, 6 // stride),
               f"The output of {_name(inputs, outputs, stride)} is")
    tensor(guarded(_made(lambda a, b, _: yours(a, b), 4, 4, 1))(_images(1, 4)), (4, 4, 6, 6),
           "Without a stride, the output is")


def layers(yours: Any) -> None:
    """Its layers: two convolutions, two BatchNorms, and a shortcut only where it is needed"""
    for kind in _KINDS:
        block, right = _made(yours, *kind), ResidualBlock(*kind)
        found, wanted = _kernels(block), _kernels(right)
        missing, extra = (", ".join(map(str, sorted((one - other).elements())))
                          for one, other in ((wanted, found), (found, wanted)))
        expect(found == wanted,
               f"{_name(*kind)}: weights of convolutions that are missing: {missing or 'none'}; that "
               f"are too many: {extra or 'none'}. (Layers in a plain list are not found: "
               "nn.Sequential or nn.ModuleList.)")
        norms, need = (sum(isinstance(part, nn.BatchNorm2d) for part in one.modules())
                       for one in (block, right))
        expect(norms == need, f"{_name(*kind)} has {norms} BatchNorm2d; {need} are wanted.")


def _fill(block: nn.Module, seed: int) -> None:
    """Weights by shape alone, so that the order of the layers does not matter."""
    with torch.no_grad():
        for part in block.modules():
            if isinstance(part, nn.Conv2d):
                draw = random(seed + sum(part.weight.shape))
                part.weight.copy_(0.5 * torch.randn(part.weight.shape, generator=draw))
                if part.bias is not None:
                    part.bias.zero_()
            elif isinstance(part, nn.BatchNorm2d):
                part.weight.fill_(0.7)
                part.bias.fill_(0.1)


def identity(yours: Any) -> None:
    """All weights 0: f is 0, and relu(x) comes out"""
    block, x = _made(yours, 4, 4, 1), _images(2, 4)
    with torch.no_grad():
        for weight in block.parameters():
            weight.zero_()
        out = tensor(guarded(block)(x), x.shape)
    expect(bool(out.any()), "The output is 0 everywhere: nothing goes around f. Add x to f(x).")
    expect(not torch.allclose(out, x), "x comes out, and relu(x) should: a ReLU after the sum.")
    close(out, x.relu(), "The output")


_SLIPS: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
    "There is no shortcut: add shortcut(x) to f(x).": lambda b, x: b.f(x).relu(),
    "The ReLU after the sum is missing.": lambda b, x: b.shortcut(x) + b.f(x),
    "The ReLU stands before the sum: it comes after it.": lambda b, x: b.shortcut(x) + b.f(x).relu(),
    "There is a ReLU before the sum, too: only one, after the sum.":
        lambda b, x: (b.shortcut(x) + b.f(x).relu()).relu(),
    "The ReLU between the two convolutions is missing.":
        lambda b, x: (b.shortcut(x) + b.f[4](b.f[3](b.f[1](b.f[0](x))))).relu(),
    "A BatchNorm is not used: one after each convolution.":
        lambda b, x: (b.shortcut(x) + b.f[3](b.f[:3](x))).relu(),
    "A BatchNorm is not used: one after each convolution. ":
        lambda b, x: (b.shortcut(x) + b.f[4](b.f[3](b.f[0](x).relu()))).relu(),
    "The ReLU stands before the BatchNorm: convolution, BatchNorm, ReLU.":
        lambda b, x: (b.shortcut(x) + b.f[4](b.f[3](b.f[1](b.f[0](x).relu())))).relu(),
}


def computes(yours: Any) -> None:
    """It computes relu(shortcut(x) + f(x)), in training and in evaluation mode"""
    for seed, kind in enumerate(_KINDS, 3):
        block, right = _made(yours, *kind), ResidualBlock(*kind)
        expect(_kernels(block) == _kernels(right), "Not tried: its layers are others.")
        _fill(block, seed)
        _fill(right, seed)
        for training in (True, False):
            x = _images(seed, kind[0])
            block.train(training)
            right.train(training)
            slips = {words: slip(copy_of(right), x) for words, slip in _SLIPS.items()}
            wanted = right(x)
            with inputs_kept(x=x):
                found = tensor(guarded(block)(x), wanted.shape)
            if torch.allclose(found, wanted, rtol=1e-3, atol=1e-4):
                continue
            for words, out in slips.items():
                expect(not torch.allclose(found, out, rtol=1e-3, atol=1e-4), words.strip())
            close(found, wanted, f"The output of {_name(*kind)}",
                  "Order: convolution (with the stride), BatchNorm, ReLU, convolution, BatchNorm; then "
                  "the sum; then ReLU.")


def gradients(yours: Any) -> None:
    """All of its weights learn, and two blocks share none"""
    blocks = [_made(yours, 3, 5, 2).double() for _ in range(2)]
    ids = [{id(weight) for weight in block.parameters()} for block in blocks]
    expect(not ids[0] & ids[1], "Two blocks share weights. Make the layers in __init__, with self.")
    out = guarded(blocks[0])(_images(9, 3, torch.float64))
    tensor(out, (4, 5, 3, 3))
    out.square().sum().backward()
    silent = [name for name, weight in blocks[0].named_parameters()
              if weight.grad is None or not weight.grad.any()]
    expect(not silent, f"No gradient reaches {', '.join(silent)}.")


EXERCISE = Exercise(
    ResidualBlock, "05_overfit",
    (shapes, layers, identity, computes, gradients),
    hints=(
        "Two methods: __init__(self, inputs, outputs, stride=1), which begins with super().__init__() "
        "and makes the layers, and forward(self, x).",
        "self.f = nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), "
        "nn.BatchNorm2d(outputs), nn.ReLU(), ...). The second convolution has stride 1.",
        "self.shortcut = nn.Identity() where stride == 1 and inputs == outputs; else nn.Sequential of "
        "nn.Conv2d(inputs, outputs, 1, stride, bias=False) and nn.BatchNorm2d(outputs). forward "
        "returns torch.relu(self.shortcut(x) + self.f(x)).",
    ),
    in_recipe=False)
