"""An experiment beside its record, as a page shows it: the claims with their verdicts, and a part of
it trained anew.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from recipe_widgets.core import RecipeError
from recipe_widgets.evaluation.experiment import Answer, Experiment
from recipe_widgets.evaluation.experiment_record import (
    ExperimentRecord,
    RecordPart,
    check_fresh,
    in_words,
    run_part,
)
from recipe_widgets.evaluation.seed_comparison import SeedComparison


@dataclass(frozen=True)
class RecordedExperiment:
    """What was measured, and how to measure a part of it again.

    >>> study = recorded("norms")                              # doctest: +SKIP
    >>> print(study)                  # claims, verdicts, intervals
    >>> study.plot()
    >>> print(study.rerun())          # one arm from one seed, drawn by chance
    """

    experiment: Experiment
    record: ExperimentRecord

    def __post_init__(self) -> None:
        check_fresh(self.experiment, self.record)

    @property
    def answers(self) -> list[Answer]:
        return self.record.answers(self.experiment)

    @property
    def comparison(self) -> SeedComparison:
        """The scores of both sets of seeds."""
        return self.record.comparison(self.experiment)

    def answer(self, claim: str) -> Answer:
        """What was found for one claim, by its text."""
        found = {one.question.text: one for one in self.answers}
        if claim not in found:
            raise RecipeError(f"Claim of {self.experiment.name}", found=repr(claim),
                              expected="one of " + ", ".join(map(repr, found)))
        return found[claim]

    def chosen(self, arm: str) -> str:
        """The hyperparameters at which an arm was judged."""
        found = ", ".join(f"{knob} {value:.2g}" for knob, value in self.record.chosen[arm].items())
        return found or "not tuned"

    def __str__(self) -> str:
        one = self.experiment
        arms = "\n".join(f"  {arm.name}: {self.chosen(arm.name)}" for arm in one.arms)
        claims = "\n".join(in_words(answer, one) for answer in self.answers)
        return (f"{one.asks} All arms get {one.equal}.\n{self.comparison}\n"
                f"Each at its own values, chosen on other images:\n{arms}\n{claims}")

    def plot(self) -> Any:
        """A dot for each seed, a bar at the mean of each arm."""
        return self.comparison.plot()  # which names the experiment

    def rerun(self, arm: str | None = None, seed: int | None = None) -> RecordPart:
        """Train one arm from one seed again and lay it beside the record; what is not named is drawn
        by chance.

        Raises:
            RecipeError: no such arm or seed.
        """
        names = [one.name for one in self.experiment.arms]
        seeds = [*self.experiment.seeds, *self.experiment.again]
        if arm is not None and arm not in names:
            raise RecipeError(f"Arm of {self.experiment.name}", found=repr(arm),
                              expected="one of " + ", ".join(map(repr, names)))
        return run_part(self.experiment, self.record, arm or random.choice(names),
                        random.choice(seeds) if seed is None else seed)
