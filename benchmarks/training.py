"""How much the loop, and the live panel around it, cost: samples per second in one run,
interleaved, medians.

    python benchmarks/training.py [--rounds 7] [--json FILE]

Four ways to train the same model on MNIST, taking turns so that a change of the machine's speed
hits all alike:

bare    a hand-written loop: resident uint8 tensors, a shuffled index, fused SGD, loss.item()
steps   recipe_widgets.steps()
live    recipe_widgets.LivePanel, curves, validation looks and all, in this process, without a
browser loader  torchvision transforms on PIL images, a DataLoader without workers, fused SGD: the
usual beginner's loop

Ratios are of whole rounds and paired: each round's way against the same round's bare loop.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from recipe_widgets import Data, LivePanel, Settings, load, steps
from recipe_widgets.models import build_model


@dataclass(frozen=True)
class Case:
    name: str
    settings: Settings
    loader_steps: int  # the slow way does fewer steps; the rate is what counts


CASES = (
    Case("MLP 784-128-10, batch 64", Settings(model="mlp", batch_size=64, max_steps=2000), 100),
    Case("ConvNet, batch 128", Settings(model="convnet", batch_size=128, max_steps=600), 15),
)


def bare(data: Data, settings: Settings, count: int) -> float:
    """Samples per second of a loop written by hand."""
    model = build_model(settings, data.shape, data.num_classes)
    optimizer = torch.optim.SGD(model.parameters(), lr=settings.lr, momentum=settings.momentum,
                                fused=True)
    (x, y), size = data.train, settings.batch_size
    mean, std = data.mean[0], data.std[0]
    order, at = torch.randperm(len(y)), 0
    start = time.perf_counter()
    for _ in range(count):
        if at + size > len(y):
            order, at = torch.randperm(len(y)), 0
        rows = order[at:at + size]
        at += size
        images = x[rows].float().div_(255).sub_(mean).div_(std)
        loss = nn.functional.cross_entropy(model(images), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
    return count * size / (time.perf_counter() - start)


def ours(data: Data, settings: Settings, count: int) -> float:
    model = build_model(settings, data.shape, data.num_classes)
    start = time.perf_counter()
    for step in steps(model, data, settings.replace(max_steps=count)):
        step.loss  # noqa: B018  the bare loop reads it too
    return count * settings.batch_size / (time.perf_counter() - start)


def live(data: Data, settings: Settings, count: int) -> float:
    """From one reading of the history to the last while it goes on: what a reader sees, without
    the start.
    """
    panel = LivePanel(data, settings.replace(max_steps=count + 10))
    panel.start()
    while panel.run is None or panel.run.steps_done < 10:
        time.sleep(0.001)
    first, start = panel.run.steps_done, time.perf_counter()
    last, end = first, start
    while panel.run.status == "running":
        last, end = panel.run.steps_done, time.perf_counter()
        time.sleep(0.1)  # more often would take part in the race for the interpreter
    rate = (last - first) * settings.batch_size / (end - start)
    panel.close()
    return rate


def loader(data: Data, settings: Settings, count: int) -> float:
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset
    from torchvision import transforms

    convert = transforms.Compose([transforms.ToTensor(), transforms.Normalize(data.mean, data.std)])
    x, y = data.train
    arrays, labels = x.squeeze(1).numpy(), y.tolist()

    class Images(Dataset[tuple[torch.Tensor, int]]):
        def __len__(self) -> int:
            return len(labels)

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            return convert(Image.fromarray(arrays[index])), labels[index]

    model = build_model(settings, data.shape, data.num_classes)
    optimizer = torch.optim.SGD(model.parameters(), lr=settings.lr, momentum=settings.momentum,
                                fused=True)
    batches = iter(DataLoader(Images(), settings.batch_size, shuffle=True))
    start = time.perf_counter()
    for _ in range(count):
        images, targets = next(batches)
        loss = nn.functional.cross_entropy(model(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
    return count * settings.batch_size / (time.perf_counter() - start)


def measure(data: Data, case: Case, rounds: int) -> dict[str, dict[str, float]]:
    """Rates and paired ratios to the bare loop: median, lowest and highest over the rounds."""
    ways: dict[str,
               Callable[[Data, Settings, int],
                        float]] = {"bare": bare, "steps": ours, "live": live, "loader": loader}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):  # the first round only warms up
        for name in (list(ways) if turn % 2 else list(reversed(ways))):
            count = case.loader_steps if name == "loader" else case.settings.max_steps
            rate = ways[name](data, case.settings, count)
            if turn:
                rates[name].append(rate)
    table = {}
    for name in ways:
        ratios = [rate / base for rate, base in zip(rates[name], rates["bare"], strict=True)]
        table[name] = {
            "samples_per_second": statistics.median(rates[name]), "ratio":
            statistics.median(ratios), "ratio_low": min(ratios), "ratio_high": max(ratios)
        }
        if name == "live":
            paired = [rate / base for rate, base in zip(rates["live"], rates["steps"], strict=True)]
            table[name]["ratio_to_steps"] = statistics.median(paired)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    data, tables = load("mnist"), {}
    print(
        f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, n = {chosen.rounds} rounds"
    )
    for case in CASES:
        table = tables[case.name] = measure(data, case, chosen.rounds)
        print(f"\n{case.name}\n  {'':8}{'samples/s':>11}{'x bare':>9}   range")
        for name, row in table.items():
            more = f"   {row['ratio_to_steps']:.3f} x steps" if "ratio_to_steps" in row else ""
            print(f"  {name:8}{row['samples_per_second']:>11,.0f}{row['ratio']:>9.3f}   "
                  f"{row['ratio_low']:.3f} to {row['ratio_high']:.3f}{more}")
        print(f"  steps is {table['steps']['ratio'] / table['loader']['ratio']:.1f} x loader")
    if chosen.json:
        chosen.json.write_text(
            json.dumps(
                {
                    "torch": torch.__version__, "threads": torch.get_num_threads(), "rounds":
                    chosen.rounds, "cases": tables
                }, indent=1))


if __name__ == "__main__":
    main()
