"""Losses of a learner's own loops as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
from matplotlib.figure import Figure

from recipe_widgets.core.validation import filled, validated, whole
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE


@validated
def draw_losses(losses: Annotated[Mapping[str, Sequence[float]], filled()], title: str = "",
                epoch: Annotated[int | None, whole(1)] = None,
                guess: float | None = None,
                smooth: Annotated[int, whole(1)] = 50) -> Picture:
    """The loss of each step, pale, and its mean over the `smooth` steps around it, dark; one
    colour a name.

    epoch: steps of one, whose ends are marked. guess: loss of one who knows nothing, as a line.
    """
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots()
    said = []
    for number, (name, values) in enumerate(losses.items()):
        y, colour = np.asarray(values, float), PALETTE[number % len(PALETTE)]
        window = min(smooth, len(y))
        means = np.convolve(y, np.ones(window) / window, "valid")  # (steps - window + 1,)
        axes.plot(y, ".", markersize=2, color=colour, alpha=0.25)
        axes.plot(np.arange(len(means)) + (window - 1) / 2, means, color=colour, label=name)
        said.append(f"{name} from {y[0]:.2f} to {means[-1]:.2f}")
    if guess is not None:
        axes.axhline(guess, color="0.4", linestyle=":", label=f"a guess: {guess:.2f}")
    longest = max(len(values) for values in losses.values())
    for end in range(epoch, longest + 1, epoch) if epoch else ():
        axes.axvline(end, color="0.6", linestyle="--")
    if epoch and epoch <= longest:  # said once, at half height, clear of the curve and of a guess
        axes.text(epoch, 0.5, "an epoch ends ", ha="right", transform=axes.get_xaxis_transform(),
                  rotation=90, va="center", fontsize=8)
    axes.set(xlabel="step", ylabel="loss (nats)", ylim=(0, None), title=title)
    axes.legend(frameon=False)
    of = f" (mean of {smooth} steps)" if smooth > 1 else ""
    return Picture(figure, f"Loss over steps: {'; '.join(said)}{of}.")
