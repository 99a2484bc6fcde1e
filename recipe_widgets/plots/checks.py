"""`CheckResult.plot()`: the evidence of any check as a picture, chosen by what lies in its
`details`.

Whoever writes a check needs no drawing of its own: `details["images"]` uint8 (n, C, H, W) with
`details["captions"]` becomes a gallery, `{"layers": names, ...: array}` bars by layer, a mapping of
names to numbers bars, and so on.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipe_widgets.core import CheckResult
from recipe_widgets.core.validation import validated
from recipe_widgets.plots import training
from recipe_widgets.plots.figures import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    YELLOW,
    horizontal_bars,
    image_grid,
    legend_below,
    text_card,
    threshold_line,
    titled_axes,
)
from recipe_widgets.plots.picture import Picture

Draw = Callable[[CheckResult], Picture]
Array = npt.NDArray[np.float64]
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
COLOURS = {"pass": GREEN, "note": BLUE, "skip": GREY, "warn": YELLOW, "fail": ORANGE}
MARKS = {"pass": "✓", "note": "i", "skip": "–", "warn": "!", "fail": "✗"}

# What bars by layer or by name mean: axis label with its unit, whether it is logarithmic,
# thresholds with their names.
_AXES: dict[str, tuple[str, bool, tuple[tuple[float, str], ...]]] = {
    "dead": ("share of units that are zero for all samples", False, ((0.4, "many"), )), "saturated":
    ("share of units saturated on most samples", False, ((0.5, "most"), )), "errors":
    ("relative error of the gradient", True, ((1e-4, "kinks"), (1e-2, "wrong"))), "radii":
    ("spectral radius", False,
     ((1.0, "keeps a signal"), )), "rms": ("gradient, root mean square per weight", True, ()),
    "std": ("standard deviation of the outputs", True, ()), "ratio":
    ("change of the weights per step / weights", True,
     ((1e-4, "very small"), (1e-1, "very large"))), "per_class": ("first loss (nats)", False, ()),
    "metric": ("what the evaluation gives, batches cut differently", False,
               ()), "counts": ("samples", False, ()),
}


@validated
def plot_check(result: CheckResult) -> Picture:
    """The picture of one finding; a card of its words where it holds no numbers."""
    details = result.details
    for keys, draw in _BY_KEYS:
        if keys <= set(details):
            try:
                return draw(result)
            except Exception:  # evidence of another shape than its name promises: draw what there is
                continue
    return _anything(result)


def title_of(result: CheckResult) -> str:
    return f"{MARKS[result.status]} {result.name}: {result.message}"


def alt_of(result: CheckResult, numbers: str = "") -> str:
    return " ".join(part for part in (f"{result.name}, {result.status}: {result.message}.", numbers)
                    if part)


def _gallery(result: CheckResult) -> Picture:
    captions = [str(caption) for caption in result.details.get("captions", ())]
    images = np.asarray(result.details["images"])
    if images.ndim != 4 or not len(images):
        raise ValueError("no images")
    return image_grid(images, captions, title_of(result), alt_of(result))


def _filters(result: CheckResult) -> Picture:
    filters = np.asarray(result.details["filters"])
    images = filters if filters.shape[1] in (1, 3) else filters[:, :1]
    return image_grid(images, [], title_of(result),
                   alt_of(result, f"{len(filters)} filters of the first convolution."))


def _layers(result: CheckResult) -> Picture:
    """{"layers": names, key: (n,)}: one bar per layer, in the order of the layers."""
    key = next(k for k in result.details if k != "layers" and np.ndim(result.details[k]) == 1)
    return _named_bars(result, key, list(result.details["layers"]),
                       np.asarray(result.details[key], np.float64))


def _mapping(result: CheckResult) -> Picture:
    """The first mapping of names to numbers."""
    for key, value in result.details.items():
        if isinstance(value, Mapping) and value and all(_is_number(v) for v in value.values()):
            return _named_bars(result, key, list(map(str, value)),
                               np.array(list(value.values()), np.float64))
    raise ValueError("no mapping of numbers")


def _named_bars(result: CheckResult, key: str, names: list[str], values: Array) -> Picture:
    label, log, lines = _AXES.get(key, (key.replace("_", " "), False, ()))
    if len(names) != len(values):
        raise ValueError("names and values differ in length")
    figure, axes = titled_axes(title_of(result), height=min(9.0, 1.4 + 0.24 * len(names)))
    horizontal_bars(axes, names, values, label, log, COLOURS[result.status])
    for value, text in lines:
        threshold_line(axes, value, f"{text} ({value:g})", colour="black")
    if "share" in label:
        axes.set_xlim(0, 1)
    legend_below(axes)
    order = np.argsort(values)
    ends = f"{label}: from {values[order[0]]:.3g} ({names[order[0]]}) to {values[order[-1]]:.3g} ({names[order[-1]]})."
    return Picture(figure, alt_of(result, ends))


def _overfit(result: CheckResult) -> Picture:
    losses = np.asarray(result.details["losses"], np.float64)
    if not len(losses):
        raise ValueError("no losses")
    figure, axes = titled_axes(title_of(result))
    training.loss_axis(axes, losses)
    axes.plot(np.arange(len(losses)), losses, color=BLUE, marker="." if len(losses) == 1 else None)
    axes.set(xlabel="step, on these samples alone", ylabel="training loss")
    return Picture(figure, alt_of(result,
                                  f"The loss goes from {losses[0]:.3g} to {losses[-1]:.3g}."))


def _first_losses(result: CheckResult) -> Picture:
    """First losses of several initialisations, and of each class, beside the expectation."""
    losses, per_class = np.asarray(result.details["losses"],
                                   np.float64), result.details["per_class"]
    names = [f"batch {i}" for i in range(len(losses))] if len(losses) <= 12 else []
    if names:
        values = losses
    else:
        names, values = ["lowest batch", "median batch",
                         "highest batch"], np.quantile(losses, [0, 0.5, 1])
    names += [f"class {name}" for name in per_class]
    values = np.array([*values, *per_class.values()], np.float64)
    figure, axes = titled_axes(title_of(result), height=min(9.0, 1.4 + 0.24 * len(names)))
    horizontal_bars(axes, names, values, f"first loss{f' ({result.unit})' if result.unit else ''}")
    if _is_number(result.expected):
        threshold_line(axes, float(str(result.expected)), f"expected {float(str(result.expected)):.3g}",
                colour="black")
    legend_below(axes)
    return Picture(figure,
                   alt_of(result, f"First losses from {values.min():.3g} to {values.max():.3g}."))


def _few(result: CheckResult) -> Picture:
    details = result.details
    names = [f"{n} samples" for n in details["samples"]]
    figure, axes = titled_axes(title_of(result), height=2.3)
    for offset, (key, colour, hatch) in enumerate((("own", BLUE, ""), ("plain", GREY, "//"))):
        values = np.asarray(details[key], np.float64)
        places = np.arange(len(values)) + (offset - 0.5) * 0.36
        label = {"own": "your settings", "plain": "plain Adam"}[key]
        axes.barh(places, values, 0.34, color=colour, hatch=hatch, label=label)
    axes.set_yticks(np.arange(len(names)), names)
    axes.set(xlabel="share of the loss left (0: learnt by heart)")
    axes.invert_yaxis()
    legend_below(axes)
    words = ", ".join(
        f"{name} {value:.2g}" for name, value in zip(names, details["own"], strict=True))
    return Picture(figure, alt_of(result, f"Loss left with your settings: {words}."))


def _onset(result: CheckResult) -> Picture:
    samples, held = (np.asarray(result.details[key], np.float64)
                     for key in ("samples", "validation"))
    figure, axes = titled_axes(title_of(result))
    axes.plot(samples, held, "o-", color=BLUE)
    axes.set(xlabel="training samples", ylabel="validation loss", xscale="log")
    axes.set_xticks(samples, [f"{n:g}" for n in samples])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    words = ", ".join(f"{n:g}: {loss:.3g}" for n, loss in zip(samples, held, strict=True))
    return Picture(figure, alt_of(result, f"Validation loss by samples: {words}."))


def _leak(result: CheckResult) -> Picture:
    leak = np.asarray(result.details["leak"], np.float64)
    figure, axes = titled_axes(title_of(result))
    axes.bar(np.arange(len(leak)), leak, color=COLOURS[result.status])
    axes.set(xlabel="position t of the input that is exchanged",
             ylabel="change of outputs before t\n(relative)")
    return Picture(
        figure,
        alt_of(result, f"The largest change of earlier outputs is {leak.max(initial=0):.3g}."))


def _metric(result: CheckResult) -> Picture:
    values = np.asarray(result.details["metric"], np.float64)
    return _named_bars(result, "metric", [f"cut {i + 1}" for i in range(len(values))], values)


def _range(result: CheckResult) -> Picture:
    """Where outputs lie: their lowest and highest, or mean and standard deviation."""
    details = result.details
    if "outputs" in details:
        facts = dataclasses.asdict(details["outputs"])
        low, high, words = facts["low"], facts["high"], "lowest to highest output"
    else:
        low, high, words = details["mean"] - details["std"], details["mean"] + details[
            "std"], "mean ± standard deviation"
    figure, axes = titled_axes(title_of(result), height=1.6)
    axes.plot([low, high], [0, 0], "|-", color=COLOURS[result.status], linewidth=4, markersize=16)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set(xlabel=f"output ({words})", yticks=[], ylim=(-1, 1))
    return Picture(figure, alt_of(result, f"{words}: {low:.3g} to {high:.3g}."))


def _anything(result: CheckResult) -> Picture:
    """Numbers without a drawing of their own: bars, a line or a histogram; else the words."""
    try:
        return _mapping(result)
    except ValueError:
        pass
    for key, value in result.details.items():
        series = _series(value)
        if len(series) > 2:
            figure, axes = titled_axes(title_of(result))
            _line_or_histogram(axes, key.replace("_", " "), series)
            return Picture(
                figure,
                alt_of(result,
                       f"{len(series)} numbers from {series.min():.3g} to {series.max():.3g}."))
    bound = _NUMBER.search(str(result.expected))
    if _is_number(result.measured) and bound and (float(str(result.measured)) or float(bound[0])):
        return _measured(result, float(str(result.measured)), float(bound[0]))
    return _words(result)


def _measured(result: CheckResult, measured: float, bound: float) -> Picture:
    """One number beside what was expected, which may be a bound: "below 0.3"."""
    figure, axes = titled_axes(title_of(result), height=1.6)
    horizontal_bars(axes, ["measured"], np.array([measured]), result.unit or "value",
         colour=COLOURS[result.status])
    threshold_line(axes, bound, f"expected {_short(result.expected)}", colour="black")
    axes.set_xlim(min(0.0, 1.15 * measured, 1.15 * bound), max(0.0, 1.15 * measured, 1.15 * bound))
    legend_below(axes)
    return Picture(figure,
                   alt_of(result, f"Measured {measured:.4g}, expected {_short(result.expected)}."))


def _words(result: CheckResult) -> Picture:
    """A card: the numbers and facts as text."""
    lines = [f"{word}: {_short(getattr(result, word))}" for word in ("measured", "expected")
             if getattr(result, word) is not None]
    lines += [
        f"{key.replace('_', ' ')}: {value}" for key, value in result.details.items()
        if isinstance(value, (str, int, float,
                              bool)) or (isinstance(value, (list, tuple)) and len(value) < 9)
    ]
    lines += [f"→ {result.advice}"] if result.advice and not result.ok else []
    return text_card(title_of(result), [*lines, result.source], alt_of(result, "; ".join(lines)))


def _line_or_histogram(axes: Axes, name: str, series: Array) -> None:
    if len(series) > 500:
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
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and bool(
        np.isfinite(float(value)))


def _of_training(draw: Callable[[CheckResult, str, str], tuple[Figure, str]]) -> Draw:
    def drawn(result: CheckResult) -> Picture:
        figure, words = draw(result, title_of(result), COLOURS[result.status])
        return Picture(figure, alt_of(result, words))

    return drawn


# The first whose keys are all there draws.
_BY_KEYS: tuple[tuple[frozenset[str], Draw], ...] = (
    (frozenset({"images"}), _gallery),
    (frozenset({"filters"}), _filters),
    (frozenset({"ms"}), _of_training(training.draw_timing)),
    (frozenset({"lr", "smooth"}), _of_training(training.draw_range_test)),
    (frozenset({"train_loss", "val_loss"}), _of_training(training.draw_fit)),
    (frozenset({"train_loss"}), _of_training(training.draw_curve)),
    (frozenset({"losses", "per_class"}), _first_losses),
    (frozenset({"losses"}), _overfit),
    (frozenset({"samples", "own", "plain"}), _few),
    (frozenset({"samples", "validation"}), _onset),
    (frozenset({"layers"}), _layers),
    (frozenset({"leak"}), _leak),
    (frozenset({"metric"}), _metric),
    (frozenset({"outputs"}), _range),
    (frozenset({"mean", "std"}), _range),
)
