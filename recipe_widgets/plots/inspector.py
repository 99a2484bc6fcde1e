"""What goes on inside a network, as HTML with SVG: cheap to draw, in the page's colours, each
with a text alternative.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

import numpy as np

from recipe_widgets.core import History
from recipe_widgets.data import Split
from recipe_widgets.plots.curves import Chart, ChartLine, downsample
from recipe_widgets.plots.images import bytes_of, contact_sheet, data_url
from recipe_widgets.plots.svg import HEIGHT, LEFT, WIDTH, chart_axes, chart_path
from recipe_widgets.training import ModelStatistics

HEALTHY = 1e-3  # size of an update against its weights (CS231n)
FILTERS, PICTURES = 32, 10  # shown
# As wide as the panel lets it be, however wide its table is: that scrolls by itself.
_STYLE = """<style>
.recipe-inside{width:0;min-width:100%;color:var(--jp-ui-font-color1,#222);font-family:var(--jp-ui-font-family,sans-serif);font-size:13px}
.recipe-inside table{border-collapse:collapse}
.recipe-inside td,.recipe-inside th{padding:2px 10px;text-align:right;font-weight:normal}
.recipe-inside th:first-child{text-align:left}
.recipe-inside .bar{display:inline-block;height:10px;background:#0072B2}
.recipe-inside .bad{outline:2px solid #D55E00}
.recipe-inside img{image-rendering:pixelated}
.recipe-inside .l0{stroke:#0072B2}.recipe-inside .l1{stroke:#D55E00}.recipe-inside .l2{stroke:#009E73}
.recipe-inside .l3{stroke:#CC79A7}.recipe-inside .l4{stroke:#56B4E9}.recipe-inside .l5{stroke:#8a6d00}
</style>"""


def _page(body: str, words: str) -> str:
    """A picture and the sentence that says what it shows."""
    said = html.escape(words)
    return f'{_STYLE}<div class="recipe-inside" role="group" aria-label="{said}"><p>{said}</p>{body}</div>'


def activations_html(inside: ModelStatistics) -> str:
    """Mean, spread, dead units and saturated values by layer."""
    widest = max((abs(one.mean) + one.std for one in inside.layers), default=1.0) or 1.0
    rows = []
    for one in inside.layers:
        bar = f'<span class="bar" style="width:{100 * one.std / widest:.0f}px"></span>'
        cells = (f"{one.mean:.3f}", f"{one.std:.3f}", bar, _share(one.dead), _share(one.saturated))
        name = f"<th>layer {html.escape(one.name)} ({html.escape(one.kind)})</th>"
        rows.append(f"<tr>{name}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    head = "<tr><th>layer</th><th>mean</th><th>std</th><th></th><th>dead units</th><th>saturated</th></tr>"
    dead = [f"{one.dead:.0%} of layer {one.name}" for one in inside.layers if one.dead > 0]
    words = f"Activations on {len(inside.y)} validation samples. " + (
        "Dead for all of them: " + ", ".join(dead) +
        "." if dead else "No unit is dead for all of them.")
    return _page(f"<table>{head}{''.join(rows)}</table>", words)


def _share(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.0%}"


def sizes_html(history: History, column: str, guide: float | None = None) -> str:
    """One line per layer over the steps: the columns `gradient <layer>` or `update <layer>` of a
    history.
    """
    names = [name for name in history.names if name.startswith(column + " ")]
    what = "Norm of the gradient" if column == "gradient" else "Update over weights"
    if not names:
        return _page(
            "", f"{what}, by layer: measured on every 20th step from now on. Let the run go on.")
    pairs = {name.split(" ", 1)[1]: history.arrays(name) for name in names}
    values = np.concatenate([y[np.isfinite(y) & (y > 0)]
                             for _, y in pairs.values()] + [[guide or 1.0]])
    low, high = 10**math.floor(math.log10(
        values.min())), 10**math.ceil(math.log10(values.max()) + 1e-9)
    last = max(float(x[-1]) for x, _ in pairs.values())
    curves = [
        ChartLine(f"layer {name}", f"l{k % 6}", *_good(x, y))
        for k, (name, (x, y)) in enumerate(pairs.items())
    ]
    chart = Chart(what, "", True, max(last, 1.0), low, max(high, 10 * low), tuple(curves))
    newest = ", ".join(f"layer {name} {y[-1]:.2g}" for name, (_, y) in pairs.items())
    return _page(_lines(chart, guide), f"{what}, by layer; newest: {newest}."
                 + (f" About {guide:g} is usual (dotted)." if guide else ""))


def _good(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kept = np.isfinite(y) & (y > 0)
    return downsample(x[kept].astype(float), y[kept])


def _lines(chart: Chart, guide: float | None) -> str:
    parts = "".join(
        f'<path class="{c.role}" d="{chart_path(chart, c.x, c.y)}"/>' for c in chart.curves
        if len(c.x))
    if guide is not None:
        ends = chart_path(chart, np.array([0.0, chart.x_max]), np.array([guide, guide]))
        parts += f'<path d="{ends}" stroke="currentColor" stroke-dasharray="2 4"/>'
    legend = "".join(
        f'<span><svg viewBox="0 0 26 10" aria-hidden="true"><path class="{c.role}" d="M0,5h26"/></svg>'
        f"{html.escape(c.label)}</span>" for c in chart.curves)
    return (
        f'<div class="recipe-curves"><div class="recipe-legend">{legend}</div><svg class="chart" role="img" '
        f'aria-label="{html.escape(chart.title)}" viewBox="0 0 {WIDTH} {HEIGHT}" style="max-width:560px">'
        f'<text x="{LEFT}" y="16" font-weight="bold">{html.escape(chart.title)} (log)</text>'
        f"{''.join(chart_axes(chart))}{parts}</svg></div>")


def weights_html(inside: ModelStatistics) -> str:
    """The first layer's weights as pictures, each stretched from its lowest to its highest."""
    if inside.weights is None:
        return _page("", "The first layer's weights do not have the form of pictures.")
    shown = inside.weights[:FILTERS]
    flat = shown.flatten(1)
    low, high = flat.min(1).values, flat.max(1).values
    scaled = (shown - low.view(-1, 1, 1, 1)) / (high - low).clamp_min(1e-12).view(-1, 1, 1, 1)
    padded = np.pad(bytes_of((255 * scaled).round().byte()), ((0, 0), (0, 0), (0, 1), (0, 1)),
                    constant_values=128)
    side = shown.shape[-1]
    sheet = contact_sheet(padded, 8)
    zoom = max(1, round(64 / side))
    words = (
        f"Weights of {len(shown)} of {len(inside.weights)} units of the first layer, {side} pixels wide: dark is low, "
        "bright is high.")
    return _page(f'<img alt="{words}" src="{data_url(sheet)}" width="{sheet.shape[1] * zoom}">',
                 words)


def predictions_html(inside: ModelStatistics, split: Split, names: Sequence[str]) -> str:
    """Some fixed samples with what the net takes them for; mistakes are outlined."""
    count = min(PICTURES, len(inside.y))
    guesses = inside.probabilities.argmax(1)
    right = float((guesses == inside.y).float().mean())
    cells = []
    for k in range(count):
        guess, own = int(guesses[k]), int(inside.y[k])
        sure = float(inside.probabilities[k, guess])
        text = f"{names[guess]} {sure:.0%}" + ("" if guess == own else f", is {names[own]}")
        picture = ""
        if split.x.ndim == 4 and split.x.shape[1] in (1, 3):
            pixels = contact_sheet(bytes_of(split.x[k:k + 1]), 1)
            picture = f'<img width="56" alt="{html.escape(text)}" src="{data_url(pixels)}"' + (
                "" if guess == own else ' class="bad"') + "><br>"
        cells.append(
            f'<div style="width:92px;text-align:center">{picture}{html.escape(text)}</div>')
    body = f'<div style="display:flex;flex-wrap:wrap;gap:8px">{"".join(cells)}</div>'
    return _page(
        body,
        f"The first {count} of {len(inside.y)} fixed validation samples; {right:.1%} of all are right."
    )


def confusion_html(inside: ModelStatistics, names: Sequence[str]) -> str:
    """Counts of label (rows) against prediction (columns)."""
    table = inside.confusion.numpy()
    off = table - np.diag(np.diag(table))
    a, b = np.unravel_index(off.argmax(), off.shape)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    rows = []
    for k, row in enumerate(table):
        whole = max(1, row.sum())
        cells = "".join(f'<td style="background:{_shade(count / whole, k == j)}">{count or ""}</td>'
                        for j, count in enumerate(row.tolist()))
        rows.append(f"<tr><th>{html.escape(names[k])}</th>{cells}</tr>")
    words = f"Label (row) against prediction (column) of {table.sum()} validation samples. " + (
        f"Most often taken for another: {names[a]} for {names[b]}, {off[a, b]} times."
        if off.any() else "No mistake.")
    return _page(
        f"<div style='overflow:auto'><table><tr><th></th>{head}</tr>{''.join(rows)}</table></div>",
        words)


def _shade(share: float, right: bool) -> str:
    colour = "0,114,178" if right else "213,94,0"
    return f"rgba({colour},{min(0.85, share) * 0.8:.2f})"


def time_html(split: Mapping[str, float]) -> str:
    """Where the milliseconds of a step go."""
    total = sum(split.values()) or 1.0
    rows = "".join(
        f"<tr><th>{html.escape(part)}</th><td>{ms:.2f} ms</td><td>{ms / total:.0%}</td>"
        f'<td style="text-align:left"><span class="bar" style="width:{200 * ms / total:.0f}px"></span></td></tr>'
        for part, ms in split.items())
    most = max(split, key=lambda part: split[part])
    return _page(f"<table>{rows}</table>", f"A step takes {total:.2f} ms, most of it for: {most}. "
                 "Medians of five steps of a copy of this run.")
