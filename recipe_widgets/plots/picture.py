"""A picture that stands still, with its text alternative."""

from __future__ import annotations

import base64
import io
from typing import Any

from matplotlib.figure import Figure

from recipe_widgets.plots.curves import charts, describe
from recipe_widgets.records import Run
from recipe_widgets.records.result import register_drawing

COLOURS = {"train": "#0072B2", "val": "#D55E00"}


class Picture:
    """A matplotlib figure and what it shows in words. Shown as the last line of a cell.

    It never touches pyplot, so it is safe beside live panels.
    """

    def __init__(self, figure: Figure, alt: str) -> None:
        self.figure, self.alt = figure, alt

    def png(self, dpi: int = 80) -> bytes:
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight", facecolor="white")
        return buffer.getvalue()

    def __repr__(self) -> str:
        return f"[picture] {self.alt}"

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        """A PNG, which code-hosting pages show too (they strip images out of HTML), and the words."""
        png = base64.b64encode(self.png()).decode()
        return {"image/png": png, "text/plain": repr(self)}, {"image/png": {"alt": self.alt}}


def plot_run(run: Run, ghost: Run | None = None) -> Picture:
    """Loss and accuracy of a run over its steps; the run before it, when given, is dashed and pale."""
    figure = Figure(figsize=(9.5, 3.2), layout="constrained")
    for axes, chart in zip(figure.subplots(1, 2), charts(run, ghost), strict=True):
        for curve in chart.curves:
            before = curve.role.startswith("ghost-")
            axes.plot(curve.x, curve.y, color=COLOURS[curve.role.removeprefix("ghost-")], label=curve.label,
                      alpha=0.35 if before else 1, linestyle="--" if before else "-",
                      marker="." if len(curve.x) == 1 else None)
        axes.set(xlabel="step", ylabel=f"{chart.title} ({chart.unit})", xlim=(0, chart.x_max), ylim=(chart.low, chart.high))
        if chart.log:
            axes.set_yscale("log")
        axes.grid(alpha=0.3)
        handles, labels = axes.get_legend_handles_labels()
        unique = dict(zip(labels, handles, strict=True))
        axes.legend(unique.values(), unique.keys(), frameon=False, fontsize=8)
    figure.suptitle(f"{run.data_name} {run.settings.model}: {run.status} after {run.steps_done} steps", fontsize=10)
    return Picture(figure, describe(run))


register_drawing("run", plot_run)
