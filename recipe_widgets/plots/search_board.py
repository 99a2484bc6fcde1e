"""The board of a search while it runs, as SVG text: trials as they come, and the best so far."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from recipe_widgets.core.validation import validated
from recipe_widgets.plots.svg import step_ticks

WIDTH, HEIGHT = 560, 264  # SVG units
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 34, 38  # margins of the chart, SVG units
# times the spread of the better half: where the axis ends, so that one wild trial does not flatten
# the others
SHOWN_SPREADS = 2.0


@dataclass(frozen=True)
class TrialDot:
    """One ended trial: where it stands in the order, its value (NaN: pruned or failed), and what
    is said when the pointer rests on it.
    """

    number: int
    value: float
    words: str = ""


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


def round_ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers between the ends of an axis."""
    least = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(least))
    distance = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)
    first, last = math.ceil(low / distance), math.floor(high / distance)
    return [number * distance for number in range(first, last + 1)]


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
        _cross(x(i + 0.5), _said(dot)) if math.isnan(dot.value)
        else f'<circle cx="{x(i + 0.5):.1f}" cy="{y(dot.value):.1f}" r="4">{_said(dot)}</circle>'
        for i, dot in enumerate(dots))
    best = best_so_far([dot.value for dot in dots], lower_is_better)
    # each trial is a step: down or up to its level, then across
    steps = "".join(
        f"{'M' if i == 0 or math.isnan(best[i - 1]) else 'L'}{x(i):.1f},{y(value):.1f}"
        f"H{x(i + 1):.1f}"
        for i, value in enumerate(best) if not math.isnan(value))
    line = f'<path class="val" d="{steps}"/>' if steps else ""
    # before the first trial there is nothing to measure on the axis
    known = round_ticks(low, high) if any(math.isfinite(dot.value) for dot in dots) else []
    ticks = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(mark):.1f}" '
        f'y2="{y(mark):.1f}"/>'
        f'<text x="{LEFT - 6}" y="{y(mark) + 4:.1f}" text-anchor="end">{mark:.5g}</text>'
        for mark in known)
    counts = "".join(
        f'<line class="grid" x1="{x(count):.1f}" x2="{x(count):.1f}" y1="{HEIGHT - BOTTOM}" '
        f'y2="{HEIGHT - BOTTOM + 4}"/>'
        f'<text x="{x(count):.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{count}</text>'
        for count in step_ticks(wide))
    frame = f'<path class="frame" d="M{LEFT},{TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>'
    return (
        f'<div class="recipe-curves recipe-board">{_LEGEND}'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" style="max-width:620px" '
        f'aria-label="{html.escape(words, quote=True)}">'
        f'<text x="{LEFT}" y="16" font-weight="bold">{html.escape(unit)}</text>{ticks}{counts}{frame}'
        f'<text x="{(LEFT + WIDTH) / 2:.0f}" y="{HEIGHT - 4}" text-anchor="middle">trial</text>'
        f'{line}<g style="fill:var(--train)">{marks}</g></svg></div>')


def _legend_entry(mark: str, words: str) -> str:
    return f'<span><svg viewBox="0 0 26 10" aria-hidden="true">{mark}</svg>{words}</span>'


# with the marks of the chart; this circle is a path, so that circles are trials
_LEGEND = '<div class="recipe-legend">' + "".join((
    _legend_entry('<path d="M9,5a4,4 0 1,0 8,0a4,4 0 1,0 -8,0" style="fill:var(--train)"/>',
                  "whole trial (at the edge: beyond it)"),
    _legend_entry('<path class="cut" d="M10,2l6,6m0,-6l-6,6"/>', "pruned or failed"),
    _legend_entry('<path class="val" d="M0,5h26"/>', "best so far"))) + "</div>"


def _said(dot: TrialDot) -> str:
    """What a browser shows when the pointer rests on a mark."""
    return f"<title>{html.escape(dot.words)}</title>" if dot.words else ""


def _cross(middle: float, said: str) -> str:
    """At the bottom of the chart: a trial that was pruned or failed has no value."""
    return f'<path class="cut" d="M{middle - 3:.1f},{HEIGHT - BOTTOM - 9}l6,6m0,-6l-6,6">{said}</path>'
