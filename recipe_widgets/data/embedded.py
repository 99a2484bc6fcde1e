"""The data sets that come with the package: contact sheets of images, checked by sha256, decoded
to bytes.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from recipe_widgets.core import RecipeError
from recipe_widgets.core.machine import cores
from recipe_widgets.data.split import Deal, Samples

# sha256 of each manifest.json (line ends as \n); the manifest holds those of all other files.
MANIFESTS = {
    "mnist": "5a2f01a292c2366dff25778af25134fe1716825d0d9ee865e545a563251d231f",
    "cifar10": "9b9531e8e124b47978829d031d21884e9cda326181af9a53d46db4368c632422",
}


class Embedded(NamedTuple):
    """One decoded set. Shared between all who load it: take copies, never write into it."""

    about: dict[str, Any]
    train: Samples
    test: Samples


def data_folder() -> Path:
    """The folder with the embedded sets: inside the installed package, or beside it in a
    checkout.
    """
    package = Path(__file__).resolve().parents[1]
    places = (package / "_embedded", package.parent / "data")  # wheel, checkout
    for place in places:
        if any((place / name / "manifest.json").is_file() for name in MANIFESTS):
            return place
    raise RecipeError("Embedded data", found="no folder with a manifest",
                      expected=" or ".join(str(place) for place in places),
                      mend="Reinstall recipe_widgets, or `git checkout -- data` in a checkout.")


def manifest(name: str) -> dict[str, Any]:
    """What is known about the embedded set `name`: classes, source, licence, files."""
    text = checked(data_folder() / name, "manifest.json", MANIFESTS[name])
    about: dict[str, Any] = json.loads(text)
    return about


def embedded(name: str) -> Embedded:
    """The embedded set `name`, decoded once per process."""
    return _decoded(data_folder(), name)


def dealt(name: str, deal: Deal) -> list[Samples]:
    """The parts into which `deal` deals the training samples, then the test samples; each in memory
    of its own.

    The first time in a process the images are decoded straight into the parts: most load a set once,
    and whole it would take as much memory again. From the second time on it is kept.
    """
    root = data_folder()
    if (root, name) in _loaded:
        whole = embedded(name)
        return [*(whole.train.take(rows) for rows in deal(whole.train.y)), whole.test.copy()]
    parts = _decode(root, name, deal)
    _loaded.add((root, name))
    return parts


_loaded: set[tuple[Path, str]] = set()  # what `dealt` has decoded in this process


@functools.lru_cache(maxsize=4)
def _decoded(root: Path, name: str) -> Embedded:
    train, test = _decode(root, name, lambda y: [torch.arange(len(y))])
    return Embedded(manifest(name), train, test)


def _decode(root: Path, name: str, deal: Deal) -> list[Samples]:
    """The parts of the training samples, then the test samples."""
    from concurrent.futures import ThreadPoolExecutor

    folder, about = root / name, manifest(name)
    files: dict[str, str] = about["files"]
    parts: list[Samples] = []
    # Pillow lets go of the interpreter while it decodes
    with ThreadPoolExecutor(cores()) as pool:
        jobs = []
        for origin, key in enumerate(("train", "test")):
            part = about[key]
            y = _array(folder, part["labels"], files)
            index = _array(folder, part["index"], files) if part["index"] else None
            nothing = torch.empty(len(y), 0)  # instead of images: they come below
            numbered = Samples.numbered(nothing, y, origin, index)
            each_rows = deal(y) if key == "train" else [torch.arange(len(y))]
            made = [replace(numbered.take(rows), x=_room(len(rows), about["shape"]))
                    for rows in each_rows]
            targets = [_Target(rows.numpy(), one.x.numpy())
                       for rows, one in zip(each_rows, made, strict=True)]
            jobs += [pool.submit(_sheet, folder, sheet, files[sheet["file"]], start, targets)
                     for start, sheet in _starts(part["sheets"])]
            parts += made
        for job in jobs:
            job.result()  # raises what the thread raised
    return parts


def _room(count: int, shape: list[int]) -> torch.Tensor:
    """uint8 (count, *shape), not written yet. By numpy, which asks for large pages of memory."""
    return torch.from_numpy(np.empty((count, *shape), np.uint8))


class _Target(NamedTuple):
    """Where some samples of a set go: rows (n,) ascending, their numbers in the set; x (n, C, H, W)."""

    rows: npt.NDArray[np.int64]
    x: npt.NDArray[np.uint8]


def checked(folder: Path, file: str, sha256: str) -> bytes:
    """A file's bytes, when they are what they should be."""
    path = folder / file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _broken(path, f"no readable file ({error.strerror})") from None
    if file.endswith(".json"):
        content = content.replace(b"\r\n", b"\n")  # a checkout may have turned the line ends
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise _broken(path, f"{len(content)} bytes with sha256 {found[:12]}",
                      f"sha256 {sha256[:12]}")
    return content


def untile(sheet: npt.NDArray[np.uint8], rows: int, columns: int) -> npt.NDArray[np.uint8]:
    """A view of a contact sheet (rows·H, columns·W[, C]) as (rows, columns, C, H, W)."""
    height, width = sheet.shape[0] // rows, sheet.shape[1] // columns
    return sheet.reshape(rows, height, columns, width, -1).transpose(0, 2, 4, 1, 3)


def _starts(sheets: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each sheet with the number of its first sample."""
    start = 0
    for sheet in sheets:
        yield start, sheet
        start += sheet["count"]


def _sheet(folder: Path, sheet: dict[str, Any], sha256: str, start: int,
           targets: list[_Target]) -> None:
    """Decode one sheet, whose first sample has the number `start`, and write each of its samples
    into the target that asks for it.
    """
    # the plugin by name, else Pillow imports all of its fifty to find it
    from PIL import Image, WebPImagePlugin

    content = checked(folder, sheet["file"], sha256)
    try:
        pixels = np.asarray(
            Image.open(io.BytesIO(content), formats=("PNG", WebPImagePlugin.WebPImageFile.format)))
    except (OSError, ValueError) as error:
        raise RecipeError(str(folder / sheet["file"]),
                          found=f"a sound file that Pillow cannot decode ({error})",
                          expected="a Pillow that reads PNG and WebP",
                          mend="Reinstall pillow.") from None
    tiles = untile(pixels, sheet["rows"], sheet["columns"])
    images = np.ascontiguousarray(tiles).reshape(-1, *tiles.shape[2:])
    for rows, x in targets:
        first, end = np.searchsorted(rows, (start, start + sheet["count"]))
        if first < end:
            # "clip" writes at once, without a buffer; no row is outside
            np.take(images, rows[first:end] - start, 0, out=x[first:end], mode="clip")


def _array(folder: Path, file: str, files: dict[str, str]) -> torch.Tensor:
    content = checked(folder, file, files[file])
    return torch.from_numpy(np.load(io.BytesIO(content), allow_pickle=False).astype(np.int64))


def _broken(path: Path, found: str, expected: str = "the file that belongs there") -> RecipeError:
    return RecipeError(
        str(path), found=found, expected=expected,
        mend=f"Restore it: `git checkout -- data/{path.parent.name}/{path.name}` in a checkout, "
        "else reinstall recipe_widgets; data/build.py makes all files again from the complete "
        "sets.")
