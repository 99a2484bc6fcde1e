"""Every notebook, whole, in JupyterLab: no error, no warning, nothing that could not be drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from tests.e2e.lab import (
    NOTEBOOKS,
    PATIENCE,
    chromium,
    open_notebook,
    run_all,
    running_browser,
    running_lab,
    save,
)
from tests.stress.tally import FULL, Tally
from tests.test_notebooks import runner

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900),
              pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine"),
              pytest.mark.skipif(not FULL, reason="make stress runs the notebooks whole")]


@pytest.mark.parametrize("name", sorted(path.name for path in NOTEBOOKS.glob("*.ipynb")))
def test_every_notebook_whole(name: str, tally: Callable[[str], Tally], tmp_path: Path) -> None:
    row, faults = tally("notebooks run whole in the browser"), []
    with running_lab(tmp_path) as lab, running_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("pageerror", lambda error: faults.append(str(error)))
        open_notebook(page, lab, name)
        with row.recovery():
            run_all(page, 10 * PATIENCE)
        save(page)
        faults += page.get_by_text("Error displaying widget").all_inner_texts()
        notebook = nbformat.read(lab.folder / name, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs if not runner.is_progress(output)]
    faults += [str(output) for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    row.tried, row.lost = len(cells), len(faults)
    assert faults == []
