"""Copies, outliers, range, leaks: planted ones are found, healthy samples are left in peace."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

from recipe_widgets import Data, RecipeError, checks, load
from recipe_widgets.checks.near_copies import laid_over, near_pairs

G = np.random.default_rng


@pytest.fixture(scope="module")
def photos():
    """600 real pictures (3, 32, 32), bytes, and their labels."""
    data = load("cifar10")
    return data.train.x[:600], data.train.y[:600]


def jpeg(image: torch.Tensor) -> torch.Tensor:
    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=60)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)


def zoomed(image: torch.Tensor) -> torch.Tensor:
    inner = image[None, :, 1:-1, 1:-1].float()
    return torch.nn.functional.interpolate(inner, size=(32, 32),
                                           mode="bilinear")[0].round().to(torch.uint8)


DISGUISES = {
    "brighter": lambda i: (i.float() * 0.7 + 60).clamp(0, 255).to(torch.uint8),
    "less contrast": lambda i: (i.float() * 0.5 + 30).to(torch.uint8),
    "shifted": lambda i: i.roll((3, -2), (1, 2)),
    "mirrored": lambda i: i.flip(2),
    "compressed": jpeg,
    "zoomed": zoomed,
}


@pytest.mark.parametrize("how", DISGUISES)
def test_near_copies_are_found(photos, how):
    x, _ = photos
    planted = torch.stack([DISGUISES[how](image) for image in x[:40]])
    pairs, _ = near_pairs(torch.cat([x, planted]))
    found = {tuple(pair) for pair in pairs.tolist()}
    hits = sum((k, 600 + k) in found for k in range(40))
    natural = sum(b < 600 for _, b in found)
    assert hits >= 36, hits
    assert natural <= 12, natural


def test_digits_are_alike_by_nature():
    x = load("mnist").train.x[:1000]
    pairs, _ = near_pairs(torch.cat([x, x[:20].flip(3), (x[20:40] // 2)]))
    found = {tuple(pair) for pair in pairs.tolist()}
    assert not {(k, 1000 + k) for k in range(20)} & found  # a mirrored digit is another one
    assert sum((20 + k, 1020 + k) in found for k in range(20)) >= 19
    assert sum(b < 1000 for _, b in found) <= 3


def test_laid_over_knows_the_shift():
    a = torch.rand(3, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    moved = a.roll((1, 2), (2, 3))
    assert (laid_over(a, moved, False) > 0.98).all()
    assert (laid_over(a, a.flip(3), True) > 0.999).all()
    assert (laid_over(a, a.flip(0)[[0, 2, 1]], False) < 0.5).any()


def test_duplicates_by_hand(photos):
    x, y = photos[0][:100], photos[1][:100].clone()
    x = torch.cat([x, x[:3]])
    y = torch.cat([y, y[:3]])
    assert checks.duplicates(x[:100], y[:100], near=False).status == "pass"
    inside = checks.duplicates((x, y), near=False)
    assert inside.status == "note"  # rare samples may be taken twice on purpose
    assert inside.details["exact"].tolist() == [[0, k, 0, 100 + k] for k in range(3)]
    y[100] = (y[100] + 1) % 10
    assert checks.duplicates((x, y), near=False).status == "warn"
    across = checks.duplicates({"train": (x[:100], y[:100]), "test": (x[98:], y[98:])}, near=False)
    assert across.status == "warn"
    assert [0, 98, 1, 0] in across.details["exact"].tolist()


@pytest.mark.parametrize("form", ["arrays", "tensors", "loader", "list", "data"])
def test_split_leak_in_every_form(photos, form):
    x, y = photos[0][:120], photos[1][:120]
    train, clean, leaky = (x[:80], y[:80]), (x[80:], y[80:]), (x[70:], y[70:])

    def made(part):
        if form == "arrays":
            return part[0].numpy(), part[1].numpy()
        if form == "loader":
            return DataLoader(TensorDataset(*part), 16)
        if form == "list":
            return list(zip(part[0].split(16), part[1].split(16), strict=True))
        return part

    if form == "data":
        ours = [Data.from_arrays(*train, validation=held, test=clean) for held in (clean, leaky)]
        assert [checks.split_leak(d).status for d in ours] == ["pass", "fail"]
        assert ours[0].vault_log()[0]["kind"] == "audit"
        assert not ours[0].vault.opened
        return
    assert checks.split_leak(made(train), made(clean)).status == "pass"
    got = checks.split_leak(made(train), made(leaky))
    assert got.status == "fail"
    assert got.measured == 10
    assert sorted(got.details["exact"].tolist()) == [[70 + k, k] for k in range(10)]


def test_split_leak_by_near_copies_warns(photos):
    x, _ = photos
    held = torch.cat([x[400:440], DISGUISES["mirrored"](x[:1])[:0], x[:8].flip(3)])
    got = checks.split_leak(x[:400], held)
    assert got.status == "warn"
    assert {tuple(p) for p in got.details["near"].tolist()} >= {(k, 40 + k) for k in range(8)}


def test_samples_of_few_values_meet_by_chance():
    x = torch.from_numpy(G(0).integers(0, 3, (400, 4)))
    assert checks.split_leak((x[:300], x[:300, 0]), (x[300:], x[300:, 0])).status == "note"
    assert checks.duplicates(x).status == "note"


def test_outliers():
    x = torch.from_numpy(G(0).normal(100, 20, (300, 1, 12, 12)).clip(0, 255).astype(np.uint8))
    assert checks.outliers(x).status == "pass"
    bright = x.clone()
    bright[17] = (bright[17] // 4 + 190).to(torch.uint8)
    got = checks.outliers(bright)
    assert got.status == "note"
    assert got.details["rows"][0].tolist() == [0, 17]
    bright[40] = 7
    got = checks.outliers(bright)
    assert got.status == "warn"
    assert got.details["blank"].tolist() == [[0, 40]]
    table = torch.from_numpy(G(1).normal(0, 1, (200, 3)))
    table[5, 2] = 60
    assert checks.outliers(table).details["rows"][0].tolist() == [0, 5]


Z = torch.from_numpy(G(0).normal(0, 1, (200, 3, 8, 8)).astype(np.float32))


@pytest.mark.parametrize(
    ("x", "expected"),
    [(Z, "pass"), (Z * 0.3 + 0.5, "pass"), (Z.abs() * 60, "warn"), (Z / 255 / 4, "warn"),
     (Z * 0.001 - 2.1, "warn"), (Z + 1e4, "warn"),
     ((Z * 50 + 128).clamp(0, 255).to(torch.uint8), "note"), (torch.ones(9, 4), "warn"),
     (Z.flatten(1)[:, :9] * torch.tensor([1.0] * 8 + [1e4]) / 1e3, "warn"),
     (torch.randint(9, (20, 4), generator=torch.Generator().manual_seed(0)), "skip")])
def test_input_range(x, expected):
    assert checks.input_range(x).status == expected


def test_input_range_names_nan():
    x = Z.clone()
    x[7, 0, 0, 0] = float("nan")
    got = checks.input_range(x)
    assert got.status == "fail"
    assert got.details["rows"].tolist() == [7]
    for check in (checks.duplicates, checks.outliers):
        with pytest.raises(RecipeError, match="the first is 7"):
            check(x)


@pytest.mark.parametrize(("bad", "text"), [([], "no batches"), (None, "none"), ("x", "str"),
                                           (3, "int"), ([3], "pair"),
                                           ((np.zeros((0, 3)), np.zeros(0)), "shape"),
                                           ((np.zeros((4, 3)), np.zeros(5)), "same first length"),
                                           ({}, "none"), (np.array(["a", "b"]), "numbers"),
                                           ([(np.zeros((2, 3)), [0, 1]), (np.zeros(
                                               (2, 4)), [0, 1])], "different shapes")])
def test_bad_samples(bad, text):
    for check in (checks.duplicates, checks.outliers, checks.input_range, checks.class_balance,
                  checks.label_errors):
        with pytest.raises(RecipeError, match=text):
            check(bad)


DATA_CHECKS = [
    checks.class_balance, checks.duplicates, checks.outliers, checks.input_range,
    checks.label_errors, checks.label_alignment, checks.split_leak
]


@given(st.integers(1, 6),
       st.sampled_from([(), (1, ), (3, ), (2, 2), (1, 4, 4), (4, 4, 3), (3, 1, 1), (2, 2, 2, 2)]),
       st.sampled_from(["float32", "float64", "float16", "int64", "uint8", "bool"]),
       st.sampled_from(["int64", "int32", "float32", "bool", "one-hot", "negative"]), st.booleans())
def test_odd_samples_give_an_answer_or_a_clear_error(n, shape, kind, label, nan):
    x = torch.ones(n, *shape).cumsum(0).to(getattr(torch, kind))
    if nan and x.is_floating_point():
        x.view(-1)[0] = float("nan")
    y = {"one-hot": torch.eye(n), "negative": -1 - torch.arange(n)}.get(label)
    y = torch.arange(n).to(getattr(torch, label)) if y is None else y
    for check in DATA_CHECKS:
        try:
            text = str(check({"train": (x, y), "validation": (x[:1], y[:1])}))
        except RecipeError as error:
            text = str(error)
        assert text
        assert "could not look" not in text
    assert x.shape == (n, *shape)
