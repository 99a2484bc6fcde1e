"""Images in folders."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from recipe_widgets import Data, RecipeError


def put(path: Path, value: int = 0, mode: str = "RGB", size: tuple[int, int] = (4, 3)) -> None:
    """A plain image, `size` is (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode in ("L", "I;16", "1") else (value,) * len(mode)).save(path)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    for number in range(6):
        put(tmp_path / "pets" / "dog" / f"{number}.png", 100 + number)
        put(tmp_path / "pets" / "cat" / f"{number}.{'bmp' if number % 2 else 'webp'}", number)
    return tmp_path / "pets"


def values(split: tuple[torch.Tensor, torch.Tensor]) -> list[int]:
    return [int(value) for value in split[0].float().mean((1, 2, 3)).round()]


def test_one_folder_per_class(pets: Path) -> None:
    data = Data.from_folder(pets, licence="mine")
    assert (data.name, data.classes, data.shape, data.licence) == ("pets", ("cat", "dog"),
                                                                   (3, 3, 4), "mine")
    assert data.sizes == {"train": 8, "validation": 2, "test": 2}
    assert all((value >= 100) == bool(label)
               for value, label in zip(values(data.train), data.train.y, strict=True))
    assert data.train.index.tolist() == sorted(data.train.index.tolist())


def test_index_counts_sorted_files(tmp_path: Path) -> None:
    for number, name in enumerate(["b.png", "a.png", "c.jpg"]):
        put(tmp_path / "x" / name, number * 10, "L")
        put(tmp_path / "y" / name, number * 10, "L")
    data = Data.from_folder(tmp_path, validation=0, test=0)
    assert values(data.train) == [10, 0, 20, 10, 0, 20]
    assert data.train.index.tolist() == list(range(6))


def test_parts_with_folders_of_their_own(tmp_path: Path) -> None:
    root = tmp_path / "own"
    for part, count, value in (("train", 3, 1), ("Val", 2, 2), ("test", 1, 3)):
        for name in ("cat", "dog"):
            for number in range(count):
                put(root / part / name / f"{number}.png", value)
    data = Data.from_folder(str(root))
    assert (data.name, data.sizes) == ("own", {"train": 6, "validation": 4, "test": 2})
    assert [set(values(part))
            for part in (data.train, data.validation, data.open_vault("look"))] == [{1}, {2}, {3}]
    with pytest.raises(RecipeError, match=r"test=\).*a folder of its own"):
        Data.from_folder(root, test=0.2)
    put(root / "test" / "eel" / "0.png")
    with pytest.raises(RecipeError, match="the class 'eel'"):
        Data.from_folder(root)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for name in ("train", "tram"):
        for number in range(4):
            put(tmp_path / name / f"{number}.png")
    assert Data.from_folder(tmp_path, test=0, validation=0).classes == ("train", "tram")


def test_grey_stays_grey_unless_one_is_not(tmp_path: Path) -> None:
    for number in range(4):
        put(tmp_path / "grey" / "a" / f"{number}.png", 7, "L")
        put(tmp_path / "grey" / "b" / f"{number}.png", 9, "L")
    assert Data.from_folder(tmp_path / "grey", test=0, validation=0).shape == (1, 3, 4)
    put(tmp_path / "grey" / "b" / "9.png", 5, "RGBA")
    mixed = Data.from_folder(tmp_path / "grey", test=0, validation=0)
    assert mixed.shape == (3, 3, 4)
    assert values(mixed.train) == [7] * 4 + [9] * 4 + [5]


def test_sizes(pets: Path) -> None:
    put(pets / "dog" / "large.png", 5, size=(40, 30))
    with pytest.raises(RecipeError,
                       match=r"3x4 pixels and .*large.png with 30x40.*Say size=\(3, 4\)"):
        Data.from_folder(pets)
    assert Data.from_folder(pets, size=(6, 8)).shape == (3, 6, 8)
    for size in ((0, 3), (3,), 5, (2.0, 3), "ab"):
        with pytest.raises(RecipeError, match=r"size="):
            Data.from_folder(pets, size=size)  # type: ignore[arg-type]


def test_hidden_and_other_files_are_ignored(pets: Path) -> None:
    (pets / "dog" / "._0.png").write_bytes(b"not an image")
    (pets / "dog" / "notes.txt").write_text("x")
    (pets / ".cache").mkdir()
    (pets / "readme.md").write_text("x")
    assert sum(Data.from_folder(pets).sizes.values()) == 12


def test_a_turned_photo_stands_upright(tmp_path: Path) -> None:
    pixels = np.zeros((4, 6), np.uint8)
    pixels[:, :3] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right by 90 degrees to see it
    for name in ("a", "b"):
        for number in range(2):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png", exif=exif)
    data = Data.from_folder(tmp_path, test=0, validation=0)
    assert data.shape == (1, 6, 4)
    assert data.train.x[0, 0, :, 0].tolist() == [255] * 3 + [0] * 3


def test_refusals(tmp_path: Path, pets: Path) -> None:
    with pytest.raises(RecipeError, match="no folder"):
        Data.from_folder(tmp_path / "nowhere")
    (tmp_path / "bare").mkdir()
    with pytest.raises(RecipeError, match="no folders in"):
        Data.from_folder(tmp_path / "bare")
    put(pets / "eel" / "only.png")
    with pytest.raises(RecipeError, match=r"1 images in .*eel"):
        Data.from_folder(pets)
    (pets / "eel" / "only.png").unlink()
    with pytest.raises(RecipeError, match=r"0 images in .*eel.*Images end in"):
        Data.from_folder(pets)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + bytes(20), None])
def test_an_unreadable_image_is_named(pets: Path, content: bytes | None) -> None:
    sound = (pets / "dog" / "0.png").read_bytes()
    (pets / "dog" / "broken.png").write_bytes(sound[:-30] if content is None else content)
    with pytest.raises(RecipeError, match=r"broken.png, which cannot be read"):
        Data.from_folder(pets)


def test_more_than_8_bits_are_refused_rather_than_clipped(pets: Path) -> None:
    put(pets / "dog" / "deep.png", 1000, "I;16")
    with pytest.raises(RecipeError, match=r"deep.png.*8 bits"):
        Data.from_folder(pets)


def test_a_program_under_the_name_of_a_picture_is_not_started(
        pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow hands PostScript over to Ghostscript."""
    import subprocess

    def started(*command: object, **_: object) -> None:
        raise AssertionError(f"started {command}")

    monkeypatch.setattr(subprocess, "Popen", started)
    (pets / "dog" / "0.png"
     ).write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 3\n%%EndComments\n%%EOF\n")
    with pytest.raises(RecipeError, match=r"0\.png, which cannot be read"):
        Data.from_folder(pets)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_under_the_name_of_a_picture_is_passed_over(pets: Path) -> None:
    os.mkfifo(pets / "dog" / "pipe.png")
    assert sum(Data.from_folder(pets).sizes.values()) == 12


def test_a_picture_that_would_fill_the_memory_is_refused(pets: Path) -> None:
    """A PNG of some bytes that claims 60,000 x 60,000 pixels."""
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(
            ">I", zlib.crc32(kind + content))

    header = struct.pack(">2I5B", 60_000, 60_000, 8, 2, 0, 0, 0)
    (pets / "dog" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
                                         chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b""))
    with pytest.raises(RecipeError, match=r"0\.png, which cannot be read .*bomb"):
        Data.from_folder(pets)
