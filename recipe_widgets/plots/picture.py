"""A picture that stands still, with its text alternative."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Annotated, Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogFormatterSciNotation

from recipe_widgets.core import Run
from recipe_widgets.core.validation import filled, validated, whole
from recipe_widgets.plots.curves import CurveBand, PlottedRun, charts, describe_all, headline
from recipe_widgets.plots.themed_svg import ON_IMAGE, themed_svg

COLOURS = {
    "train": "#0072B2", "val": "#D55E00", "other": "#009E73", "pin1": "#009E73", "pin2": "#BF6A9A",
    "pin3": "#2B90C9", "pin4": "#8a6d00", "new": "#D55E00", "old": "#009E73", "guess": "#222222"
}
CHART_COLOURS = 64  # of a saved chart: a quarter of the bytes, and no eye sees it
PLAIN = 4  # log axes say 0.001 and 1000, and powers of ten from 10^4 on
_LINES = {"ghost": "--", "pin1": ":", "pin2": ":", "pin3": ":", "pin4": ":"}


class Picture:
    """A matplotlib figure and what it shows in words. Shown as the last line of a cell.

    It never touches pyplot, so it is safe beside live panels.
    """

    @validated
    def __init__(self, figure: Figure, alt: str,
                 colours: Annotated[int, whole(0, 256)] = 0) -> None:
        """colours: keep so many only (2 to 256), which makes a PNG of photographs three times
        smaller; 0 keeps all.
        """
        self.figure, self.alt, self.colours = figure, alt, colours
        # names as they are: between two dollars Matplotlib would look for a formula
        for text in figure.findobj(Text):
            text.set_parse_math("$" not in text.get_text() or "mathdefault" in text.get_text())
        for axes in figure.axes:
            for axis in (axes.xaxis, axes.yaxis):
                for ticks in (axis.major, axis.minor):
                    if type(ticks.formatter) is LogFormatterSciNotation:
                        ticks.formatter.__class__ = _PlainLogFormatter
            if axes.images:
                _keep_colours_on_images(axes)

    def svg(self) -> str | None:
        """As SVG for an `<img>` that follows the page's theme; None where that would be too
        large.
        """
        return themed_svg(self.figure)

    @validated
    def png(self, dpi: Annotated[int, whole(1, 2000)] = 80) -> bytes:
        buffer = io.BytesIO()
        with rc_context({"axes.formatter.min_exponent": PLAIN}):  # read when the ticks are drawn
            self.figure.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight",
                                facecolor="white")
        return fewer_colours(buffer.getvalue(), self.colours) if self.colours else buffer.getvalue()

    def __repr__(self) -> str:
        return f"[picture] {self.alt}"

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        """A PNG, which every page shows: also those that strip images out of HTML, or show no SVG
        of strangers; and the words. On a live page `panels.page_theme` adds the SVG.
        """
        image = self.png()
        if not (self.colours or any(axes.images for axes in self.figure.axes)):
            image = fewer_colours(image, CHART_COLOURS)
        png = base64.b64encode(image).decode()
        return {"image/png": png, "text/plain": repr(self)}, {"image/png": {"alt": self.alt}}


def _keep_colours_on_images(axes: Axes) -> None:
    """What lies on an image, and what shows through it, goes with the image, not with the theme."""
    ground = to_hex(axes.get_facecolor())
    axes.set_facecolor(ON_IMAGE.get(ground, ground))
    for text in axes.texts:
        if axes.bbox.contains(*text.get_transform().transform(text.get_position())):
            text.set_color(ON_IMAGE.get(to_hex(text.get_color()), text.get_color()))


class _PlainLogFormatter(LogFormatterSciNotation):
    """Labels the same ticks as Matplotlib's, and says 6 where that says 6 × 10⁰."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        label = super().__call__(x, pos)
        return f"{x:g}" if label and 10.0**-PLAIN < x < 10.0**PLAIN else label


def fewer_colours(png: bytes, colours: int) -> bytes:
    """The same picture with a palette of its own."""
    from PIL import Image

    buffer = io.BytesIO()
    picture = Image.open(io.BytesIO(png)).convert("RGB")  # quantize takes no alpha here
    picture.quantize(colours, Image.Quantize.MAXCOVERAGE,
                     dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


@validated
def plot_run(run: Run, ghost: Run | None = None) -> Picture:
    """Loss and accuracy of a run over its steps; the run before it, when given, is dashed and
    pale.
    """
    before = [PlottedRun(ghost, "ghost", "run before")] if ghost is not None else []
    return plot_runs([*before, PlottedRun(run, "new")])


@validated
def plot_runs(shown: Annotated[Sequence[PlottedRun], filled()],
              ribbons: Sequence[CurveBand] = ()) -> Picture:
    """The same picture as the live one, standing still. The newest run is the last one."""
    figure = Figure(figsize=(9.5, 3.2), layout="constrained")
    both = charts(shown, ribbons)
    for axes, chart in zip(figure.subplots(1, 2), both, strict=True):  # loss, accuracy
        for ribbon in chart.ribbons:
            axes.fill_between(ribbon.x, ribbon.low, ribbon.high, color=COLOURS[ribbon.role],
                              alpha=0.25)
            axes.plot(ribbon.x, ribbon.middle, color=COLOURS[ribbon.role], label=ribbon.label,
                      linestyle=":" if ribbon.role == "guess" else "-")
        for curve in filter(lambda one: len(one.x), chart.curves):
            part, _, kind = curve.role.rpartition("-")  # "ghost-val"; "val" of the newest run
            axes.plot(curve.x, curve.y, color=COLOURS[part if part in COLOURS else kind],
                      label=curve.label, alpha=0.35 if part == "ghost" else 1,
                      linestyle=_LINES.get(part, "-"), marker="." if len(curve.x) == 1 else None)
        axes.set(xlabel="step", ylabel=f"{chart.title} ({chart.unit})", xlim=(0, chart.x_max),
                 ylim=(chart.low, chart.high))
        if chart.log:
            axes.set_yscale("log")
        axes.grid(alpha=0.3)
    _legend(figure)
    figure.suptitle(headline(shown), fontsize=10)
    return Picture(figure, describe_all(shown, ribbons))


def _legend(figure: Figure) -> None:
    """One for both charts, each label once."""
    unique = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(unique.values(), unique.keys(), frameon=False, fontsize=8,
                  ncols=min(4, max(1, len(unique))), loc="outside lower center")
