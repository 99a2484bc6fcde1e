"""How long 8 seeds take at once, in units of one seed, on MNIST: MLP 784-128-10, batch 64, and a
ConvNet, batch 128.

    python benchmarks/seeds.py [--models mlp convnet] [--threads 1] [--processor] [--rounds 7]
                               [--steps 600] [--seeds 8] [--json FILE]

one      steps() of one seed, its loss read at every step
shared   train_many's engine, all seeds on the same batches
own      the same, every seed on batches of its own: the runs equal those of the seeds alone
least    no way: what the products and convolutions of all seeds would take at the speed of a large
         matrix product on this machine (the roofline), if nothing else cost any time

The ways take turns; ratios are paired with the same round's `one`. No way looks at the validation
set. A ConvNet makes a tenth of the steps. --processor takes seconds of processor time, all threads
together, instead of those of the clock: on one thread they say the same, also on a busy machine.
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
from torch.utils.flop_counter import FlopCounterMode

from recipe_widgets import Data, Settings, load, steps
from recipe_widgets.models import build_model
from recipe_widgets.training import MultiSeedTraining, Training

MODELS = {
    "mlp": Settings(model="mlp", batch_size=64), "convnet": Settings(model="convnet", batch_size=128)
}
Clock = Callable[[], float]
SIDE = 1024  # of the matrices whose product tells what this machine can do


def operations(data: Data, settings: Settings) -> int:
    """Floating-point operations of one step's products and convolutions, there and back."""
    training = Training(build_model(settings, data.shape, data.num_classes), data, settings)
    with FlopCounterMode(display=False) as counter:
        training.step()
    return int(counter.get_total_flops())


def speed_of_products(clock: Clock = time.perf_counter) -> float:
    """Floating-point operations per second of a large product in float32: the best of a few."""
    a, times = torch.ones(SIDE, SIDE), []
    for _ in range(5):
        start = clock()
        torch.mm(a, a)
        times.append(clock() - start)
    return 2 * SIDE**3 / min(times)


def one(data: Data, settings: Settings, count: int, clock: Clock) -> float:
    """Seconds per step."""
    ours = steps(build_model(settings, data.shape, data.num_classes), data,
                 settings.replace(max_steps=count + 1))
    next(ours)  # the first one also allocates
    start = clock()
    for step in ours:
        step.loss  # noqa: B018  so do the others
    return (clock() - start) / count


def many(data: Data, settings: Settings, count: int, seeds: int, shared: bool,
         clock: Clock) -> float:
    """Seconds per step of all."""
    settings = settings.replace(max_steps=2 * count, eval_every=2 * count)
    engine = MultiSeedTraining(data, settings, range(seeds), shared_batches=shared)
    for member in engine.members:
        member.due = lambda: False  # type: ignore[method-assign]
    engine.step()
    start = clock()
    for _ in range(count):
        engine.step()
    return (clock() - start) / count


def measure(data: Data, settings: Settings, rounds: int, count: int, seeds: int,
            clock: Clock = time.perf_counter) -> dict[str, dict[str, float]]:
    """Milliseconds per step of each way, and in units of one: median, lowest, highest."""
    ways: dict[str, Callable[[], float]] = {
        "one": lambda: one(data, settings, count, clock),
        "shared": lambda: many(data, settings, count, seeds, True, clock),
        "own": lambda: many(data, settings, count, seeds, False, clock),
        "least": lambda: seeds * operations(data, settings) / speed_of_products(clock)
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):  # the first round only warms up
        for name, way in (ways.items() if turn % 2 else reversed(ways.items())):
            seconds = way()
            if turn:
                times[name].append(seconds)
    table = {}
    for name, values in times.items():
        ratios = [value / base for value, base in zip(values, times["one"], strict=True)]
        table[name] = {
            "ms_per_step": 1e3 * statistics.median(values), "ratio": statistics.median(ratios),
            "ratio_low": min(ratios), "ratio_high": max(ratios)
        }
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", choices=MODELS, nargs="+", default=list(MODELS))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    clock = time.process_time if chosen.processor else time.perf_counter
    data, tables = load("mnist"), {}
    print(f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, "
          f"{torch.get_num_threads()} threads, torch {torch.__version__}, {chosen.seeds} seeds, "
          f"n = {chosen.rounds} rounds of {chosen.steps} steps, "
          f"{'processor time' if chosen.processor else 'by the clock'}")
    for name in chosen.models:
        settings = MODELS[name]
        count = chosen.steps if name == "mlp" else max(1, chosen.steps // 10)
        table = tables[name] = measure(data, settings, chosen.rounds, count, chosen.seeds, clock)
        print(f"\n{name}: {operations(data, settings) / 1e6:,.0f} million operations a step and seed, "
              f"{speed_of_products(clock) / 1e9:,.0f} thousand million a second in a large product")
        for way, row in table.items():
            print(f"  {way:8}{row['ms_per_step']:8.3f} ms{row['ratio']:8.2f} x   "
                  f"{row['ratio_low']:.2f} to {row['ratio_high']:.2f}", flush=True)
    if chosen.json:
        chosen.json.write_text(
            json.dumps(
                {
                    "torch": torch.__version__, "threads": torch.get_num_threads(),
                    "seeds": chosen.seeds, "rounds": chosen.rounds, "models": tables
                }, indent=1))


if __name__ == "__main__":
    main()
