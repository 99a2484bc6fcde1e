"""Pictures of a search over settings: Optuna's own, in this project's style."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from recipe_widgets.plots.picture import COLOURS, Picture

if TYPE_CHECKING:
    from recipe_widgets.tune import Tuning

WORDS = {"val_loss": "validation loss (nats)", "val_accuracy": "validation accuracy (share right)"}


@contextmanager
def _pyplot_left_alone() -> Iterator[None]:
    """Optuna draws with pyplot and a style sheet of its own; afterwards pyplot's settings and
    figures are as before.
    """
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    shown = set(plt.get_fignums())
    with mpl.rc_context(), plt.ioff():
        try:
            yield
        finally:
            for number in set(plt.get_fignums()) - shown:
                plt.close(number)


def _drawn(name: str, tuning: Tuning, **more: Any) -> Figure:
    """The figure of Optuna's plot of that name; not for threads beside a live panel: pyplot is
    one for all.
    """
    import optuna
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from recipe_widgets.tune.storage import quiet_optuna

    with quiet_optuna(), _pyplot_left_alone():
        axes = getattr(optuna.visualization.matplotlib, name)(tuning.study, **more)
        figure: Figure = (axes.flat[0] if hasattr(axes, "flat") else axes).figure
    FigureCanvasAgg(figure)
    return figure


def _in_our_style(figure: Figure, title: str, size: tuple[float, float] = (7.5, 3.6)) -> None:
    figure.set_size_inches(*size)
    figure.set_facecolor("white")
    for axes in figure.axes:
        for side in ("left", "center", "right"):
            axes.set_title("", loc=side)
        axes.set_facecolor("white")
        axes.grid(visible=True, color="#bbbbbb", alpha=0.3)
        for text in (axes.xaxis.label, axes.yaxis.label, *axes.get_xticklabels(),
                     *axes.get_yticklabels()):
            text.set_color("#222222")
            text.set_fontsize(9)
    figure.suptitle(textwrap.fill(title, 95), fontsize=10)


def _recoloured(figure: Figure) -> None:
    """Points blue, lines orange: the colours that the colour-blind tell apart."""
    for axes in figure.axes:
        if (legend := axes.get_legend()) is not None:
            legend.remove()  # it names the colours that go, one by one where there are many trials
        for points in axes.collections:
            if len(points.get_facecolor()) == 1:  # one colour for all: no scale
                points.set_facecolor(COLOURS["train"])
        for line in axes.lines:
            line.set_color(COLOURS["val"])
        for bar in axes.patches:
            bar.set_facecolor(COLOURS["train"])


def _picture(name: str, title: str, tuning: Tuning, alt: str, **more: Any) -> Picture:
    figure = _drawn(name, tuning, **more)
    _in_our_style(figure, title)
    if name != "plot_parallel_coordinate":
        _recoloured(figure)
    return Picture(figure, alt)


def plot_history(tuning: Tuning) -> Picture:
    """The value of each whole trial, and the best so far."""
    title = f"{tuning.name}, {len(tuning.ranked())} whole trials: {tuning.words()}"
    return _picture("plot_optimization_history", title, tuning,
                    f"{len(tuning.ranked())} whole trials; {tuning.words()}.",
                    target_name=WORDS[tuning.metric])


def plot_importances(tuning: Tuning) -> Picture:
    """How much each knob matters, as bars that sum to 1, and how sure that is."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    found = tuning.importances()
    most, share = next(iter(found.items()))
    title = (f"{tuning.name}, {found.trials} trials: {most} explains most of which are good ({share:.0%}). "
             f"{found.warning}")
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    names = list(found)[::-1]  # the largest on top
    axes.barh(names, [found[name] for name in names], color=COLOURS["train"])
    axes.hlines(names, *zip(*(found.intervals[name] for name in names), strict=True), color="#222222")
    axes.set(xlim=(0, 1), xlabel="share, with its 95 % interval")
    _in_our_style(figure, title.strip())
    return Picture(figure, f"Importances: {found}.")


def plot_slice(tuning: Tuning) -> Picture:
    """Value against each knob."""
    return _picture(
        "plot_slice", f"{tuning.name}, knob by knob: {tuning.words()}", tuning,
        f"{WORDS[tuning.metric]} of {len(tuning.ranked())} whole trials against each of "
        f"{', '.join(tuning.space.names)}; {tuning.words()}.", target_name=WORDS[tuning.metric])


def plot_parallel(tuning: Tuning) -> Picture:
    """Each trial as a line through all its knobs."""
    return _picture("plot_parallel_coordinate",
                    f"{tuning.name}, all knobs at once: {tuning.words()}", tuning,
                    f"{len(tuning.ranked())} whole trials as lines; {tuning.words()}.",
                    target_name=WORDS[tuning.metric])


def plot_curves(tuning: Tuning) -> Picture:
    """What each trial reported on its way, the pruned ones too."""
    pruned = sum(trial.state == "pruned" for trial in tuning.table())
    title = f"{tuning.name}: {pruned} of {len(tuning.table())} trials cut short"
    picture = _picture(
        "plot_intermediate_values", title, tuning,
        f"Validation by step of {len(tuning.table())} trials, {pruned} of them pruned.")
    for axes in picture.figure.axes:
        axes.set(xlabel="step", ylabel=WORDS[tuning.metric])
    return picture


_KINDS: dict[str, Callable[[Tuning], Picture]] = {
    "history": plot_history, "importances": plot_importances, "slice": plot_slice, "parallel":
    plot_parallel, "curves": plot_curves
}


def plot_tuning(tuning: Tuning, kind: str) -> Picture:
    """One of the pictures of a search: "history", "importances", "slice", "parallel", "curves"."""
    return _KINDS[kind](tuning)
