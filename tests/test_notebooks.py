"""What nbval does not look at: that saved outputs belong to the saved cells, and that the pages
keep the house rules.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import nbformat
import pytest

HERE = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(HERE.glob("*.ipynb"))
_spec = importlib.util.spec_from_file_location("run_notebooks", HERE / "run.py")
assert _spec is not None
assert _spec.loader is not None
runner = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(runner)


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> nbformat.NotebookNode:
    return nbformat.read(request.param, as_version=4)


def test_outputs_are_those_of_the_cells(notebook: nbformat.NotebookNode) -> None:
    assert notebook.metadata["recipe"]["outputs_of"] == runner.fingerprint(
        notebook), "run `make notebooks`"
    numbers = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert numbers == list(range(1, len(numbers) + 1))


def test_cells_are_short_and_quiet(notebook: nbformat.NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 30
            for output in cell.outputs:
                assert output.output_type != "error"
                assert output.get("name") != "stderr", output.get("text")


def test_progress_bars_are_not_kept_but_warnings_are() -> None:
    def stream(name: str, text: str) -> nbformat.NotebookNode:
        return nbformat.v4.new_output("stream", name=name, text=text)

    assert runner.is_progress(
        stream("stderr", "\rlearning:  40%|####      | 4/10 [00:01<00:02,  2.1it/s]\r        \r"))
    assert runner.is_progress(stream("stderr", "\n"))
    assert not runner.is_progress(stream("stderr", "UserWarning: 40% is a lot"))
    assert not runner.is_progress(stream("stdout", "\n"))
    assert not runner.is_progress(nbformat.v4.new_output("execute_result", {"text/plain": "1"}))


def test_no_widget_state_and_no_large_pictures(notebook: nbformat.NotebookNode) -> None:
    assert "widgets" not in notebook.metadata
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            assert "application/vnd.jupyter.widget-view+json" not in data
            assert len(data.get("image/png", "")) * 3 / 4 < 60_000
            assert len(data.get("image/svg+xml", "")) <= runner.LARGEST_SVG
            if "image/png" in data:
                assert data["text/plain"].startswith(
                    "[picture]"), "every picture has a text alternative"
                assert output.metadata["image/png"]["alt"], "a browser reads it out"


def sections(path: Path) -> set[str]:
    """The anchors of a notebook's headings, as JupyterLab makes them."""
    text = "\n".join(cell.source
                     for cell in nbformat.read(path, as_version=4).cells
                     if cell.cell_type == "markdown")
    return {re.sub(r"\s", "-", heading) for heading in re.findall(r"^#+ (.+)$", text, re.M)}


def test_the_list_of_ideas_links_to_sections_that_exist() -> None:
    rows = re.findall(r"^\| ([A-Z]\d+) \|.*?\]\((\S+?\.ipynb)#(\S+)\)",
                      (HERE / "README.md").read_text(), re.M)
    assert [idea for idea, _, _ in rows][:4] == ["A1", "A2", "A3", "A4"]
    assert len({idea for idea, _, _ in rows}) == len(rows)
    for idea, file, anchor in rows:
        assert anchor in sections(HERE / file), f"{idea}: no section {anchor} in {file}"
