"""Lessons of notebook 01 on tiny data with known answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from recipe_widgets import Data, RecipeError, Settings, checks
from recipe_widgets.evaluation import kappa, proportion
from recipe_widgets.lessons.common.images import photos
from recipe_widgets.lessons.nb01_know_your_data import data_faults, sample_browser
from recipe_widgets.lessons.nb01_know_your_data import input_detail_and_range as inputs
from recipe_widgets.lessons.nb01_know_your_data.labelling import labelling
from recipe_widgets.models import build_model
from recipe_widgets.plots.images import bytes_of, contact_sheet


@pytest.fixture(scope="module")
def grey() -> Data:
    """200 constant images of 2 classes, 16x16, image k as bright as k, dealt by seed 0."""
    x = np.repeat(np.arange(200, dtype=np.uint8), 256).reshape(200, 16, 16)
    return Data.from_arrays(x, np.arange(200) % 2, name="grey", classes=("even", "odd"))


@pytest.fixture(scope="module")
def noise() -> Data:
    """300 random colour images 3x16x16 of 3 classes."""
    rng = np.random.default_rng(0)
    return Data.from_arrays(rng.integers(0, 256, (300, 3, 16, 16), dtype=np.uint8),
                            np.arange(300) % 3, name="noise")


def test_contact_sheet_puts_images_row_by_row() -> None:
    images = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1).repeat(2, 2).repeat(2, 3)
    sheet = contact_sheet(images, 2)
    assert sheet.shape == (4, 4, 3)
    assert sheet[0, 0].tolist() == [0, 0, 0]
    assert sheet[1, 3].tolist() == [1, 1, 1]
    assert sheet[3, 0].tolist() == [2, 2, 2]
    assert sheet[3, 3].tolist() == [255, 255, 255], "what is left over is white"


def test_floats_are_stretched_and_tables_refused() -> None:
    assert bytes_of(torch.tensor([-1.0, 0.0, 1.0]).reshape(3, 1, 1,
                                                           1)).flatten().tolist() == [0, 128, 255]
    with pytest.raises(RecipeError, match="Pictures"):
        bytes_of(torch.zeros(3, 4))
    with pytest.raises(RecipeError, match="equally many"):
        photos(np.zeros((2, 1, 4, 4), np.uint8), ["one"], "t", "a")


def test_sorting_and_filtering(grey: Data) -> None:
    table = sample_browser.sample_table(grey)
    by_hand = grey.train.x[:, 0, 0, 0].double().numpy()
    np.testing.assert_allclose(table.columns["brightness"], by_hand)
    rows = table.rows("brightness", descending=True, label="odd", low=50, high=101)
    values = by_hand[rows]
    assert sorted(values, reverse=True) == values.tolist()
    assert set(values) == {v for v in by_hand if v % 2 == 1 and 50 <= v <= 101}
    assert table.facts(int(rows[0]))["label"] == "odd"
    assert "loss" not in table.columns
    with pytest.raises(RecipeError, match="needs a model"):
        table.rows("loss")
    with pytest.raises(RecipeError, match="Label"):
        table.rows(label="cat")
    with pytest.raises(RecipeError, match="vault"):
        sample_browser.sample_table(grey, "test")


def test_losses_are_those_of_each_sample(blobs: Data) -> None:
    model = build_model(Settings(width=8), blobs.shape, 3)
    table = sample_browser.sample_table(blobs, "validation", model)
    x, y = blobs.validation.batch(torch.tensor([4]))
    expected = torch.nn.functional.cross_entropy(model(x), y).item()
    assert table.columns["loss"][4] == pytest.approx(expected, rel=1e-4)
    assert model.training


def test_pictures_have_words_and_are_small(noise: Data) -> None:
    table = sample_browser.sample_table(noise)
    for picture in (table.ends("brightness",
                               5), table.sheet(table.rows()[:30]),
                    inputs.spoiled_pictures(noise, build_model(Settings(width=8), noise.shape, 3),
                                            2, 2, 4)):
        assert picture.png().startswith(b"\x89PNG")
        assert len(picture.png()) < 60_000
        assert len(picture.alt) > 15


def test_imbalance_keeps_the_share_and_warns(noise: Data) -> None:
    before = int((noise.train.y == 1).sum())
    rare = data_faults.imbalanced(noise, 1, 0.05)
    assert int((rare.train.y == 1).sum()) == round(0.05 * before)
    assert int((rare.train.y == 0).sum()) == int((noise.train.y == 0).sum())
    assert checks.class_balance(rare).status == "warn"
    with pytest.raises(RecipeError):
        data_faults.imbalanced(noise, 5, 0.5)


def test_planted_copies_are_found_and_counted_per_split(noise: Data) -> None:
    x, y = noise.train.x.clone(), noise.train.y.clone()
    x[20:27], y[20:27] = noise.validation.x[:7], noise.validation.y[:7]
    puzzle = data_faults.with_train(noise, torch.arange(200), x=x, y=y)
    found = data_faults.copies(puzzle, progress=False)
    assert found.leaked("validation") == 7
    assert found.leaked("test") == 0
    assert len(found.across) == 7
    assert "7 of 50 validation samples (14.00%)" in str(found)
    assert "validation" in found.across.plot(4).alt
    assert len(found.contradictions) == 0
    flipped = data_faults.with_train(puzzle, torch.arange(200), y=(puzzle.train.y + 1) % 3)
    assert len(data_faults.copies(flipped, progress=False).across.contradictions) == 7
    assert [entry["kind"]
            for entry in puzzle.vault_log()] == ["audit"] * 5, "looked at, never opened"


def test_faulty_pictures_are_the_multiples_and_blank_or_nearly(noise: Data) -> None:
    broken = data_faults.faulty(noise, every=20)
    rows = sample_browser.sample_table(broken).rows("contrast")[:10].tolist()
    assert sorted(rows) == list(range(0, 200, 20))
    assert int(broken.train.x[::20].max()) <= 1
    assert torch.equal(broken.train.x[1], noise.train.x[1])
    assert noise.train.x[0].max() > 1, "the data given stays as it was"


def test_suspects_show_the_label_and_the_doubt(blobs: Data) -> None:
    y = blobs.train.y
    changed = y.clone()
    changed[:6] = (y[:6] + 1) % 3
    bad = data_faults.with_train(blobs, torch.arange(len(y)), y=changed)
    truth = torch.cat([y, blobs.validation.y, blobs.vault.sealed().y])
    sure = torch.nn.functional.one_hot(truth, 3).double() * 0.94 + 0.02
    result = checks.label_errors(bad, probabilities=sure.numpy())
    picture = data_faults.suspects(bad, result, 6)
    assert "right on 99.0% of samples" in data_faults.trust(result), "6 of 600 labels were changed"
    for k in range(6):
        row = int(bad.train.index[k])
        assert f"train {row}, label: {blobs.classes[int(changed[k])]}, net: {blobs.classes[int(y[k])]}" in picture.alt


def test_blur_is_the_mean_and_keeps_the_size() -> None:
    x = torch.arange(16, dtype=torch.uint8).reshape(1, 1, 4, 4)
    small = inputs.blurred(x, 2)
    assert small.shape == x.shape
    # mean of 0, 1, 4, 5 is 2.5; half to even
    assert small[0, 0, :2, :2].tolist() == [[2, 2], [2, 2]]
    assert torch.equal(inputs.blurred(x, 1), x)
    assert torch.equal(inputs.blurred(x.float(), 3)[0, 0, 3, 3],
                       torch.tensor(15.0)), "the border's own mean"
    with pytest.raises(RecipeError):
        inputs.blurred(x, 5)


def test_shuffled_patches_are_the_same_patches() -> None:
    x = torch.arange(2 * 49, dtype=torch.uint8).reshape(2, 1, 7, 7)
    mixed = inputs.patch_shuffled(x, 2)
    assert not torch.equal(mixed, x)
    for before, after in zip(x, mixed, strict=True):
        assert sorted(before.flatten().tolist()) == sorted(after.flatten().tolist())
        assert torch.equal(before[0, :, 6], after[0, :, 6]), "what does not divide stays"
        corners = {
            tuple(before[0, i:i + 3, j:j + 3].flatten().tolist()) for i in (0, 3) for j in (0, 3)
        }
        assert corners == {
            tuple(after[0, i:i + 3, j:j + 3].flatten().tolist()) for i in (0, 3) for j in (0, 3)
        }
    assert torch.equal(inputs.patch_shuffled(x, 1), x)


def test_scales_feed_what_they_say(blobs: Data) -> None:
    rows = torch.arange(300)
    raw = blobs.train.raw(rows)[0].float()
    torch.testing.assert_close(
        inputs.as_fed(blobs, "0 to 255").train.batch(rows)[0], raw, rtol=1e-4, atol=1e-2)
    torch.testing.assert_close(inputs.as_fed(blobs, "0 to 1").train.batch(rows)[0], raw / 255)
    torch.testing.assert_close(
        inputs.as_fed(blobs, "-1 to 1").train.batch(rows)[0], raw / 127.5 - 1)
    torch.testing.assert_close(
        inputs.as_fed(blobs, "mean 0, std 1").train.batch(rows)[0],
        blobs.train.batch(rows)[0])
    with pytest.raises(RecipeError):
        inputs.as_fed(blobs, "0 to 7")


def test_labels_of_a_reader(noise: Data) -> None:
    mine = labelling(noise, count=12)
    truth = [int(noise.validation.y[row]) for row in mine.order(0)]
    assert "only a person can give them" in str(mine)
    assert "no measurement" in str(mine)
    mine.typed(0, "".join(map(str, truth[:6])) + "x" + str((truth[6] + 1) % 3))
    found = mine.accuracy(0)
    assert found == proportion(6, 7)
    assert [row for row, _, _ in mine.mistakes(0)] == [mine.order(0)[6]]
    assert mine.next_row(0) == mine.order(0)[7]
    assert mine.agreement() is None
    again = labelling(noise, count=12)
    assert again.texts == mine.texts, "kept on the disk"
    assert labelling(noise, count=11).texts == ["", ""], "other pictures, other labels"
    second = [int(noise.validation.y[row]) for row in again.order(1)]
    again.typed(1, "".join(map(str, second)))
    first_seven = again.order(0)[:7]
    ones = [again.labels(0)[row] for row in first_seven]
    twos = [again.labels(1)[row] for row in first_seven]
    assert again.agreement() == kappa(ones, twos)
    again.clear()
    assert labelling(noise, count=12).texts == ["", ""]


def test_labels_survive_a_broken_file_and_bad_counts(noise: Data, tmp_path: Path) -> None:
    mine = labelling(noise, count=5)
    mine.file.write_text("{ not json")
    assert labelling(noise, count=5).texts == ["", ""]
    mine.file.write_text(json.dumps({"a": 3}))
    assert labelling(noise, count=5).texts == ["", ""]
    with pytest.raises(RecipeError):
        labelling(noise, count=0)
    with pytest.raises(RecipeError):
        mine.typed(2, "0")
    mine.file.unlink()
    mine.file.mkdir()
    with pytest.raises(RecipeError, match="Labels"):
        mine.typed(0, "01")
    assert mine.texts == ["", ""], "nothing half changed"
