import numpy as np
import pytest
import torch

from recipe_widgets import Data, RecipeError, Settings
from recipe_widgets.lessons.nb05_overfit import convolution, learning_curves, memorising

SHORT = Settings(width=16, max_steps=40, batch_size=32)


def test_random_labels_keep_images_and_class_counts(blobs: Data) -> None:
    shuffled = memorising.random_labels(blobs, seed=1)
    assert torch.equal(shuffled.train.x, blobs.train.x)
    assert torch.equal(torch.bincount(shuffled.train.y), torch.bincount(blobs.train.y))
    assert (shuffled.train.y == blobs.train.y).float().mean() < 0.6
    assert torch.equal(shuffled.validation.y, blobs.validation.y)


@pytest.mark.parametrize(("values", "onset"), [((0.1, 0.1, 0.5), 100), ((0.5, 0.5, 0.5), 5),
                                               ((0.5, 0.1, 0.5), 100), ((0.5, 0.5, 0.1), None)])
def test_onset_is_where_every_later_point_beats_chance(values: tuple[float, ...], onset: int | None) -> None:
    points = {("a", n): learning_curves.CurvePoint((1.0, ), (v, v + 0.1))
              for n, v in zip((5, 10, 100), values, strict=True)}
    assert learning_curves.AccuracyCurve("samples", 0.1, points).onset("a") == onset


def test_the_widest_is_judged_beside_the_best() -> None:
    validation = {("a", 1): (0.5, 0.6), ("a", 8): (0.8, 0.9), ("a", 64): (0.6, 0.7),
                  ("b", 1): (0.1,), ("b", 64): (0.2,)}
    points = {key: learning_curves.CurvePoint((1.0,), seeds) for key, seeds in validation.items()}
    text = learning_curves.width_verdict(learning_curves.AccuracyCurve("units", 0.1, points))
    assert text == "a: best at 8 units (85.0%), 64 units are worse; b: best at 64 units (20.0%), the widest there is."


def test_no_verdict_on_widths_before_those_beside_the_best_are_measured() -> None:
    curve = learning_curves.AccuracyCurve("units", 0.1)
    widths = (8, 16, 32, 64)

    def measured(width: int, value: float) -> str:
        curve.points["a", width] = learning_curves.CurvePoint((1.0,), (value,))
        return learning_curves.width_verdict(curve, widths)

    assert measured(32, 0.6) == "a: 32 units reach 60.0%. One of 4 widths is measured: no verdict yet."
    assert measured(8, 0.5) == ("a: the highest of 2 measured widths is 32 (60.0%). "
                                "No verdict before 16 and 64 beside it.")
    assert "No verdict before 64 beside it" in measured(16, 0.55)
    assert measured(64, 0.5) == "a: best at 32 units (60.0%), 64 units are worse."
    curve.points.clear()
    assert "No verdict before 32 beside it" in [measured(8, 0.1), measured(64, 0.7)][1]
    assert "best at 64 units (70.0%), the widest there is" in measured(32, 0.6)


def test_an_onset_is_one_only_where_fewer_samples_were_measured() -> None:
    curve = learning_curves.AccuracyCurve("samples", 0.1)
    curve.points["a", 100] = learning_curves.CurvePoint((1.0,), (0.6,))
    assert "a: with 100 samples; 30 are not measured" in curve.verdict((10, 30, 100))
    curve.points["a", 30] = learning_curves.CurvePoint((1.0,), (0.1,))
    assert "a: from 100 samples on" in curve.verdict((10, 30, 100))


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


# -------------------


def test_measured_points_and_their_onset(blobs: Data) -> None:
    curve = learning_curves.AccuracyCurve("samples", chance=1 / 3)
    for count in (3, 200):
        *_, curve.points["blobs", count] = learning_curves.measure(blobs, SHORT, count, seeds=2)
    assert min(curve.points["blobs", 200].val) > 0.9
    assert len(curve.points["blobs", 3].train) == 2
    assert "n = 2" in str(curve)
    assert "200:" in curve.plot(mark=("blobs", 200)).alt


def test_the_size_of_an_output() -> None:
    assert [convolution.output_size(size, kernel=5) for size in (32, 28, 24)] == [28, 24, 20]
    assert convolution.output_size(28, kernel=3, padding=1) == 28
    with pytest.raises(RecipeError, match="Pad more"):
        convolution.output_size(4, kernel=5)


def test_answers_stand_beside_labels(blobs: Data) -> None:
    labels = blobs.train.y[:5]
    wrong = (labels + 1) % 3
    picture = memorising.answers_beside_labels(blobs, {"right one": labels, "other": wrong})
    assert "right one: 5 of 5 right; other: 0 of 5 right" in picture.alt
    texts = [text for place in picture.figure.axes for text in place.texts]
    assert [text.get_color() == "black" for text in texts] == [True, False] * 5
    with pytest.raises(RecipeError, match="one network or more"):
        memorising.answers_beside_labels(blobs, {})
