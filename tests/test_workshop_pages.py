"""Pages of the workshop, in which learners write PyTorch: counted over the notebooks that are
converted.
"""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest

from recipe_widgets.course.contents import EXERCISES_OF
from recipe_widgets.course.notebook_cells import (
    FOLDED,
    TAG,
    exercises_in,
    folded_solution,
    with_solutions,
)

HERE = Path(__file__).parents[1] / "notebooks"
CONVERTED: tuple[str, ...] = (  # grows until it holds all notebooks
    "00_start_here", "01_know_your_data", "02_skeleton_and_baselines", "03_check_the_machinery",
    "04_signals_inside", "05_overfit", "06_optimise", "08_regularise_the_model")
# names of torch as the field imports them, and methods and functions of one's own loop
TORCH_NAMES = {"torch", "nn", "F", "DataLoader", "TensorDataset"}
TORCH_METHODS = {"backward", "zero_grad", "step", "argmax", "softmax", "log_softmax", "parameters",
                 "register_forward_hook", "requires_grad_", "state_dict", "unfold", "permute"}


@pytest.fixture(params=CONVERTED)
def page(request: pytest.FixtureRequest) -> nbformat.NotebookNode:
    return nbformat.read(HERE / f"{request.param}.ipynb", as_version=4)


def code(page: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in page.cells if cell.cell_type == "code"]


def tags(cell: nbformat.NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", ()))


def holds_torch(source: str) -> bool:
    """Whether a cell uses torch; an import alone does not count."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and node.id in TORCH_NAMES:
            return True
        if isinstance(node, ast.Attribute) and node.attr in TORCH_METHODS:
            return True
    return False


def test_imports_and_helpers_are_no_torch() -> None:
    assert not holds_torch("import torch\nfrom torch import nn")
    assert not holds_torch("lesson.estimates(mnist, Settings(dropout=0.5)).plot()")
    assert not holds_torch("panel = LivePanel(mnist)\npanel")
    assert holds_torch("loss.backward()")
    assert holds_torch("net = nn.Linear(2, 2)")
    assert holds_torch("print(model(x).argmax(1))")


def test_at_least_half_of_the_cells_hold_torch(page: nbformat.NotebookNode) -> None:
    cells = code(page)
    without = [cell.source for cell in cells if TAG not in tags(cell) and not holds_torch(cell.source)]
    assert len(without) <= len(cells) / 2, "\n---\n".join(without)


def test_exercises_are_those_of_the_package_and_empty(page: nbformat.NotebookNode,
                                                      request: pytest.FixtureRequest) -> None:
    notebook = request.node.callspec.params["page"]
    found = []
    for cell in code(page):
        if TAG in tags(cell):
            for exercise in exercises_in(cell.source):
                found.append(exercise.name)
                assert exercise.starter in cell.source, f"{exercise.name}: begins otherwise"
    assert tuple(found) == EXERCISES_OF[notebook]
    assert len(found) >= 3


def test_each_exercise_is_judged_and_its_solution_folded(page: nbformat.NotebookNode) -> None:
    text = "\n".join(cell.source for cell in code(page))
    folded = [cell.source for cell in page.cells if FOLDED in tags(cell)]
    asked = [exercise for cell in code(page) if TAG in tags(cell)
             for exercise in exercises_in(cell.source)]
    for exercise in asked:
        assert f"check({exercise.name})" in text or f"keep({exercise.name}" in text
    assert folded == [folded_solution(exercise) for exercise in asked], "run `make notebooks`"


def test_no_answer_stands_in_a_cell(page: nbformat.NotebookNode) -> None:
    for cell in code(page):
        assert "answer=" not in cell.source
        assert "replies=" not in cell.source


def test_cells_are_short_and_panels_drive_themselves(page: nbformat.NotebookNode) -> None:
    for cell in code(page):
        assert len(cell.source.splitlines()) <= 30
        for call in (".wait(", ".start("):
            assert f"panel{call}" not in cell.source


def test_solutions_are_filled_in_and_the_rest_stays() -> None:
    source = ('limit = 3\n\ndef accuracy(model, loader):\n    """Share."""\n    ...  # your lines\n\n'
              "check(accuracy)")
    assert with_solutions(source, ()) == source
    filled = with_solutions(source, (TAG,))
    assert filled.startswith("limit = 3\n\ndef accuracy(model, loader):")
    assert "argmax" in filled
    assert "..." not in filled
    assert filled.endswith("\n\ncheck(accuracy)")
