"""What a view shows of a session: the runs in the picture, and all else in one `Frame`."""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core import BranchTree, Run
from recipe_widgets.live.command import Phase
from recipe_widgets.live.status_text import SAME_SETTINGS, knob_words
from recipe_widgets.live.tiles import Tile
from recipe_widgets.plots import PlottedRun


@dataclass(frozen=True)
class Frame:
    """All that a view shows; made by the painter.

    Attributes:
        words: what happens. diagnosis: what is the matter, what to try. status:
            device and threads.
        runs: (number, title, pinned) of the runs kept, the newest first.
        tiles: the four large numbers.
        inside: HTML of the open inspector tab. steps_done: of the newest run. moment: the past step
            that is looked at, or None.
    """

    words: str
    status: str
    phase: Phase
    diagnosis: str = ""
    runs: tuple[tuple[int, str, bool], ...] = ()
    inside: str = ""
    steps_done: int = 0
    moment: int | None = None
    tiles: tuple[Tile, ...] = ()


def runs_in_picture(run: Run | None, other: Run | None, ghost: Run | None,
                    tree: BranchTree) -> list[PlottedRun]:
    """The runs that are drawn, the newest last: pinned ones, the run before, the newest one or
    two.
    """
    found = [PlottedRun(branch.run, "pinned", branch.title) for branch in tree
             if branch.pinned and branch.run not in (run, other)]
    if ghost is not None and not any(one.run is ghost for one in found):
        found.append(PlottedRun(ghost, "ghost", _before(ghost, run)))
    if other is not None and run is not None:
        found.append(PlottedRun(other, "other", f"old: {knob_words(other.newest, run.newest)}"))
        found.append(PlottedRun(run, "new", f"new: {knob_words(run.newest, other.newest)}"))
    elif run is not None:
        found.append(PlottedRun(run, "new", ""))
    return found


def _before(ghost: Run, run: Run | None) -> str:
    """The run before, named by what differs."""
    if run is None:
        return "run before"
    differing = knob_words(ghost.newest, run.newest)
    return "run before" if differing == SAME_SETTINGS else f"before: {differing}"
