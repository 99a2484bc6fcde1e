"""A search over settings: trials are real training runs."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import threading
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.core.hooks import service
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.data import Data
from recipe_widgets.models import build_model
from recipe_widgets.training import (
    Training,
    advance,
    end_with_best,
    evaluate,
    torch_errors_explained,
)
from recipe_widgets.tune.importances import Importances, importances
from recipe_widgets.tune.samplers import GRID_POINTS, Pruner, Sampler, make_pruner, make_sampler
from recipe_widgets.tune.search_space import Space, size_of, space
from recipe_widgets.tune.stale_trials import (
    ERROR,
    Heartbeat,
    TrialCounts,
    requeue,
    requeue_stale_trials,
    step_back,
    trial_counts,
)
from recipe_widgets.tune.storage import (
    check_same_search,
    open_study,
    quiet_optuna,
    settle,
    storage_errors,
)
from recipe_widgets.tune.storage_url import hidden

if TYPE_CHECKING:
    import optuna

Metric = Literal["val_loss", "val_accuracy"]
# per trial, and their validation samples, where the base names none
EVALUATIONS, EVALUATION_SAMPLES = 8, 1000


@dataclass(frozen=True)
class Trial:
    """One finished trial: its number, the knobs, what came out (NaN unless it ran to its end),
    and how it ended.
    """

    number: int
    knobs: Mapping[str, Any]
    value: float
    state: Literal["complete", "pruned", "failed"]
    why: str = ""


class Tuning:
    """A search in progress, alone or together with workers on other machines that name the same
    storage.

    Made by `tune()`; `steps()` is the work itself, one training step at a time, and `run()` does
    all of it.
    """

    @validated
    def __init__(self, data: Data, searched: Space, base: Settings, *,
                 trials: Annotated[int, whole(1)], sampler: Sampler, pruner: Pruner, metric: Metric,
                 storage: str | None, name: str, heartbeat: Annotated[int, whole(1)],
                 retries: Annotated[int, whole(0)],
                 grid_points: Annotated[int, whole(1, 10**4)]) -> None:
        self.data, self.space, self.metric = data, searched, metric
        self.base = with_evaluations(base)
        self.storage, self.name = storage, name
        self.retries, self.heartbeat = int(retries), int(heartbeat)
        grid = searched.grid(grid_points)
        self.trials = min(trials, size_of(grid)) if sampler == "grid" else trials
        self.worker = f"{socket.gethostname()}:{os.getpid()}"
        self._over = threading.Event()
        with quiet_optuna():
            engine = make_sampler(sampler, grid, self.base.seed, shared=storage is not None)
            self.study = open_study(storage, name, metric, engine,
                                    make_pruner(pruner, self.base.max_steps), self.heartbeat,
                                    self.retries)
        with storage_errors(storage):
            check_same_search(
                self.study, {
                    "space": searched.to_dict(), "base": self.base.to_dict(), "metric": metric,
                    "data": data.sha256
                }, name)

    # --- the work ------------------------------------------------------------------------------

    def steps(self) -> Iterator[None]:
        """Train, trial after trial, until the study has its number of finished trials; yields after
        every step.

        Trials that other workers left behind are run again. Where only other workers still train,
        it waits for them.
        """
        self._over.clear()
        while not self._over.is_set():
            requeue_stale_trials(self.study, self.heartbeat, self.retries)
            now = self.trial_counts()
            if now.finished >= self.trials:
                return
            if not now.waiting and now.finished + now.running >= self.trials:
                self._over.wait(min(1.0, self.heartbeat / 4))
                yield
                continue
            yield from self._one_trial()

    @validated
    def run(self, progress: bool = False) -> Tuning:
        """All of `steps()`; with `progress` a bar in the terminal.

        Raises:
            RecipeError: the storage was lost (finished trials are in it), or no trial at all came
                to an end.
        """
        from tqdm import tqdm

        with storage_errors(self.storage), tqdm(total=self.trials, unit="trial",
                                                disable=not progress) as bar:
            seen: Any = None
            for _ in self.steps():
                if progress and (now := self.ended_here) != seen:
                    seen, bar.n = now, self.trial_counts().finished
                    bar.set_postfix_str(self.words(), refresh=True)
            bar.n = self.trial_counts().finished
        if not self._over.is_set():
            self.best  # noqa: B018  # says so where there is none
        return self

    def stop(self) -> None:
        """End `steps()` after the step it is in, from any thread; the trial under way is queued
        again.
        """
        self._over.set()

    @property
    def stopped(self) -> bool:
        return self._over.is_set()

    ended_here = 0  # trials that this worker has ended, one way or another

    def _one_trial(self) -> Iterator[None]:
        from optuna.exceptions import UpdateFinishedTrialError

        with quiet_optuna():
            trial = self.study.ask()
            if step_back(self.study, trial, self.trials, self.retries):
                return
        told = False
        try:
            with Heartbeat(self.study, trial, self.heartbeat, self.worker):
                value = yield from self._train(trial)
                if value is None:
                    return  # stopped
                self._tell(trial, value)
                told = True
        except RecipeError as error:  # these knobs cannot be trained; others can
            trial.set_user_attr(ERROR, str(error).splitlines()[0])
            self._tell(trial, None)
            told = True
        except UpdateFinishedTrialError:
            # this worker slept so long that another took it for dead, and has its trial
            told = True
        except Exception as error:
            # the storage itself may be what broke: that is to be told, not this
            with contextlib.suppress(Exception):
                trial.set_user_attr(ERROR, f"{type(error).__name__}: {error}".splitlines()[0])
                self._tell(trial, None)
            told = True
            raise
        finally:
            self.ended_here += 1
            if not told:
                requeue(self.study, trial.number, self.retries)

    def _tell(self, trial: optuna.Trial, value: float | None) -> None:
        """Report the end; where another worker took this one for dead and has its trial, nothing
        happens.
        """
        from optuna.trial import TrialState as State

        state = State.FAIL if value is None else (
            State.PRUNED if math.isnan(value) else State.COMPLETE)
        with quiet_optuna():
            self.study.tell(trial, value if state == State.COMPLETE else None, state=state,
                            skip_if_finished=True)
        settle(self.study)

    def _train(self, trial: optuna.Trial) -> Generator[None, None, float | None]:
        """One run. Its value; NaN where it was pruned or diverged; None where the reader stopped
        it.
        """
        settings = self.space.suggest(trial, self.base)
        with torch_errors_explained(settings):
            model = build_model(settings, self.data.shape, self.data.num_classes)
            training = Training(model, self.data, settings)
            run = training.new_run()
            for _ in advance(training, run):
                if self._over.is_set():
                    return None
                # a look at the validation set has just been taken
                if training.due() and run.status == "running":
                    trial.report(training.history.last(self.metric), training.done)
                    if trial.should_prune():
                        trial.set_user_attr("why", f"pruned after {training.done} steps")
                        return math.nan
                yield
        if run.status == "diverged":
            trial.set_user_attr("why", run.message)
            return math.nan
        end_with_best(training, run)
        result = evaluate(training.model, self.data.validation)
        return result.loss if self.metric == "val_loss" else result.accuracy

    # --- what came out -------------------------------------------------------------------------

    def trial_counts(self) -> TrialCounts:
        with storage_errors(self.storage):
            return trial_counts(self.study, self.retries)

    def table(self) -> list[Trial]:
        """All trials that have ended, in the order in which they began; those that were run
        again are not in it twice.
        """
        from optuna.trial import TrialState as State

        words: dict[Any, Literal["complete", "pruned", "failed"]] = {
            State.COMPLETE: "complete", State.PRUNED: "pruned", State.FAIL: "failed"}
        with storage_errors(self.storage):
            ended = [t for t in self.study.get_trials(deepcopy=False) if t.state in words]
        return [
            Trial(t.number, dict(t.params),
                  t.value if t.state == State.COMPLETE and t.value is not None else math.nan,
                  words[t.state], str(t.user_attrs.get(ERROR) or t.user_attrs.get("why") or ""))
            for t in ended
            if t.state != State.FAIL or ERROR in t.user_attrs
        ]

    def ranked(self) -> list[Trial]:
        """Trials that ran to their end, the best first."""
        done = [trial for trial in self.table() if trial.state == "complete"]
        return sorted(done, key=lambda trial: trial.value
                      if self.metric == "val_loss" else -trial.value)

    @validated
    def settings_of(self, trial: Trial) -> Settings:
        return self.base.replace(**trial.knobs)

    @property
    def best(self) -> Settings:
        """The settings of the best trial."""
        ranked = self.ranked()
        if not ranked:
            why = next((trial.why for trial in reversed(self.table()) if trial.why),
                       "none was finished")
            raise RecipeError("Tuning", found=f"no trial that ran to its end (the last one: {why})",
                              expected="at least one",
                              mend="Narrow the space to what can be trained.")
        return self.settings_of(ranked[0])

    @property
    def best_value(self) -> float:
        """The best trial's validation loss (nats) or accuracy (0 to 1); NaN before the first."""
        ranked = self.ranked()
        return ranked[0].value if ranked else math.nan

    def importances(self) -> Importances:
        """How much each knob explains of which trials are good, summing to 1, each with its
        interval, and a warning where the trials are too few to tell the first from the second.
        Trials that a pruner cut short do not count.

        Raises:
            RecipeError: fewer than 16 trials ran to their end.
        """
        return importances(self.study)

    def words(self) -> str:
        """The best so far, in a line."""
        ranked = self.ranked()
        if not ranked:
            return "no trial finished yet"
        knobs = ", ".join(f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}"
                          for name, value in ranked[0].knobs.items())
        return f"best {self.metric} {ranked[0].value:.4g}: {knobs}"

    def plot(
            self, kind: Literal["history", "importances", "slice", "parallel",
                                "curves"] = "history") -> Any:
        """A picture: value by trial, weight of each knob, value by knob, all knobs at once, or
        validation by step.
        """
        return service("plot_tuning")(self, kind)

    def __repr__(self) -> str:
        done = self.trial_counts().finished
        return (f"Tuning({self.name}, {done} of {self.trials} trials in {hidden(self.storage)}; "
                f"{self.words()})")


def with_evaluations(base: Settings) -> Settings:
    """`base` with evaluations often enough for pruning, where the reader set none."""
    if base.eval_every or base.eval_samples:
        return base
    return base.replace(eval_every=max(1, base.max_steps // EVALUATIONS),
                        eval_samples=EVALUATION_SAMPLES)


@validated
def tune(data: Data, searched: Space | None = None, base: Settings | None = None, *,
         trials: Annotated[int, whole(1)] = 50, sampler: Sampler = "tpe", pruner: Pruner = "median",
         metric: Metric = "val_loss", storage: str | None = None, name: str = "tuning",
         heartbeat: Annotated[int, whole(1)] = 60, retries: Annotated[int, whole(0)] = 10,
         grid_points: Annotated[int, whole(1, 10**4)] = GRID_POINTS, progress: bool = False,
         start: bool = True) -> Tuning:
    """Search good settings by training with many, and return the `Tuning`, from which everything
    can be read.

    >>> searched = space("lr", "momentum")
    >>> found = tune(data, searched, Settings(max_steps=500), trials=30)  # doctest: +SKIP
    >>> found.best, found.importances(), found.plot("slice")  # doctest: +SKIP

    Args:
        searched: which knobs, made by `space()`; all others stay as in `base`.
        trials: how many are to be finished, counted over all workers.
        sampler: "tpe" (Bergstra et al. 2011), "random" (Bergstra & Bengio 2012), "grid" of
            `grid_points` per knob.
        pruner: "median" or "hyperband" (Li et al. 2018) end hopeless trials after a look at the
            validation set; "none".
        metric: what is wanted: a low "val_loss" or a high "val_accuracy", of the whole validation
            set.
        storage: None keeps trials in memory, "tuning.db" in a SQLite file; or any Optuna address,
            which workers on many machines may share: each calls this with the same arguments. The
            same `name` goes on with the same search.
        heartbeat: seconds; a trial that gave no sign of life for twice as long is run again,
            `retries` times at most.
        start: False only prepares; go on with `run()`, `steps()` or a panel.
    Raises:
        RecipeError: a storage that cannot be opened, another search under the same name, no trial
            that could be trained.
    """
    if not len(data.validation.y):
        raise RecipeError("tune(data)", found="no validation samples",
                          expected="some: they choose the settings")
    tuning = Tuning(data, searched or space(), base or Settings(), trials=trials, sampler=sampler,
                    pruner=pruner, metric=metric, storage=storage, name=name, heartbeat=heartbeat,
                    retries=retries, grid_points=grid_points)
    return tuning.run(progress) if start else tuning
