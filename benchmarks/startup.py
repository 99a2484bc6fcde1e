"""How soon one can begin, and what it costs: commands, imports, data, a panel on the page, JupyterLab.

    python benchmarks/startup.py [--rounds 5] [--no-lab] [--before CHECKOUT] [--json FILE]

recipe ...     a command that runs nothing of the reader's, from its start to its end
import, names  `import torch`, then `import recipe_widgets` and its names, in a fresh Python
load           the first `load()` of a process, checksums and decoding included
panel          in a fresh kernel: the cell that imports torch, then, from sending it to the widget
               in its output, the cell that imports, loads MNIST and shows a panel
curve          in the same kernel: from `panel.start()` to the first point of a curve, at once and
               three seconds after the panel was shown
lab            from `make lab` on a machine where set-up is done to the answer of JupyterLab's page

Seconds by the clock, seconds of processor time (all threads) and the memory (RSS) of the process at
its end. All take turns, round by round, with those of another checkout where `--before` names one;
the table gives medians. Files are in the system's cache from the first round on.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[1]
GOALS = {
    "import recipe_widgets, after torch": 0.15, "load('mnist')": 0.3, "load('cifar10')": 0.3,
    "first cell to a panel, after torch": 3.0, "Run to the first point, at once": 2.0,
    "make lab to a page": 5.0
}
COMMANDS = ("--help", "watch --help", "check --help", "rules")
# told by the process itself: what the system says of the most memory counts the parent's, too
COMMAND = """
import sys, time
from recipe_widgets.cli import main
try:
    main()
except SystemExit:
    pass
cpu = time.process_time()
import psutil
print(cpu, psutil.Process().memory_info().rss / 2**20, file=sys.stderr)
"""
TIMED = """
import json, os, time
import psutil
told = {}
def timed(name, code):
    wall, cpu = time.perf_counter(), time.process_time(); exec(code, globals())
    told[name] = (time.perf_counter() - wall, time.process_time() - cpu,
                  psutil.Process().memory_info().rss / 2**20)
"""
IMPORTS = TIMED + """
timed("import torch", "import torch")
timed("import recipe_widgets, after torch", "import recipe_widgets")
timed("LivePanel, Settings, load", "from recipe_widgets import LivePanel, Settings, load")
print(json.dumps(told))
"""
LOAD = TIMED + """
from recipe_widgets import load
timed("load('NAME')", "load('NAME')")
print(json.dumps(told))
"""
CELL = """
from recipe_widgets import LivePanel, Settings, load
panel = LivePanel(load("mnist"), Settings(max_steps=1_000_000))
panel
"""
RUN = """
import time
panel.start()
while not any('class="train" d="M' in str(getattr(part, "value", "")) for part in panel.widget.children):
    time.sleep(0.005)
"""


class Cost(NamedTuple):
    """What a part took; NaN for what is not measured."""

    seconds: float
    cpu: float = math.nan
    megabytes: float = math.nan


def command(root: Path, words: str) -> dict[str, Cost]:
    """A `recipe` command from its start to its end."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", COMMAND, *words.split()], check=True,
                          capture_output=True, text=True, cwd=root, env=environment(root))
    return {f"recipe {words}": Cost(time.perf_counter() - start,
                                    *map(float, done.stderr.split()))}


def fresh(root: Path, code: str) -> dict[str, Cost]:
    """What a fresh Python prints."""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True,
                          cwd=root, env=environment(root))
    return {name: Cost(*figures) for name, figures in json.loads(done.stdout).items()}


def environment(root: Path) -> dict[str, str]:
    """Variables of a process that runs the package of this checkout."""
    return {**os.environ, "PYTHONPATH": str(root)}


class Kernel:
    """A kernel of its own, spoken to as a front end does."""

    def __init__(self, root: Path) -> None:
        self.manager = KernelManager()
        self.manager.start_kernel(cwd=str(root), env=environment(root))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(60)
        self.process = psutil.Process(getattr(self.manager.provisioner, "pid", None))

    def run(self, code: str, until: str = "idle") -> Cost:
        """Run a cell: seconds until it is over, or until its output holds a widget
        (`until="widget"`); processor time until it is over.
        """
        start, before, seconds = time.perf_counter(), self._cpu(), 0.0
        sent = self.client.execute(code)
        while True:
            message = self.client.get_iopub_msg(timeout=120)
            if message["parent_header"].get("msg_id") != sent:
                continue
            content: dict[str, Any] = message["content"]
            if message["msg_type"] == "error":
                raise RuntimeError("\n".join(content["traceback"]))
            if until == "widget" and "application/vnd.jupyter.widget-view+json" in content.get(
                    "data", {}):
                seconds = time.perf_counter() - start
            if content.get("execution_state") == "idle":
                seconds = seconds or time.perf_counter() - start
                return Cost(seconds, self._cpu() - before, self.process.memory_info().rss / 2**20)

    def _cpu(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def panel(root: Path, wait: float) -> dict[str, Cost]:
    """A panel shown by the first cell of a kernel, and its curve `wait` seconds later."""
    kernel = Kernel(root)
    try:
        imported = kernel.run("import torch")
        shown = kernel.run(CELL, until="widget")
        time.sleep(wait)
        drawn = kernel.run(RUN)
    finally:
        kernel.close()
    moment = "after 3 s" if wait else "at once"
    return {"import torch, in a kernel": imported, "first cell to a panel, after torch": shown,
            f"Run to the first point, {moment}": drawn}


def lab(root: Path) -> dict[str, Cost]:
    """`make lab` until the page is served; then it is stopped."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = f"--no-browser --port={port} --ServerApp.port_retries=0 --IdentityProvider.token=bench"
    with tempfile.TemporaryDirectory() as folder:
        own = dict.fromkeys(
            ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_WORKSPACES_DIR"), folder)
        start = time.perf_counter()
        server = subprocess.Popen(["make", "--silent", "lab", f"ARGS={arguments}"], cwd=root,
                                  start_new_session=True, env={**os.environ, **own},
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return {
                "make lab to a page":
                Cost(_answered(server, f"http://127.0.0.1:{port}/lab?token=bench", start))
            }
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


def _answered(server: subprocess.Popen[bytes], address: str, start: float) -> float:
    while server.poll() is None and time.perf_counter() - start < 120:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(address, timeout=30).read()
            return time.perf_counter() - start
        time.sleep(0.02)
    raise RuntimeError("make lab served no page")


def measured(rounds: int, with_lab: bool, roots: list[Path]) -> list[dict[str, list[Cost]]]:
    """The costs of every part, round by round, for each checkout."""
    parts: list[Callable[[Path], dict[str, Cost]]] = [
        *(lambda root, words=words: command(root, words) for words in COMMANDS),
        lambda root: fresh(root, IMPORTS), lambda root: fresh(root, LOAD.replace("NAME", "mnist")),
        lambda root: fresh(root, LOAD.replace("NAME", "cifar10")), lambda root: panel(root, 3.0),
        lambda root: panel(root, 0.0), *([lab] if with_lab else [])
    ]
    found: list[dict[str, list[Cost]]] = [{} for _ in roots]
    for number in range(rounds):
        for part in parts:
            # in turn, who begins too: what the machine does besides is shared fairly
            for at in list(range(len(roots)))[::-1 if number % 2 else 1]:
                for name, cost in part(roots[at]).items():
                    found[at].setdefault(name, []).append(cost)
    return found


def table(found: list[dict[str, list[Cost]]]) -> str:
    """Medians, in columns before and after where two checkouts were measured."""
    if len(found) == 1:
        lines = ["| | s | s of processor | MB | n | goal, s |"]
    else:
        lines = ["| | s | s of processor | MB, each before -> now | n | goal, s |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for name, costs in found[-1].items():
        columns = [" -> ".join(_median([cost[field] for cost in one[name]], field) for one in found)
                   for field in range(len(Cost._fields))]
        goal = f"<= {GOALS[name]}" if name in GOALS else ""
        lines.append(f"| {name} | {' | '.join(columns)} | {len(costs)} | {goal} |")
    return "\n".join(lines)


def _median(figures: list[float], field: int) -> str:
    middle = statistics.median(figures)
    if math.isnan(middle):
        return ""
    return f"{middle:.0f}" if Cost._fields[field] == "megabytes" else f"{middle:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-lab", action="store_true")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT",
                        help="another checkout of the package, measured in turn with this one")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    roots = [chosen.before.resolve(), ROOT] if chosen.before else [ROOT]
    found = measured(chosen.rounds, not chosen.no_lab, roots)
    about = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, torch {version('torch')}"
    print(f"{about}\n\n{table(found)}")
    if chosen.json:
        chosen.json.write_text(
            json.dumps({"about": about, "costs": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
