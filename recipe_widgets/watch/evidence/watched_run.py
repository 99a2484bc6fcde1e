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

import contextlib
import functools
import importlib
import pkgutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from recipe_widgets.watch.evidence.evaluation_phase import EvaluationPhase
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.script_objects import ScriptObjectError
from recipe_widgets.watch.instrument.guard import error_text
from recipe_widgets.watch.instrument.source_location import SourceLocation

Built = Iterator[tuple[Any, SourceLocation | None]]
Observed = TypeVar("Observed", bound=Observer)
Builder = Callable[["WatchedRun"], Built]

# What a builder costs: it reads records; it runs copies of the models a few times; it works on the
# samples; it fits nets of its own. The cheap ones come first.
READS, RUNS_MODELS, READS_SAMPLES, FITS_NETS = range(4)

SIDE_MODEL_SHARE = 0.05  # of the steps; a model that trains less often does not count
RARE_SHARE, RARE_STEPS = 0.34, 3  # of the steps; evaluations more often than that are none


class OutOfTime(BaseException):
    """The time for probes is over. No Exception: a builder that makes the best of errors ends,
    too.
    """


@dataclass
class WatchedRun:
    """Attributes:
        finished: did the script come to its own end? own_process: is it a script of its own, so
            that its data sets may be read once more?
        budget: seconds for probes, of this thread at work: another program's load decides
            nothing. By the clock they may take three times as long.
        problems: probes that failed, and why.
        not_looked_at: what was too large for a builder, in words.
    """

    records: Recorder
    finished: bool
    own_process: bool
    budget: float
    problems: list[str] = field(default_factory=list)
    not_looked_at: list[str] = field(default_factory=list)
    _began: tuple[float, float] = field(
        default_factory=lambda: (time.thread_time(), time.monotonic()))
    _known: dict[str, Any] = field(default_factory=dict)

    def observer(self, kind: type[Observed]) -> Observed:
        """The observer of this class."""
        return cast(Observed, self.records.observers[kind])

    @property
    def time_is_left(self) -> bool:
        at_work, by_the_clock = self._began
        return (time.thread_time() - at_work < self.budget
                and time.monotonic() - by_the_clock < 3 * self.budget)

    def check_time(self) -> None:
        """For the loops of probes.

        Raises:
            OutOfTime: the deadline has passed; what the builder has yielded so far stays.
        """
        if not self.time_is_left:
            raise OutOfTime

    @contextlib.contextmanager
    def tolerating(self, what: str) -> Iterator[None]:
        """An error in this block is told, and the builder goes on with its next object.

        Raises:
            OutOfTime: the deadline has passed before it begins.
        """
        self.check_time()
        try:
            yield
        except Exception as error:
            cause = error.__cause__ if isinstance(error, ScriptObjectError) else None
            self.problems.append(f"{what} failed: {error_text(cause or error)}")

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """make(), computed once for all builders that ask under this name."""
        if name not in self._known:
            self._known[name] = make()
        return self._known[name]

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
        return self.is_rare(len({phase.step for phase in phases}))

    def is_rare(self, steps: int) -> bool:
        """Are so many of the run's steps few of them?"""
        return steps <= max(RARE_STEPS, RARE_SHARE * self.records.progress.step)


_builders: dict[Any, Builder] = {}
_costs: dict[Any, int] = {}


def builds(evidence: Any, cost: int = READS) -> Callable[[Builder], Builder]:
    """Registers the function that builds this class of evidence. cost: READS, RUNS_MODELS,
    READS_SAMPLES or FITS_NETS.
    """
    def register(builder: Builder) -> Builder:
        _builders[evidence], _costs[evidence] = builder, cost
        return builder

    return register


def cost_of(evidence: Any) -> int:
    """What building it costs."""
    return _costs.get(evidence, READS)


@functools.cache
def all_builders() -> Mapping[Any, Builder]:
    """Class of evidence -> its builder."""
    # found by name, so that a new builder needs no list to be added to
    package = importlib.import_module(__package__)
    for file in pkgutil.iter_modules(package.__path__):
        if file.name.startswith(("build_", "observe_")):
            importlib.import_module(f"{__package__}.{file.name}")
    return dict(_builders)
