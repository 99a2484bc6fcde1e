"""Curves as SVG text: cheap enough to draw ten times a second beside a training run, and it takes the page's colours."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator

import numpy as np

from recipe_widgets.plots.curves import Chart, Curve, charts, describe
from recipe_widgets.records import Run

WIDTH, HEIGHT = 420, 264  # of one chart, in SVG units
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 42, 38

# Okabe & Ito's colours, told apart also by colour-blind readers; lighter ones on dark pages.
STYLE = """<style>
.recipe-curves{--train:#0072B2;--val:#D55E00;--ink:var(--jp-ui-font-color1,#222);--faint:var(--jp-border-color2,#ccc);
 display:flex;flex-wrap:wrap;gap:8px;font-family:var(--jp-ui-font-family,sans-serif)}
[data-jp-theme-light="false"] .recipe-curves{--train:#56B4E9;--val:#E69F00}
.recipe-curves svg{flex:1 1 340px;max-width:560px;min-width:300px;height:auto}
.recipe-words{min-height:4.2em;line-height:1.4}
.recipe-curves text{fill:var(--ink);font-size:12px}
.recipe-curves .grid{stroke:var(--faint);stroke-width:1}
.recipe-curves path{fill:none;stroke-width:2;stroke-linejoin:round}
.recipe-curves .train{stroke:var(--train)}.recipe-curves .val{stroke:var(--val);stroke-width:2.5}
.recipe-curves .ghost-train{stroke:var(--train);opacity:.35;stroke-dasharray:5 4}
.recipe-curves .ghost-val{stroke:var(--val);opacity:.35;stroke-dasharray:5 4}
</style>"""


def curves_svg(run: Run | None, ghost: Run | None = None) -> str:
    """Both charts of a run as HTML text, with a text alternative. The style sheet `STYLE` must stand on the page once."""
    alternative = html.escape(describe(run), quote=True)
    drawn = "".join(_chart(chart, alternative) for chart in charts(run, ghost))
    return f'<div class="recipe-curves" role="group" aria-label="{alternative}">{drawn}</div>'


def _chart(chart: Chart, alternative: str) -> str:
    head = (f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{chart.title}: {alternative}">'
            f'<text x="{LEFT}" y="16" font-weight="bold">{chart.title} ({chart.unit}{", log" if chart.log else ""})</text>')
    lines = "".join(f'<path class="{curve.role}" d="{_path(chart, curve)}"/>' for curve in chart.curves if len(curve.x))
    return head + "".join(_axes(chart)) + "".join(_legend(chart)) + lines + "</svg>"


def _x(chart: Chart, x: np.ndarray) -> np.ndarray:
    return LEFT + x / max(chart.x_max, 1) * (WIDTH - LEFT - RIGHT)


def _y(chart: Chart, y: np.ndarray) -> np.ndarray:
    low, high = chart.low, chart.high
    if chart.log:
        y, low, high = np.log10(np.maximum(y, low)), math.log10(low), math.log10(high)
    return TOP + (high - y) / (high - low) * (HEIGHT - TOP - BOTTOM)


def _path(chart: Chart, curve: Curve) -> str:
    points = np.stack([_x(chart, curve.x), _y(chart, curve.y)], axis=1)
    return "M" + "L".join([f"{x:.1f},{y:.1f}" for x, y in points.tolist()])


def ticks(chart: Chart) -> list[float]:
    """Where the y axis is labelled: decades and their threes when the axis is short, else decades."""
    if not chart.log:
        return [0, 20, 40, 60, 80, 100]
    first, last = math.floor(math.log10(chart.low)), math.ceil(math.log10(chart.high))
    factors = (1, 3) if last - first <= 3 else (1,)
    marks = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
    every = max(1, len(marks) // 7)
    return [mark for mark in marks if chart.low * 0.999 <= mark <= chart.high * 1.001][::every]


def _axes(chart: Chart) -> Iterator[str]:
    for mark in ticks(chart):
        y = float(_y(chart, np.array(mark)))
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{mark:g}</text>'
    for share in (0, 0.25, 0.5, 0.75, 1):
        x = LEFT + share * (WIDTH - LEFT - RIGHT)
        anchor = "end" if share == 1 else "middle"
        yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="{anchor}">{share * chart.x_max:,.0f}</text>'
    yield f'<text x="{(LEFT + WIDTH) / 2:.0f}" y="{HEIGHT - 4}" text-anchor="middle">step</text>'


def _legend(chart: Chart) -> Iterator[str]:
    x = LEFT
    for label, role in {curve.label: curve.role for curve in chart.curves if len(curve.x)}.items():
        yield f'<path class="{role}" d="M{x},30h20"/><text x="{x + 25}" y="34">{label}</text>'
        x += 25 + 7 * len(label) + 12
