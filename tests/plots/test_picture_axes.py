"""Numbers on the axes of pictures read as people write them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from matplotlib.figure import Figure

from recipe_widgets.core import Run, Settings
from recipe_widgets.plots import plot_run
from recipe_widgets.plots.picture import Picture


def test_a_log_axis_says_plain_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.semilogy([0, 1], [0.001, 1e5])
    said: list[str] = []
    save = Figure.savefig

    def saved(self: Figure, *args: Any, **options: Any) -> None:
        save(self, *args, **options)
        said.extend(re.sub(r"\$\\mathdefault\{(.*)\}\$", r"\1", label.get_text())
                    for label in axes.get_yticklabels())

    monkeypatch.setattr(Figure, "savefig", saved)
    Picture(figure, "a line").png()
    assert {"0.001", "0.1", "1", "10", "1000"} <= set(said)
    assert not {"10^{-1}", "10^{0}", "10^{1}"} & set(said)


def test_the_legend_names_only_what_is_drawn() -> None:
    run = Run(Settings())
    run.history.append("train_loss", 0, 2.0)
    run.history.append("train_loss", 1, 1.0)
    legend = plot_run(run).figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["training batches"]
