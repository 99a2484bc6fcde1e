"""65 real runs with their curves, from rates that crawl to rates that explode; `record.py` makes them
anew (some minutes).
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from recipe_widgets import Settings
from recipe_widgets.core import History, Run
from recipe_widgets.live import live_settings

FOLDER = Path(__file__).parent
BASE = Settings(max_steps=600, eval_every=40)


def settings_of(changes: dict[str, Any]) -> Settings:
    return live_settings(BASE.replace(**changes))


@cache
def table() -> dict[str, dict[str, Any]]:
    """Name -> its data, its status and what differs from `BASE`."""
    read: dict[str, dict[str, Any]] = json.loads((FOLDER / "runs.json").read_text(encoding="utf-8"))
    return read


@cache
def run_named(name: str) -> Run:
    one, number = table()[name], list(table()).index(name)
    history = History()
    with np.load(FOLDER / "runs.npz") as arrays:
        looks = arrays[f"{number} looks"]
        for column in ("train_loss", "train_accuracy", "val_loss", "val_accuracy"):
            values = arrays[f"{number} {column}"]
            steps = looks if column.startswith("val") else range(len(values))
            for step, value in zip(steps, values, strict=True):
                history.append(column, int(step), float(value))
    return Run(settings_of(one["settings"]), history, None, data_name=one["data"],
               status=one["status"])
