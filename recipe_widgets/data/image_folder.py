"""Images in folders, one folder per class."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recipe_widgets.core import RecipeError
from recipe_widgets.core.describe import describe_value

_WHO = "Data.from_folder"
ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
# Pillow opens no others, whatever a file's name says: EPS would start Ghostscript.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
# names of folders, and the part that each of them holds
_PARTS = {"train": "train", "test": "test", "val": "validation", "valid": "validation",
          "validation": "validation"}
Image = npt.NDArray[np.uint8]
Parts = dict[str, tuple[Image, npt.NDArray[np.int64]]]


def read(path: str | os.PathLike[str],
         size: tuple[int, int] | None) -> tuple[Parts, tuple[str, ...], str]:
    """Images (N,H,W,1|3) and labels (N,) of "train" and, where they have folders, "validation" and
    "test"; the names of the classes; the name of the folder.
    """
    root = _root(path)
    size = _checked_size(size)
    folders = _parts(root)
    classes = tuple(folder.name for folder in _folders(folders["train"]))
    if not classes:
        raise RecipeError(_WHO, found=f"no folders in {folders['train']}",
                          expected="one folder of images per class",
                          mend="Sort the images as <folder>/<class>/<image>.png.")
    # two per class in training: one may be taken for the validation set
    listed = {part: _files(folder, classes, 2 if part == "train" else 1)
              for part, folder in folders.items()}
    # all parts at once, so that one decision (grey or colour, which size) holds for all
    images = _images([file for files in listed.values() for file, _ in files], size)
    parts: Parts = {}
    for part, files in listed.items():
        parts[part] = images[:len(files)], np.array([label for _, label in files], np.int64)
        images = images[len(files):]
    return parts, classes, root.resolve().name


def _root(path: str | os.PathLike[str]) -> Path:
    try:
        root = Path(path).expanduser()
        if root.is_dir():
            return root
        why = "there is none"
    except (OSError, RuntimeError) as error:  # too long a name; a user without a home
        why = getattr(error, "strerror", None) or str(error)
    raise RecipeError(_WHO + "(path=)", found=f"no folder {describe_value(os.fspath(path))} ({why})",
                      expected="a folder with one folder of images per class")


def _checked_size(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    sides = tuple(size) if isinstance(size, tuple | list) else ()
    if len(sides) != 2 or not all(isinstance(side, int) and 0 < side <= 2**14 for side in sides):
        raise RecipeError(f"{_WHO}(size=)", found=repr(size), expected="(height, width) in pixels",
                          mend="Try size=(32, 32).")
    return sides[0], sides[1]


def _folders(root: Path) -> list[Path]:
    return sorted(
        (item for item in root.iterdir() if item.is_dir() and not item.name.startswith(".")),
        key=lambda item: item.name)


def _parts(root: Path) -> dict[str, Path]:
    """The folder of each part; the root itself is "train" unless it has a folder "train" with
    folders in it.
    """
    inside = _folders(root)
    train = next((item for item in inside if item.name.lower() == "train"), None)
    if train is None or not _folders(train):
        return {"train": root}
    found: dict[str, Path] = {}
    for item in inside:
        part = _PARTS.get(item.name.lower())
        if part is None or part in found:
            raise RecipeError(_WHO, found=f"{item.name} beside train in {root}",
                              expected="train, test and one of val or validation",
                              mend="Move it elsewhere.")
        found[part] = item
    return {part: found[part] for part in ("train", "validation", "test") if part in found}


def _files(root: Path, classes: tuple[str, ...], least: int) -> list[tuple[Path, int]]:
    """Every image with its label, class after class, by name."""
    strange = [folder for folder in _folders(root) if folder.name not in classes]
    if strange:
        raise RecipeError(_WHO, found=f"the class {strange[0].name!r} in {root}",
                          expected="one of " + ", ".join(classes),
                          mend="Every class needs training images.")
    listed: list[tuple[Path, int]] = []
    for label, name in enumerate(classes):
        files = sorted(
            file for file in _listing(root / name)
            if file.suffix.lower() in ENDINGS and not file.name.startswith(".") and file.is_file())
        if len(files) < least and (least > 1 or (root / name).is_dir()):
            raise RecipeError(
                _WHO, found=f"{len(files)} images in {root / name}", expected=f"at least {least}",
                mend=f"Images end in {', '.join(ENDINGS)}. Add some, or remove this class.")
        listed += [(file, label) for file in files]
    if not listed:
        raise RecipeError(_WHO, found=f"no images in {root}",
                          expected="one folder of images per class")
    return listed


def _listing(folder: Path) -> Iterable[Path]:
    return folder.iterdir() if folder.is_dir() else ()


def _images(files: list[Path], size: tuple[int, int] | None) -> Image:
    """All images (N,H,W,1) if every one is grey, else (N,H,W,3)."""
    images: list[Image] = []
    for file in files:
        images.append(_image(file, size))
        if images[-1].shape[:2] != images[0].shape[:2]:
            first, other = images[0].shape, images[-1].shape  # (H, W, C)
            raise RecipeError(
                _WHO, found=f"{files[0]} with {first[0]}x{first[1]} pixels and {file} with "
                            f"{other[0]}x{other[1]}",
                expected="images of one size",
                mend=f"Say size=({first[0]}, {first[1]}) to resize them all.")
    channels = max(image.shape[2] for image in images)
    result = np.empty((len(images), *images[0].shape[:2], channels), np.uint8)
    for target, image in zip(result, images, strict=True):
        target[...] = image  # a grey one among colours spreads over all three
    return result


def _image(file: Path, size: tuple[int, int] | None) -> Image:
    """One image as bytes (H,W,1) if it is grey, else (H,W,3), turned upright as its camera says."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    try:
        with Pillow.open(file, formats=_FORMATS) as opened:
            if opened.mode[0] in "IF":  # 16 or 32 bits, which convert() would cut off at 255
                raise ValueError(f"mode {opened.mode}: more than 8 bits per channel")
            grey = opened.mode in ("1", "L", "LA")  # black and white, grey, grey with alpha
            image = ImageOps.exif_transpose(opened).convert("L" if grey else "RGB")
            image = image.resize(size[::-1], Pillow.Resampling.BILINEAR) if size else image
            pixels = np.array(image)
    except (OSError, ValueError, SyntaxError, EOFError, Pillow.DecompressionBombError) as error:
        raise RecipeError(_WHO, found=f"{file}, which cannot be read ({error})",
                          expected="an image with 8 bits per channel",
                          mend="Repair, convert or remove this file.") from None
    return pixels[..., None] if pixels.ndim == 2 else pixels
