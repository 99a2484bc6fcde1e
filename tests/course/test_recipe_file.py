"""my_recipe.py: it runs alone, grows, keeps what the learner changed, and refuses what no file holds."""

from __future__ import annotations

import ast
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from recipe_widgets.course import keep, progress
from recipe_widgets.course.exercises import NAMES, exercise_named
from recipe_widgets.course.recipe_file import DATA, FILE, OURS

SHARE = 1.0
SOMETHING = torch.ones(2)


def right_ones(outputs: torch.Tensor, y: torch.Tensor) -> float:
    return float((outputs.argmax(1) == y).sum()) * math.sqrt(SHARE)


def accuracy(net: Any, batches: Any) -> float:
    net.eval()
    with torch.no_grad():
        counts = [(right_ones(net(images), classes), len(classes)) for images, classes in batches]
    return sum(right for right, _ in counts) / sum(count for _, count in counts)


def with_a_tensor() -> Any:
    def accuracy(net: Any, batches: Any) -> float:
        net.eval()
        with torch.no_grad():
            counts = [(right_ones(net(x), y) * float(SOMETHING[0]), len(y)) for x, y in batches]
        return sum(right for right, _ in counts) / sum(count for _, count in counts)

    return accuracy


def with_a_lambda() -> Any:
    def accuracy(net: Any, batches: Any) -> float:
        net.eval()
        with torch.no_grad():
            counts = [(right_ones(net(x), y), how_many(y)) for x, y in batches]
        return sum(right for right, _ in counts) / sum(count for _, count in counts)

    return accuracy


how_many = lambda y: len(y)  # noqa: E731  as people write it
accuracy_with_a_tensor, accuracy_with_a_lambda = with_a_tensor(), with_a_lambda()
for one in (right_ones, accuracy, how_many):
    one.__module__ = "__main__"  # as in a notebook


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With few digits, so that the script takes a moment."""
    draw = np.random.default_rng(0)
    np.savez(tmp_path / DATA, images=draw.integers(0, 256, (60_000, 28, 28), dtype=np.uint8),
             labels=draw.integers(0, 10, 60_000))
    return tmp_path


def text_of(folder: Path) -> str:
    return (folder / FILE).read_text()


def test_my_piece_goes_in_with_what_it_needs(folder: Path) -> None:
    assert keep(accuracy, folder) is accuracy
    text = text_of(folder)
    assert "def right_ones" in text
    assert "import math" in text
    assert "SHARE = 1.0" in text
    assert text.count("def accuracy") == 1
    assert f"{OURS}\ndef train_epoch" in text  # main() needs it
    space: dict[str, Any] = {"__name__": "my_recipe", "__file__": str(folder / FILE)}
    exec(compile(text, FILE, "exec"), space)
    model = space["make_model"]()
    assert space["accuracy"](model, [(torch.zeros(4, 1, 28, 28), torch.zeros(4).long())]) in (0, 1)
    assert set(space["build"]()) >= {"model", "batches", "loss_fn"}
    assert progress().of("accuracy").accepted


def test_a_second_time_replaces_and_does_not_add(folder: Path) -> None:
    keep("accuracy", folder)
    assert f"{OURS}\ndef accuracy" in text_of(folder)
    keep(accuracy, folder)
    once = text_of(folder)
    assert f"{OURS}\ndef accuracy" not in once
    keep(accuracy, folder)
    assert text_of(folder) == once


def test_what_is_not_right_yet_does_not_replace_what_is(folder: Path,
                                                       capsys: pytest.CaptureFixture[str]) -> None:
    keep(accuracy, folder)
    before = text_of(folder)
    worse = {"accuracy": lambda model, loader: 0.5}["accuracy"]
    worse.__name__ = "accuracy"
    assert keep(worse, folder) is not accuracy
    assert text_of(folder) == before
    keep("accuracy", folder)
    assert text_of(folder) == before
    assert "The one you kept is still" in capsys.readouterr().out


def test_all_pieces_of_ours_make_a_script_that_runs_alone(folder: Path) -> None:
    for name in NAMES:
        keep(name, folder)
    text = text_of(folder)
    assert "recipe_widgets" not in text
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name == "main":
            assert "look_at_batch(" in ast.unparse(node)
    quick = text.replace("range(5)", "range(1)").replace("torch.arange(50_000)", "torch.arange(640)")
    (folder / FILE).write_text(quick)
    done = subprocess.run([sys.executable, FILE], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "epoch 1" in done.stdout


def test_the_first_network_gives_way_to_the_pages_and_to_no_other(folder: Path) -> None:
    keep("train_epoch", folder)
    assert "784, 128" in text_of(folder)
    keep("make_model", folder)  # as who skips the exercise
    assert "784, 128" not in text_of(folder)
    assert f"{OURS}\ndef make_model" in text_of(folder)
    changed = text_of(folder).replace("6, 5, padding=2", "7, 5, padding=2")
    (folder / FILE).write_text(changed)
    keep("make_model", folder)
    assert text_of(folder) == changed


def test_a_piece_of_ours_brings_its_imports(folder: Path) -> None:
    keep("overfit_batch", folder)
    assert text_of(folder).count("import copy") == 1
    keep("overfit_batch", folder)
    assert text_of(folder).count("import copy") == 1


def test_a_main_of_ones_own_is_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep("train_epoch", folder)
    mine = text_of(folder).replace("range(5)", "range(7)").replace("784, 128", "784, 99")
    (folder / FILE).write_text(mine)
    keep("look_at_batch", folder)
    text = text_of(folder)
    assert "range(7)" in text
    assert "784, 99" in text
    assert "def look_at_batch" in text
    assert "print(look_at_batch" not in text
    assert "main() there is your own" in capsys.readouterr().out


def test_main_grows_while_it_is_the_courses(folder: Path) -> None:
    keep("train_epoch", folder)
    changed = text_of(folder).replace("784, 128", "784, 99")  # elsewhere in the file
    (folder / FILE).write_text(changed)
    keep("look_at_batch", folder)
    assert "print(look_at_batch" in text_of(folder)
    assert "784, 99" in text_of(folder)


def test_a_piece_may_stand_at_several_places_of_main(folder: Path) -> None:
    keep("train_epoch", folder)
    assert "    optimizer = torch.optim.SGD(parameters, " in text_of(folder)
    keep("decay_groups", folder)
    keep("EarlyStopping", folder)
    main = text_of(folder).partition("def main")[2]
    places = ["parameters = decay_groups(model, ", "stopping = EarlyStopping(", "for epoch in range(5)",
              "\n        if stopping.look(model, ", "\n            break\n", "\n    stopping.restore(model)\n"]
    assert [main.count(place) for place in places] == [1] * len(places)
    assert sorted(places, key=main.index) == places
    assert "parameters = model.parameters()" not in main


def test_a_file_that_is_no_python_is_left_alone(folder: Path,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    (folder / FILE).write_text("def half(:\n")
    keep("accuracy", folder)
    assert text_of(folder) == "def half(:\n"
    assert "line 1" in capsys.readouterr().out


def test_a_variable_of_the_notebook_is_refused(folder: Path,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    def accuracy(model: Any, loader: Any) -> Any:
        right = exercise_named("accuracy").reference(model, loader)
        return right * float(SOMETHING[0])

    keep(accuracy, folder)
    said = capsys.readouterr().out
    assert "recipe_widgets" in said or "SOMETHING" in said
    assert not (folder / FILE).exists()


def test_who_keeps_what_no_file_holds_is_told_whose_the_page_uses(
        folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert keep(accuracy_with_a_tensor, folder) is accuracy_with_a_tensor
    said = capsys.readouterr().out
    assert "SOMETHING" in said
    assert "the page goes on with yours" in said
    (folder / FILE).write_text("def half(:\n")
    assert keep("accuracy", folder) is exercise_named("accuracy").reference
    assert "the page goes on with ours" in capsys.readouterr().out


def test_a_lambda_of_another_cell_is_called_by_its_name(folder: Path,
                                                        capsys: pytest.CaptureFixture[str]) -> None:
    assert keep(accuracy_with_a_lambda, folder) is accuracy_with_a_lambda
    assert "how_many, a lambda, in it" in capsys.readouterr().out


def test_nothing_is_raised_for_odd_pieces(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for given in (None, 3, "no such thing", F.relu, int):
        assert keep(given, folder) is given
        assert "expected" in capsys.readouterr().out
