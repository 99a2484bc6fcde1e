"""The page's engine, in a real browser, against PyTorch: from the same weights, on the same
batches, with the same dropout masks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Page
from torch import nn

from docs.site.play_page import bundle, missing_tools
from recipe_widgets import Settings, load
from recipe_widgets.live.drawing import as_sample
from recipe_widgets.models import build_model
from recipe_widgets.models.layers import Dropout
from recipe_widgets.training.optimizers import make_optimizer
from tests.e2e.lab import chromium, running_browser
from tests.site.served import served

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(bool(missing_tools()), reason=missing_tools() or "-"),
]
STEPS = 50
RELATIVE = 1e-4  # of a loss, and of a layer's largest gradient
OWN = ("model", "width", "depth", "activation", "dropout", "optimizer", "lr", "momentum",
       "weight_decay", "batch_size")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("engine")
    bundle(Path(__file__).with_name("play_engine.js"), folder / "engine.js", folder)
    (folder / "index.html").write_text(
        '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">'
        '<script type="module" src="engine.js"></script>')
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> Iterator[Page]:
    with served(folder) as address, running_browser() as browser:
        page = browser.new_page()
        page.goto(address)
        page.wait_for_function("typeof train === 'function'")
        yield page


def torch_run(settings: Settings, folder: Path, noise: float = 0.0) -> dict[str, Any]:
    """Train with PyTorch, and write what the page needs to do the same: weights.bin has the weights
    before each step, one after the other. noise: spread of what is added to the inputs.
    """
    data = load("mnist")
    model = build_model(settings, data.shape, len(data.classes))
    optimizer = make_optimizer(model.parameters(), settings)
    rows = torch.arange(STEPS * settings.batch_size)
    x, y = data.train.batch(rows)
    x += noise * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    weights: list[bytes] = []
    (folder / "x.bin").write_bytes(x.contiguous().numpy().astype("<f4").tobytes())
    (folder / "y.bin").write_bytes(y.numpy().astype("u1").tobytes())
    masks: list[np.ndarray] = []
    for layer in model.modules():
        if isinstance(layer, Dropout):  # where the input was zero, any mask says the same
            layer.register_forward_hook(
                lambda _, __, out: masks.append((out != 0).float().numpy().copy()))
    losses, gradients = [], None
    for x_batch, y_batch in zip(x.split(settings.batch_size), y.split(settings.batch_size),
                                strict=True):
        weights += [one.detach().contiguous().numpy().astype("<f4").tobytes()
                    for one in model.parameters()]
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x_batch), y_batch)
        loss.backward()
        if gradients is None:
            gradients = [one.grad.contiguous().numpy().copy() for one in model.parameters()]
        optimizer.step()
        losses.append(loss.item())
    (folder / "weights.bin").write_bytes(b"".join(weights))
    (folder / "masks.bin").write_bytes(b"".join(one.astype("<f4").tobytes() for one in masks))
    return {"losses": losses, "gradients": gradients, "sizes": [one.numel() for one in model.parameters()]}


def compared(page: Page, settings: Settings, folder: Path,
             noise: float = 0.0,
             together: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    there = torch_run(settings, folder, noise)
    here = page.evaluate("ask => train(ask)", {
        "settings": {name: getattr(settings, name) for name in OWN}, "sizes": there["sizes"],
        "steps": STEPS, "masks": settings.dropout > 0, "together": together})
    return here, there


def same_gradients(here: dict[str, Any], there: dict[str, Any]) -> None:
    assert len(here["gradients"]) == len(there["gradients"])
    for mine, wanted in zip(here["gradients"], there["gradients"], strict=True):
        assert np.abs(wanted).max() > 0
        np.testing.assert_allclose(np.array(mine), wanted.ravel(), rtol=0,
                                   atol=RELATIVE * np.abs(wanted).max())


@pytest.mark.parametrize("change", [
    {}, {"optimizer": "adam", "lr": 1e-3}, {"optimizer": "adamw", "lr": 1e-3, "weight_decay": 0.1},
    {"optimizer": "nesterov", "weight_decay": 1e-3}, {"momentum": 0.0}, {"dropout": 0.5},
    {"activation": "tanh"}, {"activation": "silu"}, {"activation": "elu"},
    {"activation": "leaky_relu"}, {"activation": "sigmoid"}, {"depth": 3, "width": 24},
    {"batch_size": 100, "width": 30}, {"model": "linear"},
    {"model": "convnet", "lr": 0.01},
    {"model": "convnet", "optimizer": "adam", "lr": 1e-3},
    {"model": "convnet", "activation": "silu", "width": 32, "dropout": 0.2},
    {"model": "convnet", "depth": 2, "width": 40, "batch_size": 20},
], ids=lambda change: "-".join(map(str, change.values())) or "mlp")
def test_fifty_losses_and_first_gradients_are_those_of_pytorch(
        page: Page, folder: Path, change: dict[str, Any]) -> None:
    # An empty background gives a pooling four equal values, of which the last bit chooses one: a
    # little noise chooses first. At higher rates such choices still bring PyTorch's own float32 and
    # float64 apart, by 5 % in 50 steps at 0.05.
    noise = 0.05 if change.get("model") == "convnet" else 0.0
    here, there = compared(page, Settings(**change), folder, noise)
    same_gradients(here, there)
    apart = np.abs(np.array(here["losses"]) / there["losses"] - 1)
    print(f"largest relative difference {apart.max():.1e}")
    assert there["losses"][-1] < 0.9 * there["losses"][0]  # it has learnt: the losses say something
    assert apart.max() < RELATIVE


def test_each_step_of_a_convnet_on_plain_digits_is_that_of_pytorch(page: Page, folder: Path) -> None:
    here, there = compared(page, Settings(model="convnet"), folder, together=True)
    same_gradients(here, there)
    assert np.abs(np.array(here["losses"]) / there["losses"] - 1).max() < RELATIVE


def test_a_drawn_digit_is_seen_as_by_the_panel(page: Page) -> None:
    side, rng = 56, np.random.default_rng(0)
    for _ in range(5):
        drawn = np.zeros((side, side), np.uint8)
        x, y = rng.uniform(15, 40, 2)
        for _ in range(60):  # a wandering pen, five pixels wide
            x, y = np.clip(np.array([x, y]) + rng.normal(0, 3, 2), 4, 51)
            drawn[int(y) - 2:int(y) + 3, int(x) - 2:int(x) + 3] = rng.integers(150, 256)
        found = page.evaluate("ask => sample(ask)", {"drawn": drawn.ravel().tolist(), "side": side})
        wanted = as_sample(torch.from_numpy(drawn)).numpy().ravel()
        assert wanted.max() == 255
        assert np.abs(np.array(found) - wanted).max() <= 1  # grey values
