"""nbval runs the exercise cells with the package's solutions filled in, in a state folder of its own."""

from __future__ import annotations

import os
import tempfile

import pytest

from recipe_widgets.course.notebook_cells import with_solutions

_folder = tempfile.TemporaryDirectory()


def pytest_configure(config: pytest.Config) -> None:
    """Kernels inherit these: no test writes into the reader's progress or my_recipe.py."""
    os.environ.update(RECIPE_STATE=_folder.name, RECIPE_FOLDER=_folder.name)


def pytest_itemcollected(item: pytest.Item) -> None:
    cell = getattr(item, "cell", None)  # of nbval
    if cell is not None:
        cell.source = with_solutions(cell.source, cell.metadata.get("tags", ()))
