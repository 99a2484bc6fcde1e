"""What notebook 04 measures, against answers known beforehand."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from recipe_widgets import Data, RecipeError, Run, Settings
from recipe_widgets.lessons import nb04_signals_inside as s
from recipe_widgets.lessons.nb04_signals_inside import (
    activations,
    filters_and_curves,
    recurrent_nets,
    signal_depth,
)
from recipe_widgets.models import build_model
from recipe_widgets.training import Training


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


def test_positive_inputs_give_weight_gradients_of_one_sign(blobs: Data) -> None:
    seen = s.one_sign(blobs, samples=8, seeds=2).shares
    assert seen["sigmoid"] == seen["relu"] == (1.0, 1.0)
    assert max(seen["tanh"]) < 0.1


def test_a_linear_layer_of_standard_normal_weights_multiplies_by_the_root_of_n() -> None:
    x = torch.randn(200, 100, generator=torch.Generator().manual_seed(0))
    seen = s.propagate(x, 1, "N(0, 1)", "identity", width=400)
    assert seen.forward.shape == (3, 1)
    assert np.allclose(seen.forward, 10.0, rtol=0.05)
    lines = s.sum_std((100,)).splitlines()
    measured, root = map(float, lines[1].split()[1:])
    assert root == 10.0
    assert measured == pytest.approx(10.0, rel=0.05)


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


def test_grid_and_its_best(blobs: Data) -> None:
    grid = s.signal_grid(blobs, depth=12, activations=("tanh", "relu"), width=64)
    assert grid.best("relu") == "He"
    assert "vanishes / vanishes" in grid.table()
    assert "keeps its size" in s.draw_signals(blobs, 8, "He", "relu", 128).alt


@pytest.mark.parametrize(("std", "says"), [(math.sqrt(2 / 256), "Right"), (0.05, "Too small"),
                                           (0.2, "Too large"), (-1, "positive"), ("x", "positive")])
def test_the_exercise_on_std(std: float, says: str) -> None:
    assert says in s.check_std(std)


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


def test_the_slip_makes_steps_of_length_one_and_clipping_of_the_threshold(blobs: Data) -> None:
    for kind, wanted in ((recurrent_nets.ClipToOne, 1.0), (Training, 1e-3)):
        settings = Settings(lr=0.5, momentum=0.0, width=8, clip_norm=1e-3, max_steps=1)
        run = kind(build_model(settings, blobs.shape, 3), blobs, settings)
        before = torch.cat([p.detach().flatten().clone() for p in run.model.parameters()])
        run.step()
        after = torch.cat([p.detach().flatten() for p in run.model.parameters()])
        assert float((after - before).norm()) == pytest.approx(0.5 * wanted, rel=1e-2)


def one_norm(grads: list[torch.Tensor]) -> float:
    return float(torch.cat([g.flatten() for g in grads]).norm())


@pytest.mark.parametrize(
    ("mine", "says"),
    [(lambda grads, t: [g * min(1.0, t / one_norm(grads)) for g in grads], "Right"),
     (lambda grads, t: [g / one_norm(grads) if one_norm(grads) > t else g
                        for g in grads], "multiply by the threshold"),
     (lambda grads, t: [g * min(1.0, t / float(g.norm())) for g in grads], "turns the direction"),
     (lambda grads, t: [g * t / one_norm(grads) for g in grads], "must stay"),
     (lambda grads, t: [g.clamp(-t, t) for g in grads], "turns the direction"),
     (lambda grads, t: grads, "became 50"), (lambda grads, t: grads[:1], "same shape"),
     (lambda grads, t: None, "stops with TypeError"), ])
def test_the_exercise_on_clipping(mine: object, says: str) -> None:
    assert says in s.check_clip(mine)


def test_row_readers_and_races(blobs: Data) -> None:
    settings = Settings(model="rnn", activation="tanh", width=16, max_steps=12, eval_every=12,
                        lr=0.02)
    model = s.row_reader(blobs, settings, 3.0)
    w = dict(model.named_parameters())["rnn.weight_hh_l0"].detach()
    assert float(torch.linalg.eigvals(w).abs().max()) == pytest.approx(3.0, rel=1e-3)
    seen = s.radius_race(blobs, settings, (0.5, 1.0), seeds=2)
    assert list(seen.runs) == ["radius 0.5", "radius 1"]
    clips = s.clip_race(blobs, settings, 2.0, seeds=1)
    assert list(clips.runs) == ["not clipped", "scaled to 1", "scaled to 10", "above 10: to 1"]
    assert "highest on average" in clips.summary()
    assert "mean and range of 1 seeds" in clips.dots().alt


def test_dead_units_are_counted_over_the_whole_training_set(blobs: Data) -> None:
    model = build_model(Settings(width=10), blobs.shape, 3)
    first = next(m for m in model.modules() if isinstance(m, nn.Linear))
    with torch.no_grad():
        first.bias[:4] = -1e6
        first.bias[4:] = 1e6
    assert s.dead_share(model, blobs) == pytest.approx(0.4)


def test_dying_tells_what_diverged(blobs: Data) -> None:
    seen = s.dying(blobs, Settings(width=16, max_steps=40, momentum=0.0), (0.1, 1e5), seeds=2)
    assert seen.lost(0.1) == 0
    assert seen.lost(1e5) > 0
    assert "learning rate 0.1" in seen.verdict()
    assert "diverged" in str(seen)


def test_mean_slopes_fall_with_the_weights(blobs: Data) -> None:
    seen = s.mean_slopes(blobs, (0.1, 1.0, 30.0), seeds=2)
    means = [seen.mean(name) for name in seen.values]
    assert means == sorted(means, reverse=True)
    assert 0.2 < means[0] <= 0.25


def test_races_compare_what_they_say(blobs: Data) -> None:
    base = Settings(width=16, max_steps=60, batch_size=32, eval_every=60)
    seen = s.activation_race(blobs, base, ("relu", "maxout"), seeds=2)
    assert seen.sizes == {"relu": 64 * 16 + 16 + 17 * 3, "maxout": 2 * (64 * 16 + 16) + 17 * 3}
    norms = {"he": s.norm_race(blobs, base, "he", ("none", "batch"), seeds=2)}
    assert s.norm_verdict(norms).startswith("blobs, init he: batch ")
    assert set(s.saturation_runs(blobs, base, 1).runs) == {"Xavier", "N(0, 1)", "tanh, Xavier"}


def test_verdict_on_norms_goes_by_the_numbers() -> None:
    done = Run(Settings(), status="done")
    for none, batch, says in (([0.5, 0.6], [0.7, 0.8], "helps"), ([0.7, 0.8], [0.5, 0.6], "harms"),
                              ([0.5, 0.7], [0.6, 0.8], "no difference beyond")):
        race = s.NetworkRace({"none, init x": [done, done], "batch, init x": [done, done]}, "d")
        object.__setattr__(race, "scores", lambda label, a=none, b=batch: a
                           if label.startswith("none") else b)
        assert says in s.norm_verdict({"x": race})


def test_update_sizes_grow_with_the_rate(blobs: Data) -> None:
    seen = s.update_runs(blobs, Settings(width=16, max_steps=40, momentum=0.0), (1e-3, 1e-1))
    assert 5 < seen.ratio(0.1) / seen.ratio(1e-3) < 200
    assert "Lowest loss at lr 0.1" in str(seen)
    assert "updates of" in seen.plot().alt


def test_smoothness_of_known_pictures() -> None:
    ramp = np.tile(np.linspace(-1, 1, 8)[None, None, :, None], (4, 1, 1, 8))
    board = np.indices((8, 8)).sum(0)[None, None] % 2 * 2.0 - 1
    noise = np.random.default_rng(0).normal(size=(200, 1, 8, 8))
    assert filters_and_curves.smoothness(ramp) > 0.7
    assert filters_and_curves.smoothness(board) < -0.9
    assert abs(filters_and_curves.smoothness(noise)) < 0.02


def test_filters_are_taken_at_the_steps_asked_for(blobs: Data) -> None:
    seen = s.filters_over_time(blobs, {"one": Settings(width=8, lr=0.1, batch_size=32)},
                               at=(0, 5, 30), count=4)
    first = build_model(Settings(width=8), blobs.shape, 3)
    assert seen.smooth["one"][0] == pytest.approx(
        filters_and_curves.smoothness(filters_and_curves.first_filters(first, blobs)))
    assert seen.smooth["one"][2] > seen.smooth["one"][0]
    assert "at step 30" in seen.picture.alt


def test_filters_always_begin_with_those_before_the_first_step(blobs: Data) -> None:
    kinds = {"one": Settings(width=8, lr=0.1, batch_size=32)}
    whole, given = (s.filters_over_time(blobs, kinds, at=at, count=4)
                    for at in ((0, 5, 30), (30, 5)))
    assert given.at == whole.at == (0, 5, 30)
    assert given.smooth == whole.smooth


def test_the_gallery_names_kinds(blobs: Data) -> None:
    base = Settings(width=16, max_steps=60, batch_size=32)
    gallery = s.curve_gallery(blobs, {"sound": base.replace(lr=0.05), "still": base.replace(lr=0.0),
                                      "broken": base.replace(init="normal", depth=6, lr=1e6)})
    assert gallery.shape("sound") == "falling"
    assert gallery.shape("still") == "flat"
    assert gallery.shape("broken") == "not a number"
    assert "falling" not in gallery.plot(named=False).alt
    assert "A (sound): falling" in gallery.plot().alt
    assert len(s.curve_variants()) == 6
