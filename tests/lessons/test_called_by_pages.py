"""What stands in `lessons` for a notebook is called by its cells, or by what its cells call."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {path.stem: path for path in (ROOT / "notebooks").glob("*.ipynb")}


def uses(name: str) -> int:
    """Files and places of the package that say this name, docstrings left out."""
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "recipe_widgets").rglob("*.py")
             if path.name != "_moved.py")
    return sum(len(re.findall(rf"\b{name}\b", re.sub(r'""".*?"""', "", text, flags=re.DOTALL)))
               for text in texts)


@pytest.mark.parametrize("page", sorted(PAGES))
def test_no_lesson_function_is_left_over(page: str) -> None:
    cells = json.loads(PAGES[page].read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    names = import_module(f"recipe_widgets.lessons.nb{page}").__all__
    left_over = [name for name in names
                 if not re.search(rf"\blesson\.{name}\b|import .*\b{name}\b", code)
                 and uses(name) < 2]  # 1: its definition alone
    assert not left_over
