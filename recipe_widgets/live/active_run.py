"""Runs in progress, as a session drives them: one step at a time, changed, forked, released."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from recipe_widgets.core import RecipeError, Run, Settings, Step
from recipe_widgets.data import Data
from recipe_widgets.live.score import WHOLE_ACCURACY, WHOLE_LOSS
from recipe_widgets.models import build_model
from recipe_widgets.training import (
    OPTIMIZERS,
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

# validation samples per evaluation: the curve then costs about 1 % of the training
LIVE_EVAL_SAMPLES = 500
# training samples between two evaluations, and how many steps that may be
SAMPLES_BETWEEN_EVALS, FEWEST_STEPS, MOST_STEPS = 400 * 64, 10, 500
UPDATE_RATIO_EVERY = 40  # steps between measurements of update size by weight size


def live_settings(settings: Settings) -> Settings:
    """Evaluations made cheap and frequent enough for a moving curve, where the reader set none."""
    if settings.eval_every or settings.eval_samples:
        return settings
    every = min(max(SAMPLES_BETWEEN_EVALS // settings.batch_size, FEWEST_STEPS), MOST_STEPS)
    return settings.replace(eval_every=every, eval_samples=LIVE_EVAL_SAMPLES)


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
        """The run came to its own end: evaluate it."""
        ...

    def release(self) -> None:
        """Let go of optimiser and batches; run and model stay."""
        ...


class RunSource(Protocol):
    """Where runs come from: our models on a data set, or a reader's own training loop."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int:
        """Training samples; 0 where that is not known."""
        ...

    @property
    def classes(self) -> int:
        """Classes of the labels; 0 where that is not known."""
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
        self.training: Training | None = training  # None once it is released
        self.run = run
        if run.snapshots is None:
            run.snapshots = Snapshots()
        self._steps: Iterator[Step] = advance(training, run)

    def step(self) -> None:
        next(self._steps, None)
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
            self._steps = advance(self.training, self.run)

    def _as_live(self, settings: Settings) -> Settings:
        """How often this run is evaluated stays: no slider turns that."""
        assert self.training is not None
        now = self.training.settings
        return settings.replace(eval_every=now.eval_every, eval_samples=now.eval_samples)

    def fork(self) -> ModelRun:
        assert self.training is not None
        training = fork(self.training)
        run = training.new_run()
        # the branch carries its whole path, so that it can be replayed alone
        run.settings, run.changes = self.run.settings, list(self.run.changes)
        run.threads = list(self.run.threads)
        run.snapshots = self.run.snapshots.copy()
        return ModelRun(training, run)

    def finish(self) -> None:
        if self.training is None or self.run.status == "diverged":
            return
        end_with_best(self.training, self.run)
        validation = self.training.data.validation
        if self.run.status == "done" and len(validation.y):
            score = evaluate(self.training.model, validation)
            self.run.message = f"On the whole validation set: {score}."
            self.run.history.append(WHOLE_LOSS, self.run.steps_done - 1, score.loss)
            self.run.history.append(WHOLE_ACCURACY, self.run.steps_done - 1, score.accuracy)

    def release(self) -> None:
        self.training, self._steps = None, iter(())
        if self.run.snapshots is not None:
            self.run.snapshots.shrink()


class ModelSource:
    """Our models on one data set."""

    forks = True

    def __init__(self, data: Data) -> None:
        self.data = data

    @property
    def name(self) -> str:
        return self.data.name

    @property
    def size(self) -> int:
        return len(self.data.train.y)

    @property
    def classes(self) -> int:
        return self.data.num_classes

    def begin(self, settings: Settings) -> ModelRun:
        chosen = live_settings(settings)
        model = build_model(chosen, self.data.shape, self.data.num_classes)
        training = Training(model, self.data, chosen, probes=[UpdateRatio(UPDATE_RATIO_EVERY)])
        return ModelRun(training, training.new_run())

    def without_effect(self, settings: Settings, knob: str) -> str:
        return why_without_effect(settings, knob, self.data.shape)


def why_without_effect(settings: Settings, knob: str, shape: tuple[int, ...] = (1, 28, 28)) -> str:
    """Why turning a knob changes nothing on samples of that shape (C, H, W), or "" when it does."""
    if settings.model == "linear" and knob == "dropout":
        return "a linear model has no hidden units to silence"
    if settings.model == "linear" and knob in ("width", "depth", "activation", "norm"):
        return "a linear model has no hidden layer"
    if settings.model == "lenet" and knob in ("width", "depth"):
        return "LeNet-5 has its own widths and layers"
    if knob == "momentum" and not OPTIMIZERS[settings.optimizer].momentum:
        return f"{settings.optimizer} has no momentum"
    if knob in ("augment", "augment_strength") and len(shape) != 3:
        return "only images can be augmented"
    if knob == "augment_strength" and settings.augment == "none":
        return "no image is augmented"
    return ""


def as_source(given: Any) -> RunSource:
    """A `RunSource` of a `Data` or of a source.

    Raises:
        RecipeError: it is neither.
    """
    if isinstance(given, Data):
        return ModelSource(given)
    if hasattr(given, "begin"):
        return given  # type: ignore[no-any-return]
    raise RecipeError("LivePanel(data, settings)", found=type(given).__name__, expected="a Data",
                      mend='Use load("mnist"), or Data.from_arrays(x, y).')
