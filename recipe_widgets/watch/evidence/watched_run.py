"""A run that is over, and the table of what can be built from it.

A builder is a function that reads the records of a run and yields pieces of evidence, each with the
line that it belongs to:

    @builds(TornAxes)
    def torn_axes(run: WatchedRun) -> Built:
        for line, (old, new) in run.records.notable_calls.torn_axes.items():
            yield TornAxes(old, new), line

Builders stand in the files build_*.py and observe_*.py of this folder, which are found by
themselves.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from recipe_widgets.watch.evidence.evaluation_phase import EvaluationPhase
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.instrument.source_location import SourceLocation

Built = Iterator[tuple[Any, SourceLocation | None]]
Observed = TypeVar("Observed", bound=Observer)
Builder = Callable[["WatchedRun"], Built]

SIDE_MODEL_SHARE = 0.05  # of the steps; a model that trains less often does not count
RARE_SHARE, RARE_STEPS = 0.34, 3  # of the steps; evaluations more often than that are none


@dataclass
class WatchedRun:
    """Attributes:
        finished: did the script come to its own end? own_process: is it a script of its own, so
            that its data sets may be read once more?
        deadline: of time.monotonic(), for probes that compute something.
    """

    records: Recorder
    finished: bool
    own_process: bool
    deadline: float

    def observer(self, kind: type[Observed]) -> Observed:
        """The observer of this class."""
        return cast(Observed, self.records.observers[kind])

    @property
    def time_is_left(self) -> bool:
        return time.monotonic() < self.deadline

    @property
    def several_models(self) -> bool:
        """Do several models train, so that inputs and labels have no one meaning?"""
        least = SIDE_MODEL_SHARE * max(1, self.records.progress.step)
        return len([one for one in self.records.models if one.trained > least]) > 1

    @property
    def model_line(self) -> SourceLocation | None:
        """Where the first model that trains is called."""
        return next((one.line for one in self.records.models.trained), None)

    @property
    def data_line(self) -> SourceLocation | None:
        """Where the training data comes from: its loader, or else the step."""
        trained = [one for one in self.records.loaders.records if one.trained]
        return trained[-1].line if trained else self.records.optimizers.last_step_line

    @property
    def evaluations(self) -> list[EvaluationPhase]:
        """Phases in which a model that trains was evaluated."""
        trained = self.records.models.trained_numbers
        return [
            phase for phase in self.records.evaluations.phases
            if any(one.model in trained for one in phase.passes)
        ]

    def are_rare(self, phases: list[EvaluationPhase]) -> bool:
        """Do they come now and then only? Passes without gradients in nearly every step are a part
        of the training: targets of a DQN, a teacher.
        """
        steps = {phase.step for phase in phases}
        return len(steps) <= max(RARE_STEPS, RARE_SHARE * self.records.progress.step)


_builders: dict[Any, Builder] = {}


def builds(evidence: Any) -> Callable[[Builder], Builder]:
    """Registers the function that builds this class of evidence."""
    def register(builder: Builder) -> Builder:
        _builders[evidence] = builder
        return builder

    return register


@functools.cache
def all_builders() -> Mapping[Any, Builder]:
    """Class of evidence -> its builder."""
    # found by name, so that a new builder needs no list to be added to
    package = importlib.import_module(__package__)
    for file in pkgutil.iter_modules(package.__path__):
        if file.name.startswith(("build_", "observe_")):
            importlib.import_module(f"{__package__}.{file.name}")
    return dict(_builders)
