"""Splits: the moments, the batch path, and what a tuple subclass must not break."""

from __future__ import annotations

import copy
import math
import pickle

import pytest
import torch

from recipe_widgets import RecipeError
from recipe_widgets.data.split import Samples, Split, moments


def made(x: torch.Tensor, y: torch.Tensor | None = None) -> Split:
    y = torch.arange(len(x)) if y is None else y
    return Split(Samples.numbered(x, y, 0), "train", *moments(x))


def test_moments_of_bytes_by_hand() -> None:
    x = torch.tensor([0, 0, 255, 255], dtype=torch.uint8).view(2, 1, 1, 2)
    assert moments(x) == ((0.5,), (0.5,))
    # channels 0.2, 1
    x = torch.tensor([[[[0, 51]], [[255, 255]]], [[[102, 51]], [[255, 255]]]], dtype=torch.uint8)
    mean, std = moments(x)
    assert mean == pytest.approx((0.2, 1.0), abs=1e-15)
    assert std == pytest.approx((math.sqrt(0.02), 0.0), abs=1e-15)
    assert std[1] == 0


def test_moments_of_a_table_by_hand() -> None:
    mean, std = moments(torch.tensor([[1.0, 0.1], [2.0, 0.1], [6.0, 0.1]]))
    assert mean == pytest.approx((3.0, 0.1))
    assert std[0] == pytest.approx(math.sqrt(14 / 3))
    assert std[1] == 0


@pytest.mark.parametrize("shape", [(300, 1, 28, 28), (40, 3, 9, 7), (2, 1, 300, 300)])
def test_moments_of_bytes_agree_with_float64(shape: tuple[int, ...]) -> None:
    x = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    flat = x.double().div(255).transpose(0, 1).flatten(1)
    mean, std = moments(x)
    assert mean == pytest.approx(flat.mean(1).tolist(), rel=1e-12)
    assert std == pytest.approx(flat.std(1, correction=0).tolist(), rel=1e-12)


def test_moments_of_white_images_are_exact() -> None:
    assert moments(torch.full((700, 3, 300, 300), 255,
                              dtype=torch.uint8)) == ((1.0, ) * 3, (0.0, ) * 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_batch_is_normalised(channels: int) -> None:
    x = torch.randint(0, 256, (50, channels, 4, 5), dtype=torch.uint8)
    split = made(x)
    batch, labels = split.batch(torch.tensor([7, 3, 7]))
    centre, spread = (torch.tensor(part).view(1, -1, 1, 1) for part in (split.mean, split.std))
    torch.testing.assert_close(batch, (x[[7, 3, 7]] / 255 - centre) / spread, rtol=1e-5, atol=1e-5)
    assert batch.dtype == torch.float32
    assert labels.tolist() == [7, 3, 7]
    everything, _ = split.batch(torch.arange(50))
    assert abs(everything.mean()) < 1e-5
    assert abs(everything.std(correction=0) - 1) < 1e-3


def test_batch_of_a_table_leaves_the_table_alone() -> None:
    x = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    split = made(x)
    assert split.batch(torch.tensor([0, 1]))[0].tolist() == [[-1, 0], [1, 0]]
    assert next(split.batches(2))[0].tolist() == [[-1, 0], [1, 0]]
    assert x.tolist() == [[1, 5], [3, 5]]


def test_a_constant_becomes_zero_and_never_nan() -> None:
    black = made(torch.zeros(4, 1, 2, 2, dtype=torch.uint8))
    assert black.batch(torch.arange(4))[0].abs().max() == 0
    tiny = made(torch.tensor([[1e-45], [0.0]]))
    assert tiny.batch(torch.arange(2))[0].isfinite().all()
    large = made(torch.tensor([[3e38], [-3e38]]))
    assert large.batch(torch.arange(2))[0].isfinite().all()


def test_batches_cover_the_split_in_order_and_equal_batch() -> None:
    split = made(torch.randint(0, 256, (10, 3, 2, 2), dtype=torch.uint8))
    parts = list(split.batches(4))
    assert [len(y) for _, y in parts] == [4, 4, 2]
    whole, labels = split.batch(torch.arange(10))
    assert torch.equal(torch.cat([x for x, _ in parts]), whole)
    assert torch.equal(torch.cat([y for _, y in parts]), labels)


@pytest.mark.parametrize("size", [0, -1, 2.0, True, None])
def test_batches_refuses_other_sizes(size: object) -> None:
    with pytest.raises(RecipeError, match="batch_size"):
        made(torch.zeros(2, 1, dtype=torch.float32)).batches(size)  # type: ignore[arg-type]


def test_it_unpacks_and_shows_no_pixels() -> None:
    split = made(torch.zeros(2, 1, 2, 2, dtype=torch.uint8))
    x, y = split
    assert x is split.x
    assert y is split.y
    assert split.size == 2
    assert repr(split) == "Split(train: x uint8 (2, 1, 2, 2), on cpu)"


def test_it_is_equal_to_itself_only() -> None:
    x = torch.zeros(2, 1, 2, 2, dtype=torch.uint8)
    one, other = made(x), made(x)
    assert one == one
    assert one != other
    assert len({one, other}) == 2


def test_copies_keep_everything() -> None:
    split = made(torch.arange(12, dtype=torch.uint8).view(3, 1, 2, 2))
    for twin in (pickle.loads(pickle.dumps(split)), copy.deepcopy(split)):
        assert twin.digest() == split.digest()
        assert (twin.mean, twin.std, twin.name) == (split.mean, split.std, split.name)
        assert torch.equal(twin.index, split.index)
        assert twin.x is not split.x
        assert torch.equal(twin.batch(torch.tensor([1]))[0], split.batch(torch.tensor([1]))[0])


def test_digest_sees_pixels_labels_and_shape() -> None:
    x = torch.arange(8, dtype=torch.uint8).view(2, 1, 2, 2)
    first = made(x).digest()
    assert first == made(x.clone()).digest()
    assert first != made(x + 1).digest()
    assert first != made(x, torch.tensor([1, 1])).digest()
    assert first != made(x.view(2, 1, 1, 4)).digest()


def test_moving() -> None:
    split = made(torch.zeros(2, 3, 2, 2, dtype=torch.uint8))
    assert split.to("cpu") is split
    moved = split.to("meta")  # a device that every machine has
    assert moved.x.device.type == "meta"
    assert moved.batch(torch.zeros(5, dtype=torch.int64, device="meta"))[0].shape == (5, 3, 2, 2)
    with pytest.raises(RecipeError, match="a device that this torch can use"):
        split.to("nonsense")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_batch() -> None:
    split = made(torch.randint(0, 256, (20, 3, 4, 4), dtype=torch.uint8))
    there = split.to("cuda")
    assert there.to("cuda") is there
    assert there.digest() == split.digest()
    rows = torch.tensor([3, 19, 0])
    batch, labels = there.batch(rows.cuda())
    torch.testing.assert_close(batch.cpu(), split.batch(rows)[0])
    assert labels.tolist() == [3, 19, 0]
