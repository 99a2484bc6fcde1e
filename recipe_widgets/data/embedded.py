"""The data sets that come with the package: contact sheets of images, checked by sha256, decoded
to bytes.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from recipe_widgets.core import RecipeError
from recipe_widgets.core.machine import cores
from recipe_widgets.data.split import Samples

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


@functools.lru_cache(maxsize=4)
def _decoded(root: Path, name: str) -> Embedded:
    from concurrent.futures import ThreadPoolExecutor

    folder = root / name
    about = manifest(name)
    files: dict[str, str] = about["files"]
    images = {
        part: np.empty((about[part]["count"], *about["shape"]), np.uint8)
        for part in ("train", "test")
    }
    # Pillow lets go of the interpreter while it decodes
    with ThreadPoolExecutor(cores()) as pool:
        jobs = [pool.submit(_sheet, folder, sheet, files[sheet["file"]], target)
                for part in images
                for sheet, target in _targets(about[part]["sheets"], images[part])]
        for job in jobs:
            job.result()  # raises what the thread raised
    train, test = (_samples(folder, about[part], files, torch.from_numpy(images[part]), origin)
                   for origin, part in enumerate(images))
    return Embedded(about, train, test)


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


def _targets(sheets: list[dict[str, Any]],
             images: npt.NDArray[np.uint8]) -> Iterator[tuple[dict[str, Any], npt.NDArray[np.uint8]]]:
    """Each sheet with the part of `images` that it fills."""
    start = 0
    for sheet in sheets:
        yield sheet, images[start:start + sheet["count"]]
        start += sheet["count"]


def _sheet(folder: Path, sheet: dict[str, Any], sha256: str, target: npt.NDArray[np.uint8]) -> None:
    """Decode one sheet into `target` (count, C, H, W)."""
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
    for row in range(sheet["rows"]):
        part = target[row * sheet["columns"]:(row + 1) * sheet["columns"]]
        # the last row of a sheet may be filled in part
        part[...] = tiles[row, :len(part)]


def _samples(folder: Path, part: dict[str, Any], files: dict[str, str], x: torch.Tensor,
             origin: int) -> Samples:
    labels = _array(folder, part["labels"], files)
    index = _array(folder, part["index"], files) if part["index"] else None
    return Samples.numbered(x, labels, origin, index)


def _array(folder: Path, file: str, files: dict[str, str]) -> torch.Tensor:
    content = checked(folder, file, files[file])
    return torch.from_numpy(np.load(io.BytesIO(content), allow_pickle=False).astype(np.int64))


def _broken(path: Path, found: str, expected: str = "the file that belongs there") -> RecipeError:
    return RecipeError(
        str(path), found=found, expected=expected,
        mend=f"Restore it: `git checkout -- data/{path.parent.name}/{path.name}` in a checkout, "
        "else reinstall recipe_widgets; data/build.py makes all files again from the complete "
        "sets.")
