"""Steps per second of the site's page that trains, in Chromium, beside PyTorch on the same machine.

    python benchmarks/play.py [--rounds 3] [--markdown FILE]

Both compute on one core, taking turns, at batch 64 with SGD and momentum, from forward pass to update;
neither draws. Medians over the rounds. Needs Chromium, node and what package.json lists (npm ci).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from playwright.sync_api import Page
from torch import nn

from docs.site.play_page import bundle
from recipe_widgets import Settings, load
from recipe_widgets.models import build_model
from recipe_widgets.training.optimizers import make_optimizer
from tests.e2e.lab import running_browser
from tests.site.served import served

REPOSITORY = Path(__file__).parents[1]
BATCH, SECONDS = 64, 2.0  # samples; length of a measurement, about
MODELS: dict[str, dict[str, Any]] = {  # name in the table -> settings
    "MLP 784-128-10": {"model": "mlp"},
    "MLP 784-128-10, Adam": {"model": "mlp", "optimizer": "adam", "lr": 0.001},
    "ConvNet, width 64": {"model": "convnet", "width": 64},
    "ConvNet, width 128": {"model": "convnet"},
    "MLP of three layers": {"model": "mlp", "depth": 3},
}
OWN = ("model", "width", "depth", "activation", "dropout", "optimizer", "lr", "momentum",
       "weight_decay", "batch_size")


def torch_speed(settings: Settings) -> float:
    """Steps per second of a plain PyTorch loop on one thread."""
    data = load("mnist")
    x, y = data.train.batch(torch.arange(BATCH))
    model = build_model(settings, data.shape, len(data.classes))
    optimizer = make_optimizer(model.parameters(), settings)
    start, done = 0.0, -5  # the first five warm up
    while done <= 0 or time.perf_counter() - start < SECONDS:
        if done == 0:
            start = time.perf_counter()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        done += 1
    return done / (time.perf_counter() - start)


def page_speed(page: Page, settings: Settings) -> float:
    """Steps per second of the page's engine."""
    own = {name: getattr(settings, name) for name in OWN}
    return float(page.evaluate("ask => speed(ask)", {"settings": own, "seconds": SECONDS}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--markdown", type=Path, help="write the table there, too")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in MODELS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle(REPOSITORY / "tests/site/play_engine.js", folder / "engine.js", folder)
        (folder / "index.html").write_text(
            '<!doctype html><meta charset="utf-8"><script type="module" src="engine.js"></script>')
        with served(folder) as address, running_browser() as browser:
            page = browser.new_page()
            page.goto(address)
            page.wait_for_function("typeof speed === 'function'")
            for _ in range(chosen.rounds):
                for model, change in MODELS.items():
                    settings = Settings(batch_size=BATCH, **change)
                    found[model].append((page_speed(page, settings), torch_speed(settings)))
    text = markdown(found)
    print(text)
    if chosen.markdown:
        chosen.markdown.write_text(text + "\n")


def markdown(found: dict[str, list[tuple[float, float]]]) -> str:
    """A table: steps per second of the page and of PyTorch, and their ratio."""
    lines = ["| batch 64, one core | page, steps/s | PyTorch, steps/s | page / PyTorch |",
             "| --- | ---: | ---: | ---: |"]
    for model, pairs in found.items():
        page, there = (statistics.median(column) for column in zip(*pairs, strict=True))
        lines.append(f"| {model} | {_rate(page)} | {_rate(there)} | {page / there:.2f} |")
    return "\n".join(lines)


def _rate(steps: float) -> str:
    return f"{steps:,.0f}" if steps >= 100 else f"{steps:.3g}"


if __name__ == "__main__":
    main()
