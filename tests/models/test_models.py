import math

import pytest
import torch
from torch import nn

from recipe_widgets import RecipeError, Settings
from recipe_widgets.models import Dropout, build_model, count_parameters


@pytest.mark.parametrize(("settings", "shape", "parameters"),
                         [(Settings(model="linear"), (1, 28, 28), 784 * 10 + 10),
                          (Settings(model="mlp"), (1, 28, 28), 784 * 128 + 128 + 128 * 10 + 10),
                          (Settings(model="mlp", width=32, depth=3),
                           (5, ), 5 * 32 + 32 + 2 * (32 * 32 + 32) + 32 * 10 + 10),
                          (Settings(model="convnet"),
                           (1, 28, 28), 16 * 26 + 32 * (16 * 25 + 1) + (32 * 49 + 1) * 128 + 1290),
                          (Settings(model="convnet", depth=2, norm="batch"),
                           (3, 32, 32), 16 * 76 + 32 * (16 * 25 + 1) + 64 * (32 * 25 + 1) +
                           (64 * 16 + 1) * 128 + 1290 + 2 * (16 + 32 + 64 + 128)), ])
def test_parameter_counts_and_output_shape(settings: Settings, shape: tuple[int, ...],
                                           parameters: int) -> None:
    model = build_model(settings, shape, 10)
    assert count_parameters(model) == parameters
    assert model(torch.zeros(4, *shape)).shape == (4, 10)


@pytest.mark.parametrize(("scheme", "std"), [("he", math.sqrt(2 / 784)),
                                             ("xavier", math.sqrt(2 / (784 + 512))),
                                             ("lecun", math.sqrt(1 / 784)), ("normal", 1.0),
                                             ("small", 0.01), ("zeros", 0.0),
                                             ("default", 1 / math.sqrt(3 * 784)), ])
def test_first_layer_has_the_promised_std(scheme: str, std: float) -> None:
    weight = build_model(Settings(width=512, init=scheme), (1, 28, 28), 10)[1].weight.detach()
    assert float(weight.std()) == pytest.approx(std, rel=0.01)


def test_same_seed_same_weights_and_no_global_random_numbers() -> None:
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    a, b, c = (build_model(Settings(model="convnet", seed=seed), (1, 8, 8), 3)
               for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a[0].weight, c[0].weight)


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
@pytest.mark.parametrize("model", ["mlp", "convnet"])
def test_every_norm_starts_finite_and_normalises(model: str, norm: str) -> None:
    net = build_model(Settings(model=model, norm=norm, init="normal"), (1, 16, 16), 4)
    seen: list[torch.Tensor] = []
    layer = next((m for m in net
                  if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d | nn.LayerNorm | nn.GroupNorm)),
                 None)
    assert (layer is None) == (norm == "none")
    if layer is not None:
        layer.register_forward_hook(lambda *args: seen.append(args[-1]))
        net(torch.randn(64, 1, 16, 16))
        assert float(seen[0].detach().mean()) == pytest.approx(0, abs=0.01)
        assert float(seen[0].detach().std()) == pytest.approx(1, abs=0.02)


def test_dropout_silences_its_share_keeps_the_mean_and_its_own_generator() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    layer = Dropout(0.3, torch.Generator().manual_seed(1))
    out = layer(torch.ones(100_000))
    assert float((out == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    assert sorted(set(out.tolist())) == [0.0, pytest.approx(1 / 0.7)]
    assert torch.equal(torch.random.get_rng_state(), before)
    layer.eval()
    assert torch.equal(layer(torch.ones(5)), torch.ones(5))


def test_a_convnet_on_a_table_or_on_tiny_images_is_a_clear_error() -> None:
    with pytest.raises(RecipeError, match="images"):
        build_model(Settings(model="convnet"), (20,), 3)
    with pytest.raises(RecipeError, match="halves"):
        build_model(Settings(model="convnet", depth=4), (1, 8, 8), 3)
