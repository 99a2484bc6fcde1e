"""Copies of a training on its way, from which any past step is reached again by a short walk, to
the same bit.
"""

from __future__ import annotations

import copy
import math
import numbers
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import torch

from recipe_widgets.core import History, RecipeError, Run
from recipe_widgets.core.validation import unchecked, validated, whole
from recipe_widgets.data import Data
from recipe_widgets.models import build_model
from recipe_widgets.training.changes import fork, train_with_changes
from recipe_widgets.training.loop import end_with_best
from recipe_widgets.training.trainer import Training

MOST_BYTES = 48 * 2**20  # of the snapshots of one run
LEFT_BYTES = 8 * 2**20  # of them after the run is over
SHARE = 0.0025  # of the training time, at most, goes into copies
FIRST = 50  # steps between the first ones; the distance doubles whenever memory is full


class Snapshots:
    """Evenly spaced copies of one training, `most` bytes of them at most; when they are full,
    every second one goes.
    """

    @validated
    def __init__(self, most: Annotated[int, whole(0, 2**62)] = MOST_BYTES) -> None:
        self.most, self.every = most, FIRST
        self._kept: list[Training] = []
        self._next = 0.0  # by `time.perf_counter`: when the next may be taken

    @property
    def steps(self) -> list[int]:
        """After how many steps each was taken."""
        return [one.done for one in self._kept]

    @property
    def bytes(self) -> int:
        # all are of one network
        return size_of(self._kept[0]) * len(self._kept) if self._kept else 0

    def take(self, training: Training) -> bool:
        """Copy it, where one is due: true when it was."""
        now = time.perf_counter()
        # a run that went back in time passes the steps of its copies a second time
        taken = bool(self._kept) and self._kept[-1].done >= training.done
        if training.done % self.every or now < self._next or taken:
            return False
        size = size_of(training)
        if size > self.most:
            return False
        self._kept.append(without_history(training))
        # a copy that took 1 ms is followed by 400 ms without one
        self._next = now + (time.perf_counter() - now) / SHARE
        while self.bytes > self.most:
            self.every *= 2
            # the first one stays in any case: it is what a walk back begins from
            self._kept = [one for one in self._kept if one.done % self.every == 0] or self._kept[:1]
        return True

    @validated
    def shrink(self, most: int = LEFT_BYTES) -> None:
        """The run is over: keep fewer."""
        self.most = most
        while self._kept and self.bytes > most:
            self._kept = self._kept[::2] if len(self._kept) > 1 else []

    @validated
    def copy(self, until: int | None = None) -> Snapshots:
        """For a branch that leaves after `until` steps (None: now): it shares the past."""
        made = Snapshots()  # a list of its own, of the same copies: nobody trains those
        made.every = self.every
        made._kept = [one for one in self._kept if until is None or one.done <= until]
        return made

    @validated
    def before(self, step: Annotated[int, whole(0)]) -> Training | None:
        """The newest one that is not later than `step`; not to be trained itself."""
        return next((one for one in reversed(self._kept) if one.done <= step), None)


def size_of(training: Training) -> int:
    """Bytes of weights, buffers and optimiser state; of the averaged and the best weights, where
    there are any, too.
    """
    models = [training.model]
    if training.average is not None:
        models.append(training.average.model)
    tensors = [one for model in models for one in (*model.parameters(), *model.buffers())]
    tensors += (training.best.weights or {}).values()
    # such as momentum, and Adam's two averages, for each weight tensor
    tensors += [
        value for state in training.optimizer.state.values() for value in state.values()
        if isinstance(value, torch.Tensor)
    ]
    return sum(one.numel() * one.element_size() for one in tensors)


def without_history(training: Training) -> Training:
    """A copy without the numbers, which the run has anyway."""
    history, training.history = training.history, History()
    try:
        return fork(training)
    finally:
        training.history = history


class Rewind:
    """A walk of a copy to a past step of a run: from the newest snapshot before it, else from the
    seed.

    Attributes:
        training, run: the copy and its own record; where `walk` has ended, they stand after `step`
            steps.
    """

    @validated
    def __init__(self, run: Run, step: Annotated[int, unchecked]) -> None:
        given: Any = step  # whatever a reader hands in
        # True is a whole number to Python, and no step to anyone
        is_whole = isinstance(given, numbers.Integral) and not isinstance(given, bool)
        if not is_whole or not 0 <= step <= run.steps_done:
            raise RecipeError("run.at(step)", found=repr(step),
                              expected=f"a whole number from 0 to {run.steps_done} steps")
        if run.own:
            raise RecipeError(
                "run.at(step)", found="a run that its settings do not describe",
                expected="a model that they describe, trained with cross-entropy",
                mend="A model of your own is saved with train(..., checkpoints=folder).")
        if not isinstance(run.data, Data):
            raise RecipeError(
                "run.at(step)", found="a run without its data",
                expected="a run made in this session",
                mend="Use training.replay(data, run.settings, run.changes, steps=step).")
        self.step, self._was = int(step), run
        kept = run.snapshots.before(self.step) if isinstance(run.snapshots, Snapshots) else None
        if kept is not None:
            self.training = fork(kept)  # the snapshot itself stays where it is
            self.training.history = run.history.until(kept.done)
        else:
            model = build_model(run.settings, run.data.shape, run.data.num_classes)
            self.training = Training(model, run.data, run.settings)
        self.first = self.training.done
        self.training.loss = self.training.history.last("train_loss")
        self.run = self.training.new_run()
        self.run.settings = run.settings
        noted = [(at, count) for at, count in run.threads if at <= self.step]
        self.run.threads[:] = noted or self.run.threads
        self.run.changes = [(at, copy.copy(knobs)) for at, knobs in run.changes if at < self.first]

    def walk(self, set_threads: Callable[[int], None] = torch.set_num_threads) -> Iterator[float]:
        """Step by step; yields the share that is done. Each step is done with the run's number of
        threads, which stays.

        Raises:
            RecipeError: the numbers are not those on record.
        """
        going = train_with_changes(self.training, self.run, self._was.changes, {}, self.step)
        while self.training.done < self.step:
            count = next(
                (count for at, count in reversed(self.run.threads) if at <= self.training.done),
                None)
            # asked anew: others may compute between two steps
            if count is not None and count != torch.get_num_threads():
                set_threads(count)
            if next(going, None) is None:
                break
            yield (self.training.done - self.first) / (self.step - self.first)
        self._compare()

    def _compare(self) -> None:
        if not self.step:
            return
        was = self._was.history.series("train_loss")[self.step - 1]
        now = self.training.history.series("train_loss")[-1]
        # other threads or another machine round otherwise; another model is off by far more
        same = math.isclose(was, now, rel_tol=1e-3, abs_tol=1e-6)
        if not same and not (math.isnan(was) and math.isnan(now)):
            raise RecipeError(
                "run.at(step)", found=f"a loss of {now:.4g}, on record {was:.4g}",
                expected="the same",
                mend="A model of your own is saved with train(..., checkpoints=folder).")


def at(run: Run, step: int) -> Run:
    """What `run.at(step)` does."""
    journey, threads = Rewind(run, step), torch.get_num_threads()
    try:
        for _ in journey.walk():
            pass
    finally:
        torch.set_num_threads(threads)
    again = journey.run
    if again.status == "running":
        again.status, again.message = "stopped", f"stopped after {journey.training.done} steps"
    end_with_best(journey.training, again)
    return again
