"""The complete sets, from the user's cache: one .npz each, made from the official archives."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import struct
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs
import torch

from recipe_widgets.core import RecipeError
from recipe_widgets.data.download import Remote, fetch
from recipe_widgets.data.split import Samples

Arrays = dict[str, npt.NDArray[np.uint8] | npt.NDArray[np.int64]]


@dataclass(frozen=True)
class CompleteSet:
    """What a complete set must be.

    Attributes:
        base, files: where the official archives are.
        read: turns the downloaded files into arrays x_train, y_train, x_test, y_test.
        shape: of one image: (H,W) or (H,W,3). train, test: number of samples.
        content: sha256 of the bytes of the four arrays one after another, uint8 images and
            little-endian int64 labels.
    """

    name: str
    base: str
    files: tuple[Remote, ...]
    read: Callable[[Sequence[Path], CompleteSet], Arrays]
    shape: tuple[int, ...]
    train: int
    test: int
    content: str

    def layout(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Shape and type of each array, in the order in which they are hashed."""
        return {"x_train": ((self.train, *self.shape), "|u1"), "y_train": ((self.train,), "<i8"),
                "x_test": ((self.test, *self.shape), "|u1"), "y_test": ((self.test,), "<i8")}


def cache_folder() -> Path:
    """Where complete sets lie: `RECIPE_DATA`, or the user's cache folder."""
    return Path(
        os.environ.get("RECIPE_DATA")
        or platformdirs.user_cache_dir("recipe_widgets", appauthor=False))


def complete(spec: CompleteSet, base: str | None = None) -> tuple[Samples, Samples]:
    """Train and test of a complete set, x (N,C,H,W); downloaded from `base` when the cache folder
    has neither the .npz nor the archives.

    Raises:
        RecipeError: no network, or a file that is not what it should be.
    """
    arrays = complete_arrays(spec, base)
    parts = []
    for origin, part in enumerate(("train", "test")):
        x = torch.from_numpy(arrays[f"x_{part}"])
        # (N, H, W) or (N, H, W, C) to (N, C, H, W)
        x = x.unsqueeze(1) if x.ndim == 3 else x.permute(0, 3, 1, 2).contiguous()
        parts.append(Samples.numbered(x, torch.from_numpy(arrays[f"y_{part}"]), origin))
    return parts[0], parts[1]


def complete_arrays(spec: CompleteSet, base: str | None = None,
                    folder: Path | None = None) -> Arrays:
    """The four arrays, checked by sha256, as they are in the .npz file."""
    folder = folder or cache_folder()
    path = folder / f"{spec.name}.npz"
    if path.exists():
        return _read_npz(path, spec)
    files = [fetch(remote, base or spec.base, folder) for remote in spec.files]
    try:
        arrays = spec.read(files, spec)
    except (OSError, EOFError, tarfile.TarError, zlib.error, ValueError, KeyError) as error:
        raise _wrong(files[0], f"an archive that cannot be read ({error})") from None
    _check_content(arrays, spec, files[0])
    _write_npz(path, arrays)
    return arrays


def _read_npz(path: Path, spec: CompleteSet) -> Arrays:
    """Read the arrays without trusting the file: no pickle, and nothing larger than it must be."""
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {key: _read_array(archive, key, shape, np.dtype(kind))
                      for key, (shape, kind) in spec.layout().items()}
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile,
            zlib.error) as error:
        raise _wrong(path, f"no such .npz file ({error})") from None
    _check_content(arrays, spec, path)
    return arrays


def _read_array(archive: zipfile.ZipFile, key: str, shape: tuple[int, ...],
                kind: np.dtype[Any]) -> npt.NDArray[Any]:
    packed = archive.getinfo(f"{key}.npy").compress_type
    if packed not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{key} is packed in another way than numpy's")
    with archive.open(f"{key}.npy") as file:
        major, _ = np.lib.format.read_magic(file)
        found = (np.lib.format.read_array_header_1_0(file) if major == 1
                 else np.lib.format.read_array_header_2_0(file))
        if found != (shape, False, kind):  # shape, Fortran order, type
            raise ValueError(f"{key} is {found[2]} {found[0]}, not {kind} {shape}")
        array = np.empty(shape, kind)  # no more memory than the official set needs
        target = array.reshape(-1).view(np.uint8).data
        if file.readinto(target) != array.nbytes:  # type: ignore[attr-defined]
            raise ValueError(f"{key} is cut short")
    return array


def _check_content(arrays: Arrays, spec: CompleteSet, path: Path) -> None:
    total = hashlib.sha256()
    for key, (shape, kind) in spec.layout().items():
        if arrays[key].shape != shape or arrays[key].dtype != np.dtype(kind):
            raise _wrong(path, f"{key} {arrays[key].dtype} {arrays[key].shape}")
        total.update(np.ascontiguousarray(arrays[key]).data)
    if total.hexdigest() != spec.content:
        raise _wrong(path, f"arrays with sha256 {total.hexdigest()[:12]}, not {spec.content[:12]}")


def _write_npz(path: Path, arrays: Arrays) -> None:
    """Written beside its place, then moved there in one step: a reader sees a whole file or
    none.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with part.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):  # a read-only disk has none
            part.unlink()
        raise RecipeError(
            str(path), found=error.strerror or error, expected="room to write the unpacked set",
            mend="Make room, or name another folder in the environment variable RECIPE_DATA."
        ) from None


def _wrong(path: Path, found: str) -> RecipeError:
    return RecipeError(str(path), found=found, expected="the official set",
                       mend="Delete this file and load again; it is then made or downloaded anew.")


def _read_cifar(files: Sequence[Path], spec: CompleteSet) -> Arrays:
    """The binary version: records of a label byte and 3x32x32 bytes. Read in memory; nothing is
    unpacked to disk.
    """
    height, width, channels = spec.shape
    # bytes of a record: the label, then all red, all green and all blue pixels
    record, folder = 1 + height * width * channels, "cifar-10-batches-bin"
    sizes = {
        f"{folder}/data_batch_{number}.bin": spec.train // 5 * record for number in range(1, 6)
    }
    sizes[f"{folder}/test_batch.bin"] = spec.test * record
    raw: dict[str, bytes] = {}
    with tarfile.open(files[0], "r:gz") as tar:
        for member in tar:
            # other names, or sizes that would fill the memory, are passed over
            if sizes.get(member.name) == member.size and (file := tar.extractfile(member)):
                raw[member.name] = file.read(member.size)
    arrays: Arrays = {}
    for part, names in (("train", list(sizes)[:5]), ("test", list(sizes)[5:])):
        rows = np.frombuffer(b"".join(raw[name] for name in names), np.uint8).reshape(-1, record)
        images = rows[:, 1:].reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
        arrays[f"x_{part}"] = np.ascontiguousarray(images)  # (N, H, W, C)
        arrays[f"y_{part}"] = rows[:, 0].astype(np.int64)
    return arrays


def _read_mnist(files: Sequence[Path], spec: CompleteSet) -> Arrays:
    """Four gzipped idx files: images and labels of train, then of test."""
    arrays: Arrays = {}
    parts = (("train", spec.train, files[:2]), ("test", spec.test, files[2:]))
    for part, count, (images, labels) in parts:
        # 2051 and 2049: idx's magic numbers for bytes in 3 dimensions and in 1
        pixels = _idx(images, struct.pack(">4I", 2051, count, *spec.shape),
                      count * spec.shape[0] * spec.shape[1])
        arrays[f"x_{part}"] = pixels.reshape(count, *spec.shape)
        arrays[f"y_{part}"] = _idx(labels, struct.pack(">2I", 2049, count), count).astype(np.int64)
    return arrays


def _idx(path: Path, header: bytes, length: int) -> npt.NDArray[np.uint8]:
    """The bytes after the header of a gzipped idx file; reads no further than they should go."""
    with gzip.open(path) as file:
        if file.read(len(header)) != header:
            raise ValueError(f"{path.name} has another header")
        content = file.read(length + 1)  # one more, to see that nothing follows
    if len(content) != length:
        raise ValueError(f"{path.name} has another length")
    return np.frombuffer(bytearray(content), np.uint8)  # of a bytearray: may be written


SETS = {
    "mnist": CompleteSet(
        "mnist", "https://ossci-datasets.s3.amazonaws.com/mnist/",
        (Remote("train-images-idx3-ubyte.gz", 9912422, "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873"),
         Remote("train-labels-idx1-ubyte.gz", 28881, "md5:d53e105ee54ea40749a09fcbcd1e9432"),
         Remote("t10k-images-idx3-ubyte.gz", 1648877, "md5:9fb629c4189551a2d022fa330f9573f3"),
         Remote("t10k-labels-idx1-ubyte.gz", 4542, "md5:ec29112dd5afa0611ce80d1b7f02629c")),
        _read_mnist, (28, 28), 60_000, 10_000,
        "1e35582d42a90940c55b956deb61875c020b567ed20e3c5b174f52bf7809ed9b"),
    "cifar10": CompleteSet(
        "cifar10", "https://www.cs.toronto.edu/~kriz/",
        (Remote("cifar-10-binary.tar.gz", 170052171,
                "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"),),
        _read_cifar, (32, 32, 3), 50_000, 10_000,
        "6b3883dca6c867f1e58def548c063d1865569b8575fcbce06b3e468a89f9895a"),
}
