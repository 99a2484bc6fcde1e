"""The embedded files: sound, as the manifest says, and any damage is named."""

from __future__ import annotations

import hashlib
import json
import runpy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recipe_widgets import RecipeError, load
from recipe_widgets.data import embedded
from recipe_widgets.data.datasets import DATASETS, DatasetRow
from recipe_widgets.data.full_sets import SETS

NAMES = ["mnist", "cifar10"]
LICENSED = {"mnist": "CC BY-SA 3.0", "cifar10": "no formal licence"}


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the embedded MNIST that a test may damage."""
    shutil.copytree(embedded.data_folder() / "mnist", tmp_path / "data" / "mnist")
    monkeypatch.setattr(embedded, "data_folder", lambda: tmp_path / "data")
    return tmp_path / "data" / "mnist"


@pytest.mark.parametrize("name", NAMES)
def test_files_are_exactly_those_of_the_manifest(name: str) -> None:
    folder = embedded.data_folder() / name
    manifest = embedded.manifest(name)
    assert {path.name for path in folder.iterdir()} == {"manifest.json", *manifest["files"]}
    for file, sha256 in manifest["files"].items():
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == sha256
    assert embedded.MANIFESTS[name] in (folder.parent / "README.md").read_text(encoding="utf-8")
    assert manifest["licence"].startswith(LICENSED[name])


def test_all_files_together_stay_small() -> None:
    assert sum(path.stat().st_size
               for path in embedded.data_folder().rglob("*")
               if path.is_file()) < 35e6


def test_mnist_is_complete() -> None:
    """Put back together, it has the checksum of the original arrays."""
    whole = embedded.embedded("mnist")
    total = hashlib.sha256()
    for part in (whole.train, whole.test):
        total.update(part.x.numpy().data)
        total.update(part.y.numpy().data)
    assert total.hexdigest() == SETS["mnist"].content


@pytest.mark.parametrize("name", NAMES)
def test_the_first_load_deals_on_the_way_and_gives_what_the_second_does(
        name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one holds the images once; the second one deals what is kept."""
    monkeypatch.setattr(embedded, "_loaded", set())
    with monkeypatch.context() as patch:
        patch.setattr(embedded, "_decoded", None)
        first = load(name, seed=3)
    whole, second = embedded.embedded(name), load(name, seed=3)
    assert first.sha256 == second.sha256
    assert first.train.x.data_ptr() != second.train.x.data_ptr()
    for split in (first.train, first.validation):
        rows = torch.searchsorted(whole.train.index, split.index)
        assert torch.equal(split.x, whole.train.x[rows])
        assert torch.equal(split.y, whole.train.y[rows])
        assert split.origin.tolist() == [0] * split.size
    assert torch.equal(first.vault.sealed().x, whole.test.x)
    assert first.mean == second.mean


def test_known_pixels_and_labels() -> None:
    """From the published sets: the first labels, and the first digit's sum of bytes."""
    mnist, cifar = embedded.embedded("mnist"), embedded.embedded("cifar10")
    assert mnist.train.y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.test.y[:5].tolist() == [7, 2, 1, 0, 4]
    assert int(mnist.train.x[0].sum()) == 27525
    # of the complete set
    labels = dict(enumerate([6, 9, 9, 4, 1, 1, 2, 7, 8, 3, 4, 7, 7, 2, 9, 9, 9, 3, 2, 6]))
    present = [(label, int(cifar.train.y[row]))
               for row, number in enumerate(cifar.train.index.tolist())
               if (label := labels.get(number)) is not None]
    assert present
    assert all(expected == found for expected, found in present)


def test_the_cifar_sample_is_balanced_ordered_and_as_documented() -> None:
    cifar = embedded.embedded("cifar10")
    for part, per_class, total in ((cifar.train, 1000, 50_000), (cifar.test, 200, 10_000)):
        assert np.bincount(part.y).tolist() == [per_class] * 10
        assert bool((part.index.diff() > 0).all())
        assert 0 <= int(part.index[0]) < int(part.index[-1]) < total
    ranks = [hashlib.sha256(f"0 test {number}".encode()).digest() for number in range(10_000)]
    cats = cifar.test.index[cifar.test.y == 3].tolist()
    worst = max(ranks[number] for number in cats)
    better = [number for number in range(10_000) if ranks[number] <= worst]
    assert set(cats) <= set(better)
    assert len(better) == pytest.approx(10 * 200, rel=0.25)  # those of all ten classes


@pytest.mark.parametrize("file", ["train-03.png", "train-labels.npy", "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "missing", "empty"])
def test_damage_is_named_with_its_mend(copied: Path, file: str, damage: str) -> None:
    path = copied / file
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    path.write_bytes(content[:-7] if damage == "cut" else b"" if damage == "empty" else content)
    if damage == "missing":
        path.unlink()
    with pytest.raises(RecipeError,
                       match=rf"{file}: .*git checkout -- data/mnist/{file}.*reinstall.*build.py"):
        load("mnist")


def test_a_sound_copy_loads_and_line_ends_do_not_matter(copied: Path) -> None:
    manifest = (copied / "manifest.json").read_bytes()
    (copied / "manifest.json").write_bytes(manifest.replace(b"\n", b"\r\n"))
    assert load("mnist").sizes["test"] == 10_000


def test_a_sheet_that_cannot_be_decoded(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right by its checksum and yet no picture: as if this Pillow lacked the format."""
    (copied / "test-01.png").write_bytes(b"no picture")
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["files"]["test-01.png"] = hashlib.sha256(b"no picture").hexdigest()
    (copied / "manifest.json").write_text(json.dumps(manifest), newline="\n")
    digest = hashlib.sha256((copied / "manifest.json").read_bytes()).hexdigest()
    monkeypatch.setitem(embedded.MANIFESTS, "mnist", digest)
    with pytest.raises(RecipeError, match=r"test-01.png.*cannot decode.*pillow"):
        load("mnist")


def test_no_data_folder_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "__file__",
                        str(tmp_path / "site" / "package" / "data" / "embedded.py"))
    with pytest.raises(RecipeError, match="Reinstall recipe_widgets"):
        embedded.data_folder()
    (tmp_path / "site" / "data" / "mnist").mkdir(
        parents=True)  # some other project's folder of the same name
    with pytest.raises(RecipeError, match="Embedded data"):
        embedded.data_folder()
    for place in ("data", "package/_embedded"):  # a checkout, then an installed package, which wins
        (tmp_path / "site" / place / "mnist").mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / place / "mnist" / "manifest.json").write_text("{}")
        assert embedded.data_folder() == tmp_path / "site" / place


def _build_script() -> dict[str, Any]:
    return runpy.run_path(str(embedded.data_folder() / "build.py"), run_name="build")


def test_the_script_makes_a_manifest_that_loads(tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    """Two small sets, made twice: the same bytes, and every sample comes back as it was."""
    build = _build_script()
    build["CHOSEN"].update(train=30, test=5)
    rng = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 1030), ("test", 90)):
        arrays[f"x_{part}"] = rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
        arrays[f"y_{part}"] = np.arange(count, dtype=np.int64) % 10
    digests = [
        build["build"]("cifar10", arrays, tmp_path / run / "cifar10") for run in ("one", "two")
    ]
    assert digests[0] == digests[1]
    for path in (tmp_path / "one" / "cifar10").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / "cifar10" / path.name).read_bytes()
    monkeypatch.setitem(embedded.MANIFESTS, "cifar10", digests[0])
    monkeypatch.setattr(embedded, "data_folder", lambda: tmp_path / "one")
    made = embedded.embedded("cifar10")
    for samples, part, count in ((made.train, "train", 300), (made.test, "test", 50)):
        assert len(samples.y) == count
        assert np.array_equal(samples.x, arrays[f"x_{part}"][samples.index].transpose(0, 3, 1, 2))
        assert np.array_equal(samples.y, arrays[f"y_{part}"][samples.index])


@pytest.mark.parametrize("row", DATASETS.values(), ids=lambda row: row.name)
def test_the_table_says_what_the_manifest_says(row: DatasetRow) -> None:
    about = embedded.manifest(row.name)
    assert about["classes"] == list(row.classes)
    assert about["shape"] == list(row.shape)
    assert (about["source"], about["licence"], about["notes"]) == (row.source, row.licence,
                                                                   row.notes)
