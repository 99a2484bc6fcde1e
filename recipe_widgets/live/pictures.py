"""Bands over seeds, as a picture shows them."""

from __future__ import annotations

from recipe_widgets.live.seed_band import SeedBand, stretch
from recipe_widgets.live.status_text import knob_words
from recipe_widgets.plots import CurveBand


def bands(band: SeedBand | None) -> list[CurveBand]:
    """The range over seeds of both settings, in the chart of loss and in that of accuracy."""
    if band is None:
        return []
    found = []
    for role, runs, label in (("old", band.olds, knob_words(band.old, band.new)),
                              ("new", band.news, knob_words(band.new, band.old))):
        for column, chart, factor in (("val_loss", "loss", 1.0), ("val_accuracy", "accuracy",
                                                                  100.0)):
            x, low, middle, high = stretch(runs, column)
            if len(x):
                found.append(
                    CurveBand(f"{len(runs)} seeds, {label}", role, chart, x, low * factor,
                           middle * factor, high * factor))
    return found
