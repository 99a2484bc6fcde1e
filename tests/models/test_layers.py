"""Pooling before a ReLU changes no bit, and whoever listens hears the layers in their order."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from recipe_widgets import Settings
from recipe_widgets.models import build_model
from recipe_widgets.models.layers import PoolFirstSequential


def layers(pool: nn.Module) -> list[nn.Module]:
    torch.manual_seed(0)
    return [
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(), pool,
        nn.Conv2d(8, 4, 3),
        nn.ReLU(),
        nn.Flatten()
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(3, 1, 1),
                                  nn.MaxPool2d(3, ceil_mode=True)], ids=str)
def test_the_same_bits_as_in_order(pool: nn.MaxPool2d, dtype: torch.dtype) -> None:
    plain = nn.Sequential(*layers(pool)).to(dtype)
    ours = PoolFirstSequential(*copy.deepcopy(list(plain)))
    x = torch.randn(5, 3, 12, 12).to(dtype)
    x[0] = 0.0  # ties
    x[1] = x[1].round()
    x[2, 0, 0, 0] = float("nan")
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    outputs = [model(given) for model, given in zip((plain, ours), inputs, strict=True)]
    torch.testing.assert_close(*outputs, rtol=0, atol=0, equal_nan=True)
    for output in outputs:
        output[3:].square().sum().backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad, rtol=0, atol=0, equal_nan=True)
    for one, other in zip(plain.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=0, equal_nan=True)


def order(model: nn.Sequential, x: torch.Tensor) -> list[str]:
    seen: list[str] = []
    for layer in model:
        def forward(x: torch.Tensor, layer: nn.Module = layer) -> torch.Tensor:
            seen.append(type(layer).__name__)
            return type(layer).forward(layer, x)

        layer.forward = forward
    model(x)
    return seen


def test_pools_first_only_where_nobody_listens() -> None:
    x = torch.randn(2, 3, 8, 8)
    assert order(PoolFirstSequential(*layers(nn.MaxPool2d(2))), x)[2:4] == ["MaxPool2d", "ReLU"]
    assert order(PoolFirstSequential(*layers(nn.AvgPool2d(2))), x)[2:4] == ["ReLU", "AvgPool2d"]
    heard = PoolFirstSequential(*layers(nn.MaxPool2d(2)))
    sizes: list[torch.Size] = []
    heard[2].register_forward_hook(lambda layer, given, out: sizes.append(out.shape))
    assert order(heard, x)[2:4] == ["ReLU", "MaxPool2d"]
    assert sizes == [torch.Size([2, 8, 8, 8])]


def test_it_is_a_sequential_in_all_else() -> None:
    model = build_model(Settings(model="convnet"), (3, 32, 32), 10)
    plain = nn.Sequential(*copy.deepcopy(list(model)))
    assert repr(model) == repr(plain)
    assert list(model.state_dict()) == list(plain.state_dict())
    assert isinstance(model[:3], nn.Sequential)
