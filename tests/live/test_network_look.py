"""A look at the whole network, as a page gets it."""

from __future__ import annotations

import json
import math

import pytest
from torch import nn

from recipe_widgets import Settings, load, train
from recipe_widgets.live.network_look import look_at, title


@pytest.mark.parametrize(("layer", "says"), [
    (nn.Linear(784, 128), "Linear 784 → 128"), (nn.Conv2d(1, 16, 5), "Conv2d 1 → 16, 5×5"),
    (nn.GRU(28, 64), "GRU 28 → 64")])
def test_layers_are_named_as_code_names_them(layer: nn.Module, says: str) -> None:
    assert title(layer) == says


@pytest.mark.parametrize("model", ["linear", "mlp", "convnet", "resnet", "gru"])
def test_a_look_at_the_network_has_a_place_for_every_byte(model: str) -> None:
    data = load("mnist").subset(200)
    run = train(data, Settings(model=model, width=16, depth=1, max_steps=3))
    look = look_at(run, data.validation, data.classes)
    shapes = (look.facts[name] for name in ("pictures", "probabilities", "filters"))
    assert len(look.numbers) == sum(math.prod(shape) for shape in shapes if shape)
    json.dumps(look.facts, allow_nan=False)
    assert sum(map(sum, look.facts["confusion"])) == look.facts["samples"]
    for block in look.facts["blocks"]:
        assert max(block["activations"][2]) == 255
        assert max(block["gradients"][2]) == 255
