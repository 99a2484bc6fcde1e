"""The board of a search while it runs, as SVG text: trials as they come, and the best so far."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from recipe_widgets.core.validation import validated

WIDTH, HEIGHT = 560, 264  # SVG units
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 34, 38  # margins of the chart, SVG units
# times the spread of the better half: where the axis ends, so that one wild trial does not flatten
# the others
SHOWN_SPREADS = 2.0


@dataclass(frozen=True)
class TrialDot:
    """One ended trial: where it stands in the order, its value (NaN: pruned or failed)."""

    number: int
    value: float


def best_so_far(values: Sequence[float], lower_is_better: bool) -> list[float]:
    """The best of all values up to each one; NaN before the first number."""
    best, found = math.nan, []
    for value in values:
        if not math.isnan(value) and (math.isnan(best) or (value < best) == lower_is_better):
            best = value
        found.append(best)
    return found


def limits(values: Sequence[float], lower_is_better: bool) -> tuple[float, float]:
    """An axis for the better trials; what is worse than twice their spread is drawn at its edge."""
    known = sorted(value for value in values if math.isfinite(value))
    if not known:
        return 0.0, 1.0
    if not lower_is_better:
        known = [-value for value in reversed(known)]  # as if lower were better, the best first
    best, middle = known[0], known[len(known) // 2]
    # 1e-3 of the value, or 1e-9: an axis needs some length where all values are equal
    worst = min(known[-1], best + SHOWN_SPREADS * max(middle - best, 1e-3 * abs(best), 1e-9))
    margin = 0.08 * max(worst - best, 1e-3 * abs(best), 1e-9)
    low, high = best - margin, worst + margin
    return (low, high) if lower_is_better else (-high, -low)


@validated
def search_svg(dots: Sequence[TrialDot], total: int, unit: str, lower_is_better: bool,
               words: str) -> str:
    """Dots for whole trials, crosses for pruned and failed ones, a step line for the best so far.

    Args:
        total: trials asked for: where the axis ends. unit: what the value is. words: the text
            alternative.
    """
    low, high = limits([dot.value for dot in dots], lower_is_better)
    wide = max(total, len(dots), 1)

    def x(trials_before: float) -> float:
        return LEFT + trials_before / wide * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:  # values off the axis lie at its edge; SVG counts downwards
        return TOP + (high - min(max(value, low), high)) / (high - low) * (HEIGHT - TOP - BOTTOM)

    marks = "".join(
        _cross(x(i + 0.5)) if math.isnan(dot.value)
        else f'<circle cx="{x(i + 0.5):.1f}" cy="{y(dot.value):.1f}" r="3.5"/>'
        for i, dot in enumerate(dots))
    best = best_so_far([dot.value for dot in dots], lower_is_better)
    # each trial is a step: down or up to its level, then across
    steps = "".join(
        f"{'M' if i == 0 or math.isnan(best[i - 1]) else 'L'}{x(i):.1f},{y(value):.1f}"
        f"H{x(i + 1):.1f}"
        for i, value in enumerate(best) if not math.isnan(value))
    line = f'<path class="train" d="{steps}"/>' if steps else ""
    ticks = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(mark):.1f}" '
        f'y2="{y(mark):.1f}"/>'
        f'<text x="{LEFT - 6}" y="{y(mark) + 4:.1f}" text-anchor="end">{mark:.3g}</text>'
        for mark in (low + share * (high - low) for share in (0.05, 0.35, 0.65, 0.95)))
    counts = "".join(
        f'<text x="{x(count):.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{count:.0f}'
        "</text>" for count in (0, 0.5 * wide, wide))
    return (
        f'<div class="recipe-curves recipe-board"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{html.escape(words, quote=True)}">'
        f'<text x="{LEFT}" y="16" font-weight="bold">{html.escape(unit)}</text>{ticks}{counts}'
        f'<text x="{(LEFT + WIDTH) / 2:.0f}" y="{HEIGHT - 4}" text-anchor="middle">trial</text>'
        f'<g style="fill:var(--train)">{marks}</g>{line}</svg></div>')


def _cross(middle: float) -> str:
    """At the bottom of the chart: a trial that was pruned or failed has no value."""
    return f'<path class="val" d="M{middle - 3:.1f},{HEIGHT - BOTTOM - 6}l6,6m0,-6l-6,6"/>'
