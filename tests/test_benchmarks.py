"""The benchmarks' parts run, each on next to nothing; how fast is for `make bench` to say."""

from __future__ import annotations

import math

import pytest

from benchmarks import scaling


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
