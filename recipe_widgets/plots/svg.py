"""Curves as SVG text: cheap enough to draw ten times a second beside a training run, and it
takes the page's colours.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from recipe_widgets.core.validation import validated
from recipe_widgets.plots.curves import Chart, CurveBand, PlottedRun, charts, describe_all

WIDTH, HEIGHT = 420, 246  # of one chart, in SVG units
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 26, 38
# distances of labels on the step axis, times a power of ten
_DISTANCES = (1.0, 2.0, 2.5, 4.0, 5.0, 10.0)

# Okabe & Ito's colours, told apart also by colour-blind readers; lighter ones on dark pages.
STYLE = """<style>
.recipe-curves{--train:#0072B2;--val:#D55E00;--old:#009E73;--pin2:#BF6A9A;--pin3:#2B90C9;--pin4:#8a6d00;
 --ink:var(--jp-ui-font-color1,#222);--faint:var(--jp-border-color2,#ccc);font-family:var(--jp-ui-font-family,sans-serif)}
[data-jp-theme-light="false"] .recipe-curves{--train:#56B4E9;--val:#E69F00;--old:#2fd3a3;--pin3:#7aa6ff;--pin4:#F0E442}
.recipe-charts{display:flex;flex-wrap:wrap;gap:8px}
.recipe-curves svg.chart{flex:1 1 340px;max-width:560px;min-width:300px;height:auto}
.recipe-legend{display:flex;flex-wrap:wrap;gap:2px 16px;font-size:12px;color:var(--ink);min-height:1.5em}
.recipe-legend svg{width:26px;height:10px;margin-right:5px}
.recipe-words{min-height:4.2em;line-height:1.4}
.recipe-diagnosis{min-height:2.8em;line-height:1.4}
.recipe-curves text{fill:var(--ink);font-size:12px}
.recipe-curves .grid{stroke:var(--faint);stroke-width:1}
.recipe-curves path{fill:none;stroke-width:2;stroke-linejoin:round}
.recipe-curves .train{stroke:var(--train)}.recipe-curves .val{stroke:var(--val);stroke-width:2.5}
.recipe-curves .ghost-train{stroke:var(--train);opacity:.35;stroke-dasharray:5 4}
.recipe-curves .ghost-val{stroke:var(--val);opacity:.35;stroke-dasharray:5 4}
.recipe-curves .other-train{stroke:var(--old);stroke-width:1.5}
.recipe-curves .other-val{stroke:var(--old);stroke-width:2.5;stroke-dasharray:9 3}
.recipe-curves .pin1-train,.recipe-curves .pin1-val{stroke:var(--old);stroke-dasharray:2 3}
.recipe-curves .pin2-train,.recipe-curves .pin2-val{stroke:var(--pin2);stroke-dasharray:2 3}
.recipe-curves .pin3-train,.recipe-curves .pin3-val{stroke:var(--pin3);stroke-dasharray:2 3}
.recipe-curves .pin4-train,.recipe-curves .pin4-val{stroke:var(--pin4);stroke-dasharray:2 3}
.recipe-curves .frame{stroke:var(--faint);stroke-width:1}.recipe-curves .cut{stroke:var(--ink);stroke-width:1.5}
.recipe-curves .band-new{fill:var(--val);opacity:.25;stroke:none}
.recipe-curves .band-old{fill:var(--old);opacity:.25;stroke:none}
.recipe-curves .line-new{stroke:var(--val)}.recipe-curves .line-old{stroke:var(--old)}
.recipe-curves .line-guess{stroke:var(--ink);stroke-dasharray:1 4;stroke-linecap:round;stroke-width:3}
</style>"""


@validated
def curves_svg(shown: Sequence[PlottedRun], ribbons: Sequence[CurveBand] = ()) -> str:
    """Both charts as HTML text, with a text alternative. The style sheet `STYLE` must stand on
    the page once.
    """
    alternative = html.escape(describe_all(shown, ribbons), quote=True)
    both = charts(shown, ribbons)
    drawn = "".join(_chart(chart, alternative) for chart in both)
    return (f'<div class="recipe-curves" role="group" aria-label="{alternative}">{_legend(both)}'
            f'<div class="recipe-charts">{drawn}</div></div>')


def _chart(chart: Chart, alternative: str) -> str:
    unit = f"{chart.unit}, log" if chart.log else chart.unit
    head = (f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{chart.title}: {alternative}">'
            f'<text x="{LEFT}" y="16" font-weight="bold">{chart.title} ({unit})</text>')
    areas = "".join(_area(chart, ribbon) for ribbon in chart.ribbons)
    lines = "".join(f'<path class="{curve.role}" d="{chart_path(chart, curve.x, curve.y)}"/>'
                    for curve in chart.curves
                    if len(curve.x))
    return head + "".join(chart_axes(chart)) + areas + lines + "</svg>"


def _area(chart: Chart, ribbon: CurveBand) -> str:
    line = f'<path class="line-{ribbon.role}" d="{chart_path(chart, ribbon.x, ribbon.middle)}"/>'
    if ribbon.low is ribbon.high:
        return line
    # along the upper edge, and back along the lower one
    there = chart_path(chart, ribbon.x, ribbon.high)
    back = chart_path(chart, ribbon.x[::-1], ribbon.low[::-1]).replace("M", "L")
    return f'<path class="band-{ribbon.role}" d="{there}{back}Z"/>{line}'


def _legend(both: Sequence[Chart]) -> str:
    """One legend for both charts; it wraps where the page is narrow."""
    entries = {curve.label: curve.role for chart in both for curve in chart.curves if len(curve.x)}
    entries |= {ribbon.label: f"line-{ribbon.role}"
                for chart in both for ribbon in chart.ribbons if len(ribbon.x)}
    return legend_html(entries)


def legend_html(entries: Mapping[str, str]) -> str:
    """A legend of lines: `{label: class of the style sheet}`."""
    parts = [f'<span><svg viewBox="0 0 26 10" aria-hidden="true"><path class="{role}" d="M0,5h26"/>'
             f"</svg>{html.escape(label)}</span>" for label, role in entries.items()]
    return f'<div class="recipe-legend">{"".join(parts)}</div>'


def _x(chart: Chart, x: np.ndarray) -> np.ndarray:
    return LEFT + x / max(chart.x_max, 1) * (WIDTH - LEFT - RIGHT)


def _y(chart: Chart, y: np.ndarray) -> np.ndarray:
    low, high = chart.low, chart.high
    if chart.log:  # what is below the axis lies at its lower end
        y, low, high = np.log10(np.maximum(y, low)), math.log10(low), math.log10(high)
    return TOP + (high - y) / (high - low) * (HEIGHT - TOP - BOTTOM)


def chart_path(chart: Chart, x: np.ndarray, y: np.ndarray) -> str:
    """The `d` of an SVG path through points in the chart's units."""
    points = np.stack([_x(chart, x), _y(chart, y)], axis=1)  # (n, 2), in SVG units
    return "M" + "L".join([f"{x:.1f},{y:.1f}" for x, y in points.tolist()])


def ticks(chart: Chart) -> list[float]:
    """Where the y axis is labelled: decades and their threes when the axis is short, else
    decades.
    """
    if not chart.log:
        return [0, 20, 40, 60, 80, 100]
    first, last = math.floor(math.log10(chart.low)), math.ceil(math.log10(chart.high))
    factors = (1, 3) if last - first <= 3 else (1,)
    marks = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
    every = max(1, len(marks) // 7)  # more labels than seven would touch
    return [mark for mark in marks if chart.low * 0.999 <= mark <= chart.high * 1.001][::every]


def step_ticks(longest: float) -> list[int]:
    """Where a step axis from 0 to `longest` (1 or more) is labelled: at most five round whole
    numbers, as Matplotlib's MaxNLocator chooses them; to import that takes longer than to draw.
    """
    least = longest / 4  # distance of two labels, at least
    power = 10.0 ** math.floor(math.log10(least))
    whole = [int(power * factor) for factor in _DISTANCES if (power * factor).is_integer()]
    distance = next((one for one in whole if one >= least), 1)
    return list(range(0, math.floor(longest) + 1, distance))


def chart_axes(chart: Chart) -> Iterator[str]:
    """Grid, labels, and what the axis across counts."""
    for mark in ticks(chart):
        y = float(_y(chart, np.array(mark)))
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{mark:g}</text>'
    longest = max(chart.x_max, 1)
    for mark in step_ticks(longest):
        x = float(_x(chart, np.array(mark)))
        # the last label must not stick out of the picture
        anchor = "end" if x > WIDTH - RIGHT - 20 else "middle"
        yield (f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="{anchor}">'
               f"{mark:,}</text>")
    middle = (LEFT + WIDTH) / 2
    yield f'<text x="{middle:.0f}" y="{HEIGHT - 4}" text-anchor="middle">step</text>'
