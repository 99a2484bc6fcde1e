"""What notebook 03 measures, against answers known beforehand."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets import Data, Settings
from recipe_widgets.lessons import nb03_check_the_machinery as m
from recipe_widgets.lessons.nb03_check_the_machinery import (
    input_dependence,
    input_speed,
    numeric_gradients,
)
from recipe_widgets.training import evaluate


def test_the_hand_written_swish_is_torchs_silu_and_the_wrong_one_has_another_slope() -> None:
    x = torch.linspace(-4, 4, 50, dtype=torch.float64)
    for right in (True, False):
        mine, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
        a, b = m.Swish(right)(mine), F.silu(theirs)
        assert torch.allclose(a, b)
        a.sum().backward()
        b.sum().backward()
        assert torch.allclose(mine.grad, theirs.grad) == right


def test_error_of_central_differences_is_that_of_the_formula() -> None:
    # L(w) = w³ along any direction: (L(1 + h) - L(1 - h)) / 2h = 3 + h², so the relative error is
    # h² / (6 + h²).
    class Cube(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.ones(1, dtype=torch.float64))

    model = Cube()
    found = numeric_gradients.gradient_error(model, lambda: model.w.pow(3).sum(), 0.1, directions=1)
    g = torch.Generator().manual_seed(0)
    v = float(torch.randn(1, generator=g))
    assert found == pytest.approx((0.1 * v) ** 2 / (6 + (0.1 * v) ** 2), rel=1e-6)
    assert model.w.item() == 1.0


def test_step_sizes_have_a_best_in_the_middle(blobs: Data) -> None:
    curve = numeric_gradients.error_curve(blobs)
    best = numeric_gradients.STEPS[int(curve.argmin())]
    assert 1e-7 <= best <= 1e-3
    assert curve.min() < 1e-8
    assert curve[-1] > 100 * curve.min() < curve[0]
    assert numeric_gradients.error_curve(blobs, dtype="float32").min() > curve.min()
    assert "useless" in m.draw_error(blobs, h=1e-9, dtype="float32").alt
    # without kinks an error of 1e-5 is too high (CS231n)
    assert 1e-7 < curve[1] < 1e-4
    assert "doubtful" in m.draw_error(blobs, h=1e-2).alt
    assert "fine" in m.draw_error(blobs, h=1e-5).alt


def test_pitfalls_mislead_where_they_should(blobs: Data) -> None:
    rows = {row.situation: row for row in m.pitfalls(blobs).rows}
    assert not rows["right gradient, float64, h = 1e-5"].misled
    assert not rows["wrong gradient, float64, h = 1e-5"].misled
    for part in ("dropout", "weight decay", "head still at zero"):
        assert next(row for name, row in rows.items() if part in name).misled, part
    assert not rows["the same after 5 steps of training"].misled
    assert "mislead" in str(m.pitfalls(blobs))


def test_dependence_charts_are_exactly_zero_where_they_must_be() -> None:
    class CumulativeSum(nn.Module):
        def __init__(self, axis: int) -> None:
            super().__init__()
            self.axis = axis

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.cumsum(self.axis)

    x = torch.randn(4, 6, 5, generator=torch.Generator().manual_seed(0))
    apart, mixed = nn.Flatten(), CumulativeSum(0)  # mixed: sample 3 is a sum of samples 0 to 3
    found = m.dependence_charts(apart, mixed, x)
    assert found.strangers == (0.0, 0.5)
    assert (np.diag(input_dependence.chart(apart, x)) > 0).all()
    earlier, all_of_them = CumulativeSum(1), nn.Softmax(1)
    seen = m.dependence_charts(earlier, all_of_them, x, axis=1, names=("with", "without"))
    assert seen.strangers == (0.0, 1.0)


def test_pil_and_tensors_give_the_same_pictures(blobs: Data) -> None:
    x, y = input_speed.PilDataset(blobs.train, 5)[3]
    mine, label = blobs.train.batch(torch.tensor([3]))
    assert torch.allclose(x, mine[0], atol=1e-5)
    assert y == int(label[0])


def test_ways_to_read_stop_at_the_last_picture(blobs: Data) -> None:
    # as many as there are: 64 bytes for each, times 1,000, in kilobytes
    assert m.ways_to_read(blobs, n=10**6).kilobytes["bytes in memory"] == 64


def test_ways_to_read_count_bytes(blobs: Data) -> None:
    seen = m.ways_to_read(blobs, n=20)
    assert seen.kilobytes["bytes in memory"] == 64.0  # 8 x 8 bytes a picture
    assert seen.kilobytes["half resolution in memory"] == 16.0
    assert all(ms > 0 for ms in seen.ms.values())


def test_milestones_come_in_order(blobs: Data) -> None:
    seen = m.milestones(blobs, Settings(width=16, max_steps=60, batch_size=32), seeds=2, every=5,
                        look=100)
    assert len(seen.first) == len(seen.converged) == 2
    for (first, _), (converged, _), final in zip(seen.first, seen.converged, seen.final,
                                                 strict=True):
        assert first <= converged <= 60
        assert final > 0.9
    assert "2 of 2 seeds" in str(seen)
    assert "of the steps that convergence took" in str(seen)
    still = m.milestones(blobs, Settings(width=16, max_steps=5, lr=0.0), seeds=1, every=5)
    assert still.converged[0][0] == 5  # its first look is as good as its best
    assert ("not within the run" in str(still)) == (still.final[0] < 2 / 3)


def test_small_net_is_the_same_at_every_call(blobs: Data) -> None:
    a, b = (m.small_net(blobs, nn.ReLU()) for _ in range(2))
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert math.isfinite(evaluate(a, blobs.validation).loss)
