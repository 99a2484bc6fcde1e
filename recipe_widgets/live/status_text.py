"""The status text of a session: pure functions from a plain state to plain words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from recipe_widgets.core import Branch, Run, Settings
from recipe_widgets.core.number_words import percent, plain
from recipe_widgets.live.command import Phase
from recipe_widgets.live.score import WHOLE_ACCURACY, score_of, training_loss
from recipe_widgets.training import describe_device, pick_device

ALWAYS_TOLD = ("lr", "batch_size", "dropout", "momentum")  # the recipe's four knobs
SAME_SETTINGS = "the same settings"


@dataclass(frozen=True)
class SessionState:
    """What the status text of a session is made of.

    Attributes:
        run, other: the newest run, and the branch beside it after a fork.
        branch: where the newest run stands in the tree of runs.
        settings, first_settings: the newest that were asked for, and those of the beginning.
        problem, note: what went wrong, and what else is to be said of the newest command.
        setting_up: of the run that is being made; None mostly.
        waits_for: how many panels compute first. waits_seconds: about how long; NaN where that is
            not known.
        comparing: share of a comparison over seeds that is done, 1 when none goes on.
        past_step: the past step that is looked at or on the way to, and `replayed`, the share of
            that way (1 on arrival).
        train_size: training samples, 0 where that is not known.
        steps_per_second: 0 where it is not known. newest_rate: also of a run that goes no more.
        answers: the verdict over seeds, the reply to a guess.
    """

    phase: Phase
    settings: Settings
    first_settings: Settings
    run: Run | None = None
    other: Run | None = None
    branch: Branch | None = None
    problem: str = ""
    note: str = ""
    waits_for: int = 0
    waits_seconds: float = math.nan
    comparing: float = 1.0
    past_step: int | None = None
    replayed: float = 1.0
    train_size: int = 0
    steps_per_second: float = 0.0
    newest_rate: float = 0.0
    answers: tuple[str, ...] = ()
    setting_up: Settings | None = None


def status_text(state: SessionState) -> str:
    """What happens now, in one line: the gravest first."""
    run, past_step = state.run, state.past_step
    if state.problem:
        return state.problem
    if state.setting_up is not None:
        wanted = settings_words(state.setting_up, state.first_settings)
        return f"Setting up {state.setting_up.model}: {wanted}."
    if state.waits_for:
        wanted = settings_words(state.settings)
        others = "another panel" if state.waits_for == 1 else f"{state.waits_for} other panels"
        wait = ""
        if math.isfinite(state.waits_seconds):
            wait = f", about {seconds_words(state.waits_seconds)}"
        return f"Waits for {others} to finish training{wait}. Then: {wanted}."
    if state.comparing < 1.0:
        return f"Comparing from several seeds: {state.comparing:.0%} done. Stop ends it."
    if past_step is not None and state.replayed < 1.0:
        return f"Going back to step {past_step:,}: {state.replayed:.0%} done."
    if run is None:
        wanted = settings_words(state.settings)
        if state.phase in ("waiting", "running"):
            return f"Starting with {wanted}."
        return f"{state.note} Press Run, or move a slider. Set: {wanted}.".strip()
    if past_step is not None and past_step < run.steps_done:
        return (f"Looking at step {past_step:,} of {run.steps_done:,}. {_loss_at(run, past_step)} "
                "From here a new run can go on, with the knobs as they stand now.")
    return _run_text(state, run)


def _run_text(state: SessionState, run: Run) -> str:
    """Of a run that trains, pauses, or has ended."""
    heads = {"running": "Training", "paused": "Paused", "waiting": "Starting"}
    head = heads.get(state.phase, run.status.capitalize())
    text = f"{head} with {settings_words(run.newest, state.first_settings)}."
    if run.status == "diverged":
        return f"{text} {state.note} {run.message}"
    progress = progress_words(run, state.train_size, state.steps_per_second)
    cause = ""
    if state.other is not None and state.branch is not None:
        cause = cause_words(run, state.other, state.branch.at_step)
    # the message of a run that is done has its score on the whole set, which stands there already
    message = "" if run.status == "done" and WHOLE_ACCURACY in run.history else run.message
    parts = (text, state.note, progress + ".", score_words(run), message, cause, *state.answers)
    return " ".join(part for part in parts if part)


def _loss_at(run: Run, step: int) -> str:
    if not step:
        return "Nothing was learnt yet."
    loss = training_loss(run, step)
    return f"The training loss was {plain(loss)}." if loss is not None else ""


def value_words(name: str, value: Any) -> str:
    """For example "learning rate 0.05"."""
    return f"{Settings.knob(name).label} {number_words(value)}"


def number_words(value: Any) -> str:
    if value is None:
        return "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


@lru_cache(64)  # asked for with every frame
def settings_words(settings: Settings, base: Settings | None = None) -> str:
    """The recipe's four knobs, and which others differ from `base`."""
    differ = _differing(settings, base) if base is not None else ()
    names = (*ALWAYS_TOLD, *(name for name in differ if name not in ALWAYS_TOLD))
    return ", ".join(value_words(name, getattr(settings, name)) for name in names)


@lru_cache(256)
def knob_words(settings: Settings, other: Settings) -> str:
    """Where `settings` stands on the knobs in which it differs from `other`."""
    names = _differing(settings, other)
    return ", ".join(value_words(name, getattr(settings, name)) for name in names) or SAME_SETTINGS


@lru_cache(256)
def _differing(settings: Settings, other: Settings) -> tuple[str, ...]:
    """Names of the knobs that differ, without those that no slider turns."""
    return tuple(name for name in settings - other if Settings.knob(name).kind != "fixed")


def changed_words(new: Run, old: Run) -> str:
    """For example "learning rate 0.05 → 0.16"; "" where no knob differs."""
    changes = []
    for name in _differing(new.newest, old.newest):
        before, now = (number_words(getattr(run.newest, name)) for run in (old, new))
        changes.append(f"{Settings.knob(name).label} {before} → {now}")
    return "; ".join(changes)


def cause_words(new: Run, old: Run, at_step: int) -> str:
    """What makes two branches differ."""
    names = _differing(new.newest, old.newest)
    if not names:
        return f"Forked after step {at_step:,}: nothing differs, so both go on to the same numbers."
    causes = "One cause"
    if len(names) > 1:
        causes = f"{len(names)} causes, which cannot be told apart"
    # another batch size draws other batches from there on: they are a difference of their own
    same, differ = "weights, optimiser state and random numbers", ""
    if "batch_size" in names:
        differ = " The batches then differ, too."
    else:
        same += ", and the batches"
    return f"Forked after step {at_step:,}. {causes}: {changed_words(new, old)}. Equal: {same}.{differ}"


def progress_words(run: Run, train_size: int, steps_per_second: float) -> str:
    """How far a run is and how fast it goes. train_size: training samples, 0 where that is not
    known; steps_per_second: 0 where it is not known, or the run does not move.
    """
    settings, done = run.newest, run.steps_done
    if not train_size:
        speed = f", {steps_per_second:,.0f} steps/s" if steps_per_second > 0 else ""
        return f"Step {done:,}{speed}"
    batch = min(settings.batch_size, train_size)
    per_epoch = train_size // batch  # steps; the last, smaller batch of an epoch is left out
    text = (f"Step {done:,} of {settings.max_steps:,}, "
            f"epoch {done / per_epoch:.2f} of {settings.max_steps / per_epoch:.2f}")
    if steps_per_second > 0:
        left = (settings.max_steps - done) / steps_per_second
        text += f", {steps_per_second * batch:,.0f} img/s, {seconds_words(left)} left"
    return text


def score_words(run: Run) -> str:
    """The newest validation accuracy, and on how many samples."""
    score = score_of(run)
    if score is None:
        return ""
    known = run.settings.eval_samples and not run.own  # a reader's own loop takes which it likes
    samples = f" ({run.settings.eval_samples:,} samples)" if known else ""
    if score.whole:
        samples = " on the whole validation set"
    return f"Validation accuracy {percent(score.accuracy)}{samples}."


def seconds_words(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def run_title(branch: Branch, first_settings: Settings) -> str:
    """A line in the list of runs."""
    run = branch.run
    settings = knob_words(run.newest, first_settings)
    settings = "as it began" if settings == SAME_SETTINGS else settings
    parent = ""
    if branch.parent is not None:
        parent = f", left run {branch.parent} after step {branch.at_step:,}"
    score = ""
    if (found := score_of(run)) is not None:
        score = f", {percent(found.accuracy)}"
    return (f"{branch.title}: {settings}{parent} "
            f"({run.status}, {run.steps_done:,} steps{score})")


def device_text(device: str, run: Run | None, threads: int) -> str:
    """Where it trains. device: as in `Settings`; threads: those that could train on the CPU."""
    chosen = pick_device(device)
    if chosen.type == "cpu" and run is not None and run.threads:
        return f"Trains on {run.threads[-1][1]} of {threads} CPU threads"
    return describe_device(chosen)
