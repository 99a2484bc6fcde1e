"""A short site: all lessons and texts, one page of the reference, and a replay of eight runs of
40 steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from docs.site.build import build
from docs.site.plans import MNIST, Plan
from recipe_widgets import Settings

SHORT = Plan(
    "mnist", MNIST.title,
    Settings(model="mlp", width=16, activation="leaky_relu", max_steps=40, eval_every=20,
             eval_samples=200), {
                 "lr": (0.01, 0.05, 30.0, 1e6), "batch_size": (8, ), "dropout": (0.0, ), "momentum":
                 (0.0, 0.9)
             }, looks=(0, 10, 20, 40), pictures=(0, 40), questions=("Which is <b>best</b>?", ))


@dataclass(frozen=True)
class Built:
    """folder: of the site. recordings: the runs behind it."""

    folder: Path
    recordings: Path


@pytest.fixture(scope="package")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    work, threads = tmp_path_factory.mktemp("site"), torch.get_num_threads()
    try:
        build(work / "site", work / "recordings", [SHORT], ["recipe_widgets"])
    finally:
        torch.set_num_threads(threads)
    return Built(work / "site", work / "recordings")
