"""How soon one can begin: imports, data, a panel on the page, JupyterLab.

    python benchmarks/startup.py [--rounds 5] [--no-lab] [--json FILE]

import   `import recipe_widgets` after torch, in a fresh Python; and torch itself, for comparison
names    `from recipe_widgets import LivePanel, Settings, load` after that
load     the first `load()` of a process, checksums and decoding included
panel    in a kernel: from sending the cell `LivePanel(data, Settings())` to the widget in its
output step     in the same kernel: from `panel.start()` to the first step, three seconds after the
panel was shown, and at once lab      from `make lab` on a machine where set-up is done to the
answer of JupyterLab's page

All take turns, round by round; the table gives medians and ranges. Files are in the system's cache
from the first round on.
"""

from __future__ import annotations

import argparse
import contextlib
import json
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
from pathlib import Path
from typing import Any

import torch
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[1]
GOALS = {
    "import recipe_widgets, after torch": 0.15, "load('mnist')": 0.3, "load('cifar10')": 0.3,
    "panel on the page": 1.0, "make lab to a page": 5.0
}
IMPORTS = """
import json, time
def timed(code):
    start = time.perf_counter(); exec(code, globals()); return time.perf_counter() - start
print(json.dumps({"import torch": timed("import torch"),
                  "import recipe_widgets, after torch": timed("import recipe_widgets"),
                  "LivePanel, Settings, load": timed("from recipe_widgets import LivePanel, Settings, load")}))
"""
LOAD = """
import json, time
from recipe_widgets import load
start = time.perf_counter(); load({name!r})
print(json.dumps({{"load({name!r})": time.perf_counter() - start}}))
"""
BEFORE = "from recipe_widgets import LivePanel, Settings, load\ndata = load('mnist')"
CELL = "panel = LivePanel(data, Settings(max_steps=1_000_000)); panel"
FIRST = """
import time
start = time.perf_counter(); panel.start()
while panel.run is None or panel.run.steps_done < 1:
    time.sleep(0.001)
print(time.perf_counter() - start)
"""


def fresh(code: str) -> dict[str, float]:
    """What a fresh Python prints."""
    told: dict[str, float] = json.loads(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True,
                       cwd=ROOT).stdout)
    return told


class Kernel:
    """A kernel of its own, spoken to as a front end does."""

    def __init__(self) -> None:
        self.manager = KernelManager()
        self.manager.start_kernel(cwd=str(ROOT))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(60)

    def run(self, code: str, until: str = "idle") -> tuple[float, str]:
        """Seconds until the cell is over, or until its output holds a widget (`until="widget"`);
        and what it printed.
        """
        start, text, seconds = time.perf_counter(), "", 0.0
        sent = self.client.execute(code)
        while True:
            message = self.client.get_iopub_msg(timeout=120)
            if message["parent_header"].get("msg_id") != sent:
                continue
            content: dict[str, Any] = message["content"]
            if message["msg_type"] == "error":
                raise RuntimeError("\n".join(content["traceback"]))
            if message["msg_type"] == "stream":
                text += content["text"]
            if until == "widget" and "application/vnd.jupyter.widget-view+json" in content.get(
                    "data", {}):
                seconds = time.perf_counter() - start
            if content.get("execution_state") == "idle":
                return seconds or time.perf_counter() - start, text

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def panel(wait: float) -> dict[str, float]:
    """A panel shown, and its first step `wait` seconds later."""
    kernel = Kernel()
    try:
        kernel.run(BEFORE)
        shown, _ = kernel.run(CELL, until="widget")
        time.sleep(wait)
        step = float(kernel.run(FIRST)[1])
    finally:
        kernel.close()
    return {
        "panel on the page": shown,
        f"Run to the first step, {'at once' if not wait else 'after 3 s'}": step
    }


def lab() -> dict[str, float]:
    """`make lab` until the page is served; then it is stopped."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = f"--no-browser --port={port} --ServerApp.port_retries=0 --IdentityProvider.token=bench"
    with tempfile.TemporaryDirectory() as folder:
        own = dict.fromkeys(
            ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_WORKSPACES_DIR"), folder)
        start = time.perf_counter()
        server = subprocess.Popen(["make", "--silent", "lab", f"ARGS={arguments}"], cwd=ROOT,
                                  start_new_session=True, env={**os.environ, **own},
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return {
                "make lab to a page":
                _answered(server, f"http://127.0.0.1:{port}/lab?token=bench", start)
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


def measured(rounds: int, with_lab: bool) -> dict[str, list[float]]:
    """Seconds of every part, round by round."""
    parts = [
        lambda: fresh(IMPORTS), lambda: fresh(LOAD.format(name="mnist")),
        lambda: fresh(LOAD.format(name="cifar10")), lambda: panel(3.0), lambda: panel(0.0),
        *([lab] if with_lab else [])
    ]
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for part in parts:
            for name, seconds in part().items():
                found.setdefault(name, []).append(seconds)
    return found


def table(found: dict[str, list[float]]) -> str:
    lines = ["| | median s | range | n | goal |", "| --- | --- | --- | --- | --- |"]
    for name, seconds in found.items():
        goal = f"<= {GOALS[name]}" if name in GOALS else ""
        lines.append(
            f"| {name} | {statistics.median(seconds):.3g} | {min(seconds):.3g} to {max(seconds):.3g} "
            f"| {len(seconds)} | {goal} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-lab", action="store_true")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    found = measured(chosen.rounds, not chosen.no_lab)
    about = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, torch {torch.__version__}"
    print(f"{about}\n\n{table(found)}")
    if chosen.json:
        chosen.json.write_text(
            json.dumps({"about": about, "seconds": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
