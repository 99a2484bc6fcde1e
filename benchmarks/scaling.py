"""How costs grow with the size of the model, the length of the run and the size of the data.

    python benchmarks/scaling.py [--only model steps data] [--json FILE] [--markdown FILE]

Each figure is the median of a few calls. `growth` is the exponent between the two largest sizes: 1
is linear, 0 does not grow. What has a bound of its own (snapshots, a picture's points) should fall
to 0.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import nn

from recipe_widgets import Data, Run, Settings, checks
from recipe_widgets.core import History, Probe
from recipe_widgets.models import build_model, count_parameters
from recipe_widgets.plots import PlottedRun, curves_svg
from recipe_widgets.training import (
    BatchIndices,
    LayerUpdates,
    Snapshots,
    Training,
    UpdateRatio,
    model_statistics,
)

Row = tuple[str, list[float]]  # what, one figure per size
# of two hidden layers, for about so many weights
WIDTHS = {10**4: 24, 10**5: 216, 10**6: 850, 10**7: 3000, 10**8: 9800}
LENGTHS = [10**3, 10**4, 10**5, 10**6]  # steps
SAMPLES = [10**3, 10**4, 10**5, 10**6]


class _Figures(dict[str, list[float]]):
    def add(self, name: str, value: float) -> None:
        self.setdefault(name, []).append(value)


def seconds(work: Callable[[], object], times: int = 3,
            clock: Callable[[], float] = time.perf_counter) -> float:
    """Median of `times` calls, after one that warms up; a call over ten seconds is not repeated."""
    each = []
    for turn in range(times + 1):
        start = clock()
        work()
        took = clock() - start
        if took > 10:
            return took
        if turn:
            each.append(took)
    return statistics.median(each)


def images(count: int, side: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Grey pictures (count, side, side) that differ, and labels of ten classes."""
    random = np.random.default_rng(0)
    y = random.integers(0, 10, count)
    x = random.integers(0, 200, (count, side, side), dtype=np.uint8)
    x[np.arange(count), y % side, y // side] = 255
    return x, y


def run_all(model: nn.Module, data: Data) -> checks.Report:
    return checks.run_all(model, data, nn.functional.cross_entropy, progress=False)


def by_model(widths: dict[int, int]) -> tuple[list[int], list[Row]]:
    """Batch 64, two hidden layers; the step itself for comparison."""
    data, figures, counts = Data.from_arrays(*images(2000)), _Figures(), []
    for width in widths.values():
        settings = Settings(width=width, depth=2)
        training = Training(build_model(settings, data.shape, 10), data, settings)
        counts.append(count_parameters(training.model))
        _of_one_model(training, figures)
    return counts, list(figures.items())


def _of_one_model(training: Training, figures: _Figures) -> None:
    model, (x, y) = training.model, training.data.train.batch(torch.arange(64))
    figures.add("one training step (ms)", 1e3 * seconds(training.step))
    figures.add("one training step, processor time (ms)",
                1e3 * seconds(training.step, clock=time.process_time))
    figures.add("new pages of memory a step, 4 kB each", _new_pages(training))
    for probe in (UpdateRatio(), LayerUpdates()):
        def sampled(probe: Probe = probe) -> None:
            probe.before(model)
            probe.after(model, x, y)

        figures.add(f"{type(probe).__name__}, a sampled step (ms)", 1e3 * seconds(sampled))
    figures.add("a snapshot (ms)",
                1e3 * seconds(lambda: Snapshots(most=2**62).take(_at_fifty(training))))
    figures.add("a look inside, 64 samples (ms)",
                1e3 * seconds(lambda: model_statistics(model,
                                                  training.data.subset(64).train)))
    figures.add("snapshots held by a run (MB)", _held(training))
    if count_parameters(model) < 2 * 10**7:
        figures.add("checks.run_all (s)", seconds(lambda: run_all(model, training.data), 1))


def _new_pages(training: Training) -> float:
    """Pages that the system hands out, and clears, in one step."""
    before = _pages()
    training.step()
    return _pages() - before


def _pages() -> float:
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def _at_fifty(training: Training) -> Training:
    training.done = 50  # a step at which one is due
    return training


def _held(training: Training) -> float:
    """Megabytes of a run's snapshots, a hundred of them asked for."""
    kept = Snapshots()
    for number in range(1, 101):
        training.done = kept.every * number
        kept._next = 0.0
        if not kept.take(training) and not kept.steps:
            break
    return kept.bytes / 2**20


def by_steps(lengths: list[int]) -> tuple[list[int], list[Row]]:
    figures = _Figures()
    for length in lengths:
        history = History()
        start = time.perf_counter()
        for step in range(length):
            history.append("train_loss", step, 1.0)
        figures.add("History.append, all steps (ms)", 1e3 * (time.perf_counter() - start))
        for step in range(0, length, 100):
            history.append("val_loss", step, 1.0)
        shown = [PlottedRun(Run(Settings(max_steps=length), history, nn.Identity()), "new")]
        figures.add("History.last (µs)", 1e6 * seconds(partial(history.last, "train_loss"), 9))
        figures.add("one repaint of a panel's curves (ms)",
                    1e3 * seconds(partial(curves_svg, shown), 5))
        figures.add("size of that picture (kB)", len(curves_svg(shown)) / 1e3)
        figures.add(
            "memory of the history (MB)",
            sum(sys.getsizeof(part)
                for column in history._columns.values()
                for part in column) / 2**20)
    return lengths, list(figures.items())


def by_data(sizes: list[int]) -> tuple[list[int], list[Row]]:
    figures, model = _Figures(), build_model(Settings(), (1, 8, 8), 10)
    for size in sizes:
        x, y = images(size)
        data, indices = Data.from_arrays(x, y), BatchIndices(size, 64, 0)
        work: dict[str, Callable[[], object]] = {
            "Data.from_arrays": partial(Data.from_arrays, x, y), "an epoch's order of batches":
            partial(deque, islice(indices, indices.steps_per_epoch),
                    0), "class_balance": partial(checks.class_balance, data), "input_range":
            partial(checks.input_range, data), "split_leak": partial(checks.split_leak,
                                                                     data), "duplicates, exact":
            partial(checks.duplicates, data, near=False,
                    progress=False), "checks.run_all": partial(run_all, model, data),
        }
        for name, call in work.items():
            figures.add(f"{name} (s)", seconds(call, 1))
    return sizes, list(figures.items())


def growth(sizes: list[int], values: list[float]) -> float:
    """Exponent between the two largest sizes that were measured."""
    if len(values) < 2 or min(values[-2:]) <= 0:
        return 0.0
    return math.log(values[-1] / values[-2]) / math.log(
        sizes[len(values) - 1] / sizes[len(values) - 2])


def markdown(title: str, sizes: list[int], rows: list[Row]) -> str:
    head = [title, *(f"{size:,}" for size in sizes), "growth"]
    lines = [head, ["---"] * len(head)]
    for name, values in rows:
        cells = [f"{value:.3g}" for value in values] + [""] * (len(sizes) - len(values))
        lines.append([name, *cells, f"{growth(sizes, values):.2f}"])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parts: dict[str, tuple[str, Callable[[], tuple[list[int], list[Row]]]]] = {
        "model": ("weights", lambda: by_model(WIDTHS)), "steps":
        ("steps", lambda: by_steps(LENGTHS)), "data": ("samples", lambda: by_data(SAMPLES)),
    }
    parser.add_argument("--only", choices=parts, nargs="+", default=list(parts))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    chosen = parser.parse_args()
    where = f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    print(where + "\n", flush=True)
    texts, record = [], {}
    for name in chosen.only:
        title, measure = parts[name]
        sizes, rows = measure()
        texts.append(markdown(title, sizes, rows))
        record[name] = {"sizes": sizes, "figures": dict(rows)}
        print(texts[-1] + "\n", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps({"where": where, **record}, indent=1), encoding="utf-8")
    if chosen.markdown:
        chosen.markdown.write_text(where + "\n\n" + "\n\n".join(texts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
