"""A bug that raises no error, learning rates from too low to too high, steps and epochs. (Notebook
00, sections 4 to 8.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from matplotlib.figure import Figure
from torch import nn

from recipe_widgets.core import Run, Settings
from recipe_widgets.core.validation import filled, real, validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.common.comparison import RunComparison, compare
from recipe_widgets.lessons.common.guarded import train
from recipe_widgets.lessons.common.images import show_batch as show_batch
from recipe_widgets.lessons.common.loss_curves import draw_losses as draw_losses
from recipe_widgets.lessons.common.sweeps import LrSweep
from recipe_widgets.models import build_model
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE


@validated
def compare_loops(data: Data, settings: Settings,
                  seeds: Annotated[int, whole(1, 1000)] = 3) -> RunComparison[str]:
    """A sound program (A) and one with a softmax before the cross-entropy (B), same seeds, same
    batches.
    """

    def run(seed: int, broken: bool) -> Run:
        chosen = settings.replace(seed=seed)
        model = build_model(chosen, data.shape, data.num_classes)
        # the bug: cross-entropy takes logits, and holds a softmax of its own
        return train(data, chosen, nn.Sequential(model, nn.Softmax(dim=1)) if broken else model)

    return compare({"A": lambda seed: run(seed, False), "B": lambda seed: run(seed, True)}, seeds)


@validated
def lr_sweep(data: Data, settings: Settings, lrs: Annotated[Sequence[float], filled()],
             seeds: Annotated[int, whole(1, 1000)] = 3) -> LrSweep:
    """The run that `settings` describe at each of `lrs`."""
    makers = {
        # lr=lr binds the rate of this round, not that of the last one
        lr: (lambda seed, lr=lr: train(data, settings.replace(lr=lr, seed=seed))) for lr in lrs
    }
    return LrSweep(compare(makers, seeds).runs)


@validated
def one_epoch(data: Data, settings: Settings) -> Picture:
    """A run's training loss with its words on it: a step, an epoch's end, the loss of a guess."""
    run = train(data, settings)
    steps, losses = run.history.arrays("train_loss")
    guess = float(np.log(data.num_classes))  # nats: the loss of equal chances for all classes
    # the last, incomplete batch is dropped
    per_epoch = data.train.size // min(settings.batch_size, data.train.size)
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(steps, losses, ".", markersize=2, color=PALETTE[0], label="one step: loss of its batch")
    axes.plot(*run.history.arrays("val_loss"), "-s", markersize=4, color=PALETTE[1],
              label="validation loss, all samples")
    axes.axhline(guess, color="0.4", linestyle=":",
                 label=f"a guess among {data.num_classes}: ln {data.num_classes} = {guess:.2f}")
    for number, end in enumerate(range(per_epoch, len(steps) + 1, per_epoch), 1):
        axes.axvline(end, color="0.6", linestyle="--")
        axes.text(end,
                  axes.get_ylim()[1], f"epoch {number} ends ", ha="right", va="top", fontsize=8)
    axes.set(
        xlabel="step", ylabel="loss (nats)", ylim=(0, None),
        title=f"{len(steps):,} steps of {settings.batch_size} samples: "
              f"{len(steps) / per_epoch:.1f} epochs")
    axes.legend(frameon=False, fontsize=8)
    return Picture(
        figure,
        f"Loss of each step, from {losses[0]:.2f} (a guess has {guess:.2f}) to "
        f"{losses[-50:].mean():.2f}; an epoch ends every {per_epoch} steps.")


def _learns(data: Data, lr: float, seeds: int) -> list[float]:
    return lr_sweep(data, Settings(max_steps=300, momentum=0.9), [lr], seeds).scores(lr)


@validated
def check_too_high(data: Data, lr: Annotated[float, real(0, 1e6, above=True)],
                   seeds: Annotated[int, whole(1, 1000)] = 3) -> str:
    """Judge the exercise: at `lr` no seed learns (under 20 %), at half of it at least one does."""
    here, below = _learns(data, lr, seeds), _learns(data, lr / 2, seeds)
    facts = (f"Validation accuracy at {lr:g}: {_span(here)}; "
             f"at {lr / 2:g}: {_span(below)} ({seeds} seeds).")
    if max(here) >= 0.2:  # ten classes: a guess is right on 10 %, so twice that has learnt
        return f"Not yet: it still learns. {facts} Go higher."
    if max(below) < 0.2:
        return f"Too far: half of that is too high already. {facts} Go lower."
    return f"Right: the limit lies between {lr / 2:g} and {lr:g}. {facts}"


def _span(scores: list[float]) -> str:
    return f"{min(scores):.0%} to {max(scores):.0%}"
