"""At which evaluations the state of a model is taken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from torch import nn

from recipe_widgets.rules.checkpoint import TakenStates
from recipe_widgets.watch.evidence.evaluation_phase import EvaluationPhase
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location

_MOST_LINES = 20


class StatesTaken(Observer):
    """steps: line -> steps at which module.state_dict() was called there."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.steps: defaultdict[SourceLocation | None, set[int]] = defaultdict(set)

    def state_taken(self, module: nn.Module, state: Any) -> None:
        line = caller_location()
        if line in self.steps or len(self.steps) < _MOST_LINES:
            self.steps[line].add(self.progress.step)


@builds(TakenStates)
def taken_states(run: WatchedRun) -> Built:
    phases = [one for one in run.evaluations if one.step]
    # a restored best state is evaluated once more at the end
    steps = [one.step for one in phases]
    phases = [one for i, one in enumerate(phases) if i == 0 or one.step != steps[i - 1]]
    if len({one.loader for phase in phases for one in phase.passes if not phase.last}) > 1:
        return  # which of several sets decides is not known
    for what, values in _scores(phases):
        for line, taken in run.observer(StatesTaken).steps.items():
            if taken <= set(steps):
                yield TakenStates(values, [one.step in taken for one in phases], what), line


def _scores(phases: list[EvaluationPhase]) -> Iterator[tuple[str, list[float]]]:
    """Loss and share of errors of each evaluation, where all of them are known. A test set may be
    evaluated right behind the last one: as many batches count as in the first one.
    """
    if phases and all(one.losses for one in phases):
        usual = len(phases[0].losses)
        yield "loss", [
            sum(loss * n for loss, n in one.losses[:usual]) / sum(n for _, n in one.losses[:usual])
            for one in phases
        ]
    usual = len(phases[0].passes) if phases else 0
    counted = [[one for one in phase.passes[:usual] if one.hits is not None] for phase in phases]
    if phases and all(counted):
        yield "share of errors", [
            1 - sum(one.hits or 0 for one in passes) / sum(one.samples for one in passes)
            for passes in counted
        ]
