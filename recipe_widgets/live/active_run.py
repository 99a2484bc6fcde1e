"""Runs in progress, as a session drives them: one step at a time, turned, forked, let go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from recipe_widgets.core import RecipeError, Run, Settings, Step
from recipe_widgets.data import Data
from recipe_widgets.models import build_model
from recipe_widgets.training import (
    Snapshots,
    Training,
    UpdateRatio,
    advance,
    change_and_record,
    cold_knobs,
    end_with_best,
    evaluate,
    fork,
)

LOOK_SAMPLES = 500  # validation samples per look: the curve costs about 1 % of the training then


def live_settings(settings: Settings) -> Settings:
    """Looks at the validation set made cheap and frequent enough for a moving curve, where the
    reader set none.
    """
    if settings.eval_every or settings.eval_samples:
        return settings
    every = min(max(400 * 64 // settings.batch_size, 10), 500)
    return settings.replace(eval_every=every, eval_samples=LOOK_SAMPLES)


class ActiveRun(Protocol):
    """One run in progress. `run.status` says whether it still goes on."""

    run: Run

    def step(self) -> None:
        """Train for one step."""
        ...

    def why_not(self, settings: Settings) -> str:
        """Why the running run cannot go on with these settings; "" when it can."""
        ...

    def turn(self, settings: Settings) -> None:
        """Go on with these."""
        ...

    def fork(self) -> ActiveRun:
        """A second run in the same state."""
        ...

    def finish(self) -> None:
        """The run came to its own end: judge it."""
        ...

    def release(self) -> None:
        """Let go of optimiser and batches; run and model stay."""
        ...


class RunSource(Protocol):
    """Where runs come from."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int:
        """Training samples; 0 where that is not known."""
        ...

    @property
    def forks(self) -> bool:
        """Whether a run can be forked."""
        ...

    def begin(self, settings: Settings) -> ActiveRun: ...

    def without_effect(self, settings: Settings, knob: str) -> str:
        """Why turning this knob changes nothing, or "" when it does."""
        ...


class ModelRun:
    """A run of one of our models on a `Data`."""

    def __init__(self, training: Training, run: Run) -> None:
        self.training: Training | None = training
        self.run = run
        if run.snapshots is None:
            run.snapshots = Snapshots()
        self._going: Iterator[Step] = advance(training, run)

    def step(self) -> None:
        next(self._going, None)
        if self.training is not None:
            self.run.snapshots.take(self.training)

    def why_not(self, settings: Settings) -> str:
        if self.training is None or self.run.status not in ("running", "done"):
            return "that run is over"
        wanted = self._as_live(settings)
        if cold := cold_knobs(self.training.settings, wanted):
            labels = ", ".join(Settings.knob(name).label for name in cold)
            return f"{labels} cannot change in a running network"
        if wanted.max_steps <= self.training.done:
            return "that run has done all its steps"
        return ""

    def turn(self, settings: Settings) -> None:
        assert self.training is not None
        change_and_record(self.training, self.run, self._as_live(settings))
        if self.run.status == "done":  # more steps were asked for
            self.run.status, self.run.message = "running", ""
            self._going = advance(self.training, self.run)

    def _as_live(self, settings: Settings) -> Settings:
        assert self.training is not None
        now = self.training.settings
        return settings.replace(eval_every=now.eval_every, eval_samples=now.eval_samples)

    def fork(self) -> ModelRun:
        assert self.training is not None
        training = fork(self.training)
        run = training.new_run()
        run.settings, run.changes, run.threads = self.run.settings, list(self.run.changes), list(
            self.run.threads)
        run.snapshots = self.run.snapshots.copy()
        return ModelRun(training, run)

    def finish(self) -> None:
        if self.training is None or self.run.status == "diverged":
            return
        end_with_best(self.training, self.run)
        held = self.training.data.validation
        if self.run.status == "done" and len(held.y):
            self.run.message = f"On the whole validation set: {evaluate(self.training.model, held)}."

    def release(self) -> None:
        self.training, self._going = None, iter(())
        if self.run.snapshots is not None:
            self.run.snapshots.shrink()


class DataSource:
    """Our models on one data set, or on one of several."""

    forks = True

    def __init__(self, data: Data) -> None:
        self.data = data

    @property
    def name(self) -> str:
        return self.data.name

    @property
    def size(self) -> int:
        return len(self.data.train.y)

    def begin(self, settings: Settings) -> ModelRun:
        chosen = live_settings(settings)
        training = Training(build_model(chosen, self.data.shape, self.data.num_classes), self.data,
                            chosen, probes=[UpdateRatio(every=40)])
        return ModelRun(training, training.new_run())

    def without_effect(self, settings: Settings, knob: str) -> str:
        from recipe_widgets.live.slider_grid import why_without_effect

        return why_without_effect(settings, knob, self.data.shape)


def as_source(given: Any) -> RunSource:
    """A `Source` of a `Data` or of a source.

    Raises:
        RecipeError: it is neither.
    """
    if isinstance(given, Data):
        return DataSource(given)
    if hasattr(given, "begin"):
        return given  # type: ignore[no-any-return]
    raise RecipeError("LivePanel(data, settings)", found=type(given).__name__, expected="a Data",
                      mend='Use load("mnist"), or Data.from_arrays(x, y).')
