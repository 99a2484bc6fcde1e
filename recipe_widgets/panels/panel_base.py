"""What all panels share: they are shown as the last line of a cell, and closed when it runs again."""

from __future__ import annotations

import base64
import html
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import ipywidgets as widgets
from IPython.core.getipython import get_ipython

if TYPE_CHECKING:
    from recipe_widgets.plots import Picture  # Matplotlib loads with the first picture

FRONT = Path(__file__).parent / "front"
# layouts that many panels share
AUTO_WIDTH = {"width": "auto"}  # of a button: as wide as its text
WRAPPED_ROW = {"flex_flow": "row wrap", "align_items": "center"}


def as_html(picture: Picture) -> str:
    """An `<img>` with a text alternative, which `widgets.Image` has not; it follows the theme of
    the page where its SVG is not too large.
    """
    svg = picture.svg()
    kind, data = ("svg+xml", svg.encode()) if svg else ("png", picture.png())
    alt = html.escape(picture.alt, quote=True)
    # where the page is narrow the picture scrolls rather than shrink to nothing: by keyboard, too
    return ('<div class="recipe-frame" role="group" aria-label="picture" tabindex="0">'
            f'<img class="recipe-picture" src="data:image/{kind};base64,'
            f'{base64.b64encode(data).decode()}" alt="{alt}"></div>')


def sheet(*rows: widgets.Widget) -> widgets.VBox:
    """A panel's rows, one below the other, with the style that all panels share."""
    inside = [part for row in rows for part in widgets_in(row)]
    plain = all(isinstance(part, (widgets.HTML, widgets.Button, widgets.Box)) for part in inside)
    box = widgets.VBox([widgets.HTML(_style()), *([] if plain else _helpers()), *rows])
    box.add_class("recipe-sheet")
    return box


def _helpers() -> list[widgets.Widget]:
    """What names sliders and menus on the page; none where anywidget is not installed."""
    try:
        from recipe_widgets.panels.sheet_widget import SheetWidget
    except ImportError:
        return []
    return [SheetWidget()]


@cache
def _style() -> str:
    """The live panel's colours and controls under another name of the root, and what panels have
    besides.
    """
    from recipe_widgets.plots.themed_svg import THEME_STYLE

    live = (FRONT / "front.css").read_text(encoding="utf-8")
    shared = live[:live.index("/* --- the grid")] + live[live.index("/* --- controls"):live.index("/* --- tiles")]
    own = (FRONT / "sheet.css").read_text(encoding="utf-8")
    return f"{THEME_STYLE}<style>{shared.replace('.recipe-live', '.recipe-sheet')}{own}</style>"


@contextmanager
def busy(*shown: widgets.DOMWidget) -> Iterator[None]:
    """What is shown now is marked as old while its successor is computed."""
    for one in shown:
        one.add_class("recipe-busy")
    try:
        yield
    finally:
        for one in shown:
            one.remove_class("recipe-busy")


def status_html(text: str, css_class: str = "") -> str:
    """Text that screen readers read out when it changes."""
    shown = f'class="{css_class}" ' if css_class else ""
    return f'<div {shown}role="status">{html.escape(text)}</div>'


class PanelWorker(Protocol):
    """What computes behind a panel: a live session, a search, a queue of measurements."""

    def close(self, wait: bool = True) -> None: ...


class Panel:
    """A widget that is shown as the last line of a cell; the cell run again closes it."""

    widget: widgets.Widget

    def close(self) -> None:
        """Take it off the page. A second call does nothing."""
        close_widgets(self.widget)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        replace_in_cell(self)
        bundle = self.widget._repr_mimebundle_(**options)
        bundle["text/plain"] = repr(self)
        return bundle


class WorkingPanel(Panel):
    """A panel with something that computes on the trainer thread.

    One that was shown lives until its cell runs again, or until `close()`; one that was never shown
    goes with the last variable that holds it. So nothing that its widgets call may hold the panel
    itself.
    """

    def _close_with(self, worker: PanelWorker) -> None:
        """Close the worker and all widgets when the panel is closed or dropped; call this last in
        `__init__`.
        """
        self._worker = worker
        self._finalizer = weakref.finalize(self, _discard, worker, self.widget)
        self._finalizer.atexit = False  # the engine ends its threads then; the page is gone

    def close(self) -> None:
        """Stop computing, end the threads and take the panel off the page. A second call does
        nothing.
        """
        if self._finalizer.alive:
            self._worker.close()
            close_widgets(self.widget)
            # last: an interrupt on the way leaves a panel that can still be closed
            self._finalizer.detach()


def _discard(worker: PanelWorker, widget: widgets.Widget) -> None:
    worker.close(wait=False)  # it may be the trainer thread that drops the panel
    close_widgets(widget)


def close_widgets(box: widgets.Widget) -> None:
    """Close a widget and all that lies inside it."""
    for part in widgets_in(box):
        # layout and style are models of their own, in the kernel and in the page
        for model in (part.layout, getattr(part, "style", None), part):
            if model is not None:
                model.close()


def widgets_in(box: widgets.Widget) -> list[widgets.Widget]:
    """A widget and all that lies inside it, inside first."""
    inside = [part for child in getattr(box, "children", ()) for part in widgets_in(child)]
    return [*inside, box]


class Closable(Protocol):
    def close(self) -> None: ...


# cell -> (its newest execution, the panels that this execution has shown)
_shown: dict[str, tuple[str, list[Closable]]] = {}


def _cell() -> tuple[str, str] | None:
    """The running cell (its id, or its text where the front end sends none) and this execution
    of it.
    """
    shell = get_ipython()
    if shell is None or not hasattr(shell, "get_parent"):
        return None
    parent = shell.get_parent() or {}  # the execute_request that runs now
    cell = parent.get("metadata", {}).get("cellId") or parent.get("content", {}).get("code", "")
    return cell, parent.get("header", {}).get("msg_id", "")


def replace_in_cell(panel: Closable) -> None:
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
