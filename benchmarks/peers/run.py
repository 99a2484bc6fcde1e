"""This package and its peers side by side, in one process, taking turns.

    make peers          (or: python benchmarks/peers/run.py [--only epochs] [--rounds 5] [--json
    FILE] [--markdown FILE])

epochs      seconds per epoch: an MLP on MNIST, a ConvNet on the embedded CIFAR-10 sample
target      seconds to 97 % on MNIST's test set with the MLP, from the library's call on, judging
not counted precision   test accuracy of the ConvNet after 10 epochs in float32 and in bf16, several
seeds redraws     milliseconds per repaint of a live curve labels      planted label errors and
copies found, and how long it took

Ratios are paired with the same round's bare loop; the tables show median, lowest and highest.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
import torch

from benchmarks.peers import labels, redraws
from benchmarks.peers.epochs import WAYS, Clock, timed
from recipe_widgets import Data, Settings, load

MLP = Settings(model="mlp", batch_size=64)
CONVNET = Settings(model="convnet", batch_size=128)
PEERS = ("torch", "torchvision", "lightning", "fastai", "skorch", "livelossplot", "cleanlab",
         "cleanvision")
Table = tuple[str, list[str], list[list[str]]]  # title, head, rows


def spread(values: Iterable[float], form: str = ".2f") -> str:
    values = sorted(values)
    return f"{statistics.median(values):{form}} ({values[0]:{form}}–{values[-1]:{form}})"


def epochs(rounds: int) -> list[Table]:
    """Two epochs per turn, the first of them a warm-up."""
    tables = []
    for title, data, settings in (("MLP 784-128-10, MNIST, batch 64",
                                   load("mnist"), MLP), ("ConvNet, CIFAR-10 sample, batch 128",
                                                         load("cifar10"), CONVNET)):
        seconds: dict[str, list[float]] = {name: [] for name in WAYS}
        for turn in range(rounds):
            for name in (list(WAYS) if turn % 2 else list(reversed(WAYS))):
                seconds[name].append(timed(name, data, settings, Clock(2)).seconds[-1])
        rows = [[
            name,
            spread(each, ".3f"),
            spread(a / b for a, b in zip(each, seconds["bare loop"], strict=True))
        ] for name, each in seconds.items()]
        tables.append(
            (f"Seconds per epoch: {title}, n = {rounds}", ["way", "seconds", "× bare loop"], rows))
    return tables


def target(rounds: int) -> list[Table]:
    data = load("mnist")
    test = data.open_vault("benchmark of speed to a fixed accuracy; nothing is chosen by it")
    rows = []
    for name in WAYS:
        clocks = [
            timed(name, data, MLP.replace(seed=seed), Clock(15, test, 0.97))
            for seed in range(rounds)
        ]
        rows.append([name, spread(sum(clock.seconds) for clock in clocks),
                     spread((len(clock.seconds) for clock in clocks), ".0f"),
                     f"{min(clock.accuracy for clock in clocks):.2%}"])
    return [(f"Seconds to 97 % on MNIST's test set, MLP, n = {rounds} seeds",
             ["way", "seconds", "epochs", "lowest accuracy"], rows)]


def precision(rounds: int) -> list[Table]:
    data = load("cifar10")
    test = data.open_vault("benchmark of float32 against bf16; nothing is chosen by it")
    reached = {name: [_after_ten(name, data, test, seed) for seed in range(rounds)]
               for name in ("bare loop", "recipe_widgets", "recipe_widgets, bf16")}
    rows = [[
        name,
        spread((100 * value
                for value in values), ".1f"),
        spread((100 * (a - b)
                for a, b in zip(values, reached["recipe_widgets"], strict=True)), "+.1f")
    ]
            for name, values in reached.items()]
    return [(f"Test accuracy after 10 epochs, ConvNet, CIFAR-10 sample, n = {rounds} seeds",
             ["way", "accuracy in %", "against float32, same seed, in points"], rows)]


def _after_ten(name: str, data: Data, test: Any, seed: int) -> float:
    clock = timed(name, data, CONVNET.replace(seed=seed), Clock(10, test, 1.0))
    return clock.accuracy


def repaints(rounds: int) -> list[Table]:
    rows = [[name, spread(each, ".1f")] for name, each in redraws.milliseconds(rounds).items()]
    return [(f"One repaint of two curves of {redraws.POINTS:,} points, n = {rounds}", ["way",
                                                                                       "ms"], rows)]


def finding(_: int) -> list[Table]:
    data = load("cifar10")
    planted, tables = labels.wrong_labels(data), []
    rows = []
    for name, find in labels.LABELS.items():
        seconds, ranked = labels.seconds(find, planted)
        rows.append([name, f"{seconds:.0f}", f"{labels.caught(ranked, planted):.0%}"])
    tables.append((f"{len(planted.rows)} planted label errors among {len(planted.y):,}, n = 1",
                   ["way", "seconds", "found among as many first suspects"], rows))
    planted, rows = labels.copied_images(data), []
    for name, find in labels.COPIES.items():
        seconds, found = labels.seconds(find, planted)
        share = len(set(found) & set(planted.rows)) / len(planted.rows)
        rows.append([name, f"{seconds:.1f}", f"{share:.0%}", str(len(found))])
    tables.append((f"{len(planted.rows)} planted copies among {len(planted.y):,}, n = 1",
                   ["way", "seconds", "planted ones found", "images named in all"], rows))
    return tables


PARTS: dict[str, Callable[[int], list[Table]]] = {
    "epochs": epochs, "target": target, "precision": precision, "redraws": repaints, "labels":
    finding
}


def markdown(tables: list[Table]) -> str:
    parts = []
    for title, head, rows in tables:
        lines = ["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]]
        parts.append(f"**{title}**\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    chosen = parser.parse_args()
    where = f"{platform.machine()}, {torch.get_num_threads()} threads, " + ", ".join(
        f"{p} {version(p)}" for p in PEERS)
    print(where + "\n", flush=True)
    tables = []
    for name in chosen.only:
        made = PARTS[name](chosen.rounds)
        print(markdown(made), flush=True)
        tables += made
    if chosen.json:
        record = {"where": where, "tables": tables}
        chosen.json.write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
    if chosen.markdown:
        chosen.markdown.write_text(f"{where}\n\n{markdown(tables)}", encoding="utf-8")


if __name__ == "__main__":
    main()
