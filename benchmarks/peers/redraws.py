"""What one repaint of a live loss curve costs the process that trains: milliseconds for 1,000
points of two curves.

A repaint ends with the bytes that go to the page. What draws in the training loop stops it for that
long.
"""

from __future__ import annotations

import io
import math
import statistics
import time
from collections.abc import Callable

import matplotlib as mpl
import matplotlib.pyplot as plt
from torch import nn

from recipe_widgets import Run, Settings
from recipe_widgets.core import History
from recipe_widgets.plots import PlottedRun, curves_svg

POINTS = 1000
LOSS = [2.3 * math.exp(-i / 250) + 0.05 * math.sin(i) for i in range(POINTS)]
SEEN = [2.3 * math.exp(-i / 300) + 0.1 for i in range(POINTS)]


def livelossplot() -> Callable[[], object]:
    from livelossplot import PlotLosses
    from livelossplot.outputs import MatplotlibPlot

    def show() -> None:
        """What the inline backend does with a shown figure."""
        plt.gcf().savefig(io.BytesIO(), format="png")
        plt.close("all")

    losses = PlotLosses(outputs=[MatplotlibPlot()], mode="notebook")
    for a, b in zip(LOSS, SEEN, strict=True):
        losses.update({"loss": a, "val_loss": b})

    def repaint() -> None:
        losses.send()
        show()

    return repaint


def cleared_and_drawn() -> Callable[[], object]:
    """The manner of textbooks: clear the axes, draw all again, display the figure."""
    figure, axes = plt.subplots(figsize=(3.5, 2.5))

    def repaint() -> None:
        axes.cla()
        axes.plot(range(POINTS), LOSS)
        axes.plot(range(POINTS), SEEN)
        axes.set_xlabel("step")
        axes.legend(["loss", "validation"])
        axes.grid()
        figure.savefig(io.BytesIO(), format="png")

    return repaint


def ours() -> Callable[[], object]:
    history = History()
    for step, (a, b) in enumerate(zip(LOSS, SEEN, strict=True)):
        history.append("train_loss", step, a)
        history.append("val_loss", step, b)
    shown = [PlottedRun(Run(Settings(max_steps=POINTS), history, nn.Identity()), "new")]
    return lambda: curves_svg(shown).encode()


WAYS = {
    "recipe_widgets (one SVG)": ours, "livelossplot": livelossplot, "clear and draw again":
    cleared_and_drawn
}


def milliseconds(rounds: int) -> dict[str, list[float]]:
    """Medians of five repaints, one per round."""
    mpl.use("Agg")
    times: dict[str, list[float]] = {name: [] for name in WAYS}
    painters = {name: make() for name, make in WAYS.items()}
    for turn in range(rounds + 1):
        for name, repaint in painters.items():
            each = []
            for _ in range(5):
                start = time.perf_counter()
                repaint()
                each.append(1e3 * (time.perf_counter() - start))
            if turn:
                times[name].append(statistics.median(each))
    return times
