"""Augmentation: each function against torchvision for the same parameters, and the drawing of
parameters.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torchvision.transforms import functional as T
from torchvision.transforms import v2

from recipe_widgets import Data, RecipeError, Settings
from recipe_widgets.data import augment as A

N, K = 6, 4


@pytest.fixture(params=[(3, 12, 12), (1, 9, 14), (3, 8, 13)], ids=str)
def images(request: pytest.FixtureRequest) -> torch.Tensor:
    return torch.randint(0, 256, (N, *request.param), dtype=torch.uint8,
                         generator=torch.Generator().manual_seed(1))


def per_image(function, x: torch.Tensor, *parameters) -> torch.Tensor:
    return torch.stack(
        [function(one, *(float(p[i]) for p in parameters)) for i, one in enumerate(x)])


def test_flip(images: torch.Tensor) -> None:
    which = torch.tensor([True, False] * 3)
    out = A.flip(images, which)
    for i in range(N):
        assert torch.equal(out[i], T.hflip(images[i]) if which[i] else images[i])


@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_crop(images: torch.Tensor, mode: str) -> None:
    padding, (height, width) = 3, images.shape[2:]
    top, left = torch.tensor([0, 6, 3, 2, 5, 1]), torch.tensor([6, 0, 3, 4, 5, 0])
    out = A.crop(images, top, left, padding, mode)
    for i in range(N):
        padded = T.pad(images[i], [padding] * 4, padding_mode=mode)
        assert torch.equal(out[i], T.crop(padded, int(top[i]), int(left[i]), height, width))
    assert torch.equal(out[2], images[2])


def test_rotate(images: torch.Tensor) -> None:
    degrees = torch.tensor([-90.0, -17.0, 0.0, 5.0, 33.3, 180.0])
    floats = images.float() / 255
    bilinear = T.InterpolationMode.BILINEAR
    expected = per_image(lambda one, angle: T.rotate(one, angle, bilinear), floats, degrees)
    assert torch.allclose(A.rotate(floats, degrees), expected, atol=1e-4)
    bytes_ = per_image(lambda one, angle: T.rotate(one, angle, bilinear), images, degrees)
    assert int((A.rotate(images, degrees).int() - bytes_.int()).abs().max()) <= 1
    assert torch.equal(A.rotate(images, degrees)[2], images[2])


@pytest.mark.parametrize(("ours", "theirs"), [(A.brightness, T.adjust_brightness),
                                              (A.contrast, T.adjust_contrast),
                                              (A.saturation, T.adjust_saturation)])
def test_colours(images: torch.Tensor, ours, theirs) -> None:
    factor = torch.tensor([0.0, 0.5, 0.9, 1.0, 1.3, 2.0])
    assert torch.equal(ours(images, factor), per_image(theirs, images, factor))
    floats = images.float() / 255
    assert torch.allclose(ours(floats, factor), per_image(theirs, floats, factor), atol=1e-6)


def test_erase(images: torch.Tensor) -> None:
    top, left, height, width = (torch.tensor(v) for v in ([0, 1, 2, 3, 4, 0], [0, 2, 1, 3, 0, 0],
                                                          [3, 2, 0, 4, 4, 8], [2, 5, 6, 1, 4, 8]))
    out = A.erase(images, A.box(top, left, height, width, size=tuple(images.shape[2:])), 7)
    for i in range(N):
        expected = T.erase(images[i], int(top[i]), int(left[i]), int(height[i]), int(width[i]),
                           torch.tensor(7))
        assert torch.equal(out[i], expected)


def test_mixup(images: torch.Tensor) -> None:
    x, y = images.float() / 255, torch.tensor([0, 1, 2, 3, 0, 1])
    hot = torch.nn.functional.one_hot(y, K).float()
    partner = torch.arange(N).roll(1)
    reference = v2.MixUp(num_classes=K)
    params = {"lam": 0.3, "labels": y, "batch_size": N}
    mixed, targets = A.mixup(x, hot, partner, torch.full((N,), 0.3))
    assert torch.allclose(mixed, reference.transform(x, params), atol=1e-6)
    assert torch.allclose(targets, reference.transform(y, params), atol=1e-6)
    own, _ = A.mixup(x, hot, partner, torch.tensor([1.0, 0, 1, 0, 1, 0]))
    assert torch.equal(own[0], x[0])
    assert torch.allclose(own[1], x[0])


def test_cutmix(images: torch.Tensor) -> None:
    x, y = images.float(), torch.tensor([0, 1, 2, 3, 0, 1])
    hot, partner = torch.nn.functional.one_hot(y, K).float(), torch.arange(N).roll(1)
    reference, (height, width) = v2.CutMix(num_classes=K), images.shape[2:]
    params = {
        "box": (2, 1, 7, 5), "lam_adjusted": 1 - 20 / (height * width), "labels": y, "batch_size": N
    }
    corner, side = (torch.full((N, ), 1), torch.full((N, ), 2)), (torch.full(
        (N, ), 4), torch.full((N, ), 5))
    mixed, targets = A.cutmix(x, hot, partner, corner, side)
    assert torch.equal(mixed, reference.transform(x, params))
    assert torch.allclose(targets, reference.transform(y, params), atol=1e-6)


def test_backgrounds_show_through_black_and_not_through_white() -> None:
    x, behind = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3), torch.full((1, 1, 1, 3), 0.4)
    assert A.backgrounds(x, behind).flatten().tolist() == pytest.approx([0.4, 0.7, 1.0])


# --- the drawing ----------------------------------------------------------------------------------
# ------------------


@pytest.fixture(scope="module")
def colours() -> Data:
    rng = np.random.default_rng(0)
    return Data.from_arrays(rng.integers(0, 256, (900, 3, 16, 16), dtype=np.uint8),
                            np.arange(900) % K)


def drawn(data: Data, names: str, strength: float = 1.0, seed: int = 0,
          n: int = 400) -> tuple[torch.Tensor, ...]:
    return A.Augment(data.train, names, strength, data.num_classes, seed).batch(torch.arange(n))


@pytest.mark.parametrize("names", [
    "flip", "crop", "rotate", "colour", "erase", "backgrounds", "mixup", "cutmix",
    "flip+crop+rotate+colour+erase+mixup+cutmix+backgrounds"
])
def test_same_seed_same_batch_without_the_global_generator(colours: Data, names: str) -> None:
    before, x = torch.random.get_rng_state(), colours.train.x.clone()
    (a, y, targets), (b, _, _) = drawn(colours, names), drawn(colours, names)
    assert torch.equal(a, b)
    assert not torch.equal(a, drawn(colours, names, seed=1)[0])
    assert not torch.allclose(a, colours.train.batch(torch.arange(400))[0], atol=0.02)
    assert a.shape == (400, 3, 16, 16)
    assert torch.equal(y, colours.train.y[:400])
    assert (targets.ndim == 2) == ("mix" in names)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(colours.train.x, x)  # the data itself is not touched


@pytest.mark.parametrize(
    "names", ["flip", "crop", "rotate", "colour", "erase", "mixup", "cutmix", "backgrounds"])
def test_strength_zero_changes_nothing(colours: Data, names: str) -> None:
    x, _, targets = drawn(colours, names, strength=0.0)
    assert torch.allclose(x, colours.train.batch(torch.arange(400))[0], atol=1e-4)
    assert targets.dtype == torch.int64


def test_half_of_the_images_are_flipped_each_by_its_own_coin(colours: Data) -> None:
    x, plain = drawn(colours, "flip")[0], colours.train.batch(torch.arange(400))[0]
    same, turned = (x == plain).flatten(1).all(1), (x == plain.flip(3)).flatten(1).all(1)
    assert bool((same ^ turned).all())
    assert float(turned.float().mean()) == pytest.approx(0.5, abs=0.1)


def test_mixed_targets_are_probabilities_and_tell_the_shares(colours: Data) -> None:
    for names in ("mixup", "cutmix"):
        x, y, targets = drawn(colours, names)
        assert torch.allclose(targets.sum(1), torch.ones(400), atol=1e-6)
        own = targets[torch.arange(400), y]
        # half on average, and more where the partner is of the same class
        assert 0.4 < float(own.mean()) < 0.75
        if names == "cutmix":
            kept = (x == colours.train.batch(torch.arange(400))[0]).all(1).float().mean((1, 2))
            strangers = targets.gt(0).sum(1) == 2
            assert torch.allclose(own[strangers], kept[strangers], atol=0.03)


def test_erased_rectangles_are_of_the_promised_size(colours: Data) -> None:
    gone = (drawn(colours, "erase", n=600)[0] == 0).all(1).flatten(1).float().mean(1)
    hit = gone[gone > 0.005]
    assert len(hit) / 600 == pytest.approx(0.5, abs=0.08)
    assert float(hit.min()) > 0.005
    assert float(hit.max()) < 0.45
    assert float(hit.mean()) == pytest.approx(0.17, abs=0.04)


def test_floats_that_are_no_bytes_are_augmented_too() -> None:
    x = torch.rand(60, 1, 8, 8) * 0.9 + 0.01
    data = Data.from_arrays(x, torch.arange(60) % 2)
    out, _, _ = A.Augment(data.train, "flip+crop+rotate+colour+erase+mixup", 1.0, 2,
                          0).batch(torch.arange(20))
    assert out.shape == (20, 1, 8, 8)
    assert torch.isfinite(out).all()


def test_a_table_cannot_be_augmented() -> None:
    data = Data.from_arrays(np.eye(12, dtype="f4"), np.arange(12) % 2)
    with pytest.raises(RecipeError, match="images"):
        A.Augment(data.train, "flip", 1.0, 2, 0)


def test_names_are_checked_once_and_ordered() -> None:
    assert Settings(augment="crop+flip") == Settings(augment="flip+crop")
    for wrong in ("flop", "flip+", "flip+flip", "none+flip", "", "flip,crop"):
        with pytest.raises(RecipeError, match="Settings.augment"):
            Settings(augment=wrong)
    with pytest.raises(RecipeError, match="Did you mean 'cutmix'"):
        Settings(augment="flip+cutmx")


def test_rotation_is_anticlockwise_and_about_the_centre() -> None:
    x = torch.zeros(1, 1, 5, 5)
    x[0, 0, 2, 4] = 1  # right of the centre
    out = A.rotate(x, torch.tensor([90.0]))
    assert float(out[0, 0, 0, 2]) == pytest.approx(1, abs=1e-5)  # above it
    assert math.isclose(float(out.sum()), 1, abs_tol=1e-4)
