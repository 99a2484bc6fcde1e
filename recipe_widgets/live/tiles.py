"""The few numbers that a panel shows large: accuracy, loss, speed, time left."""

from __future__ import annotations

from typing import NamedTuple

from recipe_widgets.core import Run
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
    return _accuracy(run, before, at), _loss(run, at), _speed(run, state), _time(run, at, state)


def _value_at(run: Run | None, column: str, step: int) -> float | None:
    """The newest value of a column before `step` steps were done; None where there is none."""
    if run is None or column not in run.history:
        return None
    if step >= run.steps_done:
        return run.history.last(column)
    return run.history.before(column, step)


def _accuracy(run: Run | None, before: Run | None, at: int) -> Tile:
    validation = run is not None and "val_accuracy" in run.history
    column, label = ("val_accuracy", "validation accuracy")
    if not validation and run is not None and "train_accuracy" in run.history:
        column, label = ("train_accuracy", "accuracy of a batch")
    now = _value_at(run, column, at)
    # at the same step, as long as the run before had got there
    then = _value_at(before, column, at)
    note = f"run before: {then:.1%}" if then is not None and at else ""
    if note and before is not None and at > before.steps_done:
        note = f"its end before: {then:.1%}"
    return Tile(label, f"{now:.1%}" if now is not None else NOTHING, note)


def _loss(run: Run | None, at: int) -> Tile:
    train, validation = (_value_at(run, column, at) for column in ("train_loss", "val_loss"))
    if validation is None:
        return Tile("loss of a batch", f"{train:.3g}" if train is not None else NOTHING, "nats")
    note = f"last batch: {train:.3g}" if train is not None else ""
    return Tile("validation loss", f"{validation:.3g}", note)


def _speed(run: Run | None, state: SessionState) -> Tile:
    rate = state.steps_per_second
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
    heads = {"running": NOTHING, "paused": "paused", "waiting": "starts"}
    return Tile("time left", heads.get(state.phase, run.status), note)
