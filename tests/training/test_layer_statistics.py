"""What is seen inside a network whose numbers are known."""

import copy
import math

import pytest
import torch
from torch import nn

from recipe_widgets import Settings, load
from recipe_widgets.data import Data, Split
from recipe_widgets.models import build_model
from recipe_widgets.training import LayerUpdates, Training, model_statistics, step_timing, steps
from recipe_widgets.training.layer_statistics import blocks, histogram


@pytest.fixture
def table() -> Data:
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).repeat(30, 1)
    return Data.from_arrays(x.numpy(), torch.tensor([0, 1]).repeat(30).numpy(), name="corners")


def known(data: Data) -> nn.Sequential:
    """Of three units one is on for class 0, one for all, and one is dead; the logits are 5 times
    the first two.
    """
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    mean, std = torch.tensor(data.train.mean), torch.tensor(data.train.std)
    with torch.no_grad():  # on inputs that are back in {0, 1}
        model[0].weight.copy_(torch.tensor([[1.0, 0.0], [1.0, 1.0], [-1.0, -1.0]]) * std)
        model[0].bias.copy_(torch.tensor([[1.0, 0.0], [1.0, 1.0], [-1.0, -1.0]]) @ mean)
        model[2].weight.copy_(torch.tensor([[10.0, 0.0, 0.0], [0.0, 5.0, 0.0]]))
        model[2].bias.zero_()
    return model


def test_known_units(table: Data) -> None:
    model = known(table)
    inside = model_statistics(model, table.train)
    (layer,) = inside.layers
    assert (layer.name, layer.kind) == ("1", "ReLU")
    assert layer.mean == pytest.approx((0.5 + 1 + 0) / 3, abs=0.02)
    assert layer.dead == pytest.approx(1 / 3)
    assert math.isnan(layer.saturated)
    count = torch.bincount(table.train.y)
    assert inside.confusion.tolist() == [[count[0], 0], [0, count[1]]]
    assert inside.weights is None


def test_saturated_tanh(table: Data) -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].bias.copy_(torch.tensor([5.0, 0.1]))
    (layer,) = model_statistics(model, table.train).layers
    assert layer.saturated == 0.5
    assert math.isnan(layer.dead)


def test_first_weights_as_pictures() -> None:
    data = load("mnist").subset(100)
    for settings, shape in ((Settings(width=12), (12, 1, 28, 28)), (Settings(
            model="convnet", width=4), (4, 1, 3, 3))):
        model = build_model(settings, data.shape, 10)
        weights = model_statistics(model, data.validation).weights
        first = next(p for p in model.parameters() if p.ndim > 1)
        assert weights is not None
        assert tuple(weights.shape)[1:2] == shape[1:2]
        assert torch.equal(weights.flatten(), first.detach().flatten())


def test_looking_changes_nothing() -> None:
    data = load("mnist").subset(200)
    settings = Settings(model="convnet", width=4, dropout=0.3, norm="batch", batch_size=32,
                        max_steps=30)
    plain, looked = (build_model(settings, data.shape, 10) for _ in range(2))
    for _ in steps(plain, data, settings):
        pass
    training = Training(looked, data, settings, probes=[LayerUpdates(3)])
    for step in range(30):
        training.step()
        if step % 7 == 0:
            model_statistics(looked, data.validation)
            step_timing(training, 2)
    assert all(
        torch.equal(a, b) for a, b in zip(plain.state_dict().values(),
                                          looked.state_dict().values(), strict=True))
    assert looked.training
    assert not any(m._forward_hooks for m in looked.modules())


def test_sizes_by_layer_against_a_step_by_hand(table: Data) -> None:
    settings = Settings(model="linear", lr=0.5, momentum=0.0, batch_size=60, max_steps=1)
    model = build_model(settings, table.shape, 2)
    weight = next(p for p in model.parameters() if p.ndim > 1)
    before = weight.detach().clone()
    training = Training(model, table, settings, probes=[LayerUpdates(1)])
    training.step()
    (gradient,) = [n for n in training.history.names if n.startswith("gradient ")]
    (update,) = [n for n in training.history.names if n.startswith("update ")]
    assert training.history.last(gradient) == pytest.approx(float(
        weight.grad.norm()))  # type: ignore[union-attr]
    if before.any():
        assert training.history.last(update) == pytest.approx(
            0.5 * float(weight.grad.norm()) / float(before.norm()),
            rel=1e-4)  # type: ignore[union-attr]


def test_time_of_the_four_parts(table: Data) -> None:
    training = Training(build_model(Settings(), table.shape, 2), table, Settings(batch_size=8))
    found = step_timing(training)
    assert list(found) == ["data", "forward", "backward", "update"]
    assert all(ms > 0 for ms in found.values())
    assert training.done == 0


def test_samples_are_asked_for_where_they_lie(table: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    """A split on another device cannot be indexed from the CPU."""
    split, asked, batch = copy.copy(table.train), [], Split.batch

    def seen(self: Split, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        asked.append(index.device.type)
        return batch(self, torch.arange(len(index)))

    split.x = split.x.to("meta")
    monkeypatch.setattr(Split, "batch", seen)
    model_statistics(known(table), split)
    assert asked == ["meta"]


def test_a_histogram_counts_what_is_there() -> None:
    found = histogram(torch.tensor([0.0, 0.0, 0.0, 1.0, float("nan")]))
    assert found is not None
    assert (found.low, found.high) == (0.0, 1.0)
    assert (found.counts[0], found.counts[-1], sum(found.counts)) == (3, 1, 4)
    assert histogram(torch.full((3, ), float("nan"))) is None


def test_one_odd_value_does_not_stretch_a_histogram() -> None:
    found = histogram(torch.cat([torch.linspace(-1, 1, 5000), torch.tensor([1e6])]))
    assert found is not None
    assert found.high < 1.01


@pytest.mark.parametrize(("model", "paths", "shown"), [
    ("mlp", ["1", "4"], ["2", "4"]), ("linear", ["1"], ["1"]),
    ("convnet", ["0", "3", "7", "10"], ["1", "4", "8", "10"]), ("gru", ["rnn", "head"], ["rnn", "head"])])
def test_a_block_is_a_layer_and_what_follows_it(model: str, paths: list[str],
                                                shown: list[str]) -> None:
    found = blocks(build_model(Settings(model=model, depth=1), (1, 28, 28), 10))
    assert [block.path for block in found] == paths
    assert [block.shown[0] for block in found] == shown
