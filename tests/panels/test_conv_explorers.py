"""Explorers of convolutions, driven from code."""

from __future__ import annotations

import pytest

from recipe_widgets import Data, RecipeError
from recipe_widgets.panels import (
    ConvExplorer,
    KernelFilters,
)


def test_every_control_draws_anew(blobs: Data) -> None:
    explorer = ConvExplorer(blobs)
    for name, value, says in (("kernel", "box", "box turns"), ("padding", 1, "2·1"),
                              ("stride", 2, "// 2"), ("pooling", "max", "max-pooling"),
                              ("number", 3, "box"), ("kernel", "your own", "your own turns")):
        explorer.controls[name].value = value
        assert says in explorer.words
    explorer.controls["own"].value = "1 1 1 1"
    assert "(8 + 2·1 - 2) // 2 + 1 = 5" in explorer.plot().alt
    explorer.close()


def test_a_slip_is_said_and_the_picture_stays(blobs: Data) -> None:
    explorer = ConvExplorer([blobs])
    explorer.controls["kernel"].value = "your own"
    before = explorer.picture
    explorer.controls["own"].value = "1 2 banana"
    assert "numbers with spaces" in explorer.words
    assert explorer.picture is before
    explorer.controls["own"].value = "0 0 0 0 1 0 0 0 0"
    assert explorer.problem == ""
    with pytest.raises(RecipeError):
        ConvExplorer("mnist")


def test_filters_side_by_side(blobs: Data) -> None:
    explorer = KernelFilters([blobs, blobs])
    assert explorer.words.startswith("2 images through the kernels identity, edge")
    explorer.controls["kernels"].value = ("box", "edge")
    explorer.controls["times"].value = 3
    assert explorer.words == "2 images through the kernels box, edge, 3 times over."
    explorer.controls["kernels"].value = ()
    assert "at least one" in explorer.words
    with pytest.raises(RecipeError):
        KernelFilters([])
    explorer.close()
