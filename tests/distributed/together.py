"""Trains under torchrun as its one argument, a JSON of options, says; the first process writes what
came out.

Options: out (a file for weights and history), settings (knobs), double (a ConvNet in float64),
checkpoints, resume, kill ([rank, step]: that process kills itself after that step).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from recipe_widgets import Data, RecipeError, Settings, train
from recipe_widgets.models import build_model
from recipe_widgets.training.processes import count, rank, together


class Double(nn.Module):
    """A model that computes in float64 on the float32 batches it is given."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner.double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x.double())


def make_data() -> Data:
    rng = np.random.default_rng(0)
    y = np.arange(601) % 3
    x = rng.integers(0, 60, (601, 8, 8), dtype=np.uint8)
    x[np.arange(601), y] += 20
    return Data.from_arrays(x, y, name="blobs")


def main(options: dict) -> None:
    settings, data = Settings.from_dict(options["settings"]), make_data()
    model = Double(build_model(settings, data.shape, 3)) if options.get("double") else None
    with together(settings):
        dies = options.get("kill")

        def until(step: object) -> bool:
            if dies and [rank(), step.index] == dies:
                os.kill(os.getpid(), signal.SIGKILL)
            return False

        run = train(data, settings, model, until=until, checkpoints=options.get("checkpoints"),
                    resume=options.get("resume", False))
        masks = [
            m.generator.get_state().sum().item()
            for m in run.model.modules()
            if hasattr(m, "generator")
        ]
        if rank() == 0:
            torch.save(
                {
                    "weights": run.model.state_dict(), "history": run.history.to_json(),
                    "processes": count(), "status": run.status, "masks": masks
                }, options["out"])


if __name__ == "__main__":
    torch.set_num_threads(1)
    try:
        main(json.loads(Path(sys.argv[1]).read_text()))
    except RecipeError as error:
        print(f"rank {os.environ.get('RANK', 0)}: {error}", file=sys.stderr)
        sys.exit(2)
