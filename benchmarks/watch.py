"""What `recipe watch` costs: CPU seconds of a run with and without it, interleaved, medians of
paired rounds. Everything counts: importing the watcher, patching torch, watching, and the probes
and the judging after the end.

    python benchmarks/watch.py [--rounds 5] [--json FILE]

Whole loops as a practitioner writes them, on synthetic MNIST-shaped pictures: an MLP 784-128-10 at
batch 64, and a ConvNet at batch 128, half a minute each. Each round is a process of its own, so
that its peak memory can be compared, too.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

CASES = {"mlp": (64, 40_000, 1.3), "convnet": (128, 600, 1.15)}  # batch, steps, allowed ratio


def model_of(name: str) -> nn.Module:
    if name == "mlp":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(64 * 49, 10))


def train(name: str) -> None:
    """The loop; each epoch of 10,000 samples ends with an evaluation."""
    torch.manual_seed(0)
    batch, steps, _ = CASES[name]
    x, y = torch.randn(10_000, 1, 28, 28), torch.randint(10, (10_000,))
    model = model_of(name)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    done = 0
    while done < steps:
        model.train()
        for rows in torch.randperm(len(y)).split(batch):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            loss.item()
            done += 1
            if done == steps:
                break
        model.eval()
        with torch.no_grad():
            (model(x[:1000]).argmax(1) == y[:1000]).float().mean().item()


def child(name: str, watched: bool) -> None:
    cpu, wall = time.process_time(), time.perf_counter()
    told = 0.0  # the overhead as the report has it
    if watched:
        from recipe_widgets.watch.session import WatchSession

        watching = WatchSession("", own_process=True)
        watching.begin(imported_since=wall)
        train(name)
        told = watching.end().overhead
    else:
        train(name)
    print(json.dumps({
        "seconds": time.process_time() - cpu, "wall": time.perf_counter() - wall, "told": told,
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    }))


def one(name: str, watched: bool) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", name] + (["--watched"] if watched else [])
    root = str(Path(__file__).resolve().parent.parent)
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ
        | {"PYTHONPATH": root, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")})
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", choices=CASES)
    parser.add_argument("--watched", action="store_true")
    parser.add_argument("--only", choices=CASES)
    args = parser.parse_args()
    if args.child:
        child(args.child, args.watched)
        return
    results = {}
    for name, (batch, steps, allowed) in CASES.items():
        if args.only and name != args.only:
            continue
        rounds = [(one(name, False), one(name, True)) for _ in range(args.rounds)]
        ratio = statistics.median(b["seconds"] / a["seconds"] for a, b in rounds)
        wall = statistics.median(b["wall"] / a["wall"] for a, b in rounds)
        told = statistics.median(b["told"] for _, b in rounds)
        memory = statistics.median(b["mb"] - a["mb"] for a, b in rounds)
        bare = statistics.median(a["seconds"] for a, _ in rounds) / steps * 1e3
        results[name] = {
            "ratio": ratio, "wall_ratio": wall, "told": told, "allowed": allowed,
            "memory_mb": memory, "bare_ms_per_step": bare
        }
        print(
            f"{name} batch {batch}: {bare:.2f} ms of CPU a step alone, {ratio:.3f}x watched (allowed {allowed}x; "
            f"by the clock {wall:.3f}x; the report says {told:+.0%}), {memory:+.0f} MB at the peak (allowed +200)")
    if args.json:
        args.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
