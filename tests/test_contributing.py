"""The page for contributors is true: its paths exist, and the changes that it describes, made in a
copy of the package, work.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/guide.md")
# Made by commands, or in the place of a reader's own files.
NOT_HERE = re.compile(r"^(\.venv|site|build|folder|submissions|first|search|my_|train\.py|NAME|nbNN)"
                      r"|NN|/NAME|test_NAME|<|\*|\.pt$|\.json$|\.db$|~|^/dev")

Edits = dict[str, list[tuple[str, str]]]  # file: (what stands there, what takes its place)
SETTINGS, OPTIMIZERS = "core/settings.py", "training/optimizers.py"
SCHEDULES, LOSSES = "training/schedules.py", "training/losses.py"
AUGMENTATIONS, DATASETS = "data/augment/policy.py", "data/datasets.py"

CHANGES: Edits = {
    SETTINGS: [
        # the names, among the choices of their knobs
        ('choices=("sgd",', 'choices=("rprop", "sgd",'),
        ('choices=("constant",', 'choices=("root", "constant",'),
        ('choices=("cross_entropy",', 'choices=("absolute", "cross_entropy",'),
        ('choices=("none", "flip",', 'choices=("none", "negative", "flip",'),
        # the range of a slider
        ('knob(0.05, "learning rate", "size of one update", "hot",\n'
         "                     low=1e-4, high=10.0",
         'knob(0.05, "learning rate", "size of one update", "hot",\n'
         "                     low=1e-3, high=1.0"),
    ],
    OPTIMIZERS: [('OPTIMIZERS = ChoiceTable("optimizer", [', '''
def rprop_group(settings: Settings) -> dict[str, Any]:
    return {"lr": settings.lr}


OPTIMIZERS = ChoiceTable("optimizer", [
    OptimizerRow("rprop", torch.optim.Rprop, rprop_group, sound_lr=0.01, momentum=False,
                 hint="Looks at the sign of each gradient alone."),''')],
    SCHEDULES: [('SCHEDULES = ChoiceTable("schedule", [', '''
def root_decay(at: Progress) -> float:
    return 1 / math.sqrt(1 + at.step)


SCHEDULES = ChoiceTable("schedule", [
    ScheduleRow("root", root_decay, "1 / root of the step.", needs_length=False),''')],
    LOSSES: [('LOSSES = ChoiceTable("loss", [', '''
def absolute(output: torch.Tensor, y: torch.Tensor, label_smoothing: float) -> torch.Tensor:
    return F.l1_loss(output, probabilities(output, y, label_smoothing))


LOSSES = ChoiceTable("loss", [
    LossRow("absolute", absolute, lambda K: 1 / K, "Distance from one-hot labels."),''')],
    AUGMENTATIONS: [('AUGMENTATIONS = ChoiceTable("augment", [', '''
def random_negative(x: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    chosen = uniform(len(x), x, draw) < 0.5 * strength
    return torch.where(chosen[:, None, None, None], 1 - x, x)


AUGMENTATIONS = ChoiceTable("augment", [
    AugmentationRow("negative", "unit", random_negative, "Dark and bright exchanged."),''')],
    DATASETS: [("DATASETS = {row.name: row for row in [", '''
def _coin_flips(name: str) -> TrainAndTest:
    x = torch.arange(120, dtype=torch.uint8).reshape(120, 1, 1, 1)
    y = torch.arange(120) % 2
    return Samples.numbered(x[:90], y[:90], 0), Samples.numbered(x[90:], y[90:], 1)


DATASETS = {row.name: row for row in [
    DatasetRow("coins", "Coins", ("head", "tail"), (1, 1, 1), "thrown by hand", "CC0",
               read=_coin_flips),''')],
    "live/pacing.py": [("REPAINT_EVERY = 0.125", "REPAINT_EVERY = 0.5")],
    "rules/divergence.py": [("'NaN' if math.isnan(loss) else", "'no number' if math.isnan(loss) else")],
}
# A rule, a check that brings its evidence, and the same evidence from a watched script.
CHANGES |= {
    "rules/few_classes.py": [("", '''"""A classifier tells more than one class apart.

What it finds
    A last layer with a single output under cross-entropy.
Why it hurts
    Soft-max of one number is always 1.
How to mend
    One output for each class.
When it stays silent
    With two classes or more.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST = 2  # a choice needs two


@dataclass(frozen=True)
class ClassCount:
    classes: int


@rule(worst="warning", source="common sense")
def few_classes(rule: Rule[ClassCount], seen: ClassCount) -> CheckResult:
    if seen.classes < FEWEST:
        return rule.warns("there is nothing to choose from", measured=seen.classes)
    return rule.passes(f"{seen.classes} classes", measured=seen.classes)
''')],
    "checks/loss_and_outputs.py": [("", '''

from recipe_widgets.rules.few_classes import ClassCount


@check(stage="loss")
def few_classes(target: Subject) -> ClassCount:
    """Is there anything to choose from?"""
    with torch.no_grad():
        return ClassCount(model_copy(target)(target.x).shape[1])
''')],
    "checks/__init__.pyi": [("", "from .loss_and_outputs import few_classes as few_classes\n")],
    "watch/evidence/build_losses.py": [("", '''

from recipe_widgets.rules.few_classes import ClassCount


@builds(ClassCount)
def class_counts(run: WatchedRun) -> Built:
    for (line, _), passes in run.records.losses.by_line.items():
        yield ClassCount(1 if passes else 2), line
''')],
}

PROBE = '''
import json, math, subprocess, sys
import numpy as np, torch
from recipe_widgets import Data, RecipeError, Settings, train
from recipe_widgets.live.pacing import seconds_until_repaint
from recipe_widgets.live.slider_grid import slider_range
from recipe_widgets.rules.divergence import what_happened
from recipe_widgets.training import lr_at, loss_at_start

from recipe_widgets import checks, load, watch
from recipe_widgets.rules.rulebook import explain
from torch import nn

rng = np.random.default_rng(0)
images = rng.integers(0, 256, (240, 1, 8, 8), dtype=np.uint8)
data = Data.from_arrays(images, np.arange(240) % 3)
chosen = Settings(model="linear", optimizer="rprop", schedule="root", loss="absolute",
                  augment="negative", lr=0.01, batch_size=16, max_steps=12, eval_samples=0)
run = train(data, chosen)
script = run.to_script()
alone = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8")
coins = load("coins")
model, x, y = nn.Linear(4, 1), torch.randn(32, 4), torch.zeros(32, dtype=torch.long)
report = checks.run_all(model, [(x, y)] * 2, nn.functional.cross_entropy, only=["few_classes"])
with watch() as watched:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(5):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
print("FOUND", json.dumps({
    "steps": run.steps_done,
    "status": run.status,
    "rates": [lr_at(step, chosen) for step in (0, 3)],
    "first_loss": [run.history.series("train_loss")[0], loss_at_start(chosen, 3)],
    "last_loss": repr(run.history.last("train_loss")),
    "alone": alone.stdout + alone.stderr,
    "script": script,
    "slider": slider_range("lr", 0.05),
    "repaint": seconds_until_repaint(0.0),
    "message": what_happened(math.nan, 3),
    "coins": [coins.train.size, coins.validation.size, coins.licence],
    "checked": [report["few_classes"].status, checks.few_classes(model, [(x, y)] * 2,
                nn.functional.cross_entropy).message],
    "watched": [one.name for one in watched],
    "problem": watched.problem,
    "explained": explain("few_classes"),
}))
'''


def copied_package(folder: Path, changes: Edits) -> None:
    """The package in `folder`, beside the embedded data, with the changes made."""
    shutil.copytree(ROOT / "recipe_widgets", folder / "recipe_widgets",
                    ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "data").symlink_to(ROOT / "data")
    for name, edits in changes.items():
        file = folder / "recipe_widgets" / name
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        for old, new in edits:
            assert text.count(old) == 1 or not old, f"{name} holds {old!r} {text.count(old)} times"
            text = text.replace(old, new) if old else text + new
        file.write_text(text, encoding="utf-8")


def run_in(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, check=False,
                          encoding="utf-8", env={**os.environ, "PYTHONPATH": str(folder),
                                                 "RECIPE_STATE": str(folder / "state")})


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("changed")
    copied_package(folder, CHANGES)
    return folder


@pytest.fixture(scope="module")
def found(changed: Path) -> dict[str, Any]:
    done = run_in(changed, "-c", PROBE)
    assert "FOUND" in done.stdout, done.stderr
    return json.loads(done.stdout.partition("FOUND ")[2])


def test_a_new_optimiser_schedule_loss_and_augmentation_train(found: dict[str, Any]) -> None:
    assert (found["steps"], found["status"]) == (12, "done")
    assert found["rates"] == pytest.approx([0.01, 0.005])


def test_a_run_with_the_new_rows_becomes_a_script_with_the_same_last_loss(
        found: dict[str, Any]) -> None:
    for name in ("root_decay", "absolute", "random_negative"):
        assert f"def {name}(" in found["script"]
    assert "Rprop(" in found["script"]
    assert f"last training loss {found['last_loss']}" in found["alone"]


def test_ranges_rates_and_texts_stand_where_the_page_says(found: dict[str, Any]) -> None:
    assert found["slider"] == pytest.approx([-3.0, 0.0])  # powers of ten
    assert found["repaint"] == 0.5
    assert found["message"] == "The loss became no number at step 3"


def test_a_new_data_set_is_loaded(found: dict[str, Any]) -> None:
    assert found["coins"] == [75, 15, "CC0"]


def test_a_new_rule_is_judged_by_a_check_and_by_watch_and_explained(found: dict[str, Any]) -> None:
    assert found["checked"] == ["warn", "there is nothing to choose from"]
    assert found["problem"] == ""
    assert "few_classes" in found["watched"]
    assert "Soft-max of one number is always 1." in found["explained"]


def test_a_new_data_set_and_a_new_rule_reach_the_shell(changed: Path) -> None:
    assert "licence: CC0" in run_in(changed, "-m", "recipe_widgets", "data", "coins").stdout
    assert "few_classes " in run_in(changed, "-m", "recipe_widgets", "rules").stdout


@pytest.mark.parametrize("file", [OPTIMIZERS, SCHEDULES, LOSSES, AUGMENTATIONS])
def test_a_choice_without_a_row_is_an_error_at_once(file: str, tmp_path: Path) -> None:
    copied_package(tmp_path, {SETTINGS: CHANGES[SETTINGS], **{
        other: CHANGES[other] for other in (OPTIMIZERS, SCHEDULES, LOSSES, AUGMENTATIONS)
        if other != file}})
    module = file.removesuffix(".py").replace("/", ".")
    done = run_in(tmp_path, "-c", f"import recipe_widgets.{module}")
    assert done.returncode != 0
    assert "no row for" in done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_is_named_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = {name.rstrip("/") for name in re.findall(r"`([\w.-]+(?:/[\w.-]+)+/?|[\w-]+\.(?:py|md|toml|yml))`", text)}
    missing = [name for name in sorted(named) if not NOT_HERE.search(name)
               and not any((place / name).exists() for place in (
                   ROOT, ROOT / "recipe_widgets", ROOT / "tests", (ROOT / page).parent))]
    assert missing == []
