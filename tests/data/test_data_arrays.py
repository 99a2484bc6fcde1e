"""A reader's own arrays: what is taken, what is refused, and how it says so."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from recipe_widgets import Data, RecipeError

RNG = np.random.default_rng(0)
LABELS = np.arange(12) % 2


def bytes_of(*shape: int) -> Any:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def everything(data: Data) -> tuple[torch.Tensor, torch.Tensor]:
    """All samples and labels in their original order, for sets that are dealt out of one array."""
    parts = [data.train, data.validation, data.audit_test("test")]
    order = torch.cat([part.index for part in parts]).argsort()
    return torch.cat([part.x for part in parts])[order], torch.cat([part.y
                                                                    for part in parts])[order]


@pytest.mark.parametrize(("shape", "expected"),
                         [((12, 5, 4), (1, 5, 4)), ((12, 5, 4, 1), (1, 5, 4)),
                          ((12, 5, 4, 3), (3, 5, 4)), ((12, 1, 5, 4), (1, 5, 4)),
                          ((12, 3, 5, 4), (3, 5, 4)), ((12, 5, 3), (1, 5, 3)), ])
def test_shapes_of_bytes(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    array = bytes_of(*shape)
    data = Data.from_arrays(array, LABELS)
    assert data.shape == expected
    x, y = everything(data)
    assert x.dtype == torch.uint8
    assert x.is_contiguous()
    wanted = array.transpose(
        0, 3, 1, 2) if len(shape) == 4 and shape[3] in (1, 3) else array.reshape(12, *expected)
    assert np.array_equal(x, wanted)
    assert y.tolist() == LABELS.tolist()


def test_channels_last_settles_what_the_shape_cannot() -> None:
    for shape in ((12, 3, 5, 3), (12, 4, 5, 6), (12, 1, 1, 1)):
        with pytest.raises(RecipeError, match="Say channels_last"):
            Data.from_arrays(bytes_of(*shape), LABELS)
    array = bytes_of(12, 3, 5, 3)
    assert Data.from_arrays(array, LABELS, channels_last=True).shape == (3, 3, 5)
    assert Data.from_arrays(array, LABELS, channels_last=False).shape == (3, 5, 3)
    assert Data.from_arrays(bytes_of(12, 4, 5, 6), LABELS, channels_last=False).shape == (4, 5, 6)


def test_floats_that_are_bytes_become_bytes() -> None:
    levels = np.resize(np.arange(256, dtype=np.uint8), (12, 8, 8))
    for floats in (levels.astype(np.float32) / 255, levels / 255.0, torch.tensor(levels) / 255,
                   levels.astype(float), levels.astype(np.int64)):
        x, _ = everything(Data.from_arrays(floats, LABELS))
        assert x.dtype == torch.uint8
        assert np.array_equal(x[:, 0], levels)


def test_other_floats_stay_floats_and_train() -> None:
    for low, high in ((0, 1), (-2, 2), (0, 300)):
        floats = RNG.uniform(low, high, (12, 3, 8, 8)).astype(np.float32)
        data = Data.from_arrays(floats, LABELS)
        x, _ = everything(data)
        assert x.dtype == torch.float32
        assert np.array_equal(x, floats)
        batch, _ = data.train.batch(torch.arange(data.train.size))
        assert abs(batch.mean()) < 1e-4
        assert abs(batch.std(correction=0) - 1) < 1e-3


def test_black_and_white() -> None:
    x, _ = everything(Data.from_arrays(np.ones((12, 2, 2), bool), LABELS))
    assert x.unique().tolist() == [255]


@pytest.mark.parametrize("kind", [np.float64, np.float16, np.int32, np.uint8, bool])
def test_tables_become_float32(kind: Any) -> None:
    table = bytes_of(12, 5).astype(kind)
    data = Data.from_arrays(table, LABELS)
    x, _ = everything(data)
    assert (x.dtype, data.shape) == (torch.float32, (5,))
    assert np.array_equal(x, table.astype(np.float32))
    assert len(data.mean) == 5


def test_tensors_and_lists() -> None:
    grown = torch.ones(12, 3, requires_grad=True)
    assert Data.from_arrays(grown, torch.arange(12) % 2).shape == (3,)
    assert Data.from_arrays(torch.ones(12, 3, dtype=torch.bfloat16), LABELS.tolist()).shape == (3,)
    assert Data.from_arrays([[1, 2]] * 12, ["a", "b"] * 6).classes == ("a", "b")


def test_the_input_is_copied() -> None:
    images, labels = bytes_of(12, 4, 4), LABELS.astype(np.int64)
    pair = (bytes_of(4, 4, 4), np.array([0, 1, 0, 1]))
    data = Data.from_arrays(images, labels, validation=pair, test=0)
    before = data.train.digest(), data.validation.digest()
    for array in (images, labels, *pair):
        array[...] = 1
    assert (data.train.digest(), data.validation.digest()) == before


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.uint64, bool])
def test_labels_of_any_whole_type(kind: Any) -> None:
    _, y = everything(Data.from_arrays(bytes_of(12, 2, 2), LABELS.astype(kind)))
    assert y.dtype == torch.int64
    assert y.tolist() == LABELS.tolist()


def test_labels_as_texts() -> None:
    texts = np.array(["dog", "cat", "eel"] * 4)
    for labels in (texts, texts.astype(object), texts.tolist()):
        data = Data.from_arrays(bytes_of(12, 2, 2), labels)
        assert data.classes == ("cat", "dog", "eel")
        assert everything(data)[1].tolist() == [1, 0, 2] * 4
    data = Data.from_arrays(bytes_of(12, 2, 2), texts, classes=["eel", "dog", "cat", "fox"])
    assert data.num_classes == 4
    assert everything(data)[1].tolist() == [1, 2, 0] * 4
    with pytest.raises(RecipeError, match=r"'eel'.*one of cat, dog"):
        Data.from_arrays(bytes_of(12, 2, 2), texts, classes=["cat", "dog"])


def test_default_sizes_and_what_is_kept() -> None:
    data = Data.from_arrays(bytes_of(120, 2, 2),
                            np.arange(120) % 3, name="n", source="s", licence="l", seed=4)
    assert data.sizes == {"train": 80, "validation": 20, "test": 20}
    assert (data.name, data.source, data.licence, data.classes) == ("n", "s", "l", ("0", "1", "2"))
    assert torch.bincount(data.audit_test("x").y).tolist() == [7, 7, 6]


def test_parts_of_their_own() -> None:
    x, val, test = bytes_of(12, 2, 2), bytes_of(4, 2, 2), bytes_of(6, 2, 2)
    data = Data.from_arrays(x, LABELS, validation=(val, [0, 1, 0, 1]), test=(test, [1] * 6))
    assert data.sizes == {"train": 12, "validation": 4, "test": 6}
    assert np.array_equal(data.validation.x[:, 0], val)
    held = data.open_vault("look")
    assert np.array_equal(held.x[:, 0], test)
    assert [part.origin.unique().tolist() for part in (data.train, data.validation, held)] == [[0],
                                                                                               [2],
                                                                                               [1]]
    assert Data.from_arrays(
        x[:,
          None], LABELS, test=data.validation).sizes == {"train": 10, "validation": 2, "test": 4}
    texts = Data.from_arrays(x, ["a", "c"] * 6, test=(test, ["b"] * 6), validation=0)
    assert texts.classes == ("a", "b", "c")
    assert texts.open_vault("look").y.tolist() == [1] * 6


def test_one_decision_for_all_parts() -> None:
    """Byte-like training images beside other floats stay floats, or the two would have different
    units.
    """
    data = Data.from_arrays(np.ones((12, 2, 2), np.float32), LABELS, test=(np.full((2, 2, 2),
                                                                                   0.3), [0, 1]))
    assert data.train.x.dtype == torch.float32
    assert data.open_vault("look").x.max() == pytest.approx(0.3)


NAN = np.ones((12, 3))
NAN[7, 1] = np.nan
HUGE = np.ones((12, 3))
HUGE[3, 0] = 1e300


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [(bytes_of(12, 2, 2), LABELS[:11], {}, "12 samples and 11 labels"),
     (NAN, LABELS, {}, "in 1 rows, the first is 7"), (HUGE, LABELS, {}, "the first is 3"),
     (np.full((12, 2, 2), np.inf), LABELS, {}, "the first is 0"),
     (bytes_of(12, 2, 2), LABELS - 1, {}, "the label -1 in row 0 of train.*from 0"),
     (bytes_of(12, 2, 2), LABELS * 1.0, {}, r"float64 in train.*y.astype\(int\)"),
     (bytes_of(12, 2, 2), LABELS * 1000, {}, "the label 1000.*np.unique"),
     (bytes_of(12, 2, 2), LABELS.astype(np.uint64) * 2**63, {}, "the label 9223372036854775808"),
     (bytes_of(12, 2, 2), LABELS, {"classes": ["one"]}, "the label 1, expected 0 to 0"),
     (bytes_of(12, 2, 2), LABELS, {"classes": "ab"}, "classes="),
     (bytes_of(12, 2, 2), LABELS, {"classes": np.array("ab")}, "classes="),
     (bytes_of(12, 2, 2), LABELS, {"classes": ["a", "a"]}, "different texts"),
     (bytes_of(12, 2, 2), LABELS, {"classes": [1, 2]}, "different texts"),
     (bytes_of(12, 2, 2), np.eye(2)[LABELS], {}, r"argmax\(1\)"),
     (bytes_of(12, 2, 2), LABELS[:, None], {}, r"reshape\(-1\)"),
     (bytes_of(0, 2, 2), [], {}, "empty"), (bytes_of(12, 0, 2), LABELS, {}, "empty"),
     (bytes_of(1, 2, 2), [0], {}, "one sample"),
     (bytes_of(3, 2, 2), [0, 1, 0], {}, "which is none"),
     (bytes_of(12), LABELS, {}, r"reshape\(-1, 1\)"),
     (bytes_of(12, 2, 2, 2, 2), LABELS, {}, "shape"),
     (np.array([{}] * 12), LABELS, {}, "type object.*astype"),
     ([[1], [1, 2]], [0, 1], {}, "same length"),
     (np.ones((12, 2), complex), LABELS, {}, "complex128"),
     (bytes_of(12, 2, 2), [None] * 12, {}, "whole numbers or texts"),
     (bytes_of(12, 2, 2), LABELS, {"test": 1.0}, r"from_arrays\(test=\).*fraction"),
     (bytes_of(12, 2, 2), LABELS, {"validation": "some"}, "a fraction or a pair"),
     (bytes_of(12, 2, 2), LABELS, {"validation": 0.5, "test": 0.5}, "at least one to train on"),
     (bytes_of(12, 2, 2), LABELS, {"test":
                                   (bytes_of(2, 3, 3), [0, 1])}, r"\(3, 3\), expected the same"),
     (bytes_of(12, 2, 2), LABELS, {"test": (np.ones((2, 2, 2)), [0, 1])}, "float64"),
     (bytes_of(12, 2, 2), LABELS, {"test": (bytes_of(2, 2, 2), ["a", "b"])}, "texts in one part"),
     (bytes_of(12, 2, 2), LABELS, {"test":
                                   (bytes_of(2, 2, 2), [0, -3])}, "the label -3 in row 1 of test"),
     (bytes_of(12, 2, 2), LABELS, {"seed": -1}, "Seed"), ])
def test_refusals(x: Any, y: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Data.from_arrays(x, y, **options)


ANY_TYPE = st.one_of(hnp.boolean_dtypes(), hnp.integer_dtypes(), hnp.unsigned_integer_dtypes(),
                     hnp.floating_dtypes(), hnp.complex_number_dtypes(),
                     hnp.unicode_string_dtypes(max_len=3), hnp.byte_string_dtypes(max_len=3),
                     hnp.datetime64_dtypes(), hnp.timedelta64_dtypes())
SHAPES = hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=6)


@settings(max_examples=150, deadline=None, database=None,
          suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(hnp.arrays(ANY_TYPE, SHAPES), st.data())
def test_only_clear_errors_leave(x: Any, data: st.DataObject) -> None:
    """Whatever arrays come in: a usable Data goes out, or one of three errors."""
    length = data.draw(st.sampled_from([len(x) if x.ndim else 0, 3]))
    y = data.draw(
        st.one_of(hnp.arrays(ANY_TYPE, length),
                  hnp.arrays(np.int64, length, elements=st.integers(0, 3))))
    options = data.draw(
        st.fixed_dictionaries({}, optional={
            "channels_last": st.booleans(), "test": st.sampled_from([0, 0.3]), "classes":
            st.just(["a", "b", "c", "d"])
        }))
    with contextlib.suppress(RecipeError, TypeError, ValueError):
        made = Data.from_arrays(x, y, validation=0, **options)
        batch, labels = made.train.batch(torch.arange(made.train.size))
        assert batch.isfinite().all()
        assert batch.dtype == torch.float32
        assert int(labels.min()) >= 0
        assert int(labels.max()) < made.num_classes
        assert sum(made.sizes.values()) == len(x)
