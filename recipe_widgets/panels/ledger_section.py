"""The folded part of a live panel with all runs that ended: expectation first, then two of them
compared.
"""

from __future__ import annotations

import html

import ipywidgets as widgets

from recipe_widgets.core import Entry, RecipeError, Settings
from recipe_widgets.core.runbook import compared
from recipe_widgets.live import Frame, Session
from recipe_widgets.live.status_text import knob_words
from recipe_widgets.panels.settings_controls import SettingsControls

SHOWN = 200  # newest entries in the list
_AUTO = {"width": "auto"}


class LedgerSection:
    """Made when it is opened first. `show` hears of every frame."""

    def __init__(self, session: Session, controls: SettingsControls) -> None:
        self._session, self._controls = session, controls
        self._body = widgets.VBox()
        self._made: list[widgets.Widget] = []
        self._entries: list[Entry] = []
        self._phase = ""
        self._handed = ""  # what the session was told to expect, until a run has used it
        self.buttons: dict[str, widgets.Button] = {}
        self.widget = widgets.Accordion([self._body], titles=("Ledger: expect, run, compare", ),
                                        selected_index=None)
        self.widget.observe(lambda change: self.open()
                            if change["new"] is not None else None, names="selected_index")

    def open(self) -> None:
        """Make the widgets, once, and read the file anew."""
        if not self._body.children:
            self._make()
        self.read()

    def _make(self) -> None:
        self.expected = widgets.Text(description="I expect", placeholder="of the next run, and why",
                                     continuous_update=True,
                                     layout={"width": "min(100% - 4px, 620px)"})
        self.expected.observe(self._written, names="value")
        self.list = widgets.SelectMultiple(rows=8, description="runs",
                                           layout={"width": "min(100% - 4px, 900px)"})
        for key, label, icon, tip in (
            ("compare", "Compare two", "balance-scale",
             "choose two runs (Ctrl or Shift and click, or the arrow keys)"),
            ("seeds", "Train both from 8 seeds", "users", "how much of the difference is luck?"),
            ("back", "Set the knobs so", "sliders",
             "the knobs of the chosen run; it begins with Run")):
            self.buttons[key] = button = widgets.Button(description=label, icon=icon, tooltip=tip,
                                                        layout=_AUTO)
            button.on_click(lambda _, key=key: self._safely(key))
        row = widgets.HBox(list(self.buttons.values()), layout={"flex_flow": "row wrap"})
        self.said = widgets.HTML()
        self._made = [self.expected, self.list, *self.buttons.values(), row, self.said]
        self._body.children = [self.expected, self.list, row, self.said]

    def _written(self, change: dict[str, str]) -> None:
        self._session.expected = self._handed = change["new"]

    def read(self) -> None:
        """The list, newest first."""
        book = self._session.book
        try:
            self._entries = book.entries() if book is not None else []
        except RecipeError as error:
            self._say(str(error))
            return
        newest = list(enumerate(self._entries))[-SHOWN:][::-1]
        chosen = self.list.value
        self.list.options = [(line(entry), number) for number, entry in newest]
        self.list.value = tuple(number for number in chosen if number in dict(newest))
        if book is not None and book.broken:
            self._say(f"{book.broken} damaged lines of {book.file} are left out.")

    def show(self, frame: Frame) -> None:
        """Read again when a run has ended; what was expected of it is not expected of the next one.

        Frames come on the painter's thread: what the box holds and the session does not know yet
        was just written.
        """
        if self._handed and not self._session.expected:
            used, self._handed = self._handed, ""
            if self.expected.value == used:
                self.expected.value = ""
        ended = frame.phase == "ended" and self._phase != "ended"
        self._phase = frame.phase
        if ended and self._body.children and self.widget.selected_index is not None:
            self.read()

    def _say(self, text: str) -> None:
        self.said.value = f'<div role="status">{html.escape(text)}</div>'

    def _safely(self, key: str) -> None:
        try:
            self._say({"compare": self._compare, "seeds": self._seeds, "back": self._back}[key]())
        except RecipeError as error:
            self._say(str(error))

    def _two(self) -> tuple[Entry, Entry]:
        if len(self.list.value) != 2:
            raise RecipeError("Ledger", found=f"{len(self.list.value)} chosen", expected="two runs")
        first, second = sorted(self.list.value)  # the older one first
        return self._entries[first], self._entries[second]

    def _compare(self) -> str:
        first, second = self._two()
        told = [f"Expected: {entry.expected}." for entry in (second,) if entry.expected]
        return " ".join([*told, compared(first, second, self._entries)])

    def _seeds(self) -> str:
        first, second = self._two()
        if {first.data, second.data} != {self._session.source.name}:
            raise RecipeError(
                "Ledger", found=f"runs on {first.data} and {second.data}",
                expected=f"both on {self._session.source.name}, which this panel trains on")
        self._session.order("seeds", second.knobs, against=first.knobs)
        return "Both train from 8 seeds; the answer comes above the curves."

    def _back(self) -> str:
        if len(self.list.value) != 1:
            raise RecipeError("Ledger", found=f"{len(self.list.value)} chosen", expected="one run")
        self._controls.show(self._entries[self.list.value[0]].knobs)
        return "The knobs stand as they did then. Press Run, or turn one."

    def everything(self) -> list[widgets.Widget]:
        return [*self._made, self._body, self.widget]


def line(entry: Entry) -> str:
    """An entry as one line of the list."""
    score = entry.numbers.get("val_accuracy")
    result = f"{score:.1%}" if score is not None else f"loss {entry.numbers.get('train_loss', float('nan')):.3g}"
    own = knob_words(entry.knobs, Settings(max_steps=entry.knobs.max_steps))
    expected = f" · expected: {entry.expected}" if entry.expected else ""
    return (
        f"{entry.when[:16].replace('T', ' ')} · {entry.data} · {result} · {entry.status}, {entry.steps:,} steps · "
        f"{own}{expected}")
