"""The benchmarks' parts run, each on next to nothing; how fast is for `make bench` to say."""

from __future__ import annotations

import math

import pytest

from benchmarks import scaling
from benchmarks.peers import labels
from recipe_widgets import Data


@pytest.mark.parametrize(("measured", "sizes"), [
    (lambda: scaling.by_model({1: 4}), 1), (lambda: scaling.by_steps([50, 100]), 2),
    (lambda: scaling.by_data([100]), 1),
])
def test_growth(measured, sizes: int) -> None:
    counts, rows = measured()
    assert len(counts) == sizes
    assert counts == sorted(counts)
    for name, figures in rows:
        assert all(math.isfinite(figure) and figure >= 0 for figure in figures), name
    text = scaling.markdown("samples", counts, rows)
    assert all(name in text for name, _ in rows)


def test_planted_rows_are_found_in_the_form_that_is_compared(blobs: Data) -> None:
    planted = labels.wrong_labels(blobs)
    assert len(planted.rows) == 12
    assert labels.caught(labels.our_labels(planted), planted) == 1.0
    planted = labels.copied_images(blobs, 5)
    assert set(planted.rows[1::2]) <= set(labels.our_copies(planted))
