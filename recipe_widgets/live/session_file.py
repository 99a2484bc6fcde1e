"""Saved sessions: all runs of a panel in one JSON file, read again on this machine."""

from __future__ import annotations

from pathlib import Path

from recipe_widgets.core import BranchTree, RecipeError, Settings
from recipe_widgets.core.branches import MOST, session_values
from recipe_widgets.core.json_files import read_text
from recipe_widgets.data import Data
from recipe_widgets.training import pick_device


def read_session_file(file: str | Path, data: Data) -> tuple[BranchTree, Settings | None, str]:
    """The runs of a saved session on this data set, the newest settings for this machine, and what
    is not as it was.

    Raises:
        RecipeError: no such file, not a session, or one of another data set.
    """
    text = read_text(file, "Session file", "a file that panel.save() wrote", MOST)
    about, tree, notes = session_values(text), BranchTree.from_json(text), []
    if about.get("data") != data.name:
        raise RecipeError("Session file", found=f"runs on {about.get('data')!r}",
                          expected=f"runs on {data.name!r}", mend="Load that data set first.")
    # a panel may have had several data sets to choose from
    others = [branch for branch in tree if branch.run.data_name not in ("", data.name)]
    for branch in others:
        tree.remove(branch.number)
    if others:
        notes.append(f"{len(others)} runs on other data are left out.")
    if about.get("sha256") and about["sha256"] != data.sha256:
        notes.append(
            "The saved runs were trained on other samples of this data set: numbers will differ.")
    newest = tree.branches[-1].run.newest if len(tree) else None
    try:
        pick_device(newest.device if newest is not None else "auto")
    except RecipeError:
        assert newest is not None
        notes.append(
            f"This machine has no device {newest.device!r}: the next run takes the best one here.")
        newest = newest.replace(device="auto")
    return tree, newest, " ".join(notes)
