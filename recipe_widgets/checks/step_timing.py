"""Where the time of a training step goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import numpy as np
import torch

from recipe_widgets.checks.check_decorator import CannotTellError, check
from recipe_widgets.checks.check_subject import Subject, endless, rereadable, restored_generators
from recipe_widgets.checks.training_copy import (
    TrainingCopy,
    adam,
    to_train,
    training_copy,
)
from recipe_widgets.core.validation import real, whole
from recipe_widgets.data import Data, Split
from recipe_widgets.rules.timing import StepTimes


@check(stage="timing", place=1)
def timing(target: Subject, *, steps: Annotated[int, whole(1, 10**6)] = 6,
           epochs: Annotated[float | None, real(0, 1000, above=True)] = None,
           batch_size: Annotated[int, whole(1)] = 64, seconds: Annotated[float, real(0)] = 1.0,
           clock: Callable[[], float] = time.perf_counter) -> StepTimes:
    """Milliseconds of data, forward pass, backward pass and update; how long an epoch takes, and
    what dominates.

    Medians over `steps` steps after one to warm up. On a GPU, which computes behind Python's back,
    it waits for the device after each part; so the parts are true, and their sum is at most a
    little more than a step that does not wait.

    Args:
        epochs: length of the whole run. batch_size: samples per step where the batches are a split
            of ours.
        seconds: stop early after that long. clock: seconds from any zero.
    """
    made = training_copy(target)
    made.optimizer = made.optimizer if isinstance(made.optimizer, torch.optim.Optimizer) else adam(
        to_train(made.model))
    to_train(made.model)
    parts: list[tuple[float, ...]] = []
    with restored_generators(target.source):
        batches = endless(target, batch_size)
        began = clock()
        for _ in range(steps + 1):
            before = clock()
            x, y = next(batches)
            _wait(target)
            parts.append((clock() - before, *_step(target, made, x, y, clock)))
            if clock() - began > seconds:
                break
    # medians of milliseconds, without the first step, which warms up
    typical = np.median(np.array(parts[1:] or parts), axis=0) * 1000
    ms = dict(zip(("data", "forward", "backward", "step"), typical.tolist(), strict=True))
    if not rereadable(target.source):  # the batches that were taken are in memory already
        del ms["data"]
    return StepTimes(ms, _per_epoch(target.source, batch_size), epochs)


def _step(target: Subject, made: TrainingCopy, x: Any, y: Any, clock: Callable[[],
                                                                        float]) -> Iterator[float]:
    """Seconds of the forward pass, the backward pass and the update of one step."""
    times = [clock()]

    def lap() -> None:
        _wait(target)
        times.append(clock())

    loss = target.loss(made.model, x, y)
    lap()
    made.optimizer.zero_grad()
    if not loss.requires_grad:
        raise CannotTellError("the loss has no gradient")
    loss.backward()
    lap()
    made.optimizer.step(lambda: loss) if isinstance(made.optimizer,
                                                    torch.optim.LBFGS) else made.optimizer.step()
    lap()
    yield from np.diff(times).tolist()


def _wait(target: Subject) -> None:
    """Until the device has computed all it was given."""
    kind = target.x.device.type  # a CPU has computed when the call returns
    if kind == "cuda":
        torch.cuda.synchronize(target.x.device)
    elif kind == "mps":
        torch.mps.synchronize()


def _per_epoch(source: Any, batch_size: int) -> int | None:
    """Batches in an epoch, where that is known."""
    split = source.train if isinstance(source, Data) else source
    if isinstance(split, Split):
        return max(1, split.size // batch_size)
    try:
        return len(source)
    except (TypeError, NotImplementedError):
        return None
