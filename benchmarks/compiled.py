"""What torch.compile gains and costs on this machine, and whether its numbers are those of eager PyTorch.

    python benchmarks/compiled.py [--seeds 8] [--steps 300] [--markdown FILE]

The same hand-written loop (SGD with momentum, MNIST) around the same model, compiled and not, from the
same seeds; both take turns. A step's time is the median over all steps but the first ten. The first
step of the first compiled model tells what compiling costs; later models of the same shape reuse it.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets import Data, Settings, evaluate, load
from recipe_widgets.models import build_model
from recipe_widgets.rules.statistics import paired
from recipe_widgets.training import BatchIndices

MODELS = {
    "MLP, 2 x 128": Settings(model="mlp", width=128, depth=2, batch_size=64, lr=0.05),
    "MLP, 6 x 64, BatchNorm": Settings(model="mlp", width=64, depth=6, norm="batch", batch_size=64, lr=0.05),
    "ConvNet, width 32": Settings(model="convnet", width=32, batch_size=64, lr=0.03),
}
WARM_UP = 10  # steps whose time does not count


@dataclass(frozen=True)
class Trained:
    """losses, seconds: one a step. accuracy: on the validation set, 0 to 1."""

    losses: list[float]
    seconds: list[float]
    accuracy: float


def trained(data: Data, settings: Settings, steps: int, compiled: bool) -> Trained:
    model = build_model(settings, data.shape, data.num_classes).train()
    forward: nn.Module = torch.compile(model) if compiled else model  # type: ignore[assignment]
    optimizer = torch.optim.SGD(model.parameters(), lr=settings.lr, momentum=0.9)
    batches = BatchIndices(data.train.size, settings.batch_size, settings.seed, data.train.y.device)
    losses, seconds = [], []
    for _ in range(steps):
        x, y = data.train.batch(next(batches))
        started = time.perf_counter()
        optimizer.zero_grad()
        loss = F.cross_entropy(forward(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - started)
    return Trained(losses, seconds, evaluate(model, data.validation).accuracy)


def row(name: str, data: Data, settings: Settings, seeds: int, steps: int) -> str:
    """One line of the table."""
    torch.compiler.reset()
    runs: dict[bool, list[Trained]] = {False: [], True: []}
    for seed in range(seeds):
        for compiled in (False, True):
            runs[compiled].append(trained(data, settings.replace(seed=seed), steps, compiled))
    eager, fast = runs[False], runs[True]
    each = {way: [statistics.median(one.seconds[WARM_UP:]) for one in found] for way, found in runs.items()}
    ratios = [a / b for a, b in zip(each[False], each[True], strict=True)]
    saved = statistics.median(each[False]) - statistics.median(each[True])
    cost = fast[0].seconds[0]
    even = f"{cost / saved:,.0f}" if min(ratios) > 1 else "not seen"  # faster from every seed
    early = max(abs(a.losses[WARM_UP] / b.losses[WARM_UP] - 1) for a, b in zip(fast, eager, strict=True))
    late = max(abs(a.losses[-1] / b.losses[-1] - 1) for a, b in zip(fast, eager, strict=True))
    gap = paired([one.accuracy for one in eager], [one.accuracy for one in fast])
    return (f"| {name} | {1e3 * statistics.median(each[False]):.2f} | {1e3 * statistics.median(each[True]):.2f} "
            f"| {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | {cost:.1f} | {even} "
            f"| {early:.1e} | {late:.1e} | {100 * gap.difference:+.2f} ({100 * gap.low:+.2f} to {100 * gap.high:+.2f}) |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--markdown", type=Path)
    asked = parser.parse_args()
    data = load("mnist")
    lines = [
        f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"{torch.backends.cpu.get_cpu_capability()}, {asked.seeds} paired seeds of {asked.steps} steps", "",
        "| model | eager (ms a step) | compiled (ms a step) | times as fast | first compiled step (s) "
        f"| pays off after (steps) | loss after {WARM_UP} steps differs by | after {asked.steps} "
        "| validation accuracy, compiled less eager (points, 95 % interval) |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for name, settings in MODELS.items():
        with tempfile.TemporaryDirectory() as folder:  # what other runs compiled would cost nothing
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
            lines.append(row(name, data, settings, asked.seeds, asked.steps))
        print(lines[-1], flush=True)
    text = "\n".join(lines) + "\n"
    if asked.markdown:
        asked.markdown.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
