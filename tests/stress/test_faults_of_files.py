"""Cut and bit-flipped files of every embedded and every written kind: read right, or refused with
one clear error.

Where a checksum exists, nothing else than what was written is ever believed.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recipe_widgets import Data, RecipeError, Settings, load
from recipe_widgets.core import History, Run
from recipe_widgets.core.json_files import read_text
from recipe_widgets.data import embedded
from recipe_widgets.data.full_sets import complete_arrays
from recipe_widgets.lessons.nb10_squeeze.accuracy_story import records
from tests.data.test_data_full_sets import CIFAR, cifar, equal
from tests.stress.damage import damaged, variants
from tests.stress.kinds import BY_NAME, KINDS, Kind, newest, run_of, write_exported
from tests.stress.tally import Tally, times

COUNT = times(10, 300)  # damages of each kind
# Scripts and reports are for people, exported data is read by scripts.
READ = [kind for kind in KINDS if kind.name not in ("script", "report", "exported data")]
LISTS = ("complete set", "download")  # each version is a file of its own


def refused(body: Callable[[], object]) -> object:
    """What it gives, or the one clear error; any other exception is a fault of the package."""
    try:
        return body()
    except RecipeError as error:
        return error


@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.name)
def test_written_files(kind: Kind, tmp_path: Path, tally: Callable[[str], Tally]) -> None:
    row, chance = tally(f"damaged files: {kind.name}"), random.Random(0)
    whole = tmp_path / "whole"
    whole.mkdir()
    for n in (1, 2, 3):
        kind.write(whole, n)
    files = sorted(
        file.relative_to(whole)
        for file in whole.rglob("*")
        if file.is_file() and file.stat().st_size)
    for number in range(COUNT):
        folder = tmp_path / f"{number}"
        shutil.copytree(whole, folder)
        file = folder / chance.choice(files)
        file.write_bytes(damaged(file.read_bytes(), chance))
        found = newest(kind, folder)
        row.tried += 1
        if kind.exact and not isinstance(found, RecipeError):
            row.lost += found not in (0, 1, 2, 3)
        if kind.name not in LISTS:  # and life goes on
            refused(lambda folder=folder: kind.write(folder, 4))
            assert newest(kind, folder) == 4
        shutil.rmtree(folder)
    assert row.lost == 0


def test_a_damaged_ledger_loses_its_damaged_lines_only(tmp_path: Path,
                                                       tally: Callable[[str], Tally]) -> None:
    from recipe_widgets.core import RunLog

    row = tally("damaged files: ledger, line by line")
    for n in range(1, 21):
        BY_NAME["ledger"].write(tmp_path, n)
    book = RunLog(tmp_path / "ledger.jsonl")
    lines = book.file.read_bytes().splitlines(keepends=True)
    for spoiled in variants(b"".join(lines[4:6]), COUNT):
        book.file.write_bytes(b"".join([*lines[:4], spoiled, b"\n", *lines[6:]]))
        row.tried += 1
        found = [entry.steps for entry in book.entries()]
        row.lost += len(set(range(1, 21)) - {5, 6} - set(found))
        assert set(found) <= set(range(1, 21))
        assert len(found) == 20 or book.broken
    assert row.lost == 0


def test_damaged_labels_are_set_aside(tmp_path: Path) -> None:
    kind = BY_NAME["labels"]
    kind.write(tmp_path, 7)
    file = tmp_path / "labels.json"
    cut = file.read_bytes()[:-3]
    file.write_bytes(cut)
    assert kind.read(tmp_path) == 0
    kind.write(tmp_path, 8)
    assert kind.read(tmp_path) == 8
    assert (tmp_path / "labels.damaged.json").read_bytes() == cut


def test_exported_data_is_made_anew(tmp_path: Path, tally: Callable[[str], Tally]) -> None:
    row, kind = tally("damaged files: exported data"), BY_NAME["exported data"]
    write_exported(tmp_path, 5)
    (file,) = tmp_path.glob("exported/*.npz")
    for spoiled in variants(file.read_bytes(), COUNT):
        file.write_bytes(spoiled)
        write_exported(tmp_path, 5)
        row.tried += 1
        row.lost += kind.read(tmp_path) != 5
    assert row.lost == 0


@pytest.mark.parametrize("name", embedded.MANIFESTS)
def test_embedded_files(name: str, tmp_path: Path, tally: Callable[[str], Tally]) -> None:
    row, source = tally("damaged files: embedded data"), embedded.data_folder() / name
    wanted = {"manifest.json": embedded.MANIFESTS[name], **embedded.manifest(name)["files"]}
    chance = random.Random(0)
    for _ in range(COUNT):
        file = chance.choice(sorted(wanted))
        (tmp_path / file).write_bytes(damaged((source / file).read_bytes(), chance))
        row.tried += 1
        row.lost += not isinstance(
            refused(lambda file=file: embedded.checked(tmp_path, file, wanted[file])), RecipeError)
    assert row.lost == 0


@pytest.mark.parametrize("name", embedded.MANIFESTS)
def test_no_embedded_file_is_read_unchecked(name: str, tmp_path: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(embedded.data_folder() / name, tmp_path / name)
    monkeypatch.setattr(embedded, "data_folder", lambda: tmp_path)
    files = sorted((tmp_path / name).iterdir())
    for file in [file for file in files if file.suffix != ".md"][:: 1 if times(0, 1) else 4]:
        whole = file.read_bytes()
        file.write_bytes(damaged(whole, random.Random(0)))
        embedded._decoded.cache_clear()
        with pytest.raises(RecipeError, match=file.name):
            load(name)
        file.write_bytes(whole)
    embedded._decoded.cache_clear()


def test_archives_of_complete_sets(tmp_path: Path, tally: Callable[[str], Tally]) -> None:
    row = tally("damaged files: archives")
    spec, files = cifar()
    ((name, whole),) = files.items()
    (tmp_path / name).write_bytes(whole)
    assert equal(complete_arrays(spec, folder=tmp_path), CIFAR)
    (tmp_path / "cifar10.npz").unlink()
    for spoiled in variants(whole, COUNT):
        (tmp_path / name).write_bytes(spoiled)
        row.tried += 1
        row.lost += not isinstance(refused(lambda: complete_arrays(spec, folder=tmp_path)),
                                   RecipeError)
        assert not (tmp_path / "cifar10.npz").exists()
    assert row.lost == 0


def text_of(file: Path) -> str:
    """As the commands of the shell read a file."""
    return read_text(file, "--settings", "a readable JSON file")


MEASURED = {"recipe": "x", "where": "here", "runs": [{"test_accuracy": 0.5, "seconds": 1.0}]}
TEXTS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "settings": (Settings(lr=0.3).to_json(), lambda file: Settings.from_json(text_of(file))),
    "run": (run_of(5).to_json(), lambda file: Run.from_json(text_of(file))),
    "history": (run_of(5).history.to_json(), lambda file: History.from_json(text_of(file))),
    "record": (json.dumps(MEASURED), lambda file: records(file.parent)),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts(name: str, tmp_path: Path, tally: Callable[[str], Tally]) -> None:
    row, (text, reading) = tally("damaged files: settings, runs"), TEXTS[name]
    file, kinds = tmp_path / "it.json", set()
    for spoiled in variants(text.encode(), COUNT):
        file.write_bytes(spoiled)
        kinds.add(type(refused(lambda: reading(file))))
        row.tried += 1
    assert RecipeError in kinds


@pytest.mark.filterwarnings("ignore")  # Pillow's, of TIFF
@pytest.mark.parametrize("form", ["png", "jpg", "gif", "bmp", "webp", "tiff", "ppm"])
def test_images_in_folders(form: str, tmp_path: Path, tally: Callable[[str], Tally]) -> None:
    row, rng = tally("damaged files: images"), np.random.default_rng(0)
    for number in range(6):
        place = tmp_path / f"class{number % 2}"
        place.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (12, 10, 3),
                                     dtype=np.uint8)).save(place / f"{number}.{form}")
    file = tmp_path / "class0" / f"0.{form}"
    for spoiled in variants(file.read_bytes(), COUNT):
        file.write_bytes(spoiled)
        found = refused(lambda: Data.from_folder(tmp_path, size=(12, 10)))
        assert isinstance(found, Data) or file.name in str(found)
        row.tried += 1


def test_a_search_in_a_damaged_file(tmp_path: Path, blobs: Data, tally: Callable[[str],
                                                                                 Tally]) -> None:
    from recipe_widgets.tune import space, tune

    row, file = tally("damaged files: SQLite of a search"), tmp_path / "tuning.db"

    def search(trials: int) -> object:
        return str(
            tune(blobs, space("lr"), Settings(width=4, max_steps=2), trials=trials,
                 storage=str(file), sampler="random").table())

    search(2)
    whole = file.read_bytes()
    for spoiled in variants(whole, times(4, 60)):
        for rest in tmp_path.glob("tuning.db-*"):
            rest.unlink()
        file.write_bytes(spoiled)
        assert isinstance(refused(lambda: search(3)), (str, RecipeError))
        row.tried += 1
