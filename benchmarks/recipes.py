"""What the recipes that come with the package reach: several seeds, their spread, and how long they
take.

    python benchmarks/recipes.py [--recipe cifar10_5min] [--seeds 0 1 2] [--open-vault WHY] [--json
    FILE]

Accuracy is that of the validation set, looked at in the end only. With --open-vault the test set is
opened once, after the last seed, with that reason in the log, and every seed's model is judged on
it.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from recipe_widgets import Data, Run, evaluate, load, train
from recipe_widgets.recipes import recipe, recipe_names
from recipe_widgets.training import describe_device, pick_device


def one(data: Data, name: str, seed: int) -> tuple[Run, dict[str, Any]]:
    settings = recipe(name).replace(seed=seed)
    start = time.perf_counter()
    run = train(data, settings)
    seconds = time.perf_counter() - start
    assert run.model is not None
    score = evaluate(run.model, data.validation)
    print(f"  seed {seed}: validation {score.accuracy:.2%}, {seconds:.0f} s", flush=True)
    return run, {
        "seed": seed, "status": run.status, "seconds": seconds, "validation_accuracy":
        score.accuracy, "validation_loss": score.loss
    }


def spread(values: list[float]) -> str:
    middle = f"mean {statistics.mean(values):.2%}, {min(values):.2%} to {max(values):.2%}"
    return middle + (f", standard deviation {statistics.stdev(values):.2%}"
                     if len(values) > 1 else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", choices=recipe_names(), default="cifar10_5min")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--open-vault", metavar="WHY",
                        help="also judge on the test set, for this reason")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    data = load(chosen.recipe.split("_")[0])
    where = f"{platform.machine()}, {describe_device(pick_device(recipe(chosen.recipe).device))}, torch {torch.__version__}"
    print(f"{chosen.recipe} on {data}\n{where}, n = {len(chosen.seeds)} seeds", flush=True)
    runs, rows = zip(*(one(data, chosen.recipe, seed) for seed in chosen.seeds), strict=True)
    print("validation: " + spread([row["validation_accuracy"] for row in rows]))
    if chosen.open_vault:
        test = data.open_vault(chosen.open_vault)
        for run, row in zip(runs, rows, strict=True):
            row["test_accuracy"] = evaluate(run.model, test).accuracy
        print("test: " + spread([row["test_accuracy"] for row in rows]))
    print(f"seconds: at most {max(row['seconds'] for row in rows):.0f}")
    if chosen.json:
        record = {
            "recipe": chosen.recipe, "where": where, "date": datetime.now(UTC).date().isoformat(),
            "runs": rows
        }
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
