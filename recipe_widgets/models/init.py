"""How weights begin: drawn from a generator of their own, layer by layer, in the order the
layers are made.
"""

from __future__ import annotations

import math

import torch
from torch import nn

WEIGHTED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm, nn.PReLU)


@torch.no_grad()
def init_weights(model: nn.Module, scheme: str, generator: torch.Generator) -> None:
    """Fill every Linear, convolution and recurrent layer of `model`; normalisation layers begin
    with weight 1 and bias 0, PReLU with slope 0.25.

    Schemes, by standard deviation of a weight with n_in inputs and n_out outputs:
        default: PyTorch's own, uniform within 1/sqrt(n_in), biases too; recurrent layers within
            1/sqrt(units).
        he: sqrt(2 / n_in) (He et al. 2015). xavier: sqrt(2 / (n_in + n_out)) (Glorot & Bengio
            2010).
        lecun: sqrt(1 / n_in). normal: 1, far too large. small: 0.01. zeros: 0.
    Except for "default", biases begin at zero. A GRU's three gates count as layers of their own.
    """
    for module in model.modules():
        if isinstance(module, NORMS):
            module.reset_parameters()
        elif isinstance(module, WEIGHTED):
            _fill(module.weight, module.bias, scheme, generator,
                  transposed=isinstance(module, nn.ConvTranspose2d))
        elif isinstance(module, nn.RNNBase):
            _fill_recurrent(module, scheme, generator)


def _fill(weight: torch.Tensor, bias: torch.Tensor | None, scheme: str, generator: torch.Generator,
          transposed: bool = False) -> None:
    field = math.prod(weight.shape[2:])
    n_in, n_out = weight.shape[1] * field, weight.shape[0] * field
    if transposed:
        n_in, n_out = n_out, n_in
    if scheme == "default":
        _uniform(weight, 1.0 / math.sqrt(n_in), generator)
        if bias is not None:
            _uniform(bias, 1.0 / math.sqrt(n_in), generator)
        return
    std = {
        "he": math.sqrt(2.0 / n_in), "xavier": math.sqrt(2.0 / (n_in + n_out)), "lecun":
        math.sqrt(1.0 / n_in), "normal": 1.0, "small": 0.01, "zeros": 0.0
    }[scheme]
    _draw(weight, lambda t: t.normal_(0.0, 1.0, generator=generator).mul_(std))
    if bias is not None:
        bias.zero_()


def _fill_recurrent(module: nn.RNNBase, scheme: str, generator: torch.Generator) -> None:
    for name, values in module.named_parameters():
        if scheme == "default":
            _uniform(values, 1.0 / math.sqrt(module.hidden_size), generator)
        elif name.startswith("weight"):
            for gate in values.split(module.hidden_size):
                _fill(gate, None, scheme, generator)
        else:
            values.zero_()


def _uniform(target: torch.Tensor, bound: float, generator: torch.Generator) -> None:
    _draw(target, lambda t: t.uniform_(-bound, bound, generator=generator))


def _draw(target: torch.Tensor, fill: object) -> None:
    """Draw in the plain memory layout on the CPU, so that device and channels_last do not change
    the numbers.
    """
    plain = torch.empty(target.shape, dtype=target.dtype)
    target.copy_(fill(plain))  # type: ignore[operator]
