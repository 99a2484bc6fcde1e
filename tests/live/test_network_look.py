"""A look at the whole network, as a page gets it."""

from __future__ import annotations

import json
import math

import pytest
from torch import nn

from recipe_widgets import Settings, load, train
from recipe_widgets.live import Session
from recipe_widgets.live.network_look import look_at, title
from recipe_widgets.training.validation import stratified_subset
from tests.live.test_session import until


@pytest.mark.parametrize(("layer", "says"), [
    (nn.Linear(784, 128), "Linear 784 → 128"), (nn.Conv2d(1, 16, 5), "Conv2d 1 → 16, 5×5"),
    (nn.GRU(28, 64), "GRU 28 → 64")])
def test_layers_are_named_as_code_names_them(layer: nn.Module, says: str) -> None:
    assert title(layer) == says


@pytest.mark.parametrize("model", ["linear", "mlp", "convnet", "resnet", "gru"])
def test_a_look_at_the_network_has_a_place_for_every_byte(model: str) -> None:
    data = load("mnist").subset(200)
    run = train(data, Settings(model=model, width=16, depth=1, max_steps=3))
    last = look_at(run, data.validation, data.classes).facts["blocks"][-1]["path"]
    look = look_at(run, data.validation, data.classes, (last, 1))
    assert look.facts["unit"]["units"] == 10
    shapes = [*(look.facts[name] for name in ("pictures", "probabilities", "filters")),
              look.facts["mistakes"]["shape"], look.facts["unit"]["shape"]]
    assert len(look.numbers) == sum(math.prod(shape) for shape in shapes if shape)
    json.dumps(look.facts, allow_nan=False)
    assert sum(map(sum, look.facts["confusion"])) == look.facts["samples"]
    for block in look.facts["blocks"]:
        assert max(block["activations"][2]) == 255
        assert max(block["gradients"][2]) == 255


def test_a_unit_is_excited_by_what_it_answers_to() -> None:
    data = load("mnist")
    run = train(data, Settings(max_steps=400))
    seven = look_at(run, stratified_subset(data.validation, 500), data.classes, ("4", 7)).facts["unit"]
    assert seven["labels"] == [7] * 9  # of the last layer
    assert max(range(10), key=seven["means"].__getitem__) == 7


def test_the_surest_mistakes_come_first() -> None:
    data = load("mnist").subset(200)
    run = train(data, Settings(max_steps=20))
    told = look_at(run, data.validation, data.classes).facts["mistakes"]["told"]
    assert len(told) == 5
    assert all(label != taken for label, taken, _ in told)
    assert [sure for *_, sure in told] == sorted((sure for *_, sure in told), reverse=True)


def test_the_network_is_seen_before_its_first_run() -> None:
    session = Session(load("mnist").subset(200), Settings(width=16))
    session.show_network(True)
    until(lambda: session.inspector.network is not None)
    look = session.inspector.network
    assert (look.step, look.facts["blocks"][0]["title"]) == (0, "Linear 784 → 16")
    assert session.run is None
    session.order("restart", Settings(width=8, max_steps=3))
    session.wait(60)
    until(lambda: session.inspector.network.facts["blocks"][0]["title"] == "Linear 784 → 8")
    session.order("reset")  # back to the settings of the beginning
    until(lambda: session.inspector.network.facts["blocks"][0]["title"] == "Linear 784 → 16")
    assert session.inspector.network.step == 0
    session.close()


@pytest.mark.parametrize(("tab", "says"), [
    ("activations", "2: ReLU"), ("gradients", "Linear 784 → 16"),
    ("updates", "Linear 784 → 16")])
def test_the_tabs_call_layers_as_the_network_view_does(tab: str, says: str) -> None:
    session = Session(load("mnist").subset(500), Settings(width=16, depth=1, max_steps=60))
    try:
        session.look(tab)
        session.order("restart", session.settings)
        session.wait(60)
        until(lambda: says in session.frame().inside)
        assert "layer 1" not in session.frame().inside
    finally:
        session.close()
