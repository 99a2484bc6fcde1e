"""One training step of several models on one and on two threads; prints digests of every weight,
and how far they differ.

    python -m tests.stress.one_step
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
import torch

from recipe_widgets import Data, Settings
from recipe_widgets.models import build_model
from recipe_widgets.training import Training

MODELS = {
    "MLP": ("grey", Settings(width=512, depth=1, batch_size=256)),
    "ConvNet": ("grey", Settings(model="convnet", width=32, batch_size=64)),
    "ResNet": ("colour", Settings(model="resnet", width=32, depth=1, norm="batch", batch_size=64)),
    "RNN": ("grey", Settings(model="rnn", width=128, batch_size=128)),
}


def noise(channels: int, side: int) -> Data:
    """1,000 images without a meaning."""
    x = np.random.default_rng(0).integers(0, 256, (1000, channels, side, side), dtype=np.uint8)
    return Data.from_arrays(x, np.arange(1000) % 10)


def weights_after(data: Data, settings: Settings, threads: int,
                  steps: int) -> tuple[torch.Tensor, torch.Tensor, float]:
    """All weights in a row before and after so many steps, and the last loss."""
    torch.set_num_threads(threads)
    training = Training(build_model(settings, data.shape, data.num_classes), data, settings)
    before = in_a_row(training.model)
    for _ in range(steps):
        training.step()
    return before, in_a_row(training.model), training.loss


def in_a_row(model: torch.nn.Module) -> torch.Tensor:
    """All weights (n,) as a copy; a ConvNet's lie channels_last."""
    return torch.cat([p.detach().reshape(-1) for p in model.parameters()])


def digest(weights: torch.Tensor, loss: float) -> str:
    return hashlib.sha256(weights.numpy().tobytes() + loss.hex().encode()).hexdigest()


def main() -> None:
    data = {"grey": noise(1, 28), "colour": noise(3, 32)}
    found: dict[str, dict[str, object]] = {}
    for name, (which, settings) in MODELS.items():
        before, alone, loss = weights_after(data[which], settings, 1, 1)
        _, shared, other = weights_after(data[which], settings, 2, 1)
        _, far, last = weights_after(data[which], settings, 2, 3)
        update = float((alone - before).abs().max())
        found[name] = {
            "one": digest(alone, loss), "two": digest(shared, other), "two, 3 steps":
            digest(far, last), "update": update, "loss": abs(loss - other) / loss, "weights": float(
                (alone - shared).abs().max()) / update
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
