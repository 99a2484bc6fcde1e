"""What widgets that show a picture share: the picture as HTML, with its words for those who
cannot see it.
"""

from __future__ import annotations

import base64
import html
from typing import Any, Protocol

import ipywidgets as widgets
from IPython.core.getipython import get_ipython

from recipe_widgets.plots import Picture


def as_html(picture: Picture) -> str:
    """An `<img>` with a text alternative, which `widgets.Image` has not."""
    png = base64.b64encode(picture.png()).decode()
    alt = html.escape(picture.alt, quote=True)
    return f'<img src="data:image/png;base64,{png}" alt="{alt}" style="max-width:100%;height:auto;background:white">'


class Panel:
    """A widget that is shown as the last line of a cell; the cell run again closes it."""

    widget: widgets.Widget

    def close(self) -> None:
        """Take it off the page. A second call does nothing."""
        for part in parts_of(self.widget):
            for one in (part.layout, getattr(part, "style", None),
                        part):  # each is a model of its own in kernel and page
                if one is not None:
                    one.close()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        replace_in_cell(self)
        bundle = self.widget._repr_mimebundle_(**options)
        bundle["text/plain"] = repr(self)
        return bundle


def parts_of(box: widgets.Widget) -> list[widgets.Widget]:
    """A widget and all that lies inside it, inside first."""
    inside = [part for child in getattr(box, "children", ()) for part in parts_of(child)]
    return [*inside, box]


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
