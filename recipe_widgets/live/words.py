"""What is happening, in plain words."""

from __future__ import annotations

from recipe_widgets.records import Run, Settings


def settings_words(settings: Settings) -> str:
    return (f"learning rate {settings.lr:g}, batch size {settings.batch_size}, dropout {settings.dropout:g}, "
            f"momentum {settings.momentum:g}")


def progress_words(run: Run, n: int, steps_per_second: float) -> str:
    """Where a run on `n` training samples is, and how fast it goes (0: not known, or not moving)."""
    settings, done = run.settings, run.steps_done
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
