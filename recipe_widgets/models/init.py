"""How weights begin: drawn from a generator of their own, layer by layer, in the order the
layers are made.

To add a scheme: put its name among the choices of `Settings.init` and a row into `INIT_SCHEMES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from recipe_widgets.core.choice_table import ChoiceTable

WEIGHTED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
# layers that begin the same whatever the scheme: weight 1 and bias 0, PReLU with slope 0.25
WITHOUT_SCHEME = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm, nn.PReLU)


@dataclass(frozen=True)
class InitRow:
    """One scheme.

    Attributes:
        name: its choice in `Settings.init`.
        std: (n_in, n_out) to the standard deviation of a weight with so many inputs and outputs;
            biases begin at zero. None: PyTorch's own, uniform within 1/sqrt(n_in), biases too;
            recurrent layers within 1/sqrt(units).
    """

    name: str
    std: Callable[[int, int], float] | None


# Functions, not lambdas: an exported script holds their source.


def he(n_in: int, n_out: int) -> float:  # noqa: ARG001  all schemes are called alike
    return math.sqrt(2.0 / n_in)


def xavier(n_in: int, n_out: int) -> float:
    return math.sqrt(2.0 / (n_in + n_out))


def lecun(n_in: int, n_out: int) -> float:  # noqa: ARG001
    return math.sqrt(1.0 / n_in)


def normal(n_in: int, n_out: int) -> float:  # noqa: ARG001
    return 1.0


def small(n_in: int, n_out: int) -> float:  # noqa: ARG001
    return 0.01


def zeros(n_in: int, n_out: int) -> float:  # noqa: ARG001
    return 0.0


INIT_SCHEMES = ChoiceTable("init", [
    InitRow("default", None),
    InitRow("he", he),  # He et al. 2015, for ReLU
    InitRow("xavier", xavier),  # Glorot & Bengio 2010
    InitRow("lecun", lecun),  # LeCun et al. 1998
    InitRow("normal", normal),  # far too large, to see what that does
    InitRow("small", small),
    InitRow("zeros", zeros),  # all units stay alike
])


@torch.no_grad()
def init_weights(model: nn.Module, scheme: str, generator: torch.Generator) -> None:
    """Fill every Linear, convolution and recurrent layer of `model` by a scheme of
    `INIT_SCHEMES`.

    A GRU's three gates count as layers of their own.

    Raises:
        RecipeError: no such scheme; the message lists the names.
    """
    std = INIT_SCHEMES[scheme].std
    for module in model.modules():
        if isinstance(module, WITHOUT_SCHEME):
            module.reset_parameters()
        elif isinstance(module, WEIGHTED):
            # PyTorch keeps a transposed convolution's weight as (in, out, ...), others (out, in, ...)
            _fill(module.weight, module.bias, std, generator,
                  transposed=isinstance(module, nn.ConvTranspose2d))
        elif isinstance(module, nn.RNNBase):
            _fill_recurrent(module, std, generator)


Std = Callable[[int, int], float] | None


def _fill(weight: torch.Tensor, bias: torch.Tensor | None, std: Std, generator: torch.Generator,
          transposed: bool = False) -> None:
    field = math.prod(weight.shape[2:])  # positions of a kernel, 1 for a Linear
    n_in, n_out = weight.shape[1] * field, weight.shape[0] * field
    if transposed:
        n_in, n_out = n_out, n_in
    if std is None:
        _uniform(weight, 1.0 / math.sqrt(n_in), generator)
        if bias is not None:
            _uniform(bias, 1.0 / math.sqrt(n_in), generator)
        return
    scale = std(n_in, n_out)
    _draw(weight, lambda plain: plain.normal_(0.0, 1.0, generator=generator).mul_(scale))
    if bias is not None:
        bias.zero_()


def _fill_recurrent(module: nn.RNNBase, std: Std, generator: torch.Generator) -> None:
    for name, values in module.named_parameters():
        if std is None:
            _uniform(values, 1.0 / math.sqrt(module.hidden_size), generator)
        elif name.startswith("weight"):
            for gate in values.split(module.hidden_size):  # rows of one gate: (hidden, inputs)
                _fill(gate, None, std, generator)
        else:
            values.zero_()


def _uniform(target: torch.Tensor, bound: float, generator: torch.Generator) -> None:
    _draw(target, lambda plain: plain.uniform_(-bound, bound, generator=generator))


def _draw(target: torch.Tensor, fill: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Fill `target` with numbers that are drawn in the plain memory layout on the CPU, so that
    device and channels_last do not change them.
    """
    target.copy_(fill(torch.empty(target.shape, dtype=target.dtype)))
