"""Runs out of memory for real, in every way that a reader may, and goes on; prints what was said as
JSON.

A process of its own, whose address space is limited to what it has and a little more: so the
allocator fails as it does on a small machine, and no other process is harmed.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from recipe_widgets import Data, LivePanel, RecipeError, Settings, checks, evaluate, steps, train
from recipe_widgets.cli import main as shell
from recipe_widgets.models import build_model
from recipe_widgets.tune import space, tune

ROOM = 2**29  # bytes
SMALL = Settings(width=8, max_steps=4, batch_size=64)
WIDE = SMALL.replace(width=20_000, depth=2)  # weights of 1.6 GB
MANY = SMALL.replace(width=16384, batch_size=30_000)  # activations of 2 GB


def limited() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, resource.RLIM_INFINITY))


def said(body: Callable[[], object]) -> str:
    try:
        return f"no error: {body()}"
    except RecipeError as error:
        return str(error)


def in_panel(data: Data, settings: Settings) -> str:
    panel = LivePanel(data, SMALL)
    with contextlib.closing(panel):
        panel.turn(**{name: pair[0] for name, pair in (settings - SMALL).items()})
        panel.wait(100)
        words = panel.words
        panel.turn(width=8, depth=1, batch_size=64)
        panel.wait(100)
        return words if panel.run is not None and panel.run.status == "done" else f"it did not live on: {panel.words}"


def in_shell(folder: Path) -> str:
    file = folder / "wide.json"
    file.write_text(WIDE.to_json(), encoding="utf-8")
    with (folder / "said").open("w+") as stream, contextlib.redirect_stderr(stream):
        status = shell(["train", "--settings", str(file)])
        stream.seek(0)
        return f"{status} {stream.read().strip()}"


def in_search(data: Data) -> str:
    found = tune(data, space(width=[8, 20_000]), SMALL.replace(depth=2), trials=2, sampler="grid")
    return f"{found.best.width} {next(trial.why for trial in found.table() if trial.state == 'failed')}"


def in_checks(data: Data) -> str:
    batch = torch.zeros(4000, 4), torch.zeros(4000, dtype=torch.int64)
    report = checks.run_all(
        lambda: torch.nn.Sequential(torch.nn.Linear(4, 2**17), torch.nn.Linear(2**17, 3)), [batch],
        torch.nn.functional.cross_entropy, progress=False)
    return report.summary + " " + " ".join(
        result.message for result in report if result.status in ("fail", "skip"))


def main() -> None:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    data = Data.from_arrays(
        rng.normal(size=(60_000, 4)).astype(np.float32),
        np.arange(60_000) % 3, name="rows")
    small = build_model(SMALL, data.shape, 3)
    huge = torch.nn.Sequential(small, torch.nn.Linear(3, 2**20))  # 4 GB per look
    train(data, SMALL)
    in_panel(data, SMALL.replace(lr=0.1))
    tune(data, space("lr"), SMALL, trials=1)
    limited()
    with tempfile.TemporaryDirectory() as folder:
        print(
            json.dumps({
                "train, weights":
                said(lambda: train(data, WIDE)), "train, a step":
                said(lambda: train(data, MANY)), "steps":
                said(lambda: list(steps(build_model(MANY, data.shape, 3), data, MANY))), "evaluate":
                said(lambda: evaluate(huge, data.validation)), "panel, weights":
                in_panel(data, WIDE), "panel, a step":
                in_panel(data, MANY), "search":
                in_search(data), "checks":
                said(lambda: in_checks(data)), "shell":
                in_shell(Path(folder)), "afterwards":
                said(lambda: train(data, SMALL)),
            }))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
