"""Every notebook, whole, in JupyterLab: no error, no warning, nothing that could not be drawn."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator

import nbformat
import pytest
from playwright.sync_api import Browser

from tests.e2e.lab import (
    NOTEBOOKS,
    PATIENCE,
    Lab,
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


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Browser]]:
    """One JupyterLab for all of them, with one state, as readers have it."""
    with running_lab(tmp_path_factory.mktemp("lab")) as lab, running_browser() as browser:
        yield lab, browser


def shut_down_kernels(lab: Lab) -> None:
    asked = {"headers": {"Authorization": f"token {lab.token}"}}
    with urllib.request.urlopen(urllib.request.Request(f"{lab.url}/api/sessions",
                                                       **asked)) as answer:
        sessions = json.load(answer)
    for session in sessions:
        gone = urllib.request.Request(f"{lab.url}/api/sessions/{session['id']}", **asked,
                                      method="DELETE")
        urllib.request.urlopen(gone).close()


@pytest.mark.parametrize("name", sorted(path.name for path in NOTEBOOKS.glob("*.ipynb")))
def test_every_notebook_whole(name: str, served: tuple[Lab, Browser],
                              tally: Callable[[str], Tally]) -> None:
    lab, browser = served
    shut_down_kernels(lab)  # of the notebook before
    row, faults = tally("notebooks run whole in the browser"), []
    with browser.new_page(viewport={"width": 1280, "height": 900}) as page:
        page.on("pageerror", lambda error: faults.append(str(error)))
        open_notebook(page, lab, name)
        with row.recovery():
            run_all(page, 10 * PATIENCE)
        save(page)
        faults += page.get_by_text("Error displaying widget").all_inner_texts()
    notebook = nbformat.read(lab.folder / name, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [
        output for cell in cells for output in cell.outputs if not runner.is_progress(output)
    ]
    faults += [
        str(output)
        for output in outputs
        if output.output_type == "error" or output.get("name") == "stderr"
    ]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    row.tried, row.lost = len(cells), len(faults)
    assert faults == []
