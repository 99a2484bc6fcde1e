"""Make the embedded data files again, bit for bit, from the complete sets.

    python data/build.py [FOLDER_WITH_COMPLETE_SETS] [--out FOLDER]

FOLDER holds mnist.npz and cifar10.npz, or the official archives; by default it is the user's cache, into which missing
archives are downloaded. The bytes of the images depend on the encoders: data/README.md names their versions.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from recipe_widgets.data.datasets import DATASETS
from recipe_widgets.data.embedded import MANIFESTS
from recipe_widgets.data.full_sets import SETS, Arrays, cache_folder, complete_arrays

SEED = 0
CHOSEN = {"train": 1000, "test": 200}  # CIFAR-10 images per class
SHEETS: dict[str, dict[str, Any]] = {
    "mnist": {"images": 5000, "columns": 100, "ending": "png", "save": {"format": "PNG", "optimize": True}},
    "cifar10": {"images": 1000, "columns": 40, "ending": "webp",
                "save": {"format": "WEBP", "lossless": True, "quality": 100, "method": 4}},
}
def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", nargs="?", type=Path, default=cache_folder(), help="where the complete sets are")
    arguments.add_argument("--out", type=Path, default=Path(__file__).resolve().parent, help="where the files go")
    chosen = arguments.parse_args()
    for name, spec in SETS.items():
        digest = build(name, complete_arrays(spec, folder=chosen.folder), chosen.out / name)
        same = "as in embedded.py" if digest == MANIFESTS[name] else f"embedded.py has {MANIFESTS[name] or 'none'}"
        print(f"{name}: manifest sha256 {digest}, {same}")


def build(name: str, arrays: Arrays, folder: Path) -> str:
    """Write sheets, labels, indices and the manifest of one set; returns the manifest's sha256."""
    files: dict[str, bytes] = {}
    row = DATASETS[name]
    manifest: dict[str, Any] = {
        "name": name, "classes": list(row.classes), "shape": list(row.shape), "source": row.source,
        "licence": row.licence, "notes": row.notes}
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        index = None if name == "mnist" else sample(y, part, CHOSEN[part])
        if index is not None:
            x, y = x[index], y[index]
            files[f"{part}-index.npy"] = npy(index.astype(np.uint16))
        files[f"{part}-labels.npy"] = npy(y.astype(np.uint8))
        sheets = [sheet_of(files, f"{part}-{number:02}", x[start:start + SHEETS[name]["images"]], SHEETS[name])
                  for number, start in enumerate(range(0, len(x), SHEETS[name]["images"]))]
        manifest[part] = {"count": len(x), "labels": f"{part}-labels.npy",
                          "index": None if index is None else f"{part}-index.npy", "sheets": sheets}
    manifest["files"] = {file: hashlib.sha256(content).hexdigest() for file, content in sorted(files.items())}
    files["manifest.json"] = (json.dumps(manifest, indent=1) + "\n").encode()
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    return hashlib.sha256(files["manifest.json"]).hexdigest()


def sample(y: npt.NDArray[Any], part: str, per_class: int) -> npt.NDArray[np.int64]:
    """Indices (ascending) of `per_class` random samples of each class.

    Random, but from hashes: unlike a random generator's stream they can never change with a library's version.
    """
    order = sorted(range(len(y)), key=lambda index: hashlib.sha256(f"{SEED} {part} {index}".encode()).digest())
    shuffled = np.array(order)
    chosen = [shuffled[y[shuffled] == label][:per_class] for label in range(int(y.max()) + 1)]
    return np.sort(np.concatenate(chosen))


def sheet_of(files: dict[str, bytes], stem: str, x: npt.NDArray[Any], how: dict[str, Any]) -> dict[str, Any]:
    """Encode images (n,H,W[,3]) as one contact sheet, filled row by row; returns its entry in the manifest."""
    columns, file = how["columns"], f"{stem}.{how['ending']}"
    rows = math.ceil(len(x) / columns)
    grid = np.zeros((rows * columns, *x.shape[1:]), np.uint8)
    grid[:len(x)] = x
    height, width = x.shape[1:3]
    tiles = grid.reshape(rows, columns, *x.shape[1:]).swapaxes(1, 2)
    sheet = tiles.reshape(rows * height, columns * width, *x.shape[3:])
    content = io.BytesIO()
    Image.fromarray(sheet).save(content, **how["save"])
    files[file] = content.getvalue()
    return {"file": file, "rows": rows, "columns": columns, "count": len(x)}


def npy(array: npt.NDArray[Any]) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    return content.getvalue()


if __name__ == "__main__":
    main()
