"""Run the notebooks whose cells changed since their outputs were saved, in place, and clean what need not be kept.

    python notebooks/run.py [--all] [NAME ...]
"""

from __future__ import annotations

import argparse
import ast
import copy
import hashlib
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
import torch
from nbclient import NotebookClient

from recipe_widgets import LivePanel
from recipe_widgets.course.exercise import Exercise
from recipe_widgets.course.notebook_cells import (
    FOLDED,
    TAG,
    exercises_in,
    folded_solution,
    with_solutions,
)

HERE = Path(__file__).parent
PANEL = "LivePanel("  # how the text of a panel begins
LARGEST_SVG = 80_000  # characters; of a larger one the PNG alone is kept
SECONDS = 12  # that a panel trains for its picture, unless it is done before
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


class ReaderAtPanels(NotebookClient):
    """Runs a notebook as a reader would: where a cell shows a live panel, Run is pressed, and the picture
    of its curves is saved with the cell, for those who read it without a kernel.
    """

    async def async_execute_cell(self, cell: nbformat.NotebookNode, cell_index: int, *args: Any,
                                 **options: Any) -> nbformat.NotebookNode:
        done = await super().async_execute_cell(cell, cell_index, *args, **options)
        shown = [output for output in done.get("outputs", [])
                 if output.output_type == "execute_result" and output["data"]["text/plain"].startswith(PANEL)]
        if shown:
            last = ast.unparse(ast.parse(done.source).body[-1])  # what the cell shows: `panel`
            press_run = nbformat.v4.new_code_cell(f"__import__('run').picture_of({last})")
            await super().async_execute_cell(press_run, cell_index, store_history=False)
            self.code_cells_executed -= 1  # the page has no such cell: its numbers go on without a gap
            self.nb.cells[cell_index] = done  # the hidden cell took its place
            picture = next(one for one in press_run.outputs if "image/png" in one.get("data", {}))
            panel = shown[-1]["data"]["text/plain"].split(",")[0] + ")"  # "LivePanel(mnist)"
            words = f"{panel} after a run. {picture['metadata']['image/png']['alt']}"
            kinds = [kind for kind in picture["data"] if kind.startswith("image/")]  # PNG, and SVG that follows the theme
            shown[-1]["data"] |= {**{kind: picture["data"][kind] for kind in kinds}, "text/plain": f"[picture] {words}"}
            shown[-1]["metadata"] |= {kind: {"alt": words} for kind in kinds}
            style = [one for one in press_run.outputs if "<style>" in one.get("data", {}).get("text/html", "")]
            at = done.outputs.index(shown[-1])
            done.outputs[at:at] = style
        return done


def picture_of(panel: LivePanel) -> Any:
    """A figure: what the panel's curves show after a short training. Panel, model, optimiser and random
    numbers are as before afterwards.
    """
    source = panel._session.source
    theirs = [getattr(source, name, None) for name in ("model", "optimizer")]  # of the reader's own training
    held = [(one, copy.deepcopy(one.state_dict())) for one in theirs if one is not None]
    random = torch.random.get_rng_state()
    panel.start()
    panel.wait(SECONDS)
    panel.stop()
    panel.wait()
    figure = panel.plot()
    panel.reset()
    torch.random.set_rng_state(random)
    for one, state in held:
        one.load_state_dict(state)
    return figure


def fingerprint(notebook: nbformat.NotebookNode) -> str:
    """sha256 of all cells' types and sources: what the saved outputs belong to."""
    text = "\x00".join(f"{cell.cell_type}\x01{cell.source}" for cell in notebook.cells)
    return hashlib.sha256(text.encode()).hexdigest()


def is_progress(output: nbformat.NotebookNode) -> bool:
    """Whether an output is a progress bar (tqdm's) and nothing else: of use only to the one who waits."""
    text = re.sub(r"[^\r\n]*\d+%\|[^\r\n]*", "", output.get("text", "x"))
    return output.get("name") == "stderr" and not text.strip()


def clean(notebook: nbformat.NotebookNode) -> None:
    """No widget state (it is stale without a kernel), no timestamps, no large SVG.

    `language_info` stays as the kernel gave it: JupyterLab puts it back when it opens a page without it, and then
    saves a page that nobody changed.
    """
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": notebook.metadata["language_info"],
                                            "recipe": {"outputs_of": fingerprint(notebook)}})
    for cell in notebook.cells:
        kept = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        cell.metadata = nbformat.from_dict(kept)
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if not is_progress(output)]
        for output in cell.get("outputs", []):
            if "data" in output:
                output["data"].pop("application/vnd.jupyter.widget-view+json", None)
                if len(output["data"].get("image/svg+xml", "")) > LARGEST_SVG:
                    del output["data"]["image/svg+xml"]


def fold_solutions(notebook: nbformat.NotebookNode) -> None:
    """Renew the folded solution that follows each exercise cell."""
    waiting: list[Exercise] = []
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", ())
        if TAG in tags:
            waiting += exercises_in(cell.source)
        elif FOLDED in tags:
            cell.source = folded_solution(waiting.pop(0))


def run(path: Path) -> None:
    """As a first reader would, with no vault opened and nothing in the ledger yet; the exercises are
    solved as the package does, but their cells are saved empty.
    """
    notebook = nbformat.read(path, as_version=4)
    fold_solutions(notebook)
    saved = [cell.source for cell in notebook.cells]
    for cell in notebook.cells:
        cell.source = with_solutions(cell.source, cell.metadata.get("tags", ()))
    client = ReaderAtPanels(notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(HERE)}})
    with tempfile.TemporaryDirectory() as state:
        client.execute(env={**os.environ, "RECIPE_STATE": state, "RECIPE_FOLDER": state})
    for cell, source in zip(notebook.cells, saved, strict=True):
        cell.source = source
    clean(notebook)
    nbformat.write(notebook, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="such as 00_start_here; default: all that changed")
    parser.add_argument("--all", action="store_true", help="also those that did not change")
    chosen = parser.parse_args()
    paths = [HERE / f"{Path(name).stem}.ipynb" for name in chosen.names] or sorted(HERE.glob("*.ipynb"))
    for path in paths:
        saved = nbformat.read(path, as_version=4)
        if chosen.all or chosen.names or saved.metadata.get("recipe", {}).get("outputs_of") != fingerprint(saved):
            print(f"{path.name}: running", file=sys.stderr)
            run(path)


if __name__ == "__main__":
    main()
