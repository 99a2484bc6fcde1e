"""The deeper models: parameter counts from the papers or by hand, shapes, and parts with known
answers.
"""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from recipe_widgets import RecipeError, Settings
from recipe_widgets.models import Maxout, build_model, count_parameters
from recipe_widgets.models.architectures import BasicBlock, Inception

GREY, COLOUR = (1, 28, 28), (3, 32, 32)
INCEPTION = [  # (inputs, outputs, kernel) of two blocks of 128 channels behind a conv with 32
    (3, 32, 3),
    (32, 32, 1), (32, 48, 1), (48, 64, 3), (32, 16, 1), (16, 16, 5), (32, 16, 1),
    (128, 32, 1), (128, 48, 1), (48, 64, 3), (128, 16, 1), (16, 16, 5), (128, 16, 1),
]


@pytest.mark.parametrize(
    ("settings", "shape", "parameters"),
    [
        (Settings(model="lenet"), GREY, 61_706),
        (Settings(model="lenet"), COLOUR, 62_006),
        (Settings(model="vgg", depth=2), COLOUR, 28 * 32 + 9 * 32 * 32 + 32 + (9 * 32 + 1) * 64 +
         (9 * 64 + 1) * 64 + (9 * 64 + 1) * 128 + (9 * 128 + 1) * 128 + 128 * 16 * 10 + 10),
        (Settings(model="inception",
                  depth=2), COLOUR, sum((i * k * k + 1) * o for i, o, k in INCEPTION) + 1290),
        (Settings(model="resnet", width=64, depth=3,
                  norm="batch"), COLOUR, 269_722),  # ResNet-20, "0.27M" in the paper
        (Settings(model="resnet", width=64, depth=9,
                  norm="batch"), COLOUR, 853_018),  # ResNet-56, "0.85M"
        (Settings(model="rnn", width=64), GREY, 28 * 64 + 64 * 64 + 128 + 650),
        (Settings(model="gru", width=64, depth=2), COLOUR, 3 * (96 * 64 + 64 * 64 + 128) + 3 *
         (2 * 64 * 64 + 128) + 650),
        (Settings(model="mlp", activation="maxout"), GREY, 785 * 256 + 1290),
        (Settings(model="mlp", activation="prelu"), GREY, 785 * 128 + 1 + 1290),
        (Settings(model="mlp", norm="weight"), GREY, 785 * 128 + 128 + 1290),
    ])
def test_parameter_counts(settings: Settings, shape: tuple[int, ...], parameters: int) -> None:
    model = build_model(settings, shape, 10)
    assert count_parameters(model) == parameters
    assert model(torch.zeros(2, *shape)).shape == (2, 10)


@pytest.mark.parametrize(
    ("settings", "shape", "expected"),
    [(Settings(model="lenet"), COLOUR, [(6, 14, 14), (16, 5, 5)]),
     (Settings(model="lenet"), GREY, [(6, 14, 14), (16, 5, 5)]),
     (Settings(model="vgg", depth=2), COLOUR, [(32, 16, 16), (64, 8, 8), (128, 4, 4)]),
     (Settings(model="inception", depth=2), COLOUR, [(32, 16, 16), (128, 16, 16), (128, 8, 8),
                                                     (128, 8, 8)]),
     (Settings(model="resnet", width=64, depth=1), COLOUR, [(16, 32, 32), (32, 16, 16),
                                                            (64, 8, 8)]),
     (Settings(model="plainnet", width=64, depth=1), GREY, [(16, 28, 28), (32, 14, 14),
                                                            (64, 7, 7)]), ])
def test_shapes_on_the_way(settings: Settings, shape: tuple[int, ...],
                           expected: list[tuple[int, ...]]) -> None:
    x, seen = torch.zeros(1, *shape), []
    for layer in build_model(settings, shape, 10):
        x = layer(x)
        if isinstance(layer, nn.MaxPool2d | BasicBlock | Inception):
            seen.append(tuple(x.shape[1:]))
    assert seen == expected


def test_the_plain_twin_has_the_weights_of_the_resnet_and_lacks_only_its_shortcuts() -> None:
    settings = Settings(model="resnet", width=16, depth=2, seed=3)
    net, twin = build_model(settings, COLOUR, 10), build_model(settings.replace(model="plainnet"),
                                                               COLOUR, 10)
    assert all(torch.equal(p, q) for p, q in zip(net.parameters(), twin.parameters(), strict=True))
    x = torch.randn(2, *COLOUR, generator=torch.Generator().manual_seed(0))
    assert not torch.allclose(net(x), twin(x))


@pytest.mark.parametrize("activation", ["relu", "maxout"])
def test_a_block_whose_weights_are_zero_hands_its_input_on(activation: str) -> None:
    block = BasicBlock(Settings(activation=activation), inputs=2, outputs=4, stride=2, residual=True)
    for p in block.parameters():
        nn.init.zeros_(p)
    x = torch.rand(1, 2, 4, 4)
    out = block(x)
    assert torch.equal(out[:, :2], x[:, :, ::2, ::2])
    assert torch.equal(out[:, 2:], torch.zeros(1, 2, 2, 2))


def test_maxout_takes_the_largest_of_neighbouring_channels() -> None:
    x = torch.tensor([[1.0, 5.0, -2.0, -3.0], [0.0, -1.0, 4.0, 4.5]])
    assert Maxout()(x).tolist() == [[5.0, -2.0], [0.0, 4.5]]
    assert Maxout(4)(x[:, :, None]).tolist() == [[[5.0]], [[4.5]]]


def test_maxout_of_a_line_and_its_negative_is_the_absolute_value() -> None:
    model = build_model(Settings(model="mlp", width=1, activation="maxout"), (1,), 2)
    first = model[1]
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[1.0], [-1.0]]))
        first.bias.zero_()
    assert model[2](first(torch.tensor([[-3.0], [2.0]]))).tolist() == [[3.0], [2.0]]


def test_the_row_reader_is_the_recurrence_written_out() -> None:
    settings = Settings(model="rnn", width=5, activation="tanh", seed=1)
    model = build_model(settings, (2, 4, 3), 2)
    x = torch.randn(1, 2, 4, 3, generator=torch.Generator().manual_seed(0))
    w, u, b, c = (getattr(model.rnn, f"{name}_l0")
                  for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    state = torch.zeros(5)
    for row in range(4):
        state = torch.tanh(w @ torch.cat([x[0, 0, row], x[0, 1, row]]) + b + u @ state + c)
    assert torch.allclose(model(x)[0], model.head(state), atol=1e-6)


@pytest.mark.parametrize("model", ["mlp", "vgg", "resnet"])
def test_weight_norm_changes_nothing_at_the_start_and_splits_length_from_direction(
        model: str) -> None:
    settings = Settings(model=model, width=16)
    plain, normed = (build_model(settings.replace(norm=norm), COLOUR, 4)
                     for norm in ("none", "weight"))
    x = torch.randn(3, *COLOUR, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(plain(x), normed(x), atol=1e-5)
    layer = next(module for module in normed.modules() if hasattr(module, "parametrizations"))
    before = layer.weight.detach().clone()
    with torch.no_grad():
        layer.parametrizations.weight.original1.mul_(3.0)  # the direction's length does not matter
    assert torch.allclose(layer.weight, before, atol=1e-6)
    twin = copy.deepcopy(normed)
    assert torch.allclose(twin(x), normed(x))


def test_group_norm_takes_eight_channels_together() -> None:
    model = build_model(Settings(model="vgg", width=64, norm="group", init="normal"), COLOUR, 4)
    norm = next(layer for layer in model if isinstance(layer, nn.GroupNorm))
    assert (norm.num_groups, norm.num_channels) == (2, 16)
    out = norm(model[0](torch.randn(2, *COLOUR))).detach().unflatten(1, (2, 8))
    assert torch.allclose(out.mean((2, 3, 4)), torch.zeros(2, 2), atol=1e-4)
    assert torch.allclose(out.std((2, 3, 4)), torch.ones(2, 2), atol=1e-2)


@pytest.mark.parametrize("model", ["lenet", "vgg", "inception", "resnet", "rnn", "gru"])
@pytest.mark.parametrize("init", ["default", "he", "zeros"])
def test_every_weight_is_drawn_and_none_from_the_global_generator(model: str, init: str) -> None:
    before = torch.random.get_rng_state()
    settings = Settings(model=model, width=16, init=init, seed=1)
    a, b = build_model(settings, GREY, 10), build_model(settings, GREY, 10)
    assert torch.equal(torch.random.get_rng_state(), before)
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        assert torch.equal(p, q)
        assert torch.isfinite(p).all()
        assert float(p.detach().abs().max()) < 5
        if init == "zeros":
            assert not p.any()


def test_recurrent_weights_have_the_promised_spread() -> None:
    rnn = build_model(Settings(model="gru", width=256, init="lecun"), GREY, 10).rnn
    assert float(rnn.weight_hh_l0.detach().std()) == pytest.approx(256**-0.5, rel=0.01)
    assert float(rnn.weight_ih_l0.detach().std()) == pytest.approx(28**-0.5, rel=0.02)
    assert not rnn.bias_hh_l0.detach().any()


@pytest.mark.parametrize("model", ["lenet", "vgg", "inception", "resnet", "plainnet", "rnn", "gru"])
def test_a_table_or_a_tiny_image_is_a_clear_error(model: str) -> None:
    with pytest.raises(RecipeError, match="images"):
        build_model(Settings(model=model), (20,), 3)
    if model not in ("rnn", "gru"):
        with pytest.raises(RecipeError, match="2x2|halves"):
            build_model(Settings(model=model), (1, 2, 2), 3)


def test_an_rnn_with_another_activation_is_a_clear_error() -> None:
    with pytest.raises(RecipeError, match="relu or tanh"):
        build_model(Settings(model="rnn", activation="elu"), GREY, 3)
