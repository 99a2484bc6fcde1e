"""Which panels a notebook cell has shown: a cell that runs again closes them."""

from __future__ import annotations

from typing import Protocol

from IPython.core.getipython import get_ipython


class Closes(Protocol):
    def close(self) -> None: ...


_shown: dict[str, tuple[str, list[Closes]]] = {}


def _cell() -> tuple[str, str] | None:
    """The running cell (its id, or its text where the front end sends none) and this execution
    of it.
    """
    shell = get_ipython()
    if shell is None or not hasattr(shell, "get_parent"):
        return None
    parent = shell.get_parent() or {}
    cell = parent.get("metadata", {}).get("cellId") or parent.get("content", {}).get("code", "")
    return cell, parent.get("header", {}).get("msg_id", "")


def replace_in_cell(panel: Closes) -> None:
    """Close what an earlier execution of the running cell has shown, and remember `panel` until
    the next one.
    """
    here = _cell()
    if here is None:
        return
    cell, execution = here
    before, panels = _shown.get(cell, ("", []))
    if before != execution:
        for old in panels:
            if old is not panel:  # made in another cell and shown again
                old.close()
        panels = []
    if panel not in panels:
        panels.append(panel)
    _shown[cell] = (execution, panels)
