"""What the package asks of a small machine: one thread, no wide instructions, one core, a busy
neighbour, 2 GB of memory.

    python benchmarks/machines.py [--only run_all duplicates paths label_errors] [--before FOLDER]
                                  [--full FOLDER] [--nets resnet18] [--sets mnist] [--cpu avx2]
                                  [--no-bf16] [--epochs 16] [--notebooks 05_overfit] [--alone]
                                  [--rounds 1] [--markdown FILE]

run_all     all checks on torchvision's nets and on the package's ConvNet: seconds by net and by check,
            findings, and seconds until a broken loss is told
duplicates  near copies in complete MNIST and CIFAR-10, and how many of planted ones are found; needs
            --full, a folder with mnist.npz and cifar10.npz (x_train, y_train, x_test, y_test)
paths       what trains, checks and searches: seconds by the clock as the machine is, with bf16
            hidden, on one core, and beside a process that keeps the last core busy; and whether
            what is found is the same
waiting     a loop written by hand on all cores: milliseconds a step, alone and beside the busy process,
            where idle threads of GNU's OpenMP stay awake as long as is usual, and as short as
            `make lab` and `recipe` let them (GOMP_SPINCOUNT)
notebooks   every notebook in a kernel of its own, exercises solved: its memory at the peak (RSS of
            the kernel and its children, five times a second, and the kernel's own high-water mark),
            where 2 GB is what Binder gives; then the ten slowest of its training cells again beside a
            process that keeps the last core busy (not with --alone). A quarter of an hour or more
label_errors  how many of the label errors of CIFAR-10's test set that people confirmed are among the
            first suspects, by how long its nets learn; needs --full, too

The parts of the first two run in a fresh Python on one thread. Their seconds are processor time,
which other programs on the machine disturb less than wall time; still they slow it down where they
share a core.
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
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbclient import NotebookClient

from recipe_widgets.cli import SPINS

ROOT = Path(__file__).parents[1]
NETS = ("resnet18", "mobilenet_v3_small", "shufflenet_v2", "convnet")
SETS = ("mnist", "cifar10")
EPOCHS = (4, 8, 16)
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
# What is found goes into `said`: numbers are rounded to what other sums of the same terms keep.
PATHS = {
    "a lesson's training, MLP": """
from recipe_widgets import Settings, load
from recipe_widgets.lessons.common import guarded
run = guarded.train(load("mnist"), Settings(max_steps={mlp_steps}, eval_every={mlp_steps}))
said = [run.status, round(run.history.last("val_accuracy"), 1)]
""",
    "a lesson's training, ConvNet": """
from recipe_widgets import Settings, load
from recipe_widgets.lessons.common import guarded
run = guarded.train(load("mnist"), Settings(model="convnet", max_steps={conv_steps}, eval_every=10**6))
said = [run.status, round(run.history.last("val_accuracy"), 1)]
""",
    "8 seeds at once, MLP": """
from recipe_widgets import Settings, load
from recipe_widgets.lessons.common import guarded
runs = guarded.train_many(load("mnist"), Settings(max_steps={many_steps}, eval_every=10**6), range(8))
said = [[run.status, round(run.history.last("val_accuracy"), 1)] for run in runs]
""",
    "run_all, ConvNet": """
from torch.nn import functional as F
from recipe_widgets import Settings, checks, load
from recipe_widgets.models import build_model
data = load("cifar10").subset({samples})
settings = Settings(model="convnet", width={width})
found = checks.run_all(lambda: build_model(settings, data.shape, 10), data, F.cross_entropy,
                       num_classes=10, progress=False)
said = sorted(result.name for result in found if result.status in ("fail", "warn"))
""",
    "duplicates": """
from recipe_widgets import checks, load
found = checks.duplicates(load("cifar10").subset({samples}), progress=False)
said = sorted(str(pair) for pair in found.details["near"])
""",
}
PATH_SIZES = {"mlp_steps": 3000, "conv_steps": 200, "many_steps": 500, "samples": 6000, "width": 64}
AS_IT_IS, HIDDEN, ONE_CORE, BUSY = "as it is", "bf16 hidden", "one core", "beside a busy process"
LABEL_ERRORS = """
import numpy as np
from recipe_widgets import checks

held = np.load({file!r})
parts = {{part: (held["x_" + part], held["y_" + part].reshape(-1)) for part in ("train", "test")}}
start = time.process_time()
found = checks.label_errors(parts, epochs={epochs}, seconds=1e9, progress=False)
seconds, listed = time.process_time() - start, found.details["ranked"]
ranked = listed["test"]
right = np.isin(ranked["rows"], {confirmed})
print(json.dumps({{"seconds": seconds, "accuracy of the nets": found.details["accuracy"],
                  "confirmed among the first 100": int(right[:100].sum()),
                  "confirmed among the first 300": int(right[:300].sum()),
                  "confirmed among the first 500": int(right[:500].sum()),
                  "expected to be wrong of all 60,000":
                      float(sum(part["chance"].sum() for part in listed.values()))}}))
"""
# Test images of CIFAR-10 of which at most two of five people chose the given label (Northcutt,
# Athalye, Mueller 2021; mturk/cifar10_mturk.json of github.com/cleanlab/label-errors, Apache-2.0).
# People saw 275 images only, the suspects of the authors' own networks.
CONFIRMED = (
    165, 792, 882, 1227, 1300, 1684, 1718, 1969, 2010, 2128, 2232, 2405, 2532, 2592, 2804, 2840,
    2940, 3113, 3168, 3183, 3192, 3490, 3600, 3753, 3977, 4055, 4198, 4614, 4643, 4794, 4910,
    4965, 5166, 5191, 5211, 5468, 5632, 5690, 5882, 5960, 6522, 6792, 6877, 6966, 7311, 7657,
    7846, 8058, 8296, 8620, 9227, 9352, 9643, 9793,
)


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
    notebooks: tuple[str, ...] = ()  # empty: all
    alone: bool = False
    most_steps: int = 10**6  # of a loop by hand
    sizes: dict[str, int] = field(default_factory=lambda: dict(PATH_SIZES))
    epochs: tuple[int, ...] = EPOCHS

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
    """Rows of numbers, one column a state of the package, or a condition."""

    title: str
    rows: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)  # empty: the states of the package

    def add(self, name: str, state: str, value: float) -> None:
        self.rows.setdefault(name, {}).setdefault(state, []).append(value)

    def markdown(self, states: list[str]) -> str:
        states = self.columns or states
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


@contextmanager
def busy_neighbour() -> Iterator[None]:
    """A process that keeps the last core busy, and nothing else."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
        yield
    finally:
        process.kill()
        process.wait()


def _as_make_lab(count: str) -> dict[str, str]:
    """Variables of a process that computes with so many threads, which sleep when idle."""
    return {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count,
            "GOMP_SPINCOUNT": SPINS}


def _own_cores(count: int | None = None) -> list[int]:
    return sorted(os.sched_getaffinity(0))[:count] if hasattr(os, "sched_getaffinity") else []


def paths(machine: Machine) -> list[Table]:
    """Seconds by the clock under each condition, imports and data included, and whether what is
    found is what was found as the machine is.
    """
    table = Table("What trains, checks and searches: seconds, start of Python left out")
    columns = (AS_IT_IS, HIDDEN, ONE_CORE, BUSY)
    table.columns = list(columns)
    differing = []
    for name, code in PATHS.items():
        for _ in range(machine.rounds):
            told = {column: _under(machine, code, column) for column in columns}
            for column, one in told.items():
                table.add(name, column, one["seconds"])
                if one["said"] != told[AS_IT_IS]["said"]:
                    differing.append(f"{name}, {column}")
    table.notes = [f"What is found differs: {'; '.join(differing) or 'nowhere'}."]
    return [table]


def _under(machine: Machine, code: str, condition: str) -> dict[str, Any]:
    """Seconds and findings of a fresh Python with as many threads as it has cores."""
    cores = _own_cores(1 if condition == ONE_CORE else None)
    count = str(len(cores) or os.cpu_count())
    bound = f"os.sched_setaffinity(0, {set(cores)})" if cores else ""
    text = (f"import os\n{bound}\nimport torch\nfrom recipe_widgets.core import machine\n"
            + ("machine.bf16_is_fast = lambda: False\n" if condition == HIDDEN else "")
            + "import json, time\nstart = time.perf_counter()\n" + code.format(**machine.sizes)
            + "\nprint(json.dumps({'seconds': time.perf_counter() - start, 'said': said}))")
    own = {**os.environ, **_as_make_lab(count)}
    with busy_neighbour() if condition == BUSY else nullcontext():
        done = subprocess.run([sys.executable, "-c", text], check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, cwd=ROOT, env=own)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


WAITING = """
import json, time, torch
from torch import nn
from recipe_widgets import Settings
from recipe_widgets.models import build_model
model = build_model(Settings(model={model!r}), (1, 28, 28), 10)
x, y = torch.randn({batch}, 1, 28, 28), torch.randint(0, 10, ({batch},))
def step():
    loss = nn.functional.cross_entropy(model(x), y)
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        for weights in model.parameters():
            weights.sub_(weights.grad, alpha=0.01)
for _ in range(5):
    step()
start = time.perf_counter()
for _ in range({steps}):
    step()
print(json.dumps({{"ms": 1e3 * (time.perf_counter() - start) / {steps}}}))
"""
LOOPS = {"MLP, batch 64": ("mlp", 64, 300), "ConvNet, batch 128": ("convnet", 128, 20)}


def waiting(machine: Machine) -> list[Table]:
    """Milliseconds a step of a plain loop on all cores, by how long idle threads stay awake."""
    table = Table("A loop by hand on all cores: ms a step")
    table.columns = [AS_IT_IS, BUSY]
    count = str(len(_own_cores()) or os.cpu_count())
    usual = {name: text for name, text in os.environ.items()
             if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    for _ in range(machine.rounds):
        for name, (model, batch, steps) in LOOPS.items():
            code = WAITING.format(model=model, batch=batch, steps=min(steps, machine.most_steps))
            for kind, more in (("usual", {}), (f"{SPINS} looks", {"GOMP_SPINCOUNT": SPINS})):
                own = {**usual, **more, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": count}
                for column in table.columns:
                    with busy_neighbour() if column == BUSY else nullcontext():
                        done = subprocess.run([sys.executable, "-c", code], check=True, text=True,
                                              stdout=subprocess.PIPE, cwd=ROOT, env=own)
                    table.add(f"{name}, idle threads awake for {kind}", column,
                              json.loads(done.stdout)["ms"])
    return [table]


# --- notebooks ------------------------------------------------------------------------------------

NOTEBOOKS = ROOT / "notebooks"
ROOM = 2048  # MB: Binder's
SLOWEST = 10  # cells
TRAINS = ("train", "fit", "step(", "backward", "for ")  # words of cells that may train


@dataclass
class Ran:
    """A notebook that was run. cells: seconds by number. peak: MB."""

    cells: dict[int, float]
    peak: float


def _run_notebook(path: Path, last: int | None = None) -> Ran:
    """Its code cells up to number `last`, as a reader who solves the exercises would."""
    from recipe_widgets.course.notebook_cells import with_solutions

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=900, kernel_name="python3",
                            resources={"metadata": {"path": str(path.parent)}})
    seconds: dict[int, float] = {}
    count = str(len(_own_cores()) or os.cpu_count())
    with tempfile.TemporaryDirectory() as state:
        own = {**os.environ, **_as_make_lab(count), "RECIPE_STATE": state, "RECIPE_FOLDER": state}
        with client.setup_kernel(env=own), _watched(_pid(client)) as peaks:
            for number, cell in enumerate(notebook.cells[:None if last is None else last + 1]):
                if cell.cell_type == "code":
                    cell.source = with_solutions(cell.source, cell.metadata.get("tags", ()))
                    start = time.perf_counter()
                    client.execute_cell(cell, number)
                    seconds[number] = time.perf_counter() - start
    return Ran(seconds, max(peaks))


def _pid(client: NotebookClient) -> int:
    return int(getattr(getattr(client.km, "provisioner", None), "pid", 0))


@contextmanager
def _watched(pid: int) -> Iterator[list[float]]:
    """MB that a process and its children hold; the last number is the process's own peak."""
    process, found, over = psutil.Process(pid), [0.0], threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            with suppress(psutil.Error):
                held = sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))
                found[0] = max(found[0], held / 2**20)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
        with suppress(OSError):  # only Linux tells
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
            found.append(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
    finally:
        over.set()
        thread.join()


def notebooks(machine: Machine) -> list[Table]:
    """Memory of all, then the slowest training cells beside a busy process."""
    memory = Table(f"Notebooks: memory at the peak (MB; {ROOM} are Binder's)")
    slowest = Table("Slowest training cells: seconds")
    memory.columns, slowest.columns = ["now"], [AS_IT_IS, BUSY, "times as long"]
    names = machine.notebooks or tuple(path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb")))
    cells: dict[tuple[str, int], float] = {}
    for name in names:
        path = NOTEBOOKS / f"{name}.ipynb"
        ran, sources = _run_notebook(path), nbformat.read(path, as_version=4).cells
        memory.add(name, "now", ran.peak)
        print(f"{name}: {ran.peak:.0f} MB, {sum(ran.cells.values()):.0f} s", file=sys.stderr, flush=True)
        cells |= {(name, number): seconds for number, seconds in ran.cells.items()
                  if any(word in sources[number].source for word in TRAINS)}
    chosen = sorted(cells, key=lambda cell: -cells[cell])[:SLOWEST]
    for name in names:
        numbers = sorted(number for one, number in chosen if one == name)
        if not numbers:
            continue
        beside: dict[int, float] = {}
        if not machine.alone:
            with busy_neighbour():
                beside = _run_notebook(NOTEBOOKS / f"{name}.ipynb", numbers[-1]).cells
        for number in numbers:
            row, alone = f"{name}, cell {number}", cells[name, number]
            slowest.add(row, AS_IT_IS, alone)
            if number in beside:
                slowest.add(row, BUSY, beside[number])
                slowest.add(row, "times as long", beside[number] / alone)
    over = [name for name, values in memory.rows.items() if max(values["now"]) > ROOM]
    memory.notes = [f"More than {ROOM} MB: {', '.join(over) or 'none'}."]
    return [memory, slowest]


def label_errors(machine: Machine) -> list[Table]:
    """Confirmed label errors among the first suspects of CIFAR-10's test set, by epochs."""
    if machine.full is None:
        return []
    table = Table(f"label_errors: complete CIFAR-10, {len(CONFIRMED)} confirmed errors in its test set")
    file = str((machine.full / "cifar10.npz").resolve())
    for epochs in machine.epochs:
        for state, told in machine.in_turn(LABEL_ERRORS, file=file, epochs=epochs,
                                           confirmed=CONFIRMED).items():
            for each in told:
                for what, value in each.items():
                    table.add(f"{epochs} epochs, {what}", state, value)
    return [table]


SECTIONS: dict[str, Callable[[Machine], list[Table]]] = {
    "run_all": run_all, "duplicates": duplicates, "paths": paths, "waiting": waiting,
    "notebooks": notebooks, "label_errors": label_errors
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=SECTIONS, nargs="+", default=list(SECTIONS))
    parser.add_argument("--before", type=Path, help="a checkout of an earlier state")
    parser.add_argument("--full", type=Path, help="folder with mnist.npz and cifar10.npz")
    parser.add_argument("--nets", choices=NETS, nargs="+", default=NETS)
    parser.add_argument("--sets", choices=SETS, nargs="+", default=SETS)
    parser.add_argument("--epochs", type=int, nargs="+", default=EPOCHS)
    parser.add_argument("--cpu", default="", choices=["avx2", ""], help="hide wider instructions")
    parser.add_argument("--no-bf16", action="store_true")
    parser.add_argument("--notebooks", nargs="+", default=(), metavar="NAME")
    parser.add_argument("--alone", action="store_true", help="no cells beside a busy process")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--markdown", type=Path)
    chosen = parser.parse_args()
    states = {"before": chosen.before.resolve()} if chosen.before else {}
    machine = Machine({**states, "now": ROOT}, chosen.rounds, chosen.cpu, chosen.no_bf16,
                      chosen.full, tuple(chosen.nets), tuple(chosen.sets), tuple(chosen.notebooks),
                      chosen.alone, epochs=tuple(chosen.epochs))
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
