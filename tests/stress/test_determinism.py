"""The same numbers: from process to process to the last bit, from one thread to two within a stated
tolerance; and saved outputs of the notebooks by their values."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
import torch

from recipe_widgets import load
from recipe_widgets.lessons.nb05_overfit.convolution import output_size
from recipe_widgets.lessons.nb07_regularise_with_data.rare_classes import class_weights
from tests.stress.tally import FULL, Tally, times

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHECKED = "nbval-check-output"
LOSS = 1e-6  # relative difference of the loss of one step, on one and on two threads
WEIGHTS = 1e-4  # largest difference of a weight after it, in units of the largest update
UNDER_BATCHNORM = 1e-2  # the same where each value is divided by a standard deviation of few


def in_two_processes() -> list[dict[str, dict[str, float | str]]]:
    """What `one_step` prints in processes with other hash seeds, whose runtime is asked for
    other numbers of threads.
    """
    found = []
    for number in range(times(2, 3)):
        environment = {
            **os.environ, "PYTHONHASHSEED": str(number), "OMP_NUM_THREADS": str(1 + number % 2),
            "OMP_WAIT_POLICY": "passive"
        }
        done = subprocess.run([sys.executable, "-m", "tests.stress.one_step"], cwd=ROOT,
                              env=environment, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
    return found


@pytest.mark.skipif(not FULL, reason="many processes: in make stress")
def test_one_step_on_one_and_two_threads_and_in_other_processes(
        tally: Callable[[str], Tally]) -> None:
    row, found = tally("one step: processes, threads"), in_two_processes()
    first = found[0]
    assert set(first) == {"MLP", "ConvNet", "ResNet", "RNN"}
    for other in found[1:]:
        row.tried += len(other)
        row.lost += sum(other[name] != first[name] for name in first)
    assert row.lost == 0, "the same number of threads gives the same bits"
    for name, seen in first.items():
        assert seen["update"] > 1e-4, name
        assert seen["loss"] <= LOSS, name
        assert seen["weights"] <= (UNDER_BATCHNORM if name == "ResNet" else WEIGHTS), name
    row.notes.append("two threads: weights within " + ", ".join(
        f"{seen['weights']:.0e} ({name})" for name, seen in first.items()) + " of the update")


def outputs(file: Path, tagged: bool = False) -> list[str]:
    """The texts that a notebook's cells have printed or shown; only of the cells that nbval
    compares, where asked for.
    """
    cells = [cell for cell in nbformat.read(file, as_version=4).cells if cell.cell_type == "code"]
    return [
        "".join(
            one.get("text", "") or one.get("data", {}).get("text/plain", "")
            for one in cell.outputs)
        for cell in cells
        if not tagged or CHECKED in cell.metadata.get("tags", [])
    ]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_every_notebook_has_outputs_that_are_compared(file: Path) -> None:
    """What nbval compares says the same on every machine: texts, no pictures, times or widgets."""
    compared = outputs(file, tagged=True)
    assert compared
    for text in compared:
        assert text.strip()
        assert "[picture]" not in text
        assert not re.search(r"\d (ms|s|seconds|MB)\b|LivePanel\(", text)


def test_saved_figures_are_those_of_the_package(tally: Callable[[str], Tally]) -> None:
    """By value: computed here again, found in the notebooks' saved outputs."""
    row, saved = tally("saved outputs by value"), {
        file.stem[:2]: outputs(file) for file in NOTEBOOKS
    }
    mnist, cifar = load("mnist"), load("cifar10")
    n = mnist.train.size
    healthy, ill = class_weights(torch.tensor([90, 10])).tolist()
    big = torch.tensor(1e10)
    gap = float(torch.nextafter(big, torch.tensor(math.inf)) - big)
    layer = torch.nn.Linear(16384, 1000)
    facts = {
        "00": f"{n:,} / 64 = {n / 64}: {math.ceil(n / 64)} steps", "01":
        f"the next float32 after 1e10 is {gap:.0f} away", "02": f"{tuple(layer.weight.shape)}  "
        f"{layer.weight.numel():,}", "05":
        f"padding 0: {[32, *(output_size(side, kernel=5) for side in (32, 28, 24))]}", "07":
        f"a healthy one counts {healthy:.2f} times, an ill one {ill:.2f} times", "09":
        f"{mnist}\n{cifar}",
    }
    for number, fact in facts.items():
        row.tried += 1
        row.lost += not any(fact in text for text in saved[number])
        assert row.lost == 0, (number, fact)


@pytest.mark.skipif(not FULL, reason="starts a kernel")
def test_a_figure_that_changed_would_be_noticed(tmp_path: Path, tally: Callable[[str],
                                                                                Tally]) -> None:
    """nbval compares what is tagged: a saved figure that is off by one fails, the right one
    passes.
    """
    row = tally("saved outputs by value")
    for name, said in (("right", "781\n"), ("wrong", "782\n")):
        shown = nbformat.v4.new_output("stream", name="stdout", text=said)
        cell = nbformat.v4.new_code_cell("print(50_000 // 64)", outputs=[shown], execution_count=1,
                                         metadata={"tags": [CHECKED]})
        nbformat.write(
            nbformat.v4.new_notebook(
                cells=[cell], metadata={
                    "kernelspec":
                    {"name": "python3", "display_name": "Python 3", "language": "python"}
                }), tmp_path / f"{name}.ipynb")
        done = subprocess.run([
            sys.executable, "-m", "pytest", "-q", "--nbval-lax", "--nbval-current-env", "-p",
            "no:cacheprovider",
            str(tmp_path / f"{name}.ipynb")
        ], cwd=tmp_path, capture_output=True, text=True)
        assert ("1 passed" if name == "right" else "1 failed") in done.stdout, done.stdout
        row.tried += 1
