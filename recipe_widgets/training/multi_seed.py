"""The same run from several seeds, at once where the model allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Annotated

import torch

from recipe_widgets.core import RecipeError, Run, Settings
from recipe_widgets.core.errors import user_code
from recipe_widgets.core.validation import filled, validated
from recipe_widgets.data import Data
from recipe_widgets.models import build_model
from recipe_widgets.training.batch_indices import BatchIndices
from recipe_widgets.training.loop import end_with_best, stopped_early
from recipe_widgets.training.schedules import learning_rate, varies
from recipe_widgets.training.stacked import StackedMLP, stackable
from recipe_widgets.training.torch_errors import torch_errors_explained
from recipe_widgets.training.trainer import ACCURACY_EVERY, Training, why_diverged


class MultiSeedTraining:
    """Runs that differ in nothing but their seed. `step()` is one step of each of them.

    Linear models and MLPs without normalisation train as one stack of matrices; others take turns.
    Each run equals the one that `train` makes of its seed, but for the last bits of sums.

    Args:
        shared_batches: all see the batches of the first seed, which is faster; then the runs differ
            in their first weights and dropout masks only.
    Attributes:
        runs: one per seed. A run that diverges, or is out of patience, ends; the others go on. The
            weights of the best look stay in `members`, until `train_many` gives them to the models.
        stacked: whether they are computed at once.
    """

    @validated
    def __init__(self, data: Data, settings: Settings, seeds: Annotated[Sequence[int], filled()], *,
                 shared_batches: bool = False) -> None:
        if len(set(seeds)) < len(seeds):
            raise RecipeError("train_many(seeds=)", found=repr(list(seeds)),
                              expected="at least one seed, each once",
                              mend="For example seeds=range(8).")
        self.settings, self.shared = settings, shared_batches
        each = [settings.replace(seed=int(seed)) for seed in seeds]
        self.members = [
            Training(build_model(one, data.shape, data.num_classes), data, one) for one in each
        ]
        first = self.members[0]
        self.split, self.device = first.split, first.device
        if shared_batches:
            # an iterator each, all at the same place: a run that ends leaves the others alone
            for member in self.members:
                member.batches = BatchIndices(len(self.split.y), settings.batch_size, each[0].seed,
                                              self.device)
        self.runs = [member.new_run() for member in self.members]
        self.stacked = stackable(settings)
        self._stack: StackedMLP | None = None
        if self.stacked:
            self._stack = StackedMLP([member.model for member in self.members], settings)
        self._varies = varies(settings)
        self.done = 0  # steps

    @property
    def running(self) -> list[int]:
        """Which runs still go on."""
        return [number for number, run in enumerate(self.runs) if run.status == "running"]

    def step(self) -> None:
        """One step of every run that goes on; looks at the validation set when it is due, and
        ends runs.
        """
        if self._stack is not None:
            self._step_at_once(self._stack)
        else:
            for number in self.running:
                self.members[number].step()
        self.done += 1
        for number in self.running:
            self._look(number)

    def _step_at_once(self, stack: StackedMLP) -> None:
        # the stack steps all runs, those that have ended too: leaving them out would cost a copy
        index, lr = self.done, self.settings.lr
        if self._varies:
            lr = learning_rate(index, self.settings, self.members[0].batches.steps_per_epoch)
        x, y = self._batch()
        losses, logits = stack.step(x, y, lr)  # (runs,), (runs, batch, K)
        # one transfer for all runs; on a GPU none, since waiting would leave it idle
        known = losses.tolist() if self.device.type == "cpu" else [None] * len(losses)
        hits = (logits.argmax(2) == y).float().mean(1) if index % ACCURACY_EVERY == 0 else None
        for number in self.running:
            member, loss = self.members[number], known[number]
            member.done = index + 1
            if loss is None:
                member.history.append_later("train_loss", index, losses[number])
            else:
                member.loss = loss
                member.history.append("train_loss", index, loss)
            if self._varies:
                member.history.append("lr", index, lr)
            if hits is not None:
                member.history.append_later("train_accuracy", index, hits[number])
            if loss is None and (hits is not None or index + 1 == self.settings.max_steps):
                member.loss = member.history.last("train_loss")

    def _batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """x (K, B, D) and y (K, B), gathered and normalised in one go."""
        runs = len(self.members)
        if self.shared:
            # expanded views: every run reads the same memory, nothing is copied
            x, y = self.split.batch(next(self.members[0].batches))
            return x.flatten(1).expand(runs, -1, -1), y.expand(runs, -1)
        rows = torch.cat([next(member.batches) for member in self.members])
        x, y = self.split.batch(rows)
        return x.view(runs, len(rows) // runs, -1), y.view(runs, -1)

    def _look(self, number: int) -> None:
        member, run = self.members[number], self.runs[number]
        if not (math.isfinite(member.loss) or member.finite()):
            run.status, run.message = "diverged", why_diverged(member.history, member.settings)
            return
        if member.due() and len(member.data.validation.y):
            member.evaluate()
        if member.done == self.settings.max_steps:
            member.finish()
            run.status = "done"
        elif member.best.exhausted:
            run.status, run.message = "stopped", stopped_early(member)

    def finish(self) -> None:
        """Give every model memory of its own; after that no more steps."""
        if self._stack is not None:
            self._stack.detach()
            self._stack = None


def _says_stop(until: Callable[[MultiSeedTraining], bool], many: MultiSeedTraining) -> bool:
    with user_code("train_many(until=)", "a function of the runs so far that says True to stop"):
        return bool(until(many))


@validated
def train_many(data: Data, settings: Settings, seeds: Annotated[Sequence[int], filled()], *,
               shared_batches: bool = False,
               until: Callable[[MultiSeedTraining], bool] | None = None) -> list[Run]:
    """Train the same settings from each of `seeds` and return their runs, in that order.

    Args:
        shared_batches: see `MultiSeedTraining`.
        until: called after each step of all; the runs stop when it says True.
    Raises:
        RecipeError: no seeds, or one of them twice.
    """
    with torch_errors_explained(settings):
        many = MultiSeedTraining(data, settings, seeds, shared_batches=shared_batches)
        while many.running and many.done < settings.max_steps:
            many.step()
            if until is not None and many.running and _says_stop(until, many):
                for number in many.running:
                    many.members[number].finish()
                    run = many.runs[number]
                    run.status, run.message = "stopped", f"stopped after step {many.done - 1}"
        for number in many.running:  # a run of no steps at all
            many.runs[number].status = "done"
        many.finish()  # before the best weights come: they need memory of their own to go to
        for member, run in zip(many.members, many.runs, strict=True):
            end_with_best(member, run)
        return many.runs
