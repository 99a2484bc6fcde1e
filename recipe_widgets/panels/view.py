"""What a live panel shows: curves, words, diagnosis and buttons."""

from __future__ import annotations

import html
from typing import Protocol

import ipywidgets as widgets

from recipe_widgets.live import Frame
from recipe_widgets.plots import STYLE

# What stands first in a live panel. Pages mark widgets whose kernel is gone with a class; then the panel says so.
HEAD = STYLE + """<style>
.recipe-over{display:none}
.jupyter-widgets-disconnected .recipe-over{display:block;border-left:4px solid #D55E00;padding:4px 10px;line-height:1.4}
</style><div class="recipe-over" role="alert"><b>This panel is over:</b> its kernel was restarted, has ended, or is out of
reach. Run its cell again for a new one.</div>"""


class Folded(Protocol):
    """A part of the panel that is made when it is opened."""

    widget: widgets.Accordion

    def show(self, frame: Frame) -> None: ...

    def everything(self) -> list[widgets.Widget]: ...


class View:
    """The widgets that show a frame. Only the painter thread writes to them."""

    def __init__(self, frame: Frame) -> None:
        self.curves, self.words, self.diagnosis, self.status = (widgets.HTML() for _ in range(4))
        names = (("run", "Run", "play"), ("pause", "Pause", "pause"), ("stop", "Stop", "stop"), ("reset", "Reset", "undo"))
        self.buttons = {key: widgets.Button(description=label, icon=icon, layout={"width": "auto"})
                        for key, label, icon in names}
        self.hold = False  # a guess is asked for before Run
        self.folded: list[Folded] = []
        self.show(frame)

    def show(self, frame: Frame) -> None:
        self.curves.value = frame.curves
        self.words.value = f'<div class="recipe-words" role="status">{html.escape(frame.words)}</div>'
        self.diagnosis.value = f'<div class="recipe-diagnosis">{html.escape(frame.diagnosis)}</div>'
        self.status.value = f'<small class="recipe-status">{html.escape(frame.status)}</small>'
        active = frame.phase in ("running", "waiting")
        self.buttons["run"].disabled = self.hold
        self.buttons["pause"].disabled = not active
        self.buttons["stop"].disabled = not active and frame.phase != "paused"
        self.buttons["run"].description = "Resume" if frame.phase == "paused" else "Run"
        for part in self.folded:
            part.show(frame)
