"""`CheckResult.plot()`: the evidence of any rule as a picture, chosen by what lies in its `details`.

Whoever writes a rule needs no drawing of its own: `details["images"]` uint8 (n, C, H, W) with
`details["captions"]` becomes a grid of images, `{"layers": names, ...: array}` bars by layer, a
mapping of names to numbers bars, and so on. To add a drawing: a function from a result to a
`Picture`, and a row in `DRAWINGS` at the end of this file.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipe_widgets.core import CheckResult
from recipe_widgets.core.validation import validated
from recipe_widgets.plots.figures import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PINK,
    YELLOW,
    horizontal_bars,
    image_grid,
    legend,
    legend_below,
    set_title,
    text_card,
    threshold_line,
    titled_axes,
)
from recipe_widgets.plots.picture import Picture
from recipe_widgets.rules.dead_units import DEAD_SHARE
from recipe_widgets.rules.divergence import no_number_from
from recipe_widgets.rules.gradient_check import WRONG
from recipe_widgets.rules.saturation import SATURATED_SHARE
from recipe_widgets.rules.statistics import smooth
from recipe_widgets.rules.timing import SLOW_MS
from recipe_widgets.rules.update_ratio import LARGE, SMALL

Array = npt.NDArray[np.float64]
COLOURS = {"pass": GREEN, "note": BLUE, "skip": GREY, "warn": YELLOW, "fail": ORANGE}
MARKS = {"pass": "✓", "note": "i", "skip": "–", "warn": "!", "fail": "✗"}
PART_STYLES = {"data": (YELLOW, "//"), "forward": (BLUE, ""), "backward": (PINK, ".."),
               "step": (GREEN, "xx")}  # colour and hatching of a step's parts
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")


class BarAxis(NamedTuple):
    """What bars of one key of `details` mean. lines: (value, name) of dashed lines for the eye."""

    label: str
    log: bool = False
    lines: tuple[tuple[float, str], ...] = ()


BAR_AXES = {
    "dead": BarAxis("share of units that are zero for all samples", lines=((DEAD_SHARE, "many"),)),
    "saturated": BarAxis("share of units saturated on most samples", lines=((SATURATED_SHARE, "most"),)),
    "errors": BarAxis("relative error of the gradient", log=True,
                      lines=((1e-4, "kinks"), (WRONG, "wrong"))),
    "radii": BarAxis("spectral radius", lines=((1.0, "keeps a signal"),)),
    "rms": BarAxis("gradient, root mean square per weight", log=True),
    "std": BarAxis("standard deviation of the outputs", log=True),
    "ratio": BarAxis("change of the weights per step / weights", log=True,
                     lines=((SMALL, "very small"), (LARGE, "very large"))),
    "per_class": BarAxis("first loss (nats)"),
    "metric": BarAxis("what the evaluation gives, batches cut differently"),
    "counts": BarAxis("samples"),
}


@validated
def plot_check(result: CheckResult) -> Picture:
    """The picture of one finding; a card of its words where it holds no numbers."""
    for keys, draw in DRAWINGS:
        if keys <= set(result.details):
            try:
                return draw(result)
            except Exception:  # evidence of another shape than its name promises: try the next
                continue
    return _draw_anything(result)


def title_of(result: CheckResult) -> str:
    return f"{MARKS[result.status]} {result.name}: {result.message}"


def alt_of(result: CheckResult, numbers: str = "") -> str:
    """The text alternative: the finding, and what the picture adds to it."""
    finding = f"{result.name}, {result.status}: {result.message}."
    return f"{finding} {numbers}" if numbers else finding


def _numbers_of(result: CheckResult, key: str) -> Array:
    return np.asarray(result.details[key], np.float64)


# --- images ---------------------------------------------------------------------------------------


def _draw_images(result: CheckResult) -> Picture:
    captions = [str(caption) for caption in result.details.get("captions", ())]
    images = np.asarray(result.details["images"])  # (n, C, H, W)
    if images.ndim != 4 or not len(images):
        raise ValueError("no images")
    return image_grid(images, captions, title_of(result), alt_of(result))


def _draw_filters(result: CheckResult) -> Picture:
    filters = np.asarray(result.details["filters"])  # (outputs, inputs, H, W)
    images = filters if filters.shape[1] in (1, 3) else filters[:, :1]  # else the first input's
    words = f"{len(filters)} filters of the first convolution."
    return image_grid(images, [], title_of(result), alt_of(result, words))


# --- bars -----------------------------------------------------------------------------------------


def _draw_layers(result: CheckResult) -> Picture:
    """{"layers": names, key: (n,)}: one bar per layer, in the order of the layers."""
    key = next(key for key, value in result.details.items()
               if key != "layers" and np.ndim(value) == 1)
    return _named_bars(result, key, list(result.details["layers"]), _numbers_of(result, key))


def _draw_mapping(result: CheckResult) -> Picture:
    """The first mapping of names to numbers."""
    for key, value in result.details.items():
        if isinstance(value, Mapping) and value and all(map(_is_number, value.values())):
            numbers = np.array(list(value.values()), np.float64)
            return _named_bars(result, key, list(map(str, value)), numbers)
    raise ValueError("no mapping of numbers")


def _draw_metric(result: CheckResult) -> Picture:
    values = _numbers_of(result, "metric")
    return _named_bars(result, "metric", [f"cut {i + 1}" for i in range(len(values))], values)


def _named_bars(result: CheckResult, key: str, names: list[str], values: Array) -> Picture:
    axis = BAR_AXES.get(key, BarAxis(key.replace("_", " ")))
    if len(names) != len(values):
        raise ValueError("names and values differ in length")
    figure, axes = titled_axes(title_of(result), height=_height_of_bars(len(names)))
    horizontal_bars(axes, names, values, axis.label, axis.log, COLOURS[result.status])
    for value, text in axis.lines:
        threshold_line(axes, value, f"{text} ({value:g})", colour="black")
    if "share" in axis.label:
        axes.set_xlim(0, 1)
    legend_below(axes)
    order = np.argsort(values)
    low, high = order[0], order[-1]
    return Picture(figure, alt_of(result, f"{axis.label}: from {values[low]:.3g} ({names[low]}) "
                                          f"to {values[high]:.3g} ({names[high]})."))


def _height_of_bars(count: int) -> float:
    return min(9.0, 1.4 + 0.24 * count)  # inches


def _draw_first_losses(result: CheckResult) -> Picture:
    """First losses of several initialisations, and of each class, beside the expectation."""
    losses, per_class = _numbers_of(result, "losses"), result.details["per_class"]
    if len(losses) <= 12:
        names = [f"batch {i}" for i in range(len(losses))]
    else:  # too many for a bar each
        names = ["lowest batch", "median batch", "highest batch"]
        losses = np.quantile(losses, [0, 0.5, 1])
    names += [f"class {name}" for name in per_class]
    values = np.array([*losses, *per_class.values()], np.float64)
    figure, axes = titled_axes(title_of(result), height=_height_of_bars(len(names)))
    unit = f" ({result.unit})" if result.unit else ""
    horizontal_bars(axes, names, values, f"first loss{unit}")
    if _is_number(result.expected):
        expected = float(str(result.expected))
        threshold_line(axes, expected, f"expected {expected:.3g}", colour="black")
    legend_below(axes)
    words = f"First losses from {values.min():.3g} to {values.max():.3g}."
    return Picture(figure, alt_of(result, words))


def _draw_few_samples(result: CheckResult) -> Picture:
    """Loss left after training on few samples: the settings in hand beside plain Adam."""
    names = [f"{n} samples" for n in result.details["samples"]]
    figure, axes = titled_axes(title_of(result), height=2.3)
    arms = (("own", "your settings", BLUE, "", -0.18), ("plain", "plain Adam", GREY, "//", 0.18))
    for key, label, colour, hatch, offset in arms:
        values = _numbers_of(result, key)
        axes.barh(np.arange(len(values)) + offset, values, 0.34, color=colour, hatch=hatch,
                  label=label)
    axes.set_yticks(np.arange(len(names)), names)
    axes.set(xlabel="share of the loss left (0: learnt by heart)")
    axes.invert_yaxis()
    legend_below(axes)
    words = ", ".join(f"{name} {value:.2g}"
                      for name, value in zip(names, result.details["own"], strict=True))
    return Picture(figure, alt_of(result, f"Loss left with your settings: {words}."))


def _draw_leak(result: CheckResult) -> Picture:
    leak = _numbers_of(result, "leak")  # (T,), one per position
    figure, axes = titled_axes(title_of(result))
    axes.bar(np.arange(len(leak)), leak, color=COLOURS[result.status])
    axes.set(xlabel="position t of the input that is exchanged",
             ylabel="change of outputs before t\n(relative)")
    words = f"The largest change of earlier outputs is {leak.max(initial=0):.3g}."
    return Picture(figure, alt_of(result, words))


def _draw_timing(result: CheckResult) -> Picture:
    """One bar, cut into the parts of a step."""
    parts = {str(part): float(value) for part, value in result.details["ms"].items()}
    figure, axes = titled_axes(title_of(result), height=1.8)
    left = 0.0  # where the next part begins, in milliseconds
    for part, value in parts.items():
        colour, hatch = PART_STYLES.get(part, (GREY, ""))
        axes.barh([0], [value], left=left, color=colour, hatch=hatch, edgecolor="white",
                  label=f"{part} {value:.3g} ms")
        left += value
    if left > SLOW_MS / 5:  # far from it the line would squeeze the bar
        threshold_line(axes, SLOW_MS, f"{SLOW_MS:g} ms: trouble", colour="black")
    axes.set(xlabel="milliseconds per step", yticks=[])
    legend_below(axes)
    words = ", ".join(f"{part} {value:.3g} ms" for part, value in parts.items())
    return Picture(figure, alt_of(result, words + "."))


# --- curves ---------------------------------------------------------------------------------------


def loss_axis(axes: Axes, *series: Array) -> None:
    """A log axis where all losses are above zero and span a decade or more; a grid."""
    values = np.concatenate([np.asarray(one, np.float64).ravel() for one in series])
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() > 10 * values.min():
        axes.set_yscale("log")
    axes.grid(alpha=0.3)


def _draw_curve(result: CheckResult) -> Picture:
    """Single steps pale, their running level over them; jumps and the first number that is none
    are marked.
    """
    loss = _numbers_of(result, "train_loss")
    ratio = np.asarray(result.details.get("ratio", ()), np.float64)
    width = 9.5 if len(ratio) else 7.0  # inches
    figure = Figure(figsize=(width, 3.2), layout="constrained")
    set_title(figure, title_of(result), width)
    axes, *beside = figure.subplots(1, 2 if len(ratio) else 1, squeeze=False)[0]
    loss_axis(axes, loss)
    axes.plot(np.arange(len(loss)), loss, color=GREY, alpha=0.5, linewidth=0.8, label="each step")
    x, y = smooth(loss)
    axes.plot(x, y, color=BLUE, linewidth=2, label="level (median)")
    for number, step in enumerate(np.asarray(result.details.get("jumps", ()))):
        axes.axvline(step, color=ORANGE, linestyle=":", label=None if number else "jump")
    wrong = np.flatnonzero(~np.isfinite(loss))
    if len(wrong):
        threshold_line(axes, float(wrong[0]), no_number_from(int(wrong[0])))
    axes.set(xlabel="step", ylabel="training loss")
    legend(axes)
    if beside:
        _draw_ratio(beside[0], ratio)
    words = (f"The level goes from {y[0]:.3g} to {y[-1]:.3g} in {len(loss)} steps." if len(y)
             else "No number at all.")
    return Picture(figure, alt_of(result, words))


def _draw_ratio(axes: Axes, ratio: Array) -> None:
    shown = np.where(ratio > 0, ratio, np.nan)  # a log axis has no place for 0
    if np.isfinite(shown).any():
        axes.set_yscale("log")
        axes.plot(np.arange(len(ratio)), shown, color=PINK)
        axes.axhspan(SMALL, LARGE, color=GREEN, alpha=0.12,
                     label=f"healthy, {SMALL:g} to {LARGE:g}")
        legend(axes)
    axes.set(xlabel="look", ylabel="update / weights, per step")
    axes.grid(alpha=0.3)


def _draw_fit(result: CheckResult) -> Picture:
    """Training and validation loss over the steps, and the best step."""
    steps, train, val_steps, val_loss = (
        _numbers_of(result, key) for key in ("train_steps", "train_loss", "val_steps", "val_loss"))
    figure, axes = titled_axes(title_of(result))
    loss_axis(axes, train, val_loss)
    x, y = smooth(train)  # x counts entries, which need not be steps
    if len(x):
        axes.plot(np.interp(x, np.arange(len(steps)), steps), y, color=BLUE,
                  label="training (median)")
    axes.plot(val_steps, val_loss, "o--", color=ORANGE, markersize=3, label="validation")
    best = result.details.get("best_step")
    if best is not None:
        threshold_line(axes, best, f"best step {best}", colour=GREEN)
    axes.set(xlabel="step", ylabel="loss")
    legend(axes)
    words = (f"Validation loss ends at {val_loss[-1]:.3g}, lowest {val_loss.min():.3g} "
             f"at step {best}." if len(val_loss) else "")
    return Picture(figure, alt_of(result, words))


def _draw_range_test(result: CheckResult) -> Picture:
    """Loss over the learning rate, and the suggestion."""
    rates, loss, level = (_numbers_of(result, key) for key in ("lr", "loss", "smooth"))
    figure, axes = titled_axes(title_of(result))
    axes.set_xscale("log")
    loss_axis(axes, loss)
    # the test ends early where the loss explodes: fewer losses than rates
    axes.plot(rates[:len(loss)], loss, color=GREY, alpha=0.5, linewidth=0.8, label="each step")
    axes.plot(rates[:len(level)], level, color=BLUE, linewidth=2, label="level")
    suggestion, lowest = result.details.get("suggestion"), result.details.get("lowest")
    if suggestion is not None and lowest is not None:
        threshold_line(axes, suggestion, f"suggestion {suggestion:g}", colour=GREEN)
        threshold_line(axes, lowest, f"lowest at {lowest:.2g}")
    axes.set(xlabel="learning rate", ylabel="training loss")
    legend(axes)
    words = (f"Rates from {rates[0]:.2g} to {rates[-1]:.2g}; suggestion {suggestion}."
             if len(rates) else "")
    return Picture(figure, alt_of(result, words))


def _draw_overfit(result: CheckResult) -> Picture:
    losses = _numbers_of(result, "losses")
    if not len(losses):
        raise ValueError("no losses")
    figure, axes = titled_axes(title_of(result))
    loss_axis(axes, losses)
    # a line through one point could not be seen
    axes.plot(np.arange(len(losses)), losses, color=BLUE, marker="." if len(losses) == 1 else None)
    axes.set(xlabel="step, on these samples alone", ylabel="training loss")
    words = f"The loss goes from {losses[0]:.3g} to {losses[-1]:.3g}."
    return Picture(figure, alt_of(result, words))


def _draw_onset(result: CheckResult) -> Picture:
    """Validation loss by the number of training samples."""
    samples, val_loss = _numbers_of(result, "samples"), _numbers_of(result, "validation")
    figure, axes = titled_axes(title_of(result))
    axes.plot(samples, val_loss, "o-", color=BLUE)
    axes.set(xlabel="training samples", ylabel="validation loss", xscale="log")
    axes.set_xticks(samples, [f"{n:g}" for n in samples])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    words = ", ".join(f"{n:g}: {loss:.3g}" for n, loss in zip(samples, val_loss, strict=True))
    return Picture(figure, alt_of(result, f"Validation loss by samples: {words}."))


def _draw_output_range(result: CheckResult) -> Picture:
    """Where outputs lie: their lowest and highest, or mean and standard deviation."""
    details = result.details
    if "outputs" in details:
        facts = dataclasses.asdict(details["outputs"])
        low, high, words = facts["low"], facts["high"], "lowest to highest output"
    else:
        mean, std = details["mean"], details["std"]
        low, high, words = mean - std, mean + std, "mean ± standard deviation"
    figure, axes = titled_axes(title_of(result), height=1.6)
    axes.plot([low, high], [0, 0], "|-", color=COLOURS[result.status], linewidth=4, markersize=16)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set(xlabel=f"output ({words})", yticks=[], ylim=(-1, 1))
    return Picture(figure, alt_of(result, f"{words}: {low:.3g} to {high:.3g}."))


# --- evidence without a drawing of its own --------------------------------------------------------


def _draw_anything(result: CheckResult) -> Picture:
    """Bars, a line or a histogram of the first numbers; else the words."""
    try:
        return _draw_mapping(result)
    except ValueError:
        pass
    for key, value in result.details.items():
        series = _series(value)
        if len(series) > 2:
            figure, axes = titled_axes(title_of(result))
            _line_or_histogram(axes, key.replace("_", " "), series)
            words = f"{len(series)} numbers from {series.min():.3g} to {series.max():.3g}."
            return Picture(figure, alt_of(result, words))
    bound = _NUMBER.search(str(result.expected))  # "below 0.3" holds one
    if _is_number(result.measured) and bound and (float(str(result.measured)) or float(bound[0])):
        return _draw_measured(result, float(str(result.measured)), float(bound[0]))
    return _draw_words(result)


def _draw_measured(result: CheckResult, measured: float, bound: float) -> Picture:
    """One number beside what was expected, which may be a bound: "below 0.3"."""
    figure, axes = titled_axes(title_of(result), height=1.6)
    horizontal_bars(axes, ["measured"], np.array([measured]), result.unit or "value",
                    colour=COLOURS[result.status])
    threshold_line(axes, bound, f"expected {_short(result.expected)}", colour="black")
    ends = (0.0, 1.15 * measured, 1.15 * bound)  # 0 and both numbers, with some room
    axes.set_xlim(min(ends), max(ends))
    legend_below(axes)
    words = f"Measured {measured:.4g}, expected {_short(result.expected)}."
    return Picture(figure, alt_of(result, words))


def _draw_words(result: CheckResult) -> Picture:
    """A card: the numbers and facts as text."""
    lines = [f"{word}: {_short(getattr(result, word))}" for word in ("measured", "expected")
             if getattr(result, word) is not None]
    lines += [f"{key.replace('_', ' ')}: {value}" for key, value in result.details.items()
              if isinstance(value, (str, int, float, bool))
              or (isinstance(value, (list, tuple)) and len(value) < 9)]
    lines += [f"→ {result.advice}"] if result.advice and not result.ok else []
    return text_card(title_of(result), [*lines, result.source], alt_of(result, "; ".join(lines)))


def _line_or_histogram(axes: Axes, name: str, series: Array) -> None:
    if len(series) > 500:  # more than a line can show
        axes.hist(series, 50, color=BLUE)
        axes.set(xlabel=name, ylabel="how often")
    else:
        axes.plot(np.arange(len(series)), series, color=BLUE)
        axes.set(xlabel="number", ylabel=name)
    axes.grid(alpha=0.3)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _series(value: Any) -> Array:
    """The finite numbers of a 1-d array or list; empty for anything else."""
    try:
        found = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return np.array([])
    return found[np.isfinite(found)] if found.ndim == 1 else np.array([])


def _is_number(value: object) -> bool:
    is_real = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return is_real and bool(np.isfinite(float(value)))  # type: ignore[arg-type]


# Keys of `details`, and what draws them. The first row whose keys are all there wins.
DRAWINGS: tuple[tuple[frozenset[str], Callable[[CheckResult], Picture]], ...] = (
    (frozenset({"images"}), _draw_images),
    (frozenset({"filters"}), _draw_filters),
    (frozenset({"ms"}), _draw_timing),
    (frozenset({"lr", "smooth"}), _draw_range_test),
    (frozenset({"train_loss", "val_loss"}), _draw_fit),
    (frozenset({"train_loss"}), _draw_curve),
    (frozenset({"losses", "per_class"}), _draw_first_losses),
    (frozenset({"losses"}), _draw_overfit),
    (frozenset({"samples", "own", "plain"}), _draw_few_samples),
    (frozenset({"samples", "validation"}), _draw_onset),
    (frozenset({"layers"}), _draw_layers),
    (frozenset({"leak"}), _draw_leak),
    (frozenset({"metric"}), _draw_metric),
    (frozenset({"outputs"}), _draw_output_range),
    (frozenset({"mean", "std"}), _draw_output_range),
)
