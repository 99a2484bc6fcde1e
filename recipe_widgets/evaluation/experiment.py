"""A fair experiment: every arm at hyperparameters of its own, chosen with equal effort on other
samples than it is judged on, over paired seeds, twice.

The rules, after Sculley et al. 2018 ("Winner's curse?") and Bouthillier et al. 2021 ("Accounting
for variance in machine learning benchmarks"):

- Each arm has a grid of its own, of as many trials as every other arm's. A best value at the edge
  of a grid widens the grid until it lies inside.
- The validation set is dealt in two: a quarter chooses, the rest judges.
- An interval is that of other seeds and of other samples of the kind that judged: the same few
  thousand images under every seed are no more than these few thousand.
- All arms train from the same seeds. A second, independent set of seeds must give the same verdict.
- Several questions to one experiment are corrected for (Holm 1979).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from recipe_widgets.core import RecipeError, Run, Settings
from recipe_widgets.data import Data
from recipe_widgets.data.split import Split
from recipe_widgets.data.stratified_split import split_generator, stratified
from recipe_widgets.evaluation.predictions import as_predictions
from recipe_widgets.evaluation.seed_comparison import SeedComparison, Verdict, verdict_of
from recipe_widgets.rules.statistics import Paired, paired
from recipe_widgets.training import train_many

WIDEN_AT_MOST = 4  # times, on each side of a grid
CHOOSES = 0.25  # of the validation samples; the others judge
EARLY = 10  # the step whose training loss a record keeps: rounding has not grown by then
LEVEL = 0.05  # of a whole experiment: the share of verdicts that chance alone may give
Point = tuple[float, ...]  # one value for each knob of a grid
Floats = npt.NDArray[np.float64]


def right(run: Run, split: Split) -> Floats:
    """(N,), 1 for each sample that the trained model names rightly, 0 for the others; a run that
    diverged knows nothing.
    """
    if run.status == "diverged" or run.model is None:
        return np.zeros(split.size)
    return as_predictions(run.model, split).right.astype(np.float64)


def unchanged(data: Data) -> Data:
    return data


def trained(data: Data, settings: Settings, seeds: Sequence[int]) -> list[Run]:
    """As `recipe_widgets.train` does it, all seeds at once where that is faster."""
    return train_many(data, settings, seeds)


@dataclass(frozen=True)
class Arm:
    """One of the things that are compared.

    Attributes:
        changes: knobs of the common settings that make this arm.
        grid: knob -> values in ascending order, positive; by default the experiment's. All
            combinations are tried.
        prepare: what this arm trains on, made of the common data.
        train: trains from each of the seeds; for what `Settings` cannot say.
        untuned: it stands at one setting on purpose, such as a rule of thumb that is asked about.
    """

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    grid: Mapping[str, Sequence[float]] = field(default_factory=dict)
    prepare: Callable[[Data], Data] = unchanged
    train: Callable[[Data, Settings, Sequence[int]], list[Run]] = trained
    untuned: bool = False


@dataclass(frozen=True)
class PairedQuestion:
    """Is `arm` better than `base`?

    text: the claim that says so. matters: the smallest difference that matters, where it is another
    than the experiment's.
    """

    text: str
    arm: str
    base: str
    matters: float | None = None


@dataclass(frozen=True)
class Judged:
    """What one arm reached.

    Attributes:
        samples: (seeds, N), a score for each sample that judges.
        early: the training loss at step `EARLY`, one a seed; None where there is none.
    """

    samples: Floats
    early: tuple[float | None, ...]

    @property
    def scores(self) -> list[float]:
        """One a seed: the mean over the samples."""
        return [float(value) for value in self.samples.mean(1)]


@dataclass(frozen=True)
class Tuned:
    """What the choice of an arm's hyperparameters saw.

    Attributes:
        best: knob -> chosen value.
        trials: (values of the knobs, mean score on the choosing half), in the order of trying.
        widened: by how many values the grid grew. edge: knobs that are best at a limit of their
            range, beyond which there is nothing to try.
    """

    best: Mapping[str, float]
    trials: tuple[tuple[Point, float], ...]
    widened: int = 0
    edge: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What was found for one question, on each of the two sets of seeds.

    Attributes:
        verdict: of both sets; "undecided" where they disagree.
        found: the paired differences of the first and of the second set.
        verdicts: of each of them. p: after Holm's correction, of each of them.
    """

    question: PairedQuestion
    verdict: Verdict
    found: tuple[Paired, Paired]
    verdicts: tuple[Verdict, Verdict]
    p: tuple[float, float]


@dataclass(frozen=True)
class Experiment:
    """What is compared, and how.

    Attributes:
        name: of its file and record. asks: the question in a reader's words.
        refuted_by: what would speak against the claims.
        equal: what all arms get equally, such as "1,000 steps".
        page: the notebook that teaches it.
        data: loads the samples. base: settings that all arms share.
        grid: knob -> values that every arm tries, unless it has a grid of its own.
        score: of a run on a split, a number for each sample (N,); their mean is the run's score, and
            larger is better. unit: of the score; "share" is shown in per cent.
        matters: the smallest difference that matters, in the unit of the score.
        choosing, seeds, again: seeds of the choice, of the judgement, and of its repetition.
    """

    name: str
    asks: str
    refuted_by: str
    equal: str
    page: str
    data: Callable[[], Data]
    base: Settings
    arms: Sequence[Arm]
    questions: Sequence[PairedQuestion]
    grid: Mapping[str, Sequence[float]]
    matters: float
    score: Callable[[Run, Split], Floats] = right
    measure: str = "accuracy on samples that chose nothing"
    unit: str = "share"
    choosing: Sequence[int] = (100, 101)
    seeds: Sequence[int] = tuple(range(8))
    again: Sequence[int] = tuple(range(1000, 1008))
    title: str = ""

    def __post_init__(self) -> None:
        names = [arm.name for arm in self.arms]
        unknown = {name for one in self.questions for name in (one.arm, one.base)} - set(names)
        if unknown or len(set(names)) < len(names):
            raise RecipeError(f"Experiment {self.name}", found=f"arms {names}, questions about {unknown}",
                              expected="each arm once, and questions about them")
        if set(self.seeds) & set(self.again) or set(self.choosing) & {*self.seeds, *self.again}:
            raise RecipeError(f"Experiment {self.name}", found="a seed in two sets of seeds",
                              expected="seeds that choose, judge and judge again apart")
        efforts = {arm.name: math.prod(map(len, self.grid_of(arm).values()))
                   for arm in self.arms if not arm.untuned}
        if len(set(efforts.values())) > 1:
            raise RecipeError(f"Experiment {self.name}", found=f"trials {efforts}",
                              expected="equally many for each arm",
                              mend="Give the arm with fewer knobs a finer grid.")

    def arm(self, name: str) -> Arm:
        return next(arm for arm in self.arms if arm.name == name)

    def grid_of(self, arm: Arm) -> Mapping[str, Sequence[float]]:
        return {} if arm.untuned else arm.grid or self.grid

    def settings(self, arm: Arm, point: Mapping[str, float]) -> Settings:
        """The settings of an arm at one point of its grid."""
        return self.base.replace(**{**arm.changes, **point})

    def judge(self, arm: Arm, point: Mapping[str, float], seeds: Sequence[int], data: Data,
              split: Split) -> Judged:
        """Train an arm at one point of its grid from each of the seeds."""
        runs = arm.train(arm.prepare(data), self.settings(arm, point), seeds)
        return Judged(np.stack([self.score(run, split) for run in runs]),
                      tuple(_early_loss(run) for run in runs))

    def tune(self, arm: Arm, data: Data, split: Split) -> Tuned:
        """The point of an arm's grid with the best mean over the choosing seeds."""
        if arm.untuned:
            return Tuned({}, ())
        return tune_on_grid(
            self.grid_of(arm),
            lambda point: float(self.judge(arm, point, self.choosing, data, split).samples.mean()),
            limits={name: _limits(name) for name in self.grid_of(arm)})


def _limits(name: str) -> tuple[float, float]:
    knob = Settings.knob(name)
    low, high = knob.least, knob.most
    return (-math.inf if low is None else low, math.inf if high is None else high)


def _early_loss(run: Run) -> float | None:
    at, loss = run.history.arrays("train_loss")
    found = loss[at == EARLY]
    return float(found[0]) if len(found) and math.isfinite(found[0]) else None


def dealt(data: Data, seed: int = 0) -> tuple[Data, Split]:
    """The data with one part of its validation set, which may choose, and the other part, which
    judges; each class in proportion.
    """
    whole = data.validation
    chosen, rest = stratified(whole.y, round(CHOOSES * whole.size), split_generator(seed))
    first, second = (Split(whole.samples.take(rows), whole.name, whole.mean, whole.std)
                     for rows in (chosen, rest))
    return replace(data, validation=first, _copies={}), second


def tune_on_grid(grid: Mapping[str, Sequence[float]], score: Callable[[dict[str, float]], float], *,
                 limits: Mapping[str, tuple[float, float]] | None = None) -> Tuned:
    """The best point of a grid; a grid whose best value is at its edge is widened there, by the
    ratio of the last two values, until the best one lies inside.

    Args:
        grid: knob -> ascending, positive values. One value alone is fixed.
        score: of one point; larger is better, NaN is worst.
        limits: knob -> (lowest, highest) value that can be tried.
    Raises:
        RecipeError: the best value is still at an edge after four values more.
    """
    names, limits = list(grid), limits or {}
    axes = [list(map(float, grid[name])) for name in names]
    for name, axis in zip(names, axes, strict=True):
        if not axis or sorted(set(axis)) != axis or axis[0] <= 0:
            raise RecipeError(f"Grid of {name}", found=f"{axis}",
                              expected="positive numbers in ascending order, each once")
    known: dict[Point, float] = {}
    grown = dict.fromkeys(names, 0)
    while True:
        for point in itertools.product(*axes):
            if point not in known:
                value = score(dict(zip(names, point, strict=True)))
                known[point] = -math.inf if math.isnan(value) else value
        # of equally good points the innermost: an arm that learns at no rate has no best one outside
        best = max(known, key=lambda point: (known[point], _depth(point, axes)))
        edges, widened = [], False
        for name, axis, value in zip(names, axes, best, strict=True):
            if len(axis) == 1 or axis[0] < value < axis[-1]:
                continue
            low, high = limits.get(name, (-math.inf, math.inf))
            at_start = value == axis[0]
            more = axis[0]**2 / axis[1] if at_start else axis[-1]**2 / axis[-2]
            if not low <= more <= high:
                edges.append(name)
                continue
            if grown[name] == WIDEN_AT_MOST:
                raise RecipeError(f"Grid of {name}", found=f"best at {value:g}, the edge of {axis}",
                                  expected="a best value inside", mend="Begin with a wider grid.")
            axis.insert(0 if at_start else len(axis), more)
            grown[name] += 1
            widened = True
        if not widened:
            trials = tuple((point, known[point]) for point in known)
            return Tuned(dict(zip(names, best, strict=True)), trials, sum(grown.values()),
                         tuple(edges))


def _depth(point: Point, axes: Sequence[Sequence[float]]) -> int:
    """How many values lie between a point and the nearest edge of the grid."""
    depths = [min(axis.index(value), len(axis) - 1 - axis.index(value))
              for axis, value in zip(axes, point, strict=True) if len(axis) > 1]
    return min(depths, default=0)


def holm(p: Sequence[float]) -> list[float]:
    """p values corrected for their number (Holm 1979), in the same order."""
    from statsmodels.stats.multitest import multipletests

    return [float(value) for value in multipletests(p, method="holm")[1]]


def sample_error(arm: Floats, base: Floats) -> float:
    """Standard error that the samples, not the seeds, give to the mean difference of two arms.

    arm, base: (seeds, N) scores of the same samples from the same seeds. Of a table of differences,
    seeds by samples, it is the variance component of the samples (two-way analysis of variance:
    Brennan 2001, "Generalizability theory", chapter 3); what differs from seed to seed on one
    sample is in the seeds' own error already, and is taken off.
    """
    table = np.asarray(arm, float) - np.asarray(base, float)
    seeds, samples = table.shape
    by_sample, by_seed = table.mean(0), table.mean(1)
    rest = table - by_sample - by_seed[:, None] + table.mean()
    residual = float((rest**2).sum()) / max(1, (seeds - 1) * (samples - 1)) / seeds
    return math.sqrt(max(0.0, float(by_sample.var(ddof=1)) - residual) / samples)


def answers(questions: Sequence[PairedQuestion], first: Mapping[str, Sequence[float]],
            second: Mapping[str, Sequence[float]], matters: float,
            errors: Sequence[Sequence[float]] | None = None) -> list[Answer]:
    """What two sets of seeds say.

    first, second: name of an arm -> one score a seed, all arms with the same seeds in one order.
    errors: for each question its `sample_error` in the first and in the second set; none: 0.
    """
    each = [[difference(scores[q.base], scores[q.arm], errors[number][place] if errors else 0.0)
             for number, q in enumerate(questions)] for place, scores in enumerate((first, second))]
    p = [holm([value for _, value in one]) for one in each]
    found = []
    for number, question in enumerate(questions):
        least = matters if question.matters is None else question.matters
        pairs = tuple(one[number][0] for one in each)
        said = tuple(_corrected(pair, values[number], least)
                     for pair, values in zip(pairs, p, strict=True))
        verdict: Verdict = said[0] if said[0] == said[1] else "undecided"
        found.append(Answer(question, verdict, (pairs[0], pairs[1]), (said[0], said[1]),
                            (p[0][number], p[1][number])))
    return found


def _corrected(found: Paired, p: float, matters: float) -> Verdict:
    """The verdict of one interval; where chance among several questions explains that it leaves out
    zero, that of one that holds it.
    """
    verdict = verdict_of(found, matters=matters)
    if verdict in ("holds", "the reverse") and p >= LEVEL:
        small = -matters < found.low and found.high < matters
        return "no difference that matters" if small else "undecided"
    return verdict


def difference(base: Sequence[float], arm: Sequence[float],
               samples: float = 0.0) -> tuple[Paired, float]:
    """The paired difference of two arms with its 95 % interval, and the p value that there is none
    (Student's t, two-sided).

    samples: the standard error that comes from the samples, beside that from the seeds; the degrees
    of freedom of both together are Satterthwaite's (1946), where the samples are so many that
    theirs are without end.
    """
    from scipy.stats import t

    found = paired(base, arm)
    each = np.asarray(arm, float) - np.asarray(base, float)
    seeds = float(each.std(ddof=1)) / math.sqrt(len(each))
    error = math.hypot(seeds, samples)
    if not error:
        return found, 0.0 if found.difference else 1.0
    freedom = (len(each) - 1) * (error / seeds)**4 if seeds else math.inf
    half = float(t.ppf(0.975, freedom)) * error
    return (replace(found, low=found.difference - half, high=found.difference + half),
            float(2 * t.sf(abs(found.difference) / error, freedom)))


def as_comparison(experiment: Experiment, scores: Mapping[str, Sequence[float]]) -> SeedComparison:
    """The arms' scores as a table that prints, draws and compares."""
    return SeedComparison(experiment.title or experiment.name, scores, measure=experiment.measure,
                          percent=experiment.unit == "share",
                          unit="" if experiment.unit == "share" else experiment.unit,
                          matters=experiment.matters)
