"""Files that are too long, too deep, endless or no texts are refused before they can do harm."""

import json
from pathlib import Path

import pytest

from recipe_widgets import RecipeError, Settings
from recipe_widgets.core import BranchTree, History, Run
from recipe_widgets.core.files import save_file
from recipe_widgets.core.json_files import DEEPEST, parse_json, read_text

READERS = [Settings.from_json, History.from_json, Run.from_json, BranchTree.from_json]


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_depth_is_bounded_exactly() -> None:
    assert parse_json(nested(DEEPEST + 1), "Test", "a list") == json.loads(nested(DEEPEST + 1))
    with pytest.raises(RecipeError, match="inside one another"):
        parse_json(nested(DEEPEST + 2), "Test", "a list")


@pytest.mark.parametrize("text",
                         [nested(100_000), '{"a":' * 100_000 + "1" + "}" * 100_000, "[" * 100_000])
@pytest.mark.parametrize("reader", READERS)
def test_what_is_far_too_deep_is_one_error(reader: object, text: str) -> None:
    with pytest.raises(RecipeError, match="inside one another|not JSON"):
        reader(text)  # type: ignore[operator]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("text",
                         ["", "nonsense", "9" * 5000, "[1, 2]", "null", '"text"', "{}x", "\ud800"])
def test_what_is_no_record_is_one_error(reader: object, text: str) -> None:
    with pytest.raises(RecipeError):
        reader(text)  # type: ignore[operator]


def test_size_is_bounded_before_anything_is_parsed(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="11 characters, expected at most 10"):
        parse_json("[1, 2, 3,4]", "Test", "a list", most=10)
    (tmp_path / "long.json").write_bytes(b"1" * 11)
    with pytest.raises(RecipeError, match="more than 10 bytes"):
        read_text(tmp_path / "long.json", "Test", "a number", most=10)
    (tmp_path / "fits.json").write_bytes(b"1" * 10)
    assert read_text(tmp_path / "fits.json", "Test", "a number", most=10) == "1" * 10


def test_a_text_of_a_windows_editor_is_read(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(b"\xef\xbb\xbf" +
                                        Settings(lr=0.3).to_json().replace("\n", "\r\n").encode())
    assert Settings.from_json(read_text(tmp_path / "run.json", "Settings",
                                        "JSON")) == Settings(lr=0.3)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_what_is_no_text_or_not_there_is_one_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    with pytest.raises(RecipeError, match="Test: found .*file"):
        read_text(tmp_path / "file", "Test", "a text")


def test_a_run_with_endless_numbers_is_one_error() -> None:
    run = json.loads(Run(Settings()).to_json())
    for spoiled in ({**run, "threads":
                     [[0, float("inf")]]}, {**run, "changes": [[float("nan"),
                                                                {}]]}, {**run, "history": [1]},
                    {**run, "history": {"a": {"steps": [1e400], "values": [0]}}}):
        with pytest.raises(RecipeError):
            Run.from_json(json.dumps(spoiled))


def test_a_name_that_no_file_system_takes_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="expected a file that can be written"):
        save_file(tmp_path / "a\0b.json", "text")
