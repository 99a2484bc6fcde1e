"""What notebook 04 measures, against answers known beforehand."""

import math

import numpy as np
import pytest
import torch

from recipe_widgets import RecipeError
from recipe_widgets.lessons import nb04_signals_inside as s
from recipe_widgets.lessons.nb04_signals_inside import (
    activations,
    recurrent_nets,
    signal_depth,
)


def test_slopes_of_activations_are_the_textbooks() -> None:
    z = torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64)
    out, grad = activations.slopes("sigmoid", z)
    assert torch.allclose(grad, out * (1 - out))
    assert float(grad[0]) == 0.25
    assert torch.allclose(activations.slopes("tanh", z)[1], 1 - z.tanh() ** 2)
    assert activations.slopes("relu", z)[1].tolist() == [0.0, 1.0, 0.0]
    assert activations.slopes("leaky_relu", z)[1].tolist()[1:] == [1.0, activations.LEAK]
    assert activations.curve("maxout", z).tolist() == [1.0, 1.0, 1.5]
    with pytest.raises(RecipeError, match="activation"):
        s.facts("step")


def test_facts_of_relu_on_standard_normal_inputs() -> None:
    seen = s.facts("relu", n=100_000)
    assert seen.slope == pytest.approx(0.5, abs=0.01)
    assert seen.flat == seen.zeros == pytest.approx(0.5, abs=0.01)
    assert seen.mean == pytest.approx(1 / math.sqrt(2 * math.pi), abs=0.01)
    assert not seen.centred
    assert s.facts("tanh").centred
    assert s.facts("sigmoid", scale=30).flat > 0.8
    assert "zero-centred" in s.draw_activation("tanh").alt


def test_a_linear_layer_of_standard_normal_weights_multiplies_by_the_root_of_n() -> None:
    x = torch.randn(200, 100, generator=torch.Generator().manual_seed(0))
    seen = s.propagate(x, 1, "N(0, 1)", "identity", width=400)
    assert seen.forward.shape == (3, 1)
    assert np.allclose(seen.forward, 10.0, rtol=0.05)


def test_who_keeps_the_signal() -> None:
    x = torch.randn(64, 256, generator=torch.Generator().manual_seed(0))
    he, xavier = (s.propagate(x, 20, scheme, "relu", width=256) for scheme in ("He", "Xavier"))
    assert 0.3 < he.kept < 3
    assert 0.3 < he.returned < 3
    # half the variance at each of 19 layers
    assert xavier.kept == pytest.approx(he.kept * 2**-9.5, rel=0.3)
    linear = s.propagate(x, 20, "1/sqrt(n)", "identity", width=256)
    assert 0.5 < linear.kept < 2
    assert signal_depth.word(s.propagate(x, 20, "N(0, 1)", "relu", width=256).returned) == "explodes"
    assert signal_depth.word(s.propagate(x, 20, "1/n", "tanh", width=256).kept) == "vanishes"
    with pytest.raises(RecipeError, match="propagate"):
        s.propagate(x, 0, "He", "relu")


def test_uniform_weights_are_uniform() -> None:
    w = signal_depth.weights(200, 200, "uniform(-1, 1)", torch.Generator().manual_seed(0))
    assert -1 <= float(w.min()) < -0.99
    assert float(w.std()) == pytest.approx(1 / math.sqrt(3), rel=0.02)


def test_spectral_radius_is_what_was_asked_for() -> None:
    w = recurrent_nets.with_radius(torch.randn(20, 20, generator=torch.Generator().manual_seed(0)), 1.7)
    assert float(np.abs(np.linalg.eigvals(w.numpy())).max()) == pytest.approx(1.7, rel=1e-4)


def test_gradient_over_time_is_a_power_of_the_matrix() -> None:
    seen = s.unroll(0.8, 6, "linear", seeds=1)
    w = torch.randn(recurrent_nets.UNITS, recurrent_nets.UNITS, generator=activations.rng(0), dtype=torch.float64)
    w = recurrent_nets.with_radius(w, 0.8)
    ones = torch.ones(recurrent_nets.UNITS, dtype=torch.float64)
    for k in range(7):
        assert seen.back[0,
                         k] == pytest.approx(float((torch.linalg.matrix_power(w, k) @ ones).norm()))
    assert s.unroll(0.5, 40).share < 1e-6
    assert s.unroll(1.5, 40, "linear").share > 1e3
    with pytest.raises(RecipeError, match="unroll"):
        s.unroll(1.0, 0)


def test_clipping_to_the_threshold_and_to_one() -> None:
    assert recurrent_nets.clipped(50, 10) == 10
    assert recurrent_nets.clipped(50, 10, "to one") == 1.0
    assert recurrent_nets.clipped(5, 10) == recurrent_nets.clipped(5, 10, "to one") == 5
    assert recurrent_nets.clipped(50, 0) == 50
    assert "10 after clipping at 10, and 1 where" in s.draw_recurrent(2.0, 50, "linear", 10.0).alt




def test_signals_by_layer_are_drawn_on_log_axes_that_hold_zero() -> None:
    shown = s.draw_by_layer({"He": ([1.0, 0.9], [0.5, 1.0]), "0.01": ([0.1, 0.0], [0.0, 1.0])}, "Two layers")
    assert "He, activations: 1 at the first layer, 0.9 at the last" in shown.alt
    assert "0.01, gradients: 1e-30 at the first layer" in shown.alt
    assert [axes.get_yscale() for axes in shown.figure.axes] == ["log", "log"]
    assert shown.png()


def test_numbers_by_rate_show_the_mean_of_the_seeds_and_a_run_that_diverged() -> None:
    shown = s.draw_by_rate({"mnist": {0.1: [1.0, 3.0], 1.0: [math.nan, 2.0]}}, "loss", "Two rates")
    assert "mnist at 0.1: 2" in shown.alt
    assert "mnist at 1: nan" in shown.alt
    assert "mean of 2 seeds" in shown.figure.get_suptitle()
    assert shown.figure.axes[0].get_xscale() == "log"


def test_filters_are_as_many_as_asked_for_one_row_a_name() -> None:
    draw = torch.Generator().manual_seed(0)
    shown = s.draw_filters({"a": torch.randn(9, 3, 5, 5, generator=draw), "b": torch.zeros(9, 1, 5, 5)},
                           "Filters", count=4)
    assert len(shown.figure.axes) == 8
    assert [axes.get_ylabel() for axes in shown.figure.axes[::4]] == ["a", "b"]
    assert "4 filters each" in shown.alt


def test_a_gallery_has_a_chart_for_each_run_also_for_one_that_ended_in_nan() -> None:
    shown = s.draw_gallery({"A": [2.3 - 0.02 * k for k in range(100)], "B": [2.0, math.inf, math.nan]})
    assert [axes.get_title() for axes in shown.figure.axes[:2]] == ["A", "B"]
    assert "A: from 2.3 to 0.32 in 100 steps" in shown.alt
    assert shown.png()
