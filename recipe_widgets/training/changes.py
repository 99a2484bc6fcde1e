"""Knobs turned while a run goes on, a second run that leaves the first at one step, and both
done over again.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import torch
from torch import nn

from recipe_widgets.core import RecipeError, Run, Settings, Step
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.data import Data
from recipe_widgets.models import build_model
from recipe_widgets.models.layers import Dropout
from recipe_widgets.training.loop import advance, end_with_best
from recipe_widgets.training.optimizers import update_optimizer
from recipe_widgets.training.schedules import plateau_of
from recipe_widgets.training.trainer import Training

# after so many steps, these knobs stand at these values
Changes = Sequence[tuple[int, Mapping[str, Any]]]


@validated
def cold_knobs(before: Settings, after: Settings) -> tuple[str, ...]:
    """The knobs among those that differ which no running training can take: they need a new run."""
    return tuple(name for name in after - before if Settings.knob(name).kind not in ("hot", "warm"))


@validated
def change_settings(training: Training, settings: Settings) -> dict[str, Any]:
    """Let a running training go on with other hot and warm knobs, and say which ones changed to
    what.

    Optimiser and modules keep their state. A new batch size takes a new cut of the same shuffle,
    from the next sample that was not used yet.

    Raises:
        RecipeError: a cold knob differs; nothing has been changed then.
    """
    before = training.settings
    changed = {name: pair[0] for name, pair in (settings - before).items()}
    if cold := cold_knobs(before, settings):
        raise RecipeError("Knobs of a running training",
                          found=", ".join(f"{name}={changed[name]!r}" for name in cold),
                          expected="only hot and warm knobs", mend="These begin a new run.")
    # this one may refuse (a table of numbers has no images), so it comes first
    if {"augment", "augment_strength"} & set(changed):
        training.change_augmentation(settings)
    update_optimizer(training.optimizer, settings)
    for module in training.model.modules():
        # one that a reader built with another p keeps it until the knob moves
        if isinstance(module, Dropout) and "dropout" in changed:
            module.p = settings.dropout
    if "batch_size" in changed:
        training.batches.resize(settings.batch_size)
    if "schedule" in changed:
        training.plateau = plateau_of(settings)
    training.follow(settings)
    return changed


@validated
def fork(training: Training) -> Training:
    """A second training in the very same state: weights, optimiser, generators, batches and history
    are copies.

    Left alone, both go on to the same numbers, bit for bit.
    """
    shared = (training.data, training.split, training.settings, training.device, training.probes)
    # deepcopy takes what stands in its memo for copied: so these are shared, not copied
    memo: dict[int, Any] = {id(thing): thing for thing in shared}
    if training._validation_subset is not None:
        memo[id(training._validation_subset)] = training._validation_subset
    memo[id(training.history)] = training.history.copy()
    for weight in training.model.parameters():
        weight.grad = None  # stale ones, cleared before the next backward pass anyway
    return copy.deepcopy(training, memo)


@validated
def replay(data: Data, settings: Settings, changes: Changes = (), *,
           steps: Annotated[int | None, whole(0)] = None, threads: Sequence[tuple[int, int]] = (),
           model: nn.Module | None = None) -> Run:
    """Train as a panel did: `changes` are turned at their steps. The same numbers, to the last bit.

    Args:
        steps: stop after so many, as a run that was stopped did; None: to the end.
        threads: `(step, count)` as in `run.threads`; sums of floats depend on it in the last bits.
    """
    training = Training(
        model if model is not None else build_model(settings, data.shape, data.num_classes), data,
        settings)
    run = training.new_run()
    run.own = model is not None
    before = torch.get_num_threads()
    try:
        for _ in train_with_changes(training, run, changes, dict(threads), steps):
            pass
    finally:
        torch.set_num_threads(before)
    if run.status == "running":
        run.status, run.message = "stopped", f"stopped after {training.done} steps"
    end_with_best(training, run)
    return run


def train_with_changes(training: Training, run: Run, changes: Changes, threads: Mapping[int, int],
           steps: int | None) -> Iterator[Step]:
    """Train until `steps` are done (None: to the end), with the knobs and the numbers of threads
    changed on the way.
    """
    going = advance(training, run)
    while (steps is None or training.done < steps) and run.status in ("running", "done"):
        if training.done in threads:
            torch.set_num_threads(threads[training.done])
        for at, values in changes:
            if at == training.done:
                change_and_record(training, run, training.settings.replace(**values))
                if run.status == "done":  # more steps were asked for at its end
                    run.status, going = "running", advance(training, run)
        step = next(going, None)
        if step is None:
            return
        yield step


@validated
def change_and_record(training: Training, run: Run, settings: Settings) -> None:
    """`turn`, written down in the run; moves at the same step are one."""
    changed = change_settings(training, settings)
    if not changed:
        return
    if run.changes and run.changes[-1][0] == training.done:
        changed = {**run.changes.pop()[1], **changed}
    # a knob that was moved away and back at one step is no change
    base = run.settings_at(training.done)
    changed = {name: value for name, value in changed.items() if getattr(base, name) != value}
    if changed:
        run.changes.append((training.done, changed))
