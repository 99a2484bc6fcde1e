"""What is happening, in plain words."""

from __future__ import annotations

from typing import Any

from recipe_widgets.core import Run, Settings

FOUR = ("lr", "batch_size", "dropout", "momentum")  # always told


def value_words(name: str, value: Any) -> str:
    """For example "learning rate 0.05"."""
    return f"{Settings.knob(name).label} {value:g}" if isinstance(
        value, float) else f"{Settings.knob(name).label} {value}"


def settings_words(settings: Settings, base: Settings | None = None) -> str:
    """The recipe's four knobs, and which others differ from `base` (kinds that no slider turns
    left out).
    """
    more = tuple(name for name in (settings - base if base is not None else {})
                 if name not in FOUR and Settings.knob(name).kind != "fixed")
    return ", ".join(value_words(name, getattr(settings, name)) for name in (*FOUR, *more))


def knob_words(settings: Settings, other: Settings) -> str:
    """Where `settings` stands on the knobs in which it differs from `other`."""
    names = [name for name in settings - other if Settings.knob(name).kind != "fixed"]
    return ", ".join(value_words(name, getattr(settings, name))
                     for name in names) or "the same settings"


def cause_words(new: Run, old: Run, at_step: int) -> str:
    """What makes two branches differ."""
    names = [name for name in new.newest - old.newest if Settings.knob(name).kind != "fixed"]
    if not names:
        return f"Forked after step {at_step:,}: nothing differs, so both go on to the same numbers."
    turned = "; ".join(
        f"{Settings.knob(n).label} {_plain(getattr(old.newest, n))} → {_plain(getattr(new.newest, n))}"
        for n in names)
    same = "weights, optimiser state and random numbers" + ("" if "batch_size" in names else
                                                            ", and the batches")
    one = "One cause" if len(names) == 1 else f"{len(names)} causes, which cannot be told apart"
    differ = " The batches then differ, too." if "batch_size" in names else ""
    return f"Forked after step {at_step:,}. {one}: {turned}. Equal: {same}.{differ}"


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def progress_words(run: Run, n: int, steps_per_second: float) -> str:
    """Where a run on `n` training samples is (0: not known), and how fast it goes (0: not known,
    or not moving).
    """
    settings, done = run.newest, run.steps_done
    if not n:
        speed = f", {steps_per_second:,.0f} steps/s" if steps_per_second > 0 else ""
        return f"Step {done:,}{speed}"
    batch = min(settings.batch_size, n)
    per_epoch = n // batch
    text = f"Step {done:,} of {settings.max_steps:,}, epoch {done / per_epoch:.2f} of {settings.max_steps / per_epoch:.2f}"
    if steps_per_second > 0:
        left = (settings.max_steps - done) / steps_per_second
        text += f", {steps_per_second * batch:,.0f} img/s, {seconds_words(left)} left"
    return text


def score_words(run: Run) -> str:
    history = run.history
    if "val_accuracy" not in history:
        return ""
    samples = f" ({run.settings.eval_samples:,} samples)" if run.settings.eval_samples else ""
    return f"Validation accuracy {history.last('val_accuracy'):.1%}{samples}."


def seconds_words(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
