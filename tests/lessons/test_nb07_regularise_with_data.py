"""The experiments of notebook 07 on tiny data with known answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recipe_widgets import Data, RecipeError, Settings
from recipe_widgets.evaluation.seed_comparison import SeedComparison
from recipe_widgets.lessons.common.changed_data import (
    changed,
    resized,
    unnormalised,
    with_noise_inputs,
)
from recipe_widgets.lessons.common.sweeps import Sweep, sweep, sweeps_beside
from recipe_widgets.lessons.nb07_regularise_with_data.augmentation_effects import (
    augment_effect,
    check_augmentation,
    gallery,
    keeps_label,
    under_change,
)
from recipe_widgets.lessons.nb07_regularise_with_data.input_sizes_and_noise import (
    batch_noise,
    noise_inputs,
)
from recipe_widgets.lessons.nb07_regularise_with_data.more_samples import (
    DataCurve,
    more_data,
    plot_curves,
)
from recipe_widgets.lessons.nb07_regularise_with_data.rare_classes import (
    class_weights,
    imbalance,
    weighted_loss,
)
from recipe_widgets.lessons.nb07_regularise_with_data.transfer import (
    autoencoder_of,
    pretraining,
    reconstructions,
    unlabelled,
)
from recipe_widgets.plots.seed_comparison import plot_seed_comparisons

SHORT = Settings(width=16, max_steps=40, batch_size=32, lr=0.1)


@pytest.fixture(scope="module")
def bars() -> Data:
    """900 grey 12x12 images of 4 classes: a bright row at 1, 4, 7 or 10 on noise."""
    rng = np.random.default_rng(1)
    y = np.arange(900) % 4
    x = rng.integers(0, 60, (900, 12, 12), dtype=np.uint8)
    x[np.arange(900), 1 + 3 * y] += 180
    return Data.from_arrays(x, y, name="bars")


def test_trials_say_better_worse_or_neither() -> None:
    trials = SeedComparison(
        "toy",
        {"a": [0.5, 0.6, 0.7], "b": [0.6, 0.7, 0.8], "c": [0.4, 0.7, 0.7], "d": [0.3, 0.4, 0.51]})
    assert trials.difference("b").difference == pytest.approx(0.1)
    assert "b is better than a: +10.0 points" in trials.verdict("b")
    assert "c is not clearly better or worse than a" in trials.verdict("c")
    assert "d is worse than a" in trials.verdict("d")
    assert "a is worse than b: -10.0" in trials.verdict("a", "b")
    assert (trials.best, trials.base, trials.seeds) == ("b", "a", 3)
    assert trials.verdicts().count("\n") == 2
    assert "toy" in str(trials)
    picture = plot_seed_comparisons(trials, trials)
    assert "b 70.0%" in picture.alt
    assert picture.png()[:4] == b"\x89PNG"
    with pytest.raises(RecipeError, match="equally many"):
        SeedComparison("toy", {"a": [1.0], "b": []})


def test_a_curve_that_halves_per_tenfold_is_read_so() -> None:
    curve = DataCurve("toy", (100, 1000, 10_000), np.array([[0.4, 0.4], [0.2, 0.2], [0.1, 0.1]]))
    assert curve.per_tenfold == pytest.approx(2.0)
    assert curve.last_gain == pytest.approx(0.1)
    assert "still falls" in curve.verdict()
    flat = DataCurve("toy", (100, 1000), np.array([[0.2, 0.3], [0.2, 0.28]]))
    assert "flattened" in flat.verdict()
    assert "from 40.0%" in plot_curves(curve).alt


def test_more_data_trains_each_size_and_seed() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(900) % 2
    data = Data.from_arrays((rng.normal(0, 1, (900, 30)) + y[:, None] * 0.4).astype(np.float32), y,
                            name="clouds")
    curve = more_data(data, SHORT.replace(max_steps=60), [10, 500], seeds=2)
    assert curve.errors.shape == (2, 2)
    assert curve.means[1] < curve.means[0]
    with pytest.raises(RecipeError, match="rising"):
        more_data(data, SHORT, [500, 10])


def test_resized_takes_the_mean_of_each_area() -> None:
    x = np.zeros((12, 4, 4), np.uint8)
    x[:, :2, :2] = 100
    x[:, 2:, 2:] = np.arange(4, dtype=np.uint8).reshape(2, 2) * 4  # mean 6
    small = resized(Data.from_arrays(x, np.arange(12) % 2, name="toy"), 2)
    assert small.name == "toy 2x2"
    assert small.train.x[0, 0].tolist() == [[100, 0], [0, 6]]
    assert small.shape == (1, 2, 2)
    with pytest.raises(RecipeError):
        small.test  # noqa: B018  the vault of the new data is closed
    with pytest.raises(RecipeError, match="side"):
        resized(small, 3)


def test_noise_inputs_are_new_for_each_split_and_tell_nothing(blobs: Data) -> None:
    noisy = with_noise_inputs(blobs, 10)
    assert noisy.shape == (64 + 10,)
    added = noisy.train.x[:, 64:]
    assert float(added.mean()) == pytest.approx(0, abs=0.1)
    assert float(added.std()) == pytest.approx(1, abs=0.1)
    n = min(noisy.train.size, noisy.validation.size)
    assert not torch.equal(added[:n], noisy.validation.x[:n, 64:])
    assert torch.equal(noisy.train.y, blobs.train.y)
    spoiled = noise_inputs(blobs.subset(30), SHORT, extra=(0, 2000), seeds=3)
    assert spoiled.mean("+2,000 noise inputs") < spoiled.mean("+0 noise inputs")


def test_changed_changes_validation_images_alone(bars: Data) -> None:
    other = changed(bars, "erase", 2.0)  # at strength 2 every image gets a hole
    assert torch.equal(other.train.x, bars.train.x)
    assert torch.equal(other.validation.y, bars.validation.y)
    assert (other.validation.x != bars.validation.x).flatten(1).any(1).float().mean() > 0.9
    assert torch.equal(other.validation.x, changed(bars, "erase", 2.0).validation.x)
    with pytest.raises(RecipeError, match="leave labels alone"):
        changed(bars, "mixup")
    x, _ = bars.train.batch(torch.arange(5))
    torch.testing.assert_close(
        unnormalised(x, bars.train) * 255, bars.train.x[:5].float(), atol=1e-3, rtol=0)


def test_gallery_has_a_row_for_each_and_says_what_it_shows(bars: Data) -> None:
    picture = gallery(bars, ["flip", "mixup"], count=3)
    assert picture.alt.startswith("3 rows of 3 images of bars: none, flip, mixup")
    assert picture.png()[:4] == b"\x89PNG"
    with pytest.raises(RecipeError, match="images"):
        gallery(
            Data.from_arrays(
                np.zeros((30, 4), np.float32) + np.arange(30)[:, None],
                np.arange(30) % 2))


def test_a_mirror_that_exchanges_classes_is_seen() -> None:
    """A bright column to the left or to the right: a flip turns one class into the other."""
    rng = np.random.default_rng(0)
    y = np.arange(1800) % 2
    x = rng.integers(0, 60, (1800, 8, 8), dtype=np.uint8)
    x[np.arange(1800), :, np.where(y == 0, 1, 6)] += 150
    data = Data.from_arrays(x, y, classes=("left", "right"), name="sides")
    assert keeps_label(data, "flip").status == "warn"
    assert "becomes" in check_augmentation(data, SHORT, "flip")
    assert keeps_label(data, "colour").status == "pass"
    with pytest.raises(RecipeError, match="an augmentation"):
        check_augmentation(data, SHORT, "none")


def test_training_with_the_change_helps_under_the_change(bars: Data) -> None:
    longer = SHORT.replace(max_steps=150)
    plain, other = under_change(bars, longer, "backgrounds", ["none", "backgrounds"], seeds=2,
                                strength=2.0)
    assert other.mean("backgrounds") > other.mean("none")
    assert plain.mean("none") > 0.95
    effect = augment_effect(bars, SHORT, ["none", "flip"], seeds=2)
    assert effect.mean("flip") > 0.9  # rows stay rows when mirrored


def test_sweep_reads_the_best_value_and_the_gap(blobs: Data) -> None:
    made = sweep(blobs, SHORT, "width", [8, 32], seeds=2)
    assert made.val.shape == made.train.shape == (2, 2)
    by_hand = Sweep("toy", "knob", (0.0, 1.0), np.array([[1.0, 1.0], [0.9, 0.9]]),
                    np.array([[0.7, 0.72], [0.8, 0.82]]))
    assert by_hand.best == 1.0
    assert by_hand.gap(0.0) == pytest.approx(0.29)
    assert "+10.0 points" in by_hand.verdict()
    assert "a gain" in by_hand.verdict()
    assert "none of the other values" in by_hand.verdict(1.0)
    assert "knob 0 is worse, against what the recipe says, compared with 1: -10.0" in by_hand.smallest(
    )
    assert "train 90%, validation 81%" in sweeps_beside(by_hand).alt


def test_weights_are_inverse_to_counts_and_the_loss_uses_them() -> None:
    weights = class_weights(torch.tensor([90, 10]))
    torch.testing.assert_close(weights, torch.tensor([100 / 180, 5.0]))
    logits, y = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
    each = torch.nn.functional.cross_entropy(logits, y, reduction="none")
    torch.testing.assert_close(
        weighted_loss(weights)(logits, y), (each * weights[y]).mean())


def test_weighting_and_resampling_find_the_rare_class() -> None:
    """Two clouds that overlap: seen rarely, the second class is hardly ever named; weighted,
    about as often as the first.
    """
    rng = np.random.default_rng(0)
    y = np.arange(3000) % 2
    data = Data.from_arrays(
        rng.normal(y[:, None] * 1.0, 1.0, (3000, 2)).astype(np.float32), y, name="clouds")
    found = imbalance(data, SHORT.replace(model="linear", max_steps=200), ["1"], 0.05, seeds=3)
    rare, frequent = found.of(True), found.of(False)
    assert rare.mean("as it is") < 0.3
    assert rare.mean("weighted loss") > 0.6
    assert rare.mean("resampled") > 0.6
    assert frequent.mean("weighted loss") < frequent.mean("as it is")
    assert found.counts[1] == round(found.counts[0] * 0.05)
    assert "weighted loss is better than as it is" in found.verdict()
    assert "rare classes" in found.plot().alt


def test_pretraining_on_other_classes_helps(bars: Data) -> None:
    """Rows lit at one of four places: what tells two rows apart also tells the other two."""
    made = pretraining(bars, SHORT.replace(max_steps=80), ["2", "3"], 3,
                       SHORT.replace(max_steps=20), draws=2)
    assert list(made.scores) == ["from scratch", "pretrained, head only", "pretrained, all weights"]
    assert made.mean("pretrained, all weights") > 0.8
    with pytest.raises(RecipeError, match="two classes left"):
        pretraining(bars, SHORT, [0, 1, 2], 3, SHORT)


def test_unlabelled_images_give_features(bars: Data) -> None:
    run = autoencoder_of(
        bars, SHORT.replace(width=16, max_steps=150, lr=0.02, optimizer="adam", eval_every=1000))
    assert run.history.last("val_loss") < 1
    assert "reconstructions" in reconstructions(run, bars, 4).alt
    few, many = unlabelled(bars, run, [2, 40], SHORT, SHORT, draws=2)
    assert set(few.scores) == {"pixels, linear", "autoencoder, linear", "supervised net"}
    assert many.mean("supervised net") >= few.mean("supervised net")


def test_the_noise_of_a_batch_mean_falls_with_its_root(bars: Data) -> None:
    words = batch_noise(bars, (4, 64), draws=400).alt
    small, large = (float(part.split(";")[0]) for part in words.replace(",", ";").split(": ")[2:4])
    assert small / large == pytest.approx(4, rel=0.3)
