"""The few numbers that a panel shows large: accuracy, loss, speed, time left."""

from __future__ import annotations

import math
from typing import NamedTuple

from recipe_widgets.core import Run
from recipe_widgets.core.number_words import percent, plain
from recipe_widgets.live.score import score_of, training_loss
from recipe_widgets.live.status_text import SessionState, seconds_words

NOTHING = "–"


class Tile(NamedTuple):
    """One number. note: what stands below it, small."""

    label: str
    value: str
    note: str


def tiles(run: Run | None, before: Run | None, moment: int | None,
          state: SessionState) -> tuple[Tile, ...]:
    """Four tiles. before: the run that it is compared with. moment: the past step that is looked
    at, or None.
    """
    at = moment if moment is not None else (run.steps_done if run is not None else 0)
    return _accuracy(run, before, at, state), _loss(run, at), _speed(run, state), _time(run, at, state)


def _accuracy(run: Run | None, before: Run | None, at: int, state: SessionState) -> Tile:
    score = score_of(run, at)
    if score is None:
        batch = _newest_batch(run, at)
        return Tile("accuracy of a batch" if batch is not None else "validation accuracy",
                    percent(batch) if batch is not None else NOTHING, "")
    # at the same step, as long as the run before had got there
    then = score_of(before, at)
    if then is None or before is None or not at:
        return Tile("validation accuracy", percent(score.accuracy), "")
    when = "its end before" if at > before.steps_done else "run before"
    if state.other is before:
        when = "old settings"
    return Tile("validation accuracy", percent(score.accuracy), f"{when}: {percent(then.accuracy)}")


def _newest_batch(run: Run | None, at: int) -> float | None:
    """The share right in the newest batch before a step; None where nobody looked."""
    if run is None or "train_accuracy" not in run.history:
        return None
    return run.history.before("train_accuracy", at)


def _loss(run: Run | None, at: int) -> Tile:
    train, score = training_loss(run, at), score_of(run, at)
    loss = score.loss if score is not None else None
    if run is not None and (loss is None or not math.isfinite(loss)):
        loss = run.history.before("val_loss", at)  # a reader's own loop may give it alone
    if loss is None:
        return Tile("training loss", plain(train) if train is not None else NOTHING, "")
    note = f"training loss: {plain(train)}" if train is not None else ""
    return Tile("validation loss", plain(loss), note)


def _speed(run: Run | None, state: SessionState) -> Tile:
    rate = state.newest_rate
    if not rate or run is None:
        return Tile("speed", NOTHING, "")
    steps = f"{rate:,.0f} steps/s" if rate >= 10 else f"{rate:.1f} steps/s"
    if not state.train_size:
        return Tile("speed", steps, "")
    images = rate * min(run.newest.batch_size, state.train_size)
    return Tile("images per second", f"{images:,.0f}", steps)


def _time(run: Run | None, at: int, state: SessionState) -> Tile:
    if run is None:
        return Tile("time left", NOTHING, "")
    planned = run.newest.max_steps
    known = bool(state.train_size) and planned < 10**9
    note = f"step {at:,} of {planned:,}" if known else f"step {at:,}"
    if state.past_step is not None:
        return Tile("looking at", f"step {at:,}", f"of {run.steps_done:,}")
    if state.phase == "running" and state.steps_per_second and known:
        left = (planned - run.steps_done) / state.steps_per_second
        return Tile("time left", seconds_words(left), note)
    if state.phase == "running":
        return Tile("time left", NOTHING, note)
    heads = {"paused": "paused", "waiting": "starts"}
    return Tile("this run", heads.get(state.phase, run.status), note)
