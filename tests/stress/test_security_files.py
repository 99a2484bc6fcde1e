"""Sessions, settings, histories: data only, and refused before they fill the memory; scripts
that no name can get into.
"""

from __future__ import annotations

import ast
import itertools
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from recipe_widgets import Data, LivePanel, RecipeError, Settings, train
from recipe_widgets.cli import main
from recipe_widgets.core import BranchTree, History, Run
from recipe_widgets.export import save_script
from recipe_widgets.training import replay
from tests.stress.pages import ATTACKS
from tests.stress.tally import Tally, times

READERS: dict[str, Callable[[str], object]] = {
    "settings": Settings.from_json, "history": History.from_json, "run": Run.from_json, "session":
    BranchTree.from_json
}
HUGE = 200 * 2**20  # bytes


@pytest.fixture(scope="module")
def huge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A sound JSON file of 200 MB: a list of zeros."""
    path = tmp_path_factory.mktemp("huge") / "huge.json"
    with path.open("wb") as file:
        file.write(b"[0")
        for _ in range(HUGE // 2**20):
            file.write(b",0" * 2**19)
        file.write(b"]")
    yield path
    path.unlink()


@pytest.mark.parametrize("name", READERS)
def test_a_text_that_is_far_too_long_is_refused(name: str, huge: Path) -> None:
    with pytest.raises(RecipeError, match="characters, expected at most"):
        READERS[name](huge.read_text())


def test_a_file_that_is_far_too_long_is_not_read(huge: Path, blobs: Data,
                                                 capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(RecipeError, match="more than .* bytes"):
        LivePanel.open(huge, blobs)
    assert main(["train", "--settings", str(huge)]) == 2
    assert "more than 1,048,576 bytes" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no endless file")
def test_a_file_without_an_end_is_not_read(blobs: Data) -> None:
    with pytest.raises(RecipeError, match="more than .* bytes"):
        LivePanel.open("/dev/zero", blobs)


def deep(kind: str, depth: int) -> str:
    """`depth` lists or objects inside one another, also where a session or a run would have its
    parts.
    """
    opened, closed = {
        "list": ("[", "]"), "object": ('{"a":', "}"), "run": ('{"settings":{"lr":[', "]}}")
    }[kind]
    return opened * depth + "1" + closed * depth


def test_depth_is_refused(tally: Callable[[str], Tally]) -> None:
    row = tally("files of settings, histories, runs and sessions nested deeply")
    for read, kind, depth in itertools.product(READERS.values(), ("list", "object", "run"),
                                               (40, 900, 5_000, 100_000)):
        with pytest.raises(RecipeError):
            read(deep(kind, depth))
        row.tried += 1


def test_a_spoiled_session_is_one_error_or_a_session(blobs: Data, tally: Callable[[str],
                                                                                  Tally]) -> None:
    """Every value of a saved session replaced by each of some others: read, or refused in one
    clear way.
    """
    row = tally("sessions with one value replaced")
    run = replay(blobs, Settings(width=8, max_steps=3), [(1, {"lr": 0.3})])
    tree = BranchTree()
    tree.add(run)
    sound = json.loads(tree.to_json("blobs", "x"))
    others = [
        None, True, -1, 10**30, 1.5, "text", [], {}, [[]], {"__class__": "os.system"}, "\ud800",
        float("inf"),
        float("nan")
    ]
    places = list(_places(sound))
    for number, place in enumerate(places):
        for other in others[number % 2::times(6, 1)]:
            spoiled = json.loads(json.dumps(sound))
            _set(spoiled, place, other)
            row.tried += 1
            try:
                found = BranchTree.from_json(json.dumps(spoiled))
            except RecipeError:
                continue
            assert len(found) <= 1
            found.to_json()
    assert row.tried > len(places)


def _places(value: object, path: tuple = ()) -> list[tuple]:
    items = value.items() if isinstance(
        value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *[place for key, one in items for place in _places(one, (*path, key))]
            ] if path else [place for key, one in items for place in _places(one, (key, ))]


def _set(value: object, path: tuple, other: object) -> None:
    for key in path[:-1]:
        value = value[key]  # type: ignore[index]
    value[path[-1]] = other  # type: ignore[index]


# --- exported scripts
# ------------------------------------------------------------------------------------------------

BREAKS = ('"""\nimport os; os.abort()\n"""', "'); import os; os.abort()#",
          '"); __import__("os").abort()#', "\\", "\\'", '\\"""', "{os.abort()}",
          "\n\nimport os\nos.abort()\n", "\r\nos.abort()", "\u2028os.abort()", "../../escaped",
          "a/b", "C:\\con", "$(touch escaped)", "`touch escaped`", "; touch escaped", "%s%n{0}",
          "name\0", "é" * 300, "", " ", "-rf")


def shape_of(text: str) -> list[str]:
    """A script without its texts: what its lines do."""
    class Blank(ast.NodeTransformer):
        def visit_Constant(self, node: ast.Constant) -> ast.Constant:
            return ast.Constant("") if isinstance(node.value, str) else node

    return [ast.dump(Blank().visit(node)) for node in ast.parse(text).body]


def test_no_name_gets_into_a_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                    tally: Callable[[str], Tally]) -> None:
    row = tally("names that would break out of an exported script")
    x, y = np.eye(12, dtype="f4"), np.arange(12) % 2

    def scripts(text: str, place: str) -> tuple[str, str]:
        state = tmp_path / place
        monkeypatch.setenv("RECIPE_STATE", str(state))
        data = Data.from_arrays(x, y, name=text, classes=[f"{text}a", f"{text}b"])
        run = train(data, Settings(width=4, max_steps=1, batch_size=4))
        run.message = run.data_name = text
        path = save_script(run, state / "out", name=text)
        assert path.parent == state / "out"
        assert path.suffix == ".py"
        return path.read_text(encoding="utf-8"), run.to_script()

    expected = [shape_of(text) for text in scripts("plain", "plain")]
    for number, text in enumerate((*BREAKS, *ATTACKS)):
        strange = re.sub(
            r"[/\0]", "",
            text)[:40] if os.name == "posix" else ""  # the folder has a strange name, too
        for found, right in zip(scripts(text, f"{number}{strange}"), expected, strict=True):
            row.tried += 1
            row.lost += shape_of(found) != right
            assert shape_of(found) == right, text
    # none climbed out of its folder
    assert len(list(tmp_path.iterdir())) == 1 + len(BREAKS) + len(ATTACKS)
    assert all(len(list(folder.iterdir())) == 2 for folder in tmp_path.glob("*/out"))
    assert row.lost == 0
