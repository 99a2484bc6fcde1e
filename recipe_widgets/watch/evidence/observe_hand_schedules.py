"""Learning rates that the script sets by itself, without a scheduler of torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from recipe_widgets.rules.schedule import HandSchedule
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.optimizer_record import OptimizerRecord
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds


@dataclass(eq=False)
class _Course:
    """The largest rate of an optimiser's groups, as each backward pass finds it.

    Attributes:
        steps, rate: at the last pass. peak: highest rate. moves: times that the rate had changed.
        within: of these, without a step since the pass before. still_since: step of the last move.
    """

    record: OptimizerRecord
    rate: float
    steps: int = 0
    peak: float = 0.0
    moves: int = 0
    within: int = 0
    still_since: int = 0

    def look(self, rate: float) -> None:
        steps = self.record.gradients.steps
        if rate != self.rate:
            self.moves += 1
            self.within += steps == self.steps
            self.rate, self.still_since = rate, steps
        self.steps, self.peak = steps, max(self.peak, rate)


class HandSchedules(Observer):
    """courses: by id of the optimiser's record."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.courses: dict[int, _Course] = {}

    def before_backward(self, roots: tuple[torch.Tensor, ...]) -> None:
        for record in self.records.optimizers:
            optimizer = record.optimizer
            if optimizer is None:
                continue
            rates = [group.get("lr") for group in optimizer.param_groups]
            known = [rate for rate in rates if isinstance(rate, float)]
            if known and len(known) == len(rates):
                rate = max(known)
                course = self.courses.get(id(record))
                if course is None:
                    course = self.courses[id(record)] = _Course(record, rate)
                course.look(rate)


@builds(HandSchedule)
def hand_schedules(run: WatchedRun) -> Built:
    scheduled = [one.optimizer() for one in run.records.schedulers]
    if not run.finished or run.records.progress.last_step is not None:
        return
    for one in run.observer(HandSchedules).courses.values():
        optimizer = one.record.optimizer  # its schedulers hold it: without one it may be gone
        if optimizer is None or all(optimizer is not other for other in scheduled):
            gradients = one.record.gradients
            yield HandSchedule(gradients.steps, gradients.passes_per_step, one.moves, one.within,
                               one.still_since, one.peak, one.rate), one.record.step_line
