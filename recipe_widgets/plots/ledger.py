"""The picture of a ledger: what each single change gave."""

from __future__ import annotations

from recipe_widgets.core import RecipeError
from recipe_widgets.evaluation.ledger import Ledger
from recipe_widgets.plots.figures import BLUE, GREY, titled_axes
from recipe_widgets.plots.picture import Picture


def plot_ledger(ledger: Ledger) -> Picture:
    """Differences with their 95 % intervals; what was kept is filled."""
    entries = [entry for entry in ledger.entries.values() if entry.result is not None]
    if not entries:
        raise RecipeError("Ledger.plot()", found="nothing measured", expected="one change",
                          mend="Call measure first.")
    factor = 100 if ledger.percent else 1
    real = sum(entry.result.real for entry in entries if entry.result is not None)
    title = f"{real} of {len(entries)} changes differ beyond the seeds' spread"
    figure, axes = titled_axes(title, height=1.2 + 0.4 * len(entries))
    for place, entry in enumerate(entries):
        found = entry.result
        assert found is not None
        axes.plot([factor * found.low, factor * found.high], [place, place], color=BLUE,
                  linewidth=2)
        axes.plot(factor * found.difference, place, "o", color=BLUE, markersize=8,
                  fillstyle="full" if entry.kept else "none")
    axes.axvline(0, color=GREY, linestyle="--", linewidth=1)
    axes.set_yticks(range(len(entries)),
                    [f"{entry.name}\n(expected {entry.expected})" for entry in entries], fontsize=8)
    axes.set(
        xlabel=f"change of {ledger.what}{' (points)' if ledger.percent else ''}, 95 % interval",
        ylim=(len(entries) - 0.4, -0.6))
    axes.grid(axis="x", alpha=0.3)
    return Picture(figure, str(ledger).replace("\n", "; "))
