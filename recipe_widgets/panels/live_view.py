"""What a live panel shows: curves, words, diagnosis and buttons."""

from __future__ import annotations

import html
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import ipywidgets as widgets
import torch

from recipe_widgets.core import RecipeError
from recipe_widgets.live import Frame, Guess, Session
from recipe_widgets.live.network_look import NetworkLook
from recipe_widgets.live.page_stream import Message, PageStream
from recipe_widgets.live.status_text import number_words
from recipe_widgets.panels.folded_section import FoldedSection
from recipe_widgets.panels.guess_input import GuessInput
from recipe_widgets.panels.panel_base import AUTO_WIDTH
from recipe_widgets.panels.settings_controls import SettingsControls
from recipe_widgets.plots import STYLE

# What stands first in a live panel. Pages mark widgets whose kernel was restarted with a class;
# then the panel says so. Of a kernel that died they do not tell: but each repaint of a run that
# goes on renews its words, and these say so when they have stood for ten seconds.
HEAD = STYLE + """<style>
.recipe-over{display:none}
.jupyter-widgets-disconnected .recipe-over{display:block;border-left:4px solid #D55E00;padding:4px 10px;line-height:1.4}
.recipe-words[data-phase=running]::after{content:"Nothing new for ten seconds: a long step, a busy or sleeping kernel, or \
one that has ended.";display:block;font-weight:bold;max-height:0;overflow:hidden;visibility:hidden;
 animation:recipe-no-news 0s 10s forwards}
@keyframes recipe-no-news{to{max-height:4.5em;visibility:visible}}
</style><div class="recipe-over" role="alert"><b>This panel is over:</b> its kernel was restarted, has ended, or is out of
reach. Run its cell again for a new one.</div>"""


class LiveView:
    """The widgets that show a frame, which only the painter thread writes to, and the buttons that
    give commands. It does not hold the panel, so that a dropped panel can go.

    A page that runs the front end's module says hello, and draws by itself from then on; until
    then, and where it cannot, the curves come as SVG and the words as HTML.
    """

    def __init__(self, session: Session, controls: SettingsControls) -> None:
        self.curves, self.words, self.diagnosis, self.status = (widgets.HTML() for _ in range(4))
        self.plain = widgets.VBox([self.words, self.diagnosis, self.curves, self.status])
        self.plain.add_class("recipe-plain")
        names = (("run", "Run", "play"), ("pause", "Pause", "pause"), ("stop", "Stop", "stop"),
                 ("reset", "Reset", "undo"))
        self.buttons = {key: widgets.Button(description=label, icon=icon, layout=AUTO_WIDTH)
                        for key, label, icon in names}
        self.sections: list[FoldedSection] = []
        self._session, self._controls = session, controls
        self.buttons["run"].on_click(lambda _: session.order("resume", controls.settings))
        self.buttons["pause"].on_click(lambda _: session.order("pause"))
        self.buttons["stop"].on_click(lambda _: session.order("stop"))
        self.buttons["reset"].on_click(lambda _: self.reset())
        self.front = make_front_widget()
        self._stream = PageStream(session)
        self._drawn_by_page = self._says_hello = False
        self._heard = 0  # the newest question of a page whether the kernel is there
        self._look: NetworkLook | None = None  # the newest that the page has
        if self.front is not None:
            self.front.on_msg(self._hear)
        self.show(session.frame())

    def reset(self) -> None:
        """Clear the curves, and put the sliders back to where they began."""
        start = self._session.start_settings
        self._controls.show(start)
        self._session.order("reset", start)

    def ask_first(self, guess_input: GuessInput) -> None:
        """Let Run wait for the reader's guess."""
        self._session.locked = self.buttons["run"].disabled = True

        def locked(guess: Guess) -> None:
            self._session.guess = guess
            self.unlock()

        guess_input.on_lock(locked)  # called on the thread of the reader

    def unlock(self) -> None:
        """Let runs begin: there is a guess, or the reader's code wants none."""
        self._session.locked, self._session.note = False, ""
        self.buttons["run"].disabled = False
        self._session.repaint_all()

    def _hear(self, _: Any, message: dict[str, Any], buffers: Sequence[memoryview]) -> None:
        """What a page says; called on a thread of the kernel."""
        session = self._session
        match message:
            case {"kind": "hello"}:
                self._says_hello = True
                session.gesture.hold(False)
                session.repaint_all()
            case {"kind": "ask", "number": int(number)}:
                self._heard = number
                session.repaint_all()
            case {"kind": "hold", "held": bool(held)}:
                session.gesture.hold(held)
            case {"kind": "type", "knob": str(knob), "text": str(text)}:
                says = self._controls.type_in(knob, text)
                stands = number_words(getattr(self._controls.settings, knob, text))
                self.front.send({"kind": "typed", "knob": knob, "says": says, "text": stands})
                session.repaint_all()
            case {"kind": "visit", "step": int(step)}:
                session.order("visit", step=step)
            case {"kind": "now"}:
                session.order("resume", self._controls.settings)
            case {"kind": "rewind"}:
                session.order("rewind", self._controls.settings)
            case {"kind": "draw", "side": int(side)} if buffers and len(buffers[0]) == side**2:
                pixels = torch.frombuffer(bytearray(buffers[0]), dtype=torch.uint8)
                sample = session.draw(pixels.view(side, side))
                self.front.send({"kind": "drawn"}, [sample.numpy().tobytes()])
            case {"kind": "draw nothing"}:
                session.draw_nothing()
            case {"kind": "guess", "column": str(column), "steps": list(steps), "values": list(values)}:
                with suppress(RecipeError):
                    session.guess = Guess(column, tuple(map(float, steps)), tuple(map(float, values)))
                    self.unlock()
            case {"kind": "foresight", "on": bool(wanted)}:
                session.foresee(wanted)
            case {"kind": "no guess"}:
                session.guess = None
                session.repaint_all()
            case {"kind": "unit", "path": str(path), "number": int(number)}:
                session.look_at_unit((path, number))
            case {"kind": "no unit"}:
                session.look_at_unit(None)
            case {"kind": "take over"}:
                session.take_over()
            case {"kind": "network", "shown": bool(shown)}:
                session.show_network(shown)
            case {"kind": "pin", "number": int(number), "pinned": bool(pinned)}:
                with suppress(RecipeError):  # the run has gone meanwhile
                    session.pin(number, pinned=pinned)

    def show(self, frame: Frame) -> None:
        """Show a frame; called on the painter thread."""
        # first: when the words say that the run pauses, its step slider stands still
        for section in self.sections:
            section.show(frame)
        if self._says_hello:
            self._says_hello, self._look = False, None
            if not self._drawn_by_page:
                self._drawn_by_page = True
                for part in (self.words, self.diagnosis, self.curves, self.status):
                    part.value = ""
            self._send(self._stream.everything(frame))
        elif self._drawn_by_page:
            self._send(self._stream.news(frame))
        else:
            self._show_plain(frame)
        # Run stays on while it runs: it then goes on, or begins with the newest settings
        active = frame.phase in ("running", "waiting")
        self.buttons["run"].disabled = self._session.locked
        self.buttons["pause"].disabled = not active
        self.buttons["stop"].disabled = not active and frame.phase != "paused"
        self.buttons["run"].description = "Resume" if frame.phase == "paused" else "Run"

    def _send(self, message: Message) -> None:
        """Tell the pages, and show them the network where it was looked at anew."""
        assert self.front is not None
        facts = message.facts
        if self._heard:
            facts, self._heard = {**facts, "heard": self._heard}, 0
        self.front.send({"kind": "frame", "facts": facts}, [message.numbers])
        look = self._session.inspector.network
        if look is not None and look is not self._look:
            self._look = look
            self.front.send({"kind": "network", "look": look.facts}, [look.numbers])

    def _show_plain(self, frame: Frame) -> None:
        self.curves.value = self._session.picture()
        self.words.value = (f'<div class="recipe-words" role="status" data-phase="{frame.phase}">'
                            f"{html.escape(frame.words)}</div>")
        self.diagnosis.value = f'<div class="recipe-diagnosis">{html.escape(frame.diagnosis)}</div>'
        self.status.value = f'<small class="recipe-status">{html.escape(frame.status)}</small>'


def make_front_widget() -> Any:
    """The widget of the front end; None where anywidget is not installed."""
    try:
        from recipe_widgets.panels.front_widget import FrontWidget
    except ImportError:
        return None
    return FrontWidget()
