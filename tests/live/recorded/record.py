"""`python -m tests.live.recorded.record` trains the runs of this folder anew."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from recipe_widgets import load
from recipe_widgets.training import train
from tests.live.recorded import FOLDER, settings_of, table


def main() -> None:
    data = {name: load(name) for name in ("mnist", "cifar10")}
    arrays: dict[str, Any] = {}
    for number, (name, one) in enumerate(table().items()):
        run = train(data[one["data"]], settings_of(one["settings"]))
        one["status"] = run.status
        for column in ("train_loss", "train_accuracy", "val_loss", "val_accuracy"):
            steps, values = run.history.arrays(column)
            large = np.abs(values).max() > np.finfo(np.float16).max
            arrays[f"{number} {column}"] = values.astype(np.float32 if large else np.float16)
            if column == "val_loss":
                arrays[f"{number} looks"] = steps.astype(np.int32)
        print(name, run.status, flush=True)
    np.savez_compressed(FOLDER / "runs.npz", **arrays)
    (FOLDER / "runs.json").write_text(json.dumps(table(), indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
