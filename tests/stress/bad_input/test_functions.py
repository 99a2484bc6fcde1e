"""Every public function and class with arguments that nobody means.

`make stress` tries 20,000 calls, with a seed that it prints and that RECIPE_SEED repeats; `make
test` some 1,500, the same ones every time.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from recipe_widgets.core.describe import describe_value
from tests.stress.bad_input import entries_core
from tests.stress.bad_input import entries_judging as judging
from tests.stress.bad_input import entries_showing as showing
from tests.stress.bad_input.judge import Entry, fault
from tests.stress.bad_input.values import PLACES, bad
from tests.stress.tally import FULL, Tally, times

resource = pytest.importorskip("resource", reason="bounds the memory")
MODULES = ("", "core", "data", "data.augment", "models", "training", "evaluation", "ensembles",
           "export", "tune", "checks", "plots", "panels", "watch",
           "lessons.nb00_start_here", "lessons.nb03_check_the_machinery",
           "lessons.nb04_signals_inside")
# part of the package: (its entries, calls in the short form, calls in the full form)
PARTS: dict[str, tuple[list[Entry], int, int]] = {
    "core": (entries_core.CORE, 200, 3000), "data": (entries_core.DATA, 200, 3200),
    "models":
    (entries_core.MODELS, 60, 1000), "training": (entries_core.TRAINING, 250, 3500), "checks":
    (judging.CHECKS, 150, 2200), "evaluation": (judging.EVALUATION, 150, 2500), "ensembles":
    (judging.ENSEMBLES, 60, 900), "export": (judging.EXPORT, 20, 300), "tune":
    (judging.TUNE, 120, 1500), "plots": (judging.PLOTS, 80, 1000), "watch":
    (judging.WATCH, 30, 400), "panels": (showing.PANELS, 80, 800), "lessons": (showing.LESSONS, 120,
                                                                               1500),
}
# Plain records that the package fills in: a reader meets them as results, and whatever is put into
# one stays as it is.
RECORDS = {
    "core.Step", "core.RunLogEntry", "core.Knob", "ensembles.Gain", "evaluation.Predictions",
    "evaluation.Calibration", "evaluation.ClassTable", "evaluation.Confusion",
    "evaluation.Difference", "evaluation.LedgerEntry", "evaluation.Kappa", "evaluation.McNemar",
    "evaluation.Mistakes", "evaluation.Proportion", "evaluation.SeedComparison", "tune.Finalist",
    "tune.Finalists", "tune.Importances", "tune.Trial",
    "plots.Chart", "plots.ChartLine", "plots.TrialDot", "plots.CurveBand", "plots.PlottedRun",
}
# Made by other doors (load, from_arrays), or nothing that is called: types, tables, texts, modules.
NOT_CALLED = {"Data", "data.Split", "core.History", "core.BranchTree", "core.Probe", "core.RunStatus",
    "core.Severity", "core.Status", "training.LOSSES",
              "training.OPTIMIZERS", "training.SCHEDULES",
              "checks.Check", "plots.STYLE", "lessons.nb03_check_the_machinery.CASES",
              "lessons.nb04_signals_inside.SCHEMES", "evaluation.RecordedExperiment",
              "lessons.nb03_check_the_machinery.PilDataset"}
ENTRIES = [entry for entries, _, _ in PARTS.values() for entry in entries]


@pytest.fixture(autouse=True)
def _far_from_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In a folder of its own, three levels deep, with bounded memory: a huge number must be
    refused, not tried.
    """
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for library in ("sklearn.metrics", "scipy.stats", "statsmodels.api", "optuna", "torchvision"):
        importlib.import_module(library)  # some draw from `random` when they are first imported
    threads, bounds = torch.get_num_threads(), resource.getrlimit(resource.RLIMIT_AS)
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, bounds[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, bounds)
    torch.set_num_threads(threads)


def public() -> dict[str, Any]:
    """What the package's `__all__`s name: "evaluation.accuracy" and so on, each thing under its
    first name.
    """
    found: dict[int, tuple[str, Any]] = {}
    for module in MODULES:
        place = importlib.import_module(f"recipe_widgets.{module}".rstrip("."))
        for name in place.__all__:
            value = getattr(place, name)
            if isinstance(value, ModuleType):  # looked into by itself
                continue
            found.setdefault(id(value), (f"{module}.{name}".lstrip("."), value))
    return dict(found.values())


def test_every_public_name_is_tried() -> None:
    tried = {entry.name for entry in ENTRIES
             } | {"watch"}  # `recipe_widgets.watch` is the function `watch.watch`
    lacking = public().keys() - tried - RECORDS - NOT_CALLED
    lacking = {name for name in lacking if not any(one.endswith("." + name) for one in tried)}
    assert not lacking, f"no entry in tests/stress/bad_input for {sorted(lacking)}"


def test_the_lists_name_what_there_is() -> None:
    assert public().keys() >= (RECORDS | NOT_CALLED)
    names = [entry.name for entry in ENTRIES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("part", PARTS)
def test_valid_calls_are_taken(part: str) -> None:
    """What is made bad begins as good: no base call breaks."""
    for entry in PARTS[part][0] if FULL else PARTS[part][0][::4]:
        if not entry.heavy:
            assert fault(entry, {}) == ""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", PARTS)
def test_bad_arguments(part: str, tally: Callable[[str], Tally]) -> None:
    entries, short, full = PARTS[part]
    tried = [(entry, names) for entry in entries if (names := replaceable(entry))]
    row = tally(f"bad input, {part}")
    begin = int(os.environ.get("RECIPE_SEED") or int.from_bytes(os.urandom(4), "little"))
    if FULL:
        print(f"seed of {part}: {begin}")

    @settings(max_examples=times(short, full), derandomize=not FULL, database=None, deadline=None,
              phases=[Phase.generate, Phase.shrink] if FULL else [Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(st.data())
    def attempt(data: st.DataObject) -> None:
        entry, names = tried[data.draw(PLACES) % len(tried)]
        valid = entry.make()
        some = {
            names[place % len(names)]
            for place in data.draw(st.lists(PLACES, min_size=1, max_size=2))
        }
        chosen = {name: bad(data, valid[name], foreign_only=entry.heavy) for name in sorted(some)}
        if any(honest(entry, name, value, valid[name]) for name, value in chosen.items()):
            return
        row.tried += 1
        found = fault(entry, chosen)
        note(
            f"{entry.name}: {', '.join(f'{name}={describe_value(value)}' for name, value in chosen.items())}"
        )
        row.lost += bool(found)
        assert not found, found

    with contextlib.ExitStack() as stack:
        stack.callback(lambda: row.notes.append(f"seed {begin}") if FULL else None)
        (seed(begin)(attempt) if FULL else attempt)()
    assert row.lost == 0


def replaceable(entry: Entry) -> list[str]:
    return [name for name in entry.make() if name not in entry.keep]


def honest(entry: Entry, name: str, value: Any, valid: Any) -> bool:
    """A value that asks for much work and means it: another model for a long experiment, a
    million trials.
    """
    much = name in entry.amounts and isinstance(value, int) and value > 20
    return much or (entry.heavy and valid is not None and isinstance(value, type(valid)))
