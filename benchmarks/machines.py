"""What the package asks of a small machine: one thread, with and without wide instructions.

    python benchmarks/machines.py [--only run_all duplicates] [--before FOLDER] [--full FOLDER]
                                  [--nets resnet18] [--sets mnist] [--cpu avx2] [--no-bf16]
                                  [--rounds 1] [--markdown FILE]

run_all     all checks on torchvision's nets and on the package's ConvNet: seconds by net and by check,
            findings, and seconds until a broken loss is told
duplicates  near copies in complete MNIST and CIFAR-10, and how many of planted ones are found; needs
            --full, a folder with mnist.npz and cifar10.npz (x_train, y_train, x_test, y_test)

Each part runs in a fresh Python on one thread. Seconds are processor time, which other programs on
the machine disturb less than wall time; still they slow it down where they share a core.
`--before` names a checkout of an earlier state: it takes turns with this one, part by part.
A section is a function in SECTIONS that gives rows of a table: what, and numbers by column.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
NETS = ("resnet18", "mobilenet_v3_small", "shufflenet_v2", "convnet")
SETS = ("mnist", "cifar10")
SHOWN = 0.3  # seconds from which on a check has a row of its own

# Code for a fresh Python ends with print(json.dumps(figures)).
HEAD = """
import inspect, json, time, torch
torch.set_num_threads(1)
from recipe_widgets.core import machine
if {no_bf16}:
    machine.bf16_is_fast = lambda: False
"""
RUN_ALL = """
from torch.nn import functional as F
from recipe_widgets import Settings, checks, load
from recipe_widgets.checks import run_checks
from recipe_widgets.models import build_model

def parts_of(net):
    if net == "convnet":
        data = load("cifar10")
        make = lambda: build_model(Settings(model="convnet"), data.shape, data.num_classes)
        return dict(model=make, batches=data, loss_fn=F.cross_entropy, num_classes=10)
    from tests.planted_bugs.catalogue import programs
    return next(p for p in programs("healthy") if p.path.stem == net).build()

parts, took, said, first = parts_of({net!r}), {{}}, {{}}, []
if {broken}:
    right = parts["loss_fn"]
    parts["loss_fn"] = lambda output, y: -right(output, y)
safely = run_checks._safely
def timed(check, target):
    begun = time.process_time()
    result = safely(check, target)
    took[check.__name__], said[check.__name__] = time.process_time() - begun, result.status
    if result.status in ("fail", "warn"):
        first.append(time.process_time() - start)
        if {broken}:
            raise KeyboardInterrupt
    return result
run_checks._safely = timed
whole = {{"seconds": None}} if "seconds" in inspect.signature(checks.run_all).parameters else {{}}
start = time.process_time()
try:
    checks.run_all(parts.pop("model"), parts.pop("batches"), parts.pop("loss_fn"), progress=False,
                   **whole, **parts)
except KeyboardInterrupt:
    pass
print(json.dumps({{"seconds": time.process_time() - start, "first": first[0] if first else None,
                  "took": took, "loud": [n for n, s in said.items() if s in ("fail", "warn")],
                  "told": sum(s != "skip" for s in said.values())}}))
"""
DUPLICATES = """
import numpy as np
from recipe_widgets import checks

held = np.load({file!r})
train, test = ((held["x_" + part], held["y_" + part].reshape(-1)) for part in ("train", "test"))
draw = np.random.default_rng(0)
rows = draw.choice(len(train[0]), 200, replace=False)
copies = (train[0][rows] * 0.8 + 20).astype(np.uint8)  # of less contrast
copies[100:] = np.roll(copies[100:], 1, axis=2)  # half of them moved by a pixel, too
places = draw.choice(len(test[0]), 200, replace=False)
test[0][places] = copies
start = time.process_time()
found = checks.duplicates({{"train": train, "test": test}}, progress=False)
seconds = time.process_time() - start
pairs = {{(int(r), int(s)) for a, r, b, s in found.details["near"] if (a, b) == (0, 1)}}
pairs |= {{(int(s), int(r)) for a, r, b, s in found.details["near"] if (a, b) == (1, 0)}}
hits = [pair in pairs for pair in zip(rows.tolist(), places.tolist())]
print(json.dumps({{"seconds": seconds, "near pairs": len(found.details["near"]),
                  "found of 100 planted": sum(hits[:100]),
                  "found of 100 that are moved, too": sum(hits[100:])}}))
"""


@dataclass(frozen=True)
class Machine:
    """What the parts run on: states of the package by name, and what of the processor is hidden."""

    states: dict[str, Path]
    rounds: int = 1
    cpu: str = ""
    no_bf16: bool = False
    full: Path | None = None
    nets: tuple[str, ...] = NETS
    sets: tuple[str, ...] = SETS

    def fresh(self, state: str, code: str, **values: Any) -> dict[str, Any]:
        """What a fresh Python prints, as JSON."""
        own = {
            "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONPATH": str(self.states[state])
        }
        if self.cpu:
            own.update(ATEN_CPU_CAPABILITY=self.cpu, ONEDNN_MAX_CPU_ISA=self.cpu.upper())
        text = HEAD.format(no_bf16=self.no_bf16) + code.format(**values)
        done = subprocess.run([sys.executable, "-c", text], check=True, stdout=subprocess.PIPE,
                              text=True, cwd=self.states[state], env={**os.environ, **own})
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return told

    def in_turn(self, code: str, **values: Any) -> dict[str, list[dict[str, Any]]]:
        """What each state prints, round by round."""
        found: dict[str, list[dict[str, Any]]] = {state: [] for state in self.states}
        for _ in range(self.rounds):
            for state in self.states:
                found[state].append(self.fresh(state, code, **values))
        return found

    def about(self) -> str:
        """The processor as torch sees it, in words."""
        code = "print(json.dumps([torch.__version__, torch.backends.cpu.get_cpu_capability(), "
        code += "machine.bf16_is_fast()]))"
        version, kind, bf16 = self.fresh("now", code)
        return (f"{_processor()}, {kind} instructions, bf16 {'fast' if bf16 else 'slow or hidden'}, "
                f"1 thread, {platform.system()}, Python {platform.python_version()}, "
                f"torch {version}, n = {self.rounds}")


@dataclass
class Table:
    """Rows of numbers, one column a state."""

    title: str
    rows: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, state: str, value: float) -> None:
        self.rows.setdefault(name, {}).setdefault(state, []).append(value)

    def markdown(self, states: list[str]) -> str:
        lines = [f"## {self.title}", "", f"| | {' | '.join(states)} |",
                 "| --- |" + " --- |" * len(states)]
        for name, values in self.rows.items():
            cells = [_cell(values.get(state, [])) for state in states]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        return "\n".join([*lines, *[f"\n{note}" for note in self.notes]])


def _cell(values: list[float]) -> str:
    """The median, and the range where there are several."""
    if not values:
        return ""
    middle = f"{statistics.median(values):.3g}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.3g} to {max(values):.3g})"


def _processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def run_all(machine: Machine) -> list[Table]:
    """Seconds of `checks.run_all` without a limit, by net and by check."""
    nets, checks = Table("run_all: seconds by net"), Table("run_all: seconds by check")
    loud: dict[str, set[str]] = {}
    for net in machine.nets:
        for state, told in machine.in_turn(RUN_ALL, net=net, broken=False).items():
            for each in told:
                nets.add(net, state, each["seconds"])
                nets.add(f"{net}, checks with an answer", state, each["told"])
                loud.setdefault(state, set()).update(f"{name} ({net})" for name in each["loud"])
                for check, seconds in each["took"].items():
                    if seconds >= SHOWN:
                        checks.add(f"{net}: {check}", state, seconds)
        for state, told in machine.in_turn(RUN_ALL, net=net, broken=True).items():
            for each in told:
                nets.add(f"{net}, its loss with the sign flipped: first finding", state,
                         each["first"])
    nets.notes = [f"Warnings and errors, {state}: {', '.join(sorted(found)) or 'none'}."
                  for state, found in loud.items()]
    return [nets, checks]


def duplicates(machine: Machine) -> list[Table]:
    """Seconds of `checks.duplicates` on complete sets, with 200 planted copies."""
    if machine.full is None:
        return []
    table = Table("duplicates: complete sets, 200 copies planted in the test images")
    for name in machine.sets:
        file = str((machine.full / f"{name}.npz").resolve())
        for state, told in machine.in_turn(DUPLICATES, file=file).items():
            for each in told:
                for what, value in each.items():
                    table.add(f"{name}, {what}", state, value)
    return [table]


SECTIONS: dict[str, Callable[[Machine], list[Table]]] = {
    "run_all": run_all, "duplicates": duplicates
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=SECTIONS, nargs="+", default=list(SECTIONS))
    parser.add_argument("--before", type=Path, help="a checkout of an earlier state")
    parser.add_argument("--full", type=Path, help="folder with mnist.npz and cifar10.npz")
    parser.add_argument("--nets", choices=NETS, nargs="+", default=NETS)
    parser.add_argument("--sets", choices=SETS, nargs="+", default=SETS)
    parser.add_argument("--cpu", default="", choices=["avx2", ""], help="hide wider instructions")
    parser.add_argument("--no-bf16", action="store_true")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--markdown", type=Path)
    chosen = parser.parse_args()
    states = {"before": chosen.before.resolve()} if chosen.before else {}
    machine = Machine({**states, "now": ROOT}, chosen.rounds, chosen.cpu, chosen.no_bf16,
                      chosen.full, tuple(chosen.nets), tuple(chosen.sets))
    texts = [machine.about()]
    print(texts[0] + "\n", flush=True)
    for name in chosen.only:
        for table in SECTIONS[name](machine):
            texts.append(table.markdown(list(machine.states)))
            print(texts[-1] + "\n", flush=True)
    if chosen.markdown:
        chosen.markdown.write_text("\n\n".join(texts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
