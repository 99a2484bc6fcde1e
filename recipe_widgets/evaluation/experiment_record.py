"""Run an experiment, keep every number of it in a JSON record, and check a record by a part of it.

A record holds what was compared, each trial of the choice, one score and one early training loss a
seed and arm, the answers, and a digest of all this. It is stale where the experiment's definition
has changed since, and wrong where a part of it, run anew, does not agree.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recipe_widgets.core import RecipeError
from recipe_widgets.core.json_files import parse_json, read_text
from recipe_widgets.evaluation.experiment import (
    CHOOSES,
    EARLY,
    Answer,
    Arm,
    Experiment,
    Judged,
    answers,
    as_comparison,
    dealt,
    sample_error,
)
from recipe_widgets.evaluation.seed_comparison import SeedComparison

# A run on another kind of CPU is as good as one from another seed: sums differ in the last bits,
# and training magnifies that. So far, in standard deviations of the arm's own seeds, may it lie.
TOLERANCE = 4.0
LEAST_TOLERANCE = 0.01  # of the score: an arm whose seeds hardly differ
# In the first steps that has not happened yet, and another engine shows there at once.
EARLY_TOLERANCE = 0.002  # of the early training loss


@dataclass(frozen=True)
class ExperimentRecord:
    """What an experiment found.

    Attributes:
        experiment: its name. definition: sha256 of what was compared.
        chosen: arm -> knob -> value. trials: arm -> [values of the knobs, mean score] of each.
        scores, again: arm -> one score a seed, of the first and of the second set.
        early, early_again: arm -> training loss at step `EARLY`, one a seed; None where none is.
        sample_errors: for each question its `sample_error` in the first and in the second set.
        about: versions, threads, seconds.
    """

    experiment: str
    definition: str
    chosen: Mapping[str, Mapping[str, float]]
    trials: Mapping[str, list[Any]]
    widened: Mapping[str, int]
    edge: Mapping[str, list[str]]
    scores: Mapping[str, list[float]]
    again: Mapping[str, list[float]]
    early: Mapping[str, list[float | None]]
    early_again: Mapping[str, list[float | None]]
    sample_errors: list[list[float]]
    about: Mapping[str, Any]

    def answers(self, experiment: Experiment) -> list[Answer]:
        return answers(experiment.questions, self.scores, self.again, experiment.matters,
                       self.sample_errors)

    def comparison(self, experiment: Experiment) -> SeedComparison:
        """Both sets of seeds together, to show."""
        both = {name: [*self.scores[name], *self.again[name]] for name in self.scores}
        return as_comparison(experiment, both)

    def digest(self) -> str:
        numbers = json.dumps([self.experiment, self.definition, self.chosen, self.trials,
                              self.scores, self.again, self.early, self.early_again,
                              self.sample_errors], sort_keys=True)
        return hashlib.sha256(numbers.encode()).hexdigest()

    def to_json(self, experiment: Experiment) -> str:
        """With the answers in words, for who reads the file; they are worked out anew from the
        scores wherever they are shown.
        """
        said = [{"claim": one.question.text, "verdict": one.verdict,
                 "difference": [pair.difference for pair in one.found],
                 "interval": [[pair.low, pair.high] for pair in one.found], "p": one.p}
                for one in self.answers(experiment)]
        return json.dumps({"asks": experiment.asks, "refuted_by": experiment.refuted_by,
                           "equal": experiment.equal, "measure": experiment.measure, **vars(self),
                           "answers": said, "digest": self.digest()}, indent=1) + "\n"

    @staticmethod
    def from_json(text: str, what: str) -> ExperimentRecord:
        """
        Raises:
            RecipeError: no record, or numbers that do not fit their digest.
        """
        mend = "Run the experiment again: make studies."
        found = parse_json(text, what, "the record of an experiment", mend)
        try:
            record = ExperimentRecord(**{name: found[name] for name in ExperimentRecord.__dataclass_fields__})
            digest = found["digest"]
        except (KeyError, TypeError) as error:
            raise RecipeError(what, found=f"no {error}", expected="the record of an experiment",
                              mend=mend) from None
        if record.digest() != digest:
            raise RecipeError(what, found="numbers that do not fit their digest",
                              expected="a record as it was written", mend=mend)
        return record


def definition(experiment: Experiment) -> str:
    """sha256 of what is compared: settings, grids and seeds of every arm, and pairs of arms.

    What an arm's own functions do is not seen; a part that is run anew tells of that.
    """
    said: dict[str, Any] = {
        arm.name: [{knob: list(values) for knob, values in experiment.grid_of(arm).items()},
                   experiment.settings(arm, {}).to_dict(), arm.prepare.__name__, arm.train.__name__]
        for arm in experiment.arms}
    seeds = [list(experiment.choosing), list(experiment.seeds), list(experiment.again)]
    asked = [[one.arm, one.base] for one in experiment.questions]
    text = json.dumps([experiment.name, said, seeds, experiment.score.__name__, asked, CHOOSES],
                      sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def run_experiment(experiment: Experiment, say: Callable[[str], object] = print) -> ExperimentRecord:
    """Choose, judge, and judge again; says what it does, arm by arm."""
    started, cpu = time.perf_counter(), time.process_time()
    data, judge = dealt(experiment.data())
    tuned = {}
    for arm in experiment.arms:
        tuned[arm.name] = experiment.tune(arm, data, data.validation)
        best = ", ".join(f"{knob} {value:.3g}" for knob, value in tuned[arm.name].best.items())
        say(f"  {arm.name}: {best}, best of {len(tuned[arm.name].trials)}")
    sets: list[dict[str, Judged]] = []
    for seeds in (experiment.seeds, experiment.again):
        sets.append({arm.name: experiment.judge(arm, tuned[arm.name].best, seeds, data, judge)
                     for arm in experiment.arms})
        say(str(as_comparison(experiment, _scores(sets[-1]))))
    record = ExperimentRecord(
        experiment.name, definition(experiment),
        {name: dict(one.best) for name, one in tuned.items()},
        {name: [[list(point), score] for point, score in one.trials] for name, one in tuned.items()},
        {name: one.widened for name, one in tuned.items()},
        {name: list(one.edge) for name, one in tuned.items()},
        _scores(sets[0]), _scores(sets[1]), _early(sets[0]), _early(sets[1]),
        [[sample_error(one[asked.arm].samples, one[asked.base].samples) for one in sets]
         for asked in experiment.questions],
        {"torch": torch.__version__, "python": platform.python_version(),
         "threads": torch.get_num_threads(), "cpu": torch.backends.cpu.get_cpu_capability(),
         "seconds": round(time.perf_counter() - started, 1),
         "cpu_seconds": round(time.process_time() - cpu, 1)})
    for answer in record.answers(experiment):
        say(in_words(answer, experiment))
    return record


def _scores(judged: Mapping[str, Judged]) -> dict[str, list[float]]:
    return {name: one.scores for name, one in judged.items()}


def _early(judged: Mapping[str, Judged]) -> dict[str, list[float | None]]:
    return {name: list(one.early) for name, one in judged.items()}


def in_words(answer: Answer, experiment: Experiment) -> str:
    """The claim, the verdict, and the intervals of both sets of seeds."""
    return f"{answer.question.text}: {answer.verdict} ({difference_in_words(answer, experiment)})"


def difference_in_words(answer: Answer, experiment: Experiment) -> str:
    scale, unit = (100, " points") if experiment.unit == "share" else (1, f" {experiment.unit}")
    first, second = (f"{scale * pair.difference:+.2g} ({scale * pair.low:+.2g} to {scale * pair.high:+.2g})"
                     for pair in answer.found)
    return f"{first}{unit}, again {second}; n = {answer.found[0].n} paired seeds each"


@dataclass(frozen=True)
class RecordPart:
    """One arm and seed of a record, run anew.

    recorded, now, tolerance: of the score. early, early_now: the training loss at step `EARLY`.
    """

    arm: str
    seed: int
    recorded: float
    now: float
    tolerance: float
    early: float | None
    early_now: float | None

    @property
    def agrees(self) -> bool:
        if self.early is None or self.early_now is None:
            began_alike = self.early is self.early_now
        else:
            began_alike = abs(self.early_now - self.early) <= EARLY_TOLERANCE * abs(self.early)
        return began_alike and abs(self.now - self.recorded) <= self.tolerance

    def __str__(self) -> str:
        agrees = "agrees with" if self.agrees else "DISAGREES with"
        early = "" if self.early is None or self.early_now is None else (
            f"; training loss at step {EARLY}: {self.early_now:.4f} now, {self.early:.4f} on record "
            f"(tolerance {EARLY_TOLERANCE * abs(self.early):.4f})")
        return (f"{self.arm}, seed {self.seed}: {self.now:.4f} now {agrees} {self.recorded:.4f} on record "
                f"(tolerance {self.tolerance:.4f}){early}")


def run_part(experiment: Experiment, record: ExperimentRecord, arm: str, seed: int) -> RecordPart:
    """Train one arm from one of the record's seeds and lay it beside what was recorded.

    Raises:
        RecipeError: the record is of another definition of this experiment, or has no such part.
    """
    check_fresh(experiment, record)
    seeds = dict(zip([*experiment.seeds, *experiment.again],
                     zip([*record.scores[arm], *record.again[arm]],
                         [*record.early[arm], *record.early_again[arm]], strict=True), strict=True))
    if seed not in seeds:
        raise RecipeError(f"Record of {experiment.name}", found=f"seed {seed}",
                          expected=f"one of {sorted(seeds)}")
    data, judge = dealt(experiment.data())
    one: Arm = experiment.arm(arm)
    found = experiment.judge(one, record.chosen[arm], [seed], data, judge)
    # within each set of seeds, so that a shift between them does not widen it
    spread = float(np.sqrt(np.mean([np.var(part[arm], ddof=1) for part in (record.scores, record.again)])))
    score, early = seeds[seed]
    return RecordPart(arm, seed, score, found.scores[0], max(LEAST_TOLERANCE, TOLERANCE * spread),
                      early, found.early[0])


def check_fresh(experiment: Experiment, record: ExperimentRecord) -> None:
    """
    Raises:
        RecipeError: the experiment was changed after its record was made.
    """
    if record.definition != definition(experiment):
        raise RecipeError(f"Record of {experiment.name}", found="an experiment changed since",
                          expected="the definition that was run",
                          mend=f"Run it again: python -m studies {experiment.name}.")


def load_record(path: Path) -> ExperimentRecord:
    """
    Raises:
        RecipeError: see `ExperimentRecord.from_json`.
    """
    what = f"Record {path.name}"
    return ExperimentRecord.from_json(read_text(path, what, "the record of an experiment"), what)
