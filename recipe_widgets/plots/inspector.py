"""The panel's inspector of a network, as HTML with SVG: cheap to draw, in the page's colours, each
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
from recipe_widgets.plots.svg import HEIGHT, LEFT, WIDTH, chart_axes, chart_path, legend_html
from recipe_widgets.training import ModelStatistics

HEALTHY = 1e-3  # size of an update against its weights (CS231n)
NO_TITLES: Mapping[str, str] = {}
MOST_FILTERS, MOST_IMAGES = 32, 10  # shown
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
.recipe-inside .l3{stroke:#BF6A9A}.recipe-inside .l4{stroke:#2B90C9}.recipe-inside .l5{stroke:#8a6d00}
</style>"""


def _page(body: str, words: str) -> str:
    """A picture and the sentence that says what it shows."""
    said = html.escape(words)
    return (f'{_STYLE}<div class="recipe-inside" role="group" aria-label="{said}">'
            f"<p>{said}</p>{body}</div>")


def waiting_html(words: str) -> str:
    """What stands there until there is something to see."""
    return _page("", words)


def activations_html(inside: ModelStatistics, titles: Mapping[str, str] = NO_TITLES) -> str:
    """Mean, spread, dead units and saturated values by layer. titles: what to say for the name
    that a layer has in its model.
    """
    widest = max((abs(one.mean) + one.std for one in inside.layers), default=1.0) or 1.0
    rows = []
    for one in inside.layers:
        # the widest layer's bar is 100 pixels
        bar = f'<span class="bar" style="width:{100 * one.std / widest:.0f}px"></span>'
        cells = (f"{one.mean:.3f}", f"{one.std:.3f}", bar, _share(one.dead), _share(one.saturated))
        name = f"<th>{html.escape(titles.get(one.name) or f'{one.name}: {one.kind}')}</th>"
        rows.append(f"<tr>{name}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    columns = ("layer", "mean", "std", "", "dead units", "saturated")
    head = f"<tr>{''.join(f'<th>{column}</th>' for column in columns)}</tr>"
    dead = [f"{one.dead:.0%} of {titles.get(one.name, one.name)}" for one in inside.layers
            if one.dead > 0]
    found = (f"Dead for all of them: {', '.join(dead)}." if dead
             else "No unit is dead for all of them.")
    words = f"Activations on {len(inside.y)} validation samples. {found}"
    return _page(f"<table>{head}{''.join(rows)}</table>", words)


def _share(value: float) -> str:
    # NaN: a kind of layer that cannot die or saturate
    return "" if math.isnan(value) else f"{value:.0%}"


def sizes_html(history: History, column: str, guide: float | None = None,
               titles: Mapping[str, str] = NO_TITLES) -> str:
    """One line per layer over the steps: the columns `gradient <layer>` or `update <layer>` of a
    history. titles: as of `activations_html`.
    """
    names = [name for name in history.names if name.startswith(column + " ")]
    what = "Norm of the gradient" if column == "gradient" else "Update over weights"
    if not names:
        return _page(
            "", f"{what}, by layer: measured on every 20th step from now on. Let the run go on.")
    paths = {name: name.split(" ", 1)[1] for name in names}
    pairs = {titles.get(path, path): history.arrays(name) for name, path in paths.items()}
    drawable = [y[np.isfinite(y) & (y > 0)] for _, y in pairs.values()]
    values = np.concatenate([*drawable, [guide or 1.0]])
    # whole decades, so that the axis stands still in between
    low = 10**math.floor(math.log10(values.min()))
    high = 10**math.ceil(math.log10(values.max()) + 1e-9)
    last = max(float(x[-1]) for x, _ in pairs.values())
    lines = [ChartLine(name, f"l{number % 6}", *_drawable(x, y))  # six colours
             for number, (name, (x, y)) in enumerate(pairs.items())]
    chart = Chart(what, "", True, max(last, 1.0), low, max(high, 10 * low), tuple(lines))
    newest = ", ".join(f"{name} {y[-1]:.2g}" for name, (_, y) in pairs.items())
    usual = f" Dotted: {guide:g}, a usual middle; a tenth and ten times that are no cause for worry." if guide else ""
    return _page(_lines(chart, guide), f"{what}, by layer; newest: {newest}.{usual}")


def _drawable(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points that a log axis has a place for, no more than can be seen."""
    kept = np.isfinite(y) & (y > 0)
    return downsample(x[kept].astype(float), y[kept])


def _lines(chart: Chart, guide: float | None) -> str:
    parts = "".join(f'<path class="{line.role}" d="{chart_path(chart, line.x, line.y)}"/>'
                    for line in chart.curves if len(line.x))
    if guide is not None:
        ends = chart_path(chart, np.array([0.0, chart.x_max]), np.array([guide, guide]))
        parts += f'<path d="{ends}" stroke="currentColor" stroke-dasharray="2 4"/>'
    title = html.escape(chart.title)
    legend = legend_html({line.label: line.role for line in chart.curves})
    return (f'<div class="recipe-curves">{legend}<svg class="chart" role="img" '
            f'aria-label="{title}" viewBox="0 0 {WIDTH} {HEIGHT}" style="max-width:560px">'
            f'<text x="{LEFT}" y="16" font-weight="bold">{title} (log)</text>'
            f"{''.join(chart_axes(chart))}{parts}</svg></div>")


def weights_html(inside: ModelStatistics) -> str:
    """The first layer's weights as pictures, each stretched from its lowest to its highest."""
    if inside.weights is None:
        return _page("", "The first layer's weights do not have the form of pictures.")
    shown = inside.weights[:MOST_FILTERS]  # (n, C, H, W)
    low = shown.amin((1, 2, 3), keepdim=True)
    spread = shown.amax((1, 2, 3), keepdim=True) - low
    scaled = (shown - low) / spread.clamp_min(1e-12)
    # a grey line of one pixel to the right of each and below it
    padded = np.pad(bytes_of((255 * scaled).round().byte()), ((0, 0), (0, 0), (0, 1), (0, 1)),
                    constant_values=128)
    side = shown.shape[-1]
    sheet = contact_sheet(padded, 8)
    zoom = max(1, round(64 / side))  # about 64 pixels of the page for each
    words = (f"Weights of {len(shown)} of {len(inside.weights)} units of the first layer, {side} "
             "pixels wide: dark is low, bright is high.")
    return _page(f'<img alt="{words}" src="{data_url(sheet)}" width="{sheet.shape[1] * zoom}">',
                 words)


def predictions_html(inside: ModelStatistics, split: Split, names: Sequence[str]) -> str:
    """Some fixed samples with what the net takes them for; mistakes are outlined."""
    count = min(MOST_IMAGES, len(inside.y))
    predicted = inside.probabilities.argmax(1)  # (n,)
    right = float((predicted == inside.y).float().mean())
    has_pictures = split.x.ndim == 4 and split.x.shape[1] in (1, 3)  # a table has none
    cells = []
    for number in range(count):
        guess, true = int(predicted[number]), int(inside.y[number])
        sure = float(inside.probabilities[number, guess])
        text = f"{names[guess]} {sure:.0%}" + ("" if guess == true else f", is {names[true]}")
        text, picture = html.escape(text), ""
        if has_pictures:
            pixels = contact_sheet(bytes_of(split.x[number:number + 1]), 1)
            outline = "" if guess == true else ' class="bad"'
            picture = f'<img width="56" alt="{text}" src="{data_url(pixels)}"{outline}><br>'
        cells.append(f'<div style="width:92px;text-align:center">{picture}{text}</div>')
    body = f'<div style="display:flex;flex-wrap:wrap;gap:8px">{"".join(cells)}</div>'
    return _page(body, f"The first {count} of {len(inside.y)} fixed validation samples; "
                       f"{right:.1%} of all are right.")


def confusion_html(inside: ModelStatistics, names: Sequence[str]) -> str:
    """Counts of label (rows) against prediction (columns)."""
    table = inside.confusion.numpy()  # (K, K)
    mistakes = table - np.diag(np.diag(table))
    true, taken = np.unravel_index(mistakes.argmax(), mistakes.shape)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    rows = []
    for label, row in enumerate(table):
        whole = max(1, row.sum())  # shades are shares of the label's samples
        cells = "".join(
            f'<td style="background:{_shade(count / whole, label == column)}">{count or ""}</td>'
            for column, count in enumerate(row.tolist()))
        rows.append(f"<tr><th>{html.escape(names[label])}</th>{cells}</tr>")
    worst = (f"Most often taken for another: {names[true]} for {names[taken]}, "
             f"{mistakes[true, taken]} times." if mistakes.any() else "No mistake.")
    words = (f"Label (row) against prediction (column) of {table.sum()} validation samples. "
             f"{worst}")
    return _page(f"<div style='overflow:auto'><table><tr><th></th>{head}</tr>{''.join(rows)}"
                 "</table></div>", words)


def _shade(share: float, right: bool) -> str:
    colour = "0,114,178" if right else "213,94,0"  # blue, orange: told apart by the colour-blind
    return f"rgba({colour},{min(0.85, share) * 0.8:.2f})"


def time_html(split: Mapping[str, float]) -> str:
    """Where the milliseconds of a step go."""
    total = sum(split.values()) or 1.0
    rows = "".join(
        f"<tr><th>{html.escape(part)}</th><td>{ms:.2f} ms</td><td>{ms / total:.0%}</td>"
        '<td style="text-align:left">'
        f'<span class="bar" style="width:{200 * ms / total:.0f}px"></span></td></tr>'
        for part, ms in split.items())
    most = max(split, key=lambda part: split[part])
    return _page(f"<table>{rows}</table>", f"A step takes {total:.2f} ms, most of it for: {most}. "
                 "Medians of five steps of a copy of this run.")
