"""Downloads, against a server on this machine that misbehaves in every known way."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recipe_widgets import RecipeError
from recipe_widgets.data import download
from recipe_widgets.data.download import Remote, fetch

if TYPE_CHECKING:
    from conftest import Server

CONTENT = bytes(range(256)) * 4000
REMOTE = Remote("file.bin", len(CONTENT), "sha256:" + hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cache"


@pytest.fixture
def part(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder / "file.bin.part"


def ranges(server: Server) -> list[str | None]:
    return [wanted for _, wanted in server.asked]


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_plain(server: Server, folder: Path) -> None:
    server.files["file.bin"] = CONTENT
    path = fetch(REMOTE, server.base, folder)
    assert path.read_bytes() == CONTENT
    assert leftovers(folder) == ["file.bin"]
    assert fetch(REMOTE, "http://nowhere.invalid/", folder) == path  # there already: no network
    assert ranges(server) == [None]


def test_goes_on_after_breaks(server: Server, folder: Path) -> None:
    server.files["file.bin"] = CONTENT
    server.break_after = [300_000, 1, 400_000]
    assert fetch(REMOTE, server.base, folder).read_bytes() == CONTENT
    assert ranges(server) == [None, "bytes=300000-", "bytes=300001-", "bytes=700001-"]


def test_a_break_for_good_keeps_what_came(server: Server, folder: Path) -> None:
    server.files["file.bin"] = CONTENT
    server.break_after = [300_000, 0, 0]
    with pytest.raises(RecipeError, match=r"file.bin: .*Load again to go on"):
        fetch(REMOTE, server.base, folder)
    assert leftovers(folder) == ["file.bin.part"]
    server.break_after, server.asked = [], []
    assert fetch(REMOTE, server.base, folder).read_bytes() == CONTENT
    assert ranges(server) == ["bytes=300000-"]


def test_a_server_without_ranges_starts_anew(server: Server, part: Path) -> None:
    server.files["file.bin"], server.ranges = CONTENT, False
    part.write_bytes(b"x" * 1000)
    assert fetch(REMOTE, server.base, part.parent).read_bytes() == CONTENT
    assert ranges(server) == ["bytes=1000-"]


def test_a_complete_part_needs_no_network(part: Path) -> None:
    part.write_bytes(CONTENT)
    assert fetch(REMOTE, "http://127.0.0.1:9/", part.parent).read_bytes() == CONTENT
    assert leftovers(part.parent) == ["file.bin"]


@pytest.mark.parametrize("junk", [CONTENT + b"x", b"x" * len(CONTENT), b"x" * 3 * len(CONTENT)])
def test_a_spoilt_part_is_thrown_away(server: Server, part: Path, junk: bytes) -> None:
    server.files["file.bin"] = CONTENT
    part.write_bytes(junk)
    assert fetch(REMOTE, server.base, part.parent).read_bytes() == CONTENT
    assert ranges(server) == [None]


def test_a_part_of_another_file_is_noticed_at_the_end(server: Server, part: Path) -> None:
    server.files["file.bin"] = CONTENT
    part.write_bytes(b"x" * 1000)
    assert fetch(REMOTE, server.base, part.parent).read_bytes() == CONTENT
    assert ranges(server) == ["bytes=1000-", None]


@pytest.mark.parametrize("wrong", [CONTENT[:-1] + b"x", CONTENT + b"x", CONTENT * 2])
def test_a_wrong_file_is_refused(server: Server, folder: Path, wrong: bytes) -> None:
    server.files["file.bin"] = wrong
    with pytest.raises(RecipeError, match="not the expected one"):
        fetch(REMOTE, server.base, folder)
    assert leftovers(folder) == []
    assert len(server.asked) == 2  # once more, and no third time


def test_a_file_that_is_too_short(server: Server, folder: Path) -> None:
    server.files["file.bin"] = CONTENT[:1000]
    with pytest.raises(RecipeError, match="416"):
        fetch(REMOTE, server.base, folder)
    server.files["file.bin"] = CONTENT
    assert fetch(REMOTE, server.base, folder).read_bytes() == CONTENT


def test_no_such_file_and_no_network(server: Server, folder: Path) -> None:
    with pytest.raises(RecipeError, match="found 404"):
        fetch(REMOTE, server.base, folder)
    with pytest.raises(RecipeError,
                       match=r"put it into .*cache \(the environment variable RECIPE_DATA"):
        fetch(REMOTE, "http://127.0.0.1:9/", folder)
    assert leftovers(folder) == []


def test_a_wrong_file_in_the_folder_is_named_and_left(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "file.bin").write_bytes(b"mine")
    with pytest.raises(RecipeError, match=r"file.bin: found 4 bytes.*Delete this file"):
        fetch(REMOTE, "http://127.0.0.1:9/", folder)
    assert (folder / "file.bin").read_bytes() == b"mine"


def test_a_folder_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecipeError, match="RECIPE_DATA"):
        fetch(REMOTE, server.base, tmp_path / "file" / "below")


def test_a_full_disk_says_so(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    server.files["file.bin"] = CONTENT
    monkeypatch.setattr(download, "_pour", full)
    with pytest.raises(RecipeError, match=r"No space left on device.*RECIPE_DATA"):
        fetch(REMOTE, server.base, folder)


@pytest.mark.parametrize("locks", [True, False])
def test_many_at_once(server: Server, folder: Path, locks: bool,
                      monkeypatch: pytest.MonkeyPatch) -> None:
    """With locks one downloads and the rest wait for it; without, each has a part file of its
    own.
    """
    server.files["file.bin"] = CONTENT
    if not locks:
        monkeypatch.setattr(download, "_try_lock", lambda _: "none")
    results: list[bytes] = []
    threads = [
        threading.Thread(
            target=lambda: results.append(fetch(REMOTE, server.base, folder).read_bytes()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [CONTENT] * 4
    assert leftovers(folder) == ["file.bin"]
    assert len(server.asked) == 1 or not locks
