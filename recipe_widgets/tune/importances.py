"""How much each knob explains of which trials of a search are good, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recipe_widgets.core import RecipeError
from recipe_widgets.tune.storage import quiet_optuna

if TYPE_CHECKING:
    import optuna

# The best tenth of the trials is laid beside all of them, five at least, as Optuna advises: the best
# tenth of 8 trials is one, which says nothing (studies/importances.py counts what more say).
BEST_SHARE, BEST = 0.1, 5
FEWEST = 16  # trials: of fewer, the best five are no longer the best third
HALVES = 60  # of the trials, drawn at random


@dataclass(frozen=True)
class Importances(Mapping[str, float]):
    """Share of each knob, 0 to 1, the largest first; they sum to 1.

    Attributes:
        shares: knob -> share. intervals: knob -> where it may lie, 95 %. trials: that ran to their
            end.
    """

    shares: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    trials: int

    def __getitem__(self, knob: str) -> float:
        return self.shares[knob]

    def __iter__(self) -> Iterator[str]:
        return iter(self.shares)

    def __len__(self) -> int:
        return len(self.shares)

    @property
    def warning(self) -> str:
        """What speaks against reading an order out of them, or nothing."""
        if len(self) < 2:
            return ""
        first, second = list(self)[:2]
        if self.intervals[first][0] > self.intervals[second][1]:
            return ""
        return (f"{self.trials} trials do not tell which of {first} and {second} explains more: "
                "their intervals overlap. Run more trials.")

    def __str__(self) -> str:
        each = (f"{knob} {share:.0%} ({self.intervals[knob][0]:.0%} to {self.intervals[knob][1]:.0%})"
                for knob, share in self.items())
        said = f"{', '.join(each)}, from {self.trials} trials that ran to their end"
        return f"{said}. {self.warning}" if self.warning else said


def importances(study: optuna.Study) -> Importances:
    """By PED-ANOVA (Watanabe et al. 2023): how otherwise a knob is distributed among the best
    trials than among all. The interval is from random halves of the trials, which differ among
    themselves as whole searches do (the jackknife of Shao & Wu 1989).

    Raises:
        RecipeError: fewer than `FEWEST` trials ran to their end.
    """
    trials = whole_trials(study)
    if len(trials) < FEWEST:
        raise RecipeError(
            "Tuning.importances()", found=f"{len(trials)} whole trials", expected=f"at least {FEWEST}",
            mend="Run more trials, without a pruner: among fewer, chance names the knob that is first.")
    found, draw = shares_among(study, trials), np.random.default_rng(0)
    halves = [shares_among(study, [trials[place] for place in draw.permutation(len(trials))[:len(trials) // 2]])
              for _ in range(HALVES)]
    far = {knob: 1.96 * float(np.sqrt(np.mean([(half[knob] - share)**2 for half in halves])))
           for knob, share in found.items()}
    return Importances(found, {knob: (max(0.0, share - far[knob]), min(1.0, share + far[knob]))
                               for knob, share in found.items()}, len(trials))


def whole_trials(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Those that ran to their end."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])


def shares_among(study: optuna.Study, trials: Sequence[optuna.trial.FrozenTrial],
                 best: int = BEST) -> dict[str, float]:
    """Knob -> share, from some trials of a study, the largest first; `best` are good at least."""
    import optuna

    with quiet_optuna():
        part = optuna.create_study(direction=study.direction)
        part.add_trials(trials)
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(
            target_quantile=max(BEST_SHARE, best / len(trials)))
        return dict(optuna.importance.get_param_importances(part, evaluator=evaluator))
