"""A reader's own pictures, table, model and script. Notebook 11, Y1 to Y4."""

from __future__ import annotations

import csv
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from torch import nn

from recipe_widgets import checks
from recipe_widgets.checks import Report
from recipe_widgets.core import RecipeError, Run, Settings
from recipe_widgets.core.json_files import read_text
from recipe_widgets.data import Data
from recipe_widgets.evaluation import proportion
from recipe_widgets.export import save_script
from recipe_widgets.lessons.common.comparison import claim as claim
from recipe_widgets.lessons.common.comparison import compare as compare
from recipe_widgets.lessons.common.guarded import train
from recipe_widgets.lessons.common.images import show_batch as show_batch
from recipe_widgets.lessons.nb03_check_the_machinery.clinic import findings as findings
from recipe_widgets.lessons.nb11_your_own_model.example_script import SCRIPT as SCRIPT
from recipe_widgets.plots import Picture
from recipe_widgets.plots.checks import COLOURS, MARKS
from recipe_widgets.plots.figures import set_title, text_card
from recipe_widgets.training import evaluate

SHAPES = ("circle", "square", "triangle")
# so that a Python started in another folder finds this package, installed or not
ROOT = Path(__file__).parents[3]


def draw_pictures(folder: Path, per_class: int = 150, size: int = 24, seed: int = 0) -> Path:
    """Circles, squares and triangles in all colours on noise, as PNG files in one folder per
    class.
    """
    from PIL import Image, ImageDraw

    rng = np.random.default_rng(seed)
    for name in SHAPES:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(per_class):
            # a dark ground and a light shape, so that colour tells nothing of the class
            ground = tuple(int(part) for part in rng.integers(20, 110, 3))
            image = Image.new("RGB", (size, size), ground)
            radius = float(rng.uniform(0.28, 0.38)) * size  # pixels
            x, y = (float(side) for side in rng.uniform(radius, size - radius, 2))
            ink = tuple(int(part) for part in rng.integers(150, 250, 3))
            draw = ImageDraw.Draw(image)
            if name == "circle":
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)
            else:
                sides = 3 if name == "triangle" else 4
                draw.regular_polygon((x, y, radius), sides, rotation=int(rng.integers(360)),
                                     fill=ink)
            # standard deviation 8 of 255
            noisy = np.asarray(image) + rng.normal(0, 8, (size, size, 3))
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(
                folder / name / f"{number:03}.png")
    return folder


def write_table(path: Path) -> Path:
    """scikit-learn's wines as a CSV: 13 measurements of 178 wines, the cultivar in the last
    column.
    """
    from sklearn.datasets import load_wine

    wine = load_wine()
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow([*wine.feature_names, "cultivar"])
        table.writerows([*row, f"cultivar {label + 1}"]
                        for row, label in zip(wine.data.tolist(), wine.target, strict=True))
    return path


def save_arrays(data: Data, path: Path, n: int) -> Path:
    """`n` training samples, normalised, as a reader may have them: an npz with x float32 (n,
    ...) and y (n,).
    """
    x, y = next(data.subset(n).train.batches(n))  # one batch of all samples
    np.savez(path, x=x.numpy(), y=y.numpy())
    return path


def listing(text: str) -> str:
    """A program with the numbers of its lines."""
    return "\n".join(f"{number:>3}  {line}".rstrip()
                     for number, line in enumerate(text.splitlines(), 1))


def change(file: Path, old: str, new: str) -> str:
    """Replace the one place where `old` stands in a file; gives the new text.

    Raises:
        RecipeError: it stands there not at all, or several times.
    """
    text = file.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise RecipeError(f"change({file.name})", found=f"{text.count(old)} times {old!r}",
                          expected="once", mend="Write the file anew, then change it.")
    file.write_text(text.replace(old, new), encoding="utf-8")
    return text.replace(old, new)


@dataclass(frozen=True)
class Beside:
    """Reports of several models, side by side."""

    reports: Mapping[str, Report]  # by name of the model

    @property
    def telling(self) -> list[str]:
        """The checks that said something worth reading about any of the models, in the order of
        the recipe.
        """
        every = [result for report in self.reports.values() for result in report]
        said = {result.name for result in every if result.status in ("fail", "warn")}
        return list(dict.fromkeys(result.name for result in every if result.name in said))

    def mended(self, before: str, after: str) -> str:
        """What warned or failed before and no longer does, and what still does."""
        was, now = ([name for name in self.telling
                     if _status(self.reports[model], name) in ("fail", "warn")]
                    for model in (before, after))
        groups = {"gone": [name for name in was if name not in now],
                  "still there": [name for name in now if name in was],
                  "new": [name for name in now if name not in was]}
        parts = [f"{word}: {', '.join(names)}" for word, names in groups.items() if names]
        return "; ".join(parts) or "nothing to mend before or after"

    def __str__(self) -> str:
        wide = max(map(len, self.reports))
        return "\n".join(
            f"{name:<{wide}}  {report.summary}" for name, report in self.reports.items())

    def plot(self) -> Picture:
        """One row per check that warned or failed anywhere, one column per model."""
        rows = self.telling
        title = "; ".join(f"{name}: {_bad(report)}" for name, report in self.reports.items())
        alt = f"Checks by model. {title}."
        if not rows:
            return text_card(title, [f"All checks passed for {', '.join(self.reports)}."], alt)
        figure = Figure(figsize=(4.4 + 1.1 * len(self.reports), 1.0 + 0.28 * len(rows)),
                        layout="constrained")
        set_title(figure, title, 5 + len(self.reports))
        axes = figure.subplots()
        # (checks, models)
        status = [[_status(report, name) for report in self.reports.values()] for name in rows]
        axes.imshow([[to_rgba(COLOURS[one], 0.75) for one in row] for row in status], aspect="auto")
        for line, row in enumerate(status):
            for column, one in enumerate(row):
                axes.text(column, line, f"{MARKS[one]} {one}", ha="center", va="center", fontsize=9)
        axes.set_xticks(range(len(self.reports)), list(self.reports))
        axes.set_yticks(range(len(rows)), rows, fontsize=9)
        words = "; ".join(
            f"{name}: {', '.join(row)}" for name, row in zip(rows, status, strict=True))
        return Picture(figure, f"{alt} {words}.")


def _status(report: Report, name: str) -> str:
    """Of the check of this name; "skip" where the report does not hold it."""
    return next((result.status for result in report if result.name == name), "skip")


def _bad(report: Report) -> str:
    """For example "1 fail, 2 warn"."""
    counts = {status: sum(result.status == status for result in report)
              for status in ("fail", "warn")}
    words = [f"{count} {status}" for status, count in counts.items() if count]
    return ", ".join(words) or "nothing to mend"


@dataclass(frozen=True)
class Said:
    """What a command in a terminal said."""

    command: str
    status: int  # its exit status
    text: str  # standard output and standard error

    def __str__(self) -> str:
        return f"$ {self.command}\n{self.text.strip()}\n[exit status {self.status}]"

    @property
    def lines(self) -> list[str]:
        return [line for line in self.text.splitlines() if line.strip()]


def shell(command: str, folder: Path, seconds: float = 200.0) -> Said:
    """Run a command line in `folder`, as in a terminal; `python`, `pytest`, `recipe`, `torchrun`
    are this kernel's.

    Raises:
        RecipeError: another command, or it takes longer than `seconds`.
    """
    first, *rest = shlex.split(command)
    # as modules of this Python: on another's path there may be another version, or none
    known = {"python": [], "recipe": ["-m", "recipe_widgets"], "pytest": ["-m", "pytest"],
             "torchrun": ["-m", "torch.distributed.run"]}
    if first not in known:
        raise RecipeError("shell", found=repr(first), expected="one of " + ", ".join(known))
    try:
        done = subprocess.run([sys.executable, *known[first], *rest], cwd=folder,
                              env=_surroundings(), encoding="utf-8", timeout=seconds,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    except subprocess.TimeoutExpired:
        raise RecipeError(f"shell({command!r})", found=f"still running after {seconds:g} s",
                          expected="an end") from None
    return Said(command, done.returncode, done.stdout.replace(f"{folder}{os.sep}", ""))


def _surroundings() -> dict[str, str]:
    """The environment of a command: this package in reach, no colours, nothing of a pytest
    around this kernel.
    """
    found = {name: value for name, value in os.environ.items()
             if not name.startswith(("PYTEST", "FORCE_COLOR", "CLICOLOR"))}
    found["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [found.get("PYTHONPATH")])])
    if sys.platform.startswith("linux"):
        found["GLOO_SOCKET_IFNAME"] = "lo"  # elsewhere the loopback has another name
    # no bytecode: a module that is changed within a second would be imported as it was before
    return found | {"PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1",
                    "NO_COLOR": "1", "PY_COLORS": "0"}


@dataclass(frozen=True)
class Twice:
    """A run here, and the script made from it, in a Python of its own."""

    name: str
    steps: int
    turned: int  # how often a knob was changed on the way
    here: float  # last training loss (nats) of the run
    script: float  # and of the script
    lines: int  # of the script

    @property
    def equal(self) -> bool:
        return self.here == self.script

    def __str__(self) -> str:
        away = f"they differ by {abs(self.here - self.script):.1e}"
        verdict = "equal to the last bit" if self.equal else away
        times = f"{self.turned} time{'s' * (self.turned > 1)}"
        knobs = f", knobs turned {times} on the way" if self.turned else ""
        return (f"{self.name}, {self.steps} steps{knobs}: last training loss {self.here!r} here, "
                f"{self.script!r} from the script of {self.lines} lines: {verdict}.")


def as_script(run: Run, folder: Path, name: str = "train") -> Twice:
    """Write a run as a plain PyTorch script into `folder`, run that, and compare its last
    training loss.
    """
    path = save_script(run, folder, name=name)
    said = shell(f"python {path.name}", folder)
    found = re.search(r"last training loss (\S+)", said.text)
    if found is None:
        raise RecipeError(f"The script {path.name}", found=said.text[-300:],
                          expected="a last training loss")
    lines = len(path.read_text(encoding="utf-8").splitlines())
    return Twice(f"{run.data_name} {run.settings.model}", run.steps_done, len(run.changes),
                 run.history.last("train_loss"), float(found[1]), lines)


def apart(one: Path, two: Path) -> str:
    """A sentence about two folders of `recipe train --out` that should differ by nothing but the
    rounding of sums.
    """
    texts = (read_text(folder / "run.json", "Run file", "what recipe train wrote")
             for folder in (one, two))
    first, second = (Run.from_json(text).history.last("train_loss") for text in texts)
    ours, theirs = (torch.load(folder / "weights.pt", map_location="cpu", weights_only=True)
                    for folder in (one, two))
    away = max(float((ours[name] - theirs[name]).abs().max()) for name in ours)
    # float32 rounds at 1e-7 of a value, which adds up over the steps; another run is far away
    judged = "the same run but for the rounding of sums" if away < 1e-4 else "NOT the same run"
    return (f"last losses {first:.7f} and {second:.7f} nats; weights differ by {away:.0e} at most: "
            f"{judged}.")


def told_apart(before: Said, after: Said, n: int) -> str:
    """Whether the accuracies that two scripts printed last, on `n` samples, would have told them
    apart.
    """
    found = [float(re.findall(r"accuracy ([\d.]+)%", said.text)[-1]) / 100
             for said in (before, after)]
    old, new = (proportion(round(share * n), n) for share in found)
    overlap = old.low <= new.high and new.low <= old.high
    judged = ("the intervals overlap: the printed numbers would not have told" if overlap else
              "the numbers differ clearly")
    return (f"Last accuracy on {n} samples: {old.value:.1%} ({old.low:.1%} to {old.high:.1%}) "
            f"before the mend, {new.value:.1%} ({new.low:.1%} to {new.high:.1%}) after it; "
            f"{judged}.")


def in_cell(report: object) -> str:
    """A report of code in a notebook, whose places are lines of a cell and not of Jupyter's
    temporary file.
    """
    return re.sub(r"\S*ipykernel_\d+\S*?:(\d+)", r"line \1 of the cell", str(report))


# checks of exact facts, which a sound model cannot fail by chance
FACTS = (checks.optimizer_covers_model, checks.batch_independence, checks.mode_toggles,
         checks.gradients_flow, checks.output_scale)


def check_mended(make: Callable[[], nn.Module], data: Data, steps: int = 200) -> str:
    """Judge the exercise: no check of a fact fails, and the network still learns."""
    report = checks.run_all(make, data, nn.functional.cross_entropy, only=FACTS, seconds=None,
                            progress=False,
                            num_classes=data.num_classes, optimizer=sgd)
    if report.failures:
        return (f"Not yet: {len(report.failures)} of {len(report)} facts do not hold. "
                f"The first one:\n{report.failures[0]}")
    model = make()
    train(data, Settings(lr=0.05, max_steps=steps, eval_every=10**6, eval_samples=100), model)
    right = evaluate(model, data.validation).accuracy
    if right < 0.8:  # a network that learnt nothing is right on 1 in 10
        return (f"The facts hold, but it no longer learns: {right:.0%} right on the validation set "
                f"after {steps} steps.")
    return (f"Right: all {len(report)} facts hold, and {right:.0%} of the validation set is right "
            f"after {steps} steps.")


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    """The optimiser of the exercise, made as most people make it."""
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
