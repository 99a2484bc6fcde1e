import math

import numpy as np
import pytest
import torch

from recipe_widgets import Data, RecipeError, Settings
from recipe_widgets.lessons.nb05_overfit import (
    architectures,
    convolution,
    learning_curves,
    memorising,
    small_nets,
)
from recipe_widgets.models import build_model, count_parameters

SHORT = Settings(width=16, max_steps=40, batch_size=32)


def test_a_zeroed_input_is_zero_after_normalisation_too(blobs: Data) -> None:
    blank = memorising.zeroed(blobs)
    x, y = blank.train.batch(torch.arange(5))
    assert x.abs().max() == 0
    assert torch.equal(y, blobs.train.y[:5])
    assert blank.name == "blobs, input zeroed"
    assert blank.shape == blobs.shape
    assert blobs.train.x.max() > 0


def test_random_labels_keep_images_and_class_counts(blobs: Data) -> None:
    shuffled = memorising.random_labels(blobs, seed=1)
    assert torch.equal(shuffled.train.x, blobs.train.x)
    assert torch.equal(torch.bincount(shuffled.train.y), torch.bincount(blobs.train.y))
    assert (shuffled.train.y == blobs.train.y).float().mean() < 0.6
    assert torch.equal(shuffled.validation.y, blobs.validation.y)


def test_entropy_of_labels() -> None:
    assert memorising.label_entropy(torch.tensor([0, 1, 2, 3])) == pytest.approx(math.log(4))
    assert memorising.label_entropy(torch.tensor([2, 2])) == 0
    assert memorising.label_entropy(torch.tensor([0, 0, 0, 1])) == pytest.approx(0.5623, abs=1e-4)


def test_one_sample_needs_no_input_and_a_handful_does(blobs: Data) -> None:
    one = memorising.recall(blobs, SHORT, 1, seeds=2)
    assert max(one.ends["zeros"]) < 0.1
    assert "zeros do just as well" in str(one)
    few = memorising.recall(blobs, SHORT.replace(max_steps=100), 9, seeds=2)
    assert few.floor == pytest.approx(math.log(3))
    assert max(few.ends["real input"]) < 0.05
    assert min(few.ends["zeros"]) > 0.98 * few.floor
    assert "stays at what the labels alone allow (1.099)" in str(few)
    assert "real input ends at" in few.plot().alt


def test_suspects_are_told_apart(blobs: Data) -> None:
    found = memorising.suspects(blobs, Settings(width=32))
    assert found["sound"].status == "pass"
    assert all(found[name].status == "warn" for name in found if name != "sound")
    assert "bug" in found["a bug"].message
    assert "regularised" in found["regularised"].message


def test_more_units_learn_a_batch(blobs: Data) -> None:
    found = memorising.raise_capacity(blobs, SHORT.replace(optimizer="adam", lr=0.01, max_steps=120),
                                   (1, 32), 32, seeds=2)
    assert max(found.losses[32]) < min(found.losses[1])
    assert found.parameters[32] == 64 * 32 + 32 + 32 * 3 + 3
    assert found.enough == 32
    assert found.answers[32] == found.labels
    assert "From width 32 on" in str(found)
    assert "Loss on one batch by width" in found.plot().alt
    with pytest.raises(RecipeError):
        memorising.raise_capacity(blobs, SHORT, (4,), samples=3)


def test_random_labels_are_learnt_and_tell_nothing(blobs: Data) -> None:
    found = memorising.memorise(blobs, SHORT.replace(width=128, max_steps=400), 60, seeds=2)
    assert min(found.right["random labels"]) > 0.99
    assert np.mean(found.steps["random labels"]) > np.mean(found.steps["true labels"])
    assert found.runs.worst("true labels") > found.runs.best("random labels")
    assert "memorises 60 random labels" in str(found)


def test_measured_points_and_their_onset(blobs: Data) -> None:
    curve = learning_curves.learning_curve({"blobs": (blobs, SHORT)}, (3, 200), seeds=2)
    assert curve.chance == pytest.approx(1 / 3)
    assert min(curve.points["blobs", 200].val) > 0.9
    assert len(curve.points["blobs", 3].train) == 2
    assert "n = 2" in str(curve)
    assert "200:" in curve.plot(mark=("blobs", 200)).alt


@pytest.mark.parametrize(("values", "onset"), [((0.1, 0.1, 0.5), 100), ((0.5, 0.5, 0.5), 5),
                                               ((0.5, 0.1, 0.5), 100), ((0.5, 0.5, 0.1), None)])
def test_onset_is_where_every_later_point_beats_chance(values: tuple, onset: int | None) -> None:
    points = {("a", n): learning_curves.CurvePoint((1.0, ), (v, v + 0.1))
              for n, v in zip((5, 10, 100), values, strict=True)}
    assert learning_curves.AccuracyCurve("samples", 0.1, points).onset("a") == onset


def test_the_widest_is_judged_beside_the_best() -> None:
    validation = {("a", 1): (0.5, 0.6), ("a", 8): (0.8, 0.9), ("a", 64): (0.6, 0.7),
                  ("b", 1): (0.1,), ("b", 64): (0.2,)}
    points = {key: learning_curves.CurvePoint((1.0,), seeds) for key, seeds in validation.items()}
    text = learning_curves.width_verdict(learning_curves.AccuracyCurve("units", 0.1, points))
    assert text == "a: best at 8 units (85.0%), 64 units are worse; b: best at 64 units (20.0%), the widest there is."


def test_capacity_has_a_line_per_count(blobs: Data) -> None:
    curve = learning_curves.capacity(blobs, SHORT.replace(max_steps=5), (2, 8), (6,), seeds=1)
    assert list(curve.points) == [("6 samples", 2), ("6 samples", 8)]
    with pytest.raises(RecipeError):
        learning_curves.capacity(blobs, SHORT, (), (6,))


def test_a_fifth_of_the_layers_is_compared_with_all() -> None:
    found = small_nets.Depths({2: 10, 10: 50}, {2: 1.0, 10: 4.0}, {2: [0.9, 0.95], 10: [0.7, 0.8]}, 100)
    assert found.verdict.startswith(
        "2 instead of 10 hidden layers: a step is 4.0 times as fast, and the result is better")


def test_depths_are_measured(blobs: Data) -> None:
    found = small_nets.depths(blobs, SHORT.replace(max_steps=5), (1, 3), seeds=1)
    assert found.parameters[3] > found.parameters[1]
    with pytest.raises(RecipeError):
        small_nets.depths(blobs, SHORT, (1,))


def test_seconds_are_those_of_the_clock(blobs: Data) -> None:
    ticks = iter(range(1000))
    assert small_nets.seconds_per_step(blobs, SHORT, 4, clock=lambda: next(ticks)) == 1


def test_rank_correlation_of_short_and_long() -> None:
    names = ["a", "b", "c", "d"]
    assert small_nets.ShortLong(names, [1, 2, 3, 4], [5, 6, 7, 8], 1,
                           10).rank_correlation == pytest.approx(1)
    assert small_nets.ShortLong(names, [1, 2, 3, 4], [8, 7, 6, 5], 1,
                           10).rank_correlation == pytest.approx(-1)
    opposite = str(small_nets.ShortLong(names, [1, 2, 3, 4], [8, 7, 6, 5], 1, 10))
    assert opposite == "Here 1 steps tell little of 10: rank correlation -1.00."
    text = str(small_nets.ShortLong(names, [0.1, 0.2, 0.4, 0.3], [0.5, 0.6, 0.7, 0.8], 10, 100))
    assert "(c) comes in as number 2 of the long ones, 10.0 points behind the best, at 10% of the time" in text


def test_short_and_long_runs(blobs: Data) -> None:
    found = small_nets.short_and_long(blobs, [SHORT.replace(lr=lr) for lr in (1e-5, 1e-3, 0.05)],
                                 short=10)
    assert found.names[2] == "lr 0.05"
    assert found.long[2] == max(found.long)
    told = ("order 3 candidates much as", "tell little of")  # one for each side of a half
    expected, other = told if found.rank_correlation > 0.5 else told[::-1]
    assert expected in found.plot().alt
    assert other not in found.plot().alt


# --- convolution ----------------------------------------------------------------------------------
# -------------------


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [0, 2])
def test_convolution_is_scipys_correlation(padding: int, stride: int) -> None:
    from scipy.signal import correlate2d

    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=(9, 11)), rng.normal(size=(3, 3))
    expected = correlate2d(np.pad(image, padding), kernel, mode="valid")[::stride, ::stride]
    found = convolution.convolve(image, kernel, padding, stride)
    np.testing.assert_allclose(found, expected)
    assert found.shape == tuple(convolution.output_size(side, 3, padding, stride) for side in image.shape)


def test_sizes_of_the_lecture() -> None:
    assert convolution.sizes(32, 5, 3) == [32, 28, 24, 20]
    assert convolution.sizes(28, 3, 2, padding=1) == [28, 28, 28]
    with pytest.raises(RecipeError, match="Pad more"):
        convolution.sizes(4, 5, 1)


def test_kernels_do_what_their_names_say() -> None:
    flat, step = np.full((6, 6), 0.5), np.repeat([[0.0] * 3 + [1.0] * 3], 6, axis=0)
    for name, gain in (("identity", 1), ("edge", 0), ("sharpen", 1), ("box", 1), ("gaussian", 1),
                       ("vertical edge", 0)):
        np.testing.assert_allclose(convolution.convolve(flat, convolution.KERNELS[name]), 0.5 * gain, atol=1e-12)
    assert convolution.convolve(step, convolution.KERNELS["vertical edge"]).max() == 4
    assert np.abs(convolution.convolve(step, convolution.KERNELS["horizontal edge"])).max() == 0


def test_pooling_takes_tiles() -> None:
    image = np.arange(20.0).reshape(4, 5)
    np.testing.assert_array_equal(convolution.pool(image, "max"), [[6, 8], [16, 18]])
    np.testing.assert_array_equal(convolution.pool(image, "mean"), [[3, 5], [13, 15]])
    assert np.array_equal(convolution.pool(image, "none"), image)
    with pytest.raises(RecipeError):
        convolution.pool(image, "max", 9)


@pytest.mark.parametrize("wrong",
                         [[1, 2, 3], [[1, 2], [3]], [[1, np.nan], [1, 1]], "abc", [[1, 2, 3]]])
def test_a_kernel_must_be_square_and_finite(wrong: object) -> None:
    with pytest.raises(RecipeError, match="rows"):
        convolution.own_kernel(wrong)


def test_pictures_of_convolutions(blobs: Data) -> None:
    image = convolution.sample_image(blobs)
    assert image.shape == (1, 8, 8)
    assert image.max() <= 1
    assert "(8 + 2·0 - 3) // 2 + 1 = 3" in convolution.show_convolution(image, convolution.KERNELS["edge"],
                                                                 stride=2, name="edge").alt
    assert "kernels identity" in convolution.show_filters([image]).alt
    with pytest.raises(RecipeError):
        convolution.sample_image(blobs, 10**6)


# --- architectures --------------------------------------------------------------------------------
# -------------------


def test_shapes_of_lenet() -> None:
    text = architectures.shapes(Settings(model="lenet"), (1, 32, 32))
    for part in ("6 x 28 x 28", "6 x 14 x 14", "16 x 10 x 10", "16 x 5 x 5", "61,706 parameters"):
        assert part in text


def test_shapes_of_alexnet_are_torchvisions() -> None:
    from torchvision.models import alexnet

    with torch.device("meta"):
        model = alexnet()
        x, found = torch.zeros(1, 3, 224, 224), []
        for layer in [*model.features, model.avgpool, torch.nn.Flatten(1), *model.classifier]:
            x = layer(x)
            if isinstance(layer, (torch.nn.Conv2d, torch.nn.MaxPool2d, torch.nn.Linear)):
                found.append(" x ".join(map(str, x.shape[1:])))
    assert [size for _, size in architectures.ALEXNET[1:]] == found


def test_families_are_compared(blobs: Data) -> None:
    found = architectures.families(blobs, {"linear": SHORT.replace(model="linear"), "MLP": SHORT},
                              seeds=2)
    assert found.parameters["MLP"] == count_parameters(build_model(SHORT, blobs.shape, 3))
    means = {name: float(np.mean(found.runs.scores(name))) for name in ("linear", "MLP")}
    best = max(means, key=lambda name: means[name])
    assert found.verdict.startswith(f"Best after 40 steps: {best} ({means[best]:.1%}).")
    assert found.verdict in found.plot().alt


def test_plain_and_residual_nets(blobs: Data) -> None:
    found = architectures.plain_and_residual(blobs, SHORT.replace(width=8, norm="batch", max_steps=4),
                                        (1, 2), seeds=1)
    assert list(found.plain) == list(found.residual) == [8, 14]
    text = str(
        architectures.Degrade({8: [1.0, 1.1], 26: [2.0, 2.1]}, {8: [1.0, 1.1], 26: [0.5, 0.6]}, 100))
    assert "rises (1.05 to 2.05 nats) without shortcuts and falls (1.05 to 0.55 nats) with them" in text
    assert "at 26 layers the residual net is lower with every seed" in text


def test_shrunk_images_are_means_of_tiles(blobs: Data) -> None:
    small = architectures.shrunk(blobs)
    assert small.shape == (1, 4, 4)
    tile = blobs.train.x[0, 0, :2, :2].float().mean().round()
    assert small.train.x[0, 0, 0, 0] == tile
    assert torch.equal(small.train.y, blobs.train.y)
    with pytest.raises(RecipeError):
        architectures.shrunk(blobs, 3)


def test_shrunk_fractions_stay_fractions(blobs: Data) -> None:
    grey = Data.from_arrays(
        np.tile([[0.11, 0.33], [0.55, 0.33]], (12, 1, 2, 2)).astype(np.float32),
        np.arange(12) % 2)
    small = architectures.shrunk(grey)
    assert small.shape == (1, 2, 2)
    torch.testing.assert_close(small.train.x, torch.full((8, 1, 2, 2), 0.33))
    assert len(architectures.shrunk(blobs).vault.sealed().y) == len(blobs.vault.sealed().y)


def test_the_exercise_is_judged(blobs: Data) -> None:
    assert memorising.check_fewest_units(blobs, 1, steps=5).startswith("Not yet")
    assert memorising.check_fewest_units(blobs, 64, steps=150).startswith("More than it takes")
    assert memorising.one_batch_check(blobs, Settings(width=32), samples=16).status == "pass"
