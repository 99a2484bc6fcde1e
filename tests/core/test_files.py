"""Files are whole or not there, whoever writes at the same time and whatever the disk says."""

import os
import threading
from pathlib import Path

import pytest

from recipe_widgets import RecipeError
from recipe_widgets.core.files import save_file, write_atomically


def test_the_new_content_or_the_old_and_no_part_of_either(tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "it.json"
    write_atomically(file, "é")
    assert file.read_bytes() == "é".encode()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
            RecipeError,
            match=r"--out: found .*it\.json \(No space left on device\), expected a file that can"):
        save_file(file, "new", "--out")
    assert [path.name for path in tmp_path.iterdir()] == ["it.json"]
    assert file.read_text(encoding="utf-8") == "é"


def test_two_writers_at_the_same_time_leave_one_whole_file(tmp_path: Path) -> None:
    """Both have written their part before either moves it: none may touch the other's."""
    file, both = tmp_path / "it", threading.Barrier(2, timeout=30)
    replace, failed = os.replace, []

    def together(source: str, target: str) -> None:
        both.wait()
        replace(source, target)

    def write(text: str) -> None:
        try:
            write_atomically(file, text)
        except OSError as error:
            failed.append(error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", together)
        threads = [threading.Thread(target=write, args=(letter * 100_000,)) for letter in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []
    assert file.read_text() in ("a" * 100_000, "b" * 100_000)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.skipif(os.name != "posix", reason="needs links and /dev/null")
def test_links_and_devices_stay_what_they_are(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(pipe, b"said")
    assert os.read(reader, 10) == b"said"
    os.close(reader)
    assert pipe.is_fifo()
