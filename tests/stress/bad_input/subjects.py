"""Small things to call public functions with, made once."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import nn

from recipe_widgets import Data, Run, Settings, train
from recipe_widgets.core import History
from tests.blobs import make_blobs


@functools.cache
def few_blobs() -> Data:
    return make_blobs(90)


@functools.cache
def table() -> Data:
    """40 rows of 4 numbers, 2 classes."""
    rng = np.random.default_rng(0)
    return Data.from_arrays(rng.normal(size=(40, 4)), np.arange(40) % 2, name="table")


@functools.cache
def no_validation() -> Data:
    rng = np.random.default_rng(0)
    return Data.from_arrays(rng.integers(0, 255, (12, 8, 8), dtype=np.uint8),
                            np.arange(12) % 3, validation=0.0, test=0.0)


def tiny_net() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 3))


def quick(**knobs: object) -> Settings:
    """Settings of a run of three steps."""
    return Settings(**{"width": 8, "batch_size": 16, "max_steps": 3,
                       **knobs})  # type: ignore[arg-type]


@functools.cache
def short_run() -> Run:
    return train(few_blobs(), quick())


@functools.cache
def history() -> History:
    made = History()
    for step in range(40):
        made.append("train_loss", step, 2.0 / (step + 1))
    for step in range(0, 40, 10):
        made.append("val_loss", step, 2.0 / (step + 1) + 0.1)
        made.append("val_accuracy", step, 0.5 + step / 100)
    return made


def batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
    x = torch.arange(12 * 64, dtype=torch.float32).reshape(12, 1, 8, 8).sin()
    return [(x[k:k + 4], torch.arange(4) % 3) for k in (0, 4, 8)]


def probabilities(n: int = 12, k: int = 3) -> np.ndarray:
    return np.random.default_rng(0).dirichlet(np.ones(k), n)


def labels(n: int = 12, k: int = 3) -> np.ndarray:
    return np.arange(n) % k
