"""The benchmarks' parts run, each on next to nothing; how fast is for `make bench` to say."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks import compiled, machines, scaling
from benchmarks.peers import labels
from recipe_widgets import Data, Settings


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


def test_the_loop_around_a_compiled_model_learns(blobs: Data) -> None:
    """The eager half; what compiles needs a compiler."""
    settings = Settings(width=8, batch_size=32, lr=0.1)
    found = compiled.trained(blobs, settings, steps=60, compiled=False)
    assert len(found.losses) == len(found.seconds) == 60
    assert found.losses[0] == pytest.approx(math.log(3), rel=0.3)
    assert found.accuracy > 0.95
    assert found.losses == compiled.trained(blobs, settings, steps=60, compiled=False).losses


def test_planted_rows_are_found_in_the_form_that_is_compared(blobs: Data) -> None:
    planted = labels.wrong_labels(blobs)
    assert len(planted.rows) == 12
    assert labels.caught(labels.our_labels(planted), planted) == 1.0
    planted = labels.copied_images(blobs, 5)
    assert set(planted.rows[1::2]) <= set(labels.our_copies(planted))


def test_small_machines(tmp_path: Path) -> None:
    """Each section in a fresh Python, on a small program and on few images."""
    draw = np.random.default_rng(0)
    for name, shape in (("mnist", (28, 28)), ("cifar10", (32, 32, 3))):
        x = draw.integers(0, 255, (260, 4, *shape[1:]), dtype=np.uint8).repeat(shape[0] // 4, 1)
        y = np.arange(260) % 10
        np.savez(tmp_path / name, x_train=x, y_train=y, x_test=x[::-1], y_test=y[::-1])
    machine = machines.Machine({"now": machines.ROOT}, no_bf16=True, full=tmp_path,
                               nets=("sparse_relu",))
    assert "bf16 slow or hidden" in machine.about()
    nets, _ = machines.run_all(machine)
    assert set(nets.rows) == {
        "sparse_relu", "sparse_relu, checks with an answer",
        "sparse_relu, its loss with the sign flipped: first finding"
    }
    copies, = machines.duplicates(machine)
    assert "cifar10, found of 100 planted" in copies.rows
    for table in (nets, copies):
        assert all(value >= 0 for row in table.rows.values() for value in row["now"])
        assert "| now |" in table.markdown(["now"])
