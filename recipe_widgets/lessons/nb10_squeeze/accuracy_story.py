"""From the linear classifier up, one change at a time; and the records of runs too long for a page.

Notebook 10.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn
from tqdm import tqdm

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.core.json_files import parse_json, read_text
from recipe_widgets.data import Data
from recipe_widgets.ensembles import Ensemble
from recipe_widgets.evaluation import Ledger, Proportion, proportion
from recipe_widgets.evaluation.ledger import Expected
from recipe_widgets.lessons.common.comparison import quiet_run
from recipe_widgets.models import count_parameters
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE, titled_axes
from recipe_widgets.training import evaluate

Change = tuple[str, Mapping[str, Any], Expected, str]  # name, the one knob, what is expected, why


@dataclass
class Rung:
    """One step of the story: a change, and what the runs with it reached."""

    name: str
    n: int  # validation samples that judge
    parameters: int = 0
    seconds: list[float] = field(default_factory=list)  # of each run
    scores: list[float] = field(default_factory=list)  # accuracy of each seed, 0 to 1
    models: list[nn.Module] = field(default_factory=list)
    kept: bool = True  # later changes are made on top of it
    said: str = ""  # its gain, in words

    @property
    def mean(self) -> float:
        """Accuracy, mean over seeds."""
        return float(np.mean(self.scores))

    @property
    def interval(self) -> Proportion:
        """Wilson's interval of the mean accuracy: for other samples, not for other seeds."""
        return proportion(round(self.mean * self.n), self.n)


@dataclass(frozen=True)
class Story:
    """All changes that were tried, in their order."""

    title: str
    rungs: Sequence[Rung]
    ledger: Ledger  # with what was expected of each
    together: Rung  # the models of the last kept rung, averaged

    @property
    def first(self) -> Rung:
        return self.rungs[0]

    @property
    def last(self) -> Rung:
        """The last rung that was kept."""
        return [rung for rung in self.rungs if rung.kept][-1]

    def __str__(self) -> str:
        seeds = len(self.first.scores)
        rows = [
            f"{self.title}, n = {seeds} seeds; [95 % interval for other samples]; "
            "gain of the single change (95 % interval)",
            f"  {'':>26}  {'parameters':>10}  {'s a run':>7}  accuracy"
        ]
        for rung in (*self.rungs, self.together):
            spread = " " * 17  # as wide as a spread: averaged models have one score only
            if len(rung.scores) > 1:
                spread = f" ({min(rung.scores):.1%} to {max(rung.scores):.1%})"
            rows.append(f"{'+' if rung.kept else ' '} {rung.name:>26}  {rung.parameters:>10,}  "
                        f"{statistics.mean(rung.seconds):>7.1f}  {rung.mean:.1%}{spread} "
                        f"[{rung.interval.low:.0%} to {rung.interval.high:.0%}]  {rung.said}")
        return "\n".join(rows)

    def verdict(self) -> str:
        kept = sum(rung.kept for rung in self.rungs) - 1  # the first rung is no change
        return (f"{self.title}: from {self.first.mean:.1%} to {self.last.mean:.1%} by {kept} "
                f"changes that were kept, of {len(self.rungs) - 1} tried; "
                f"{len(self.last.models)} averaged: {self.together.mean:.1%}.")

    def plot(self) -> Picture:
        """Accuracy of each rung, a dot per seed; filled where the change was kept."""
        rungs = [*self.rungs, self.together]
        figure, axes = titled_axes(self.verdict(), 8.0, 1.3 + 0.32 * len(rungs))
        for row, rung in enumerate(rungs):
            axes.plot([100 * rung.interval.low, 100 * rung.interval.high], [row, row],
                      color=PALETTE[0], alpha=0.3, linewidth=5)
            axes.plot(100 * np.asarray(rung.scores), np.full(len(rung.scores), row), "o",
                      color=PALETTE[0], markersize=6, fillstyle="full" if rung.kept else "none")
        axes.set_yticks(range(len(rungs)), [rung.name for rung in rungs], fontsize=8)
        axes.set(xlabel="validation accuracy (%); pale bar: 95 % interval for other samples",
                 ylim=(len(rungs) - 0.5, -0.5))
        axes.grid(axis="x", alpha=0.3)
        return Picture(figure, str(self).replace("\n", "; "))


def story(data: Data, base: Settings, changes: Sequence[Change], seeds: int = 3) -> Story:
    """Measure `base`, then each change on top of those kept before it.

    A change is kept when it is better with every seed.

    Args:
        changes: `(name, {knob: value}, "better" | "worse" | "same", reason)`, one knob each.
    """
    if not changes:
        raise RecipeError("story(changes=)", found="none", expected="one change or more")
    rungs: dict[str, Rung] = {}  # by `_key` of their knobs
    with tqdm(total=(1 + len(changes)) * seeds, desc=f"{data.name}: runs", leave=False) as bar:
        def score(knobs: Mapping[str, Any], seed: int) -> float:
            """Train with these knobs; the ledger calls it for each seed."""
            rung = rungs.setdefault(_key(knobs), Rung("", data.validation.size))
            begin = time.perf_counter()
            run = quiet_run(data, base.replace(**knobs, seed=seed))
            rung.seconds.append(time.perf_counter() - begin)
            assert run.model is not None
            diverged = run.status == "diverged"
            rung.scores.append(0.0 if diverged else evaluate(run.model, data.validation).accuracy)
            rung.models.append(run.model)
            bar.update()
            return rung.scores[-1]

        ledger = Ledger(score, seeds)
        climbed = [_climb(ledger, rungs, one) for one in changes]
    rungs[_key({})].name = base.model
    found = [rungs[_key({})], *climbed]
    for rung in found:
        rung.parameters = count_parameters(rung.models[0])
    return Story(f"{data.name}, validation", found, ledger,
                 _averaged(data, [rung for rung in found if rung.kept][-1]))


def _key(knobs: Mapping[str, Any]) -> str:
    """The same text for the same knobs, in whatever order."""
    return json.dumps(dict(sorted(knobs.items())))


def _climb(ledger: Ledger, rungs: Mapping[str, Rung], change: Change) -> Rung:
    """Measure one change, keep it or not, and fill in its rung."""
    name, knobs, expected, because = change
    before = ledger.base  # the knobs that were kept so far
    ledger.propose(name, expected=expected, because=because, **knobs)
    entry = ledger.measure(name)
    rung = rungs[_key({**before, **knobs})]
    rung.name = name
    rung.kept = all(new > old for old, new in zip(entry.a, entry.b, strict=True))
    if rung.kept:
        ledger.keep(name)
    result = entry.result
    assert result is not None
    rung.said = (f"{100 * result.difference:+.1f} ({100 * result.low:+.1f} to "
                 f"{100 * result.high:+.1f}){'' if rung.kept else ', not kept'}")
    return rung


def _averaged(data: Data, last: Rung) -> Rung:
    """The last kept models as one."""
    whole = Ensemble(last.models)
    score = evaluate(whole, data.validation).accuracy
    return Rung(f"{len(last.models)} of these averaged", data.validation.size,
                count_parameters(whole), [sum(last.seconds)], [score], [whole],
                said=f"{100 * (score - last.mean):+.1f} over their mean")


@dataclass(frozen=True)
class Record:
    """Runs of a recipe that were measured elsewhere and kept in a file."""

    recipe: str
    where: str  # on which machine
    date: str
    test: tuple[float, ...]  # accuracy of each seed, 0 to 1; empty where it was not measured
    validation: tuple[float, ...]
    seconds: tuple[float, ...]  # of each run

    def __str__(self) -> str:
        measured = {"test accuracy": self.test, "validation accuracy": self.validation}
        parts = [
            f"{name} {statistics.mean(values):.2%} ({min(values):.2%} to {max(values):.2%})"
            for name, values in measured.items() if values
        ]
        took = f"; {max(self.seconds):,.0f} s a run at most" if self.seconds else ""
        return (f"{self.recipe}: {', '.join(parts)}, n = {len(self.validation or self.test)} "
                f"seeds{took}. {self.where}, {self.date}.")


def records(folder: str | Path) -> list[Record]:
    """The records in `folder`, as `benchmarks/recipes.py --json` writes them; none where there is
    no folder.

    Raises:
        RecipeError: a file that is no such record.
    """
    return [_record(path) for path in sorted(Path(folder).glob("*.json"))]


def _record(path: Path) -> Record:
    expected = "what benchmarks/recipes.py --json wrote"
    try:
        record = parse_json(read_text(path, "Record", expected), "Record", expected)
        columns = {name: tuple(float(run[name]) for run in record["runs"] if name in run)
                   for name in ("test_accuracy", "validation_accuracy", "seconds")}
        if not columns["test_accuracy"] and not columns["validation_accuracy"]:
            raise KeyError("accuracies")
        return Record(str(record["recipe"]), str(record["where"]),
                      str(record.get("date", "no date")), *columns.values())
    except RecipeError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise RecipeError("Record", found=f"{path.name} ({error!r})", expected=expected) from None


def record_words(folder: str | Path) -> str:
    """All records, one a line; or how to make one."""
    found = records(folder)
    return "\n".join(map(str, found)) or (
        "No record lies here yet. To make one (minutes on a GPU, much longer without):\n"
        "python benchmarks/recipes.py --recipe mnist_strong --seeds 0 1 2 "
        "--open-vault 'the recorded run' --json benchmarks/records/mnist_strong.json")
