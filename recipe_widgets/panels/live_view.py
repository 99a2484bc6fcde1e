"""What a live panel shows: curves, words, diagnosis and buttons."""

from __future__ import annotations

import html
from typing import Protocol

import ipywidgets as widgets

from recipe_widgets.live import Frame
from recipe_widgets.plots import STYLE

# What stands first in a live panel. Pages mark widgets whose kernel was restarted with a class;
# then the panel says so.
# Of a kernel that died they do not tell: but each repaint of a run that goes on renews its words,
# and these say so when
# they have stood for ten seconds.
HEAD = STYLE + """<style>
.recipe-over{display:none}
.jupyter-widgets-disconnected .recipe-over{display:block;border-left:4px solid #D55E00;padding:4px 10px;line-height:1.4}
.recipe-words[data-phase=running]::after{content:"Nothing new for ten seconds: a long step, a busy or sleeping kernel, or \
one that has ended.";display:block;font-weight:bold;max-height:0;overflow:hidden;visibility:hidden;
 animation:recipe-no-news 0s 10s forwards}
@keyframes recipe-no-news{to{max-height:4.5em;visibility:visible}}
</style><div class="recipe-over" role="alert"><b>This panel is over:</b> its kernel was restarted, has ended, or is out of
reach. Run its cell again for a new one.</div>"""


class Folded(Protocol):
    """A part of the panel that is made when it is opened."""

    widget: widgets.Accordion

    def show(self, frame: Frame) -> None: ...

    def everything(self) -> list[widgets.Widget]: ...


class LiveView:
    """The widgets that show a frame. Only the painter thread writes to them."""

    def __init__(self, frame: Frame) -> None:
        self.curves, self.words, self.diagnosis, self.status = (widgets.HTML() for _ in range(4))
        names = (("run", "Run", "play"), ("pause", "Pause", "pause"), ("stop", "Stop", "stop"),
                 ("reset", "Reset", "undo"))
        self.buttons = {key: widgets.Button(description=label, icon=icon, layout={"width": "auto"})
                        for key, label, icon in names}
        self.hold = False  # a guess is asked for before Run
        self.folded: list[Folded] = []
        self.show(frame)

    def show(self, frame: Frame) -> None:
        # first: when the words say that the run pauses, its step slider stands still
        for part in self.folded:
            part.show(frame)
        self.curves.value = frame.curves
        self.words.value = (f'<div class="recipe-words" role="status" data-phase="{frame.phase}">'
                            f"{html.escape(frame.words)}</div>")
        self.diagnosis.value = f'<div class="recipe-diagnosis">{html.escape(frame.diagnosis)}</div>'
        self.status.value = f'<small class="recipe-status">{html.escape(frame.status)}</small>'
        active = frame.phase in ("running", "waiting")
        self.buttons["run"].disabled = self.hold
        self.buttons["pause"].disabled = not active
        self.buttons["stop"].disabled = not active and frame.phase != "paused"
        self.buttons["run"].description = "Resume" if frame.phase == "paused" else "Run"
