"""How long 8 seeds take at once, in units of one seed: MLP 784-128-10 on MNIST, batch 64.

    python benchmarks/seeds.py [--rounds 7] [--steps 600] [--seeds 8] [--json FILE]

one      steps() of one seed, its loss read at every step
shared   train_many's engine, all seeds on the same batches
own      the same, every seed on batches of its own: the runs equal those of the seeds alone

The ways take turns; ratios are paired with the same round's `one`. No way looks at the validation
set.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from recipe_widgets import Data, Settings, load, steps
from recipe_widgets.models import build_model
from recipe_widgets.training import MultiSeedTraining

SETTINGS = Settings(model="mlp", batch_size=64)


def one(data: Data, count: int) -> float:
    """Seconds per step."""
    model = build_model(SETTINGS, data.shape, data.num_classes)
    start = time.perf_counter()
    for step in steps(model, data, SETTINGS.replace(max_steps=count)):
        step.loss  # noqa: B018  so do the others
    return (time.perf_counter() - start) / count


def many(data: Data, count: int, seeds: int, shared: bool) -> float:
    """Seconds per step of all."""
    settings = SETTINGS.replace(max_steps=2 * count, eval_every=2 * count)
    engine = MultiSeedTraining(data, settings, range(seeds), shared_batches=shared)
    assert engine.stacked
    for member in engine.members:
        member.due = lambda: False  # type: ignore[method-assign]
    start = time.perf_counter()
    for _ in range(count):
        engine.step()
    return (time.perf_counter() - start) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    data, n, k = load("mnist"), chosen.steps, chosen.seeds
    ways: dict[str, Callable[[], float]] = {
        "one": lambda: one(data, n), "shared": lambda: many(data, n, k, True), "own":
        lambda: many(data, n, k, False)
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(chosen.rounds + 1):  # the first round only warms up
        for name, way in (ways.items() if turn % 2 else reversed(ways.items())):
            seconds = way()
            if turn:
                times[name].append(seconds)
    print(
        f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, {k} seeds, "
        f"n = {chosen.rounds} rounds of {n} steps")
    table = {}
    for name, values in times.items():
        ratios = [value / base for value, base in zip(values, times["one"], strict=True)]
        table[name] = {
            "ms_per_step": 1e3 * statistics.median(values), "ratio": statistics.median(ratios),
            "ratio_low": min(ratios), "ratio_high": max(ratios)
        }
        row = table[name]
        print(f"  {name:8}{row['ms_per_step']:8.3f} ms{row['ratio']:8.2f} x   "
              f"{row['ratio_low']:.2f} to {row['ratio_high']:.2f}")
    if chosen.json:
        chosen.json.write_text(
            json.dumps(
                {
                    "torch": torch.__version__, "threads": torch.get_num_threads(), "seeds": k,
                    "rounds": chosen.rounds, "ways": table
                }, indent=1))


if __name__ == "__main__":
    main()
