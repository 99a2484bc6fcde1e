"""The folded part of a live panel with all runs that ended: expectation first, then two of them
compared.
"""

from __future__ import annotations

import ipywidgets as widgets

from recipe_widgets.core import RecipeError, RunLogEntry, Settings
from recipe_widgets.core.run_log import compare_runs
from recipe_widgets.live import Frame, Session
from recipe_widgets.live.status_text import knob_words
from recipe_widgets.panels.folded_section import FoldedSection
from recipe_widgets.panels.panel_base import WRAPPED_ROW
from recipe_widgets.panels.settings_controls import SettingsControls

MOST_LISTED = 200  # newest entries in the list


class LedgerSection(FoldedSection):
    """The reader's expectation of the next run, the list of all runs that ended, and what can be
    done with one or two of them.
    """

    title = "Ledger: expect, run, compare"

    def __init__(self, session: Session, controls: SettingsControls) -> None:
        super().__init__(session, controls)
        self._entries: list[RunLogEntry] = []
        self._phase = ""  # of the newest frame
        self._handed = ""  # what the session was told to expect, until a run has used it

    def open(self) -> None:
        """Read the file anew."""
        super().open()
        self.read()

    def _rows(self) -> list[widgets.Widget]:
        self.expected = widgets.Text(description="I expect", placeholder="of the next run, and why",
                                     continuous_update=True,
                                     layout={"width": "min(100% - 4px, 620px)"})
        self.expected.observe(self._written, names="value")
        self.list = widgets.SelectMultiple(rows=8, description="runs",
                                           layout={"width": "min(100% - 4px, 900px)"})
        buttons = [
            self._button("compare", "Compare two", "balance-scale",
                         "choose two runs (Ctrl or Shift and click, or the arrow keys)",
                         self._compare),
            self._button("seeds", "Train both from 8 seeds", "users",
                         "how much of the difference is luck?", self._compare_seeds),
            self._button("back", "Set the knobs so", "sliders",
                         "the knobs of the chosen run; it begins with Run", self._set_knobs),
        ]
        return [self.expected, self.list, widgets.HBox(buttons, layout=WRAPPED_ROW), self.said]

    def _written(self, change: dict[str, str]) -> None:
        # at every key: Run may be pressed while the cursor is still in the box
        self._session.expected = self._handed = change["new"]

    def read(self) -> None:
        """The list, newest first."""
        book = self._session.book
        try:
            self._entries = book.entries() if book is not None else []
        except RecipeError as error:
            self._say(str(error))
            return
        # numbered from the oldest, so that a number stays when others come
        newest = list(enumerate(self._entries))[-MOST_LISTED:][::-1]
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
        if ended and self.is_open:
            self.read()

    def _chosen(self, count: int) -> list[RunLogEntry]:
        """The chosen entries, the older one first. Raises RecipeError: other than `count`."""
        numbers = sorted(self.list.value)
        if len(numbers) != count:
            raise RecipeError("Ledger", found=f"{len(numbers)} chosen",
                              expected="one run" if count == 1 else "two runs")
        return [self._entries[number] for number in numbers]

    def _compare(self) -> str:
        first, second = self._chosen(2)
        # the newer run is the experiment: its expectation stands before the comparison
        expected = f"Expected: {second.expected}. " if second.expected else ""
        return expected + compare_runs(first, second, self._entries)

    def _compare_seeds(self) -> str:
        first, second = self._chosen(2)
        here = self._session.source.name
        if {first.data, second.data} != {here}:
            raise RecipeError("Ledger", found=f"runs on {first.data} and {second.data}",
                              expected=f"both on {here}, which this panel trains on")
        self._session.order("seeds", second.knobs, against=first.knobs)
        return "Both train from 8 seeds; the answer comes above the curves."

    def _set_knobs(self) -> str:
        self._controls.show(self._chosen(1)[0].knobs)
        return "The knobs stand as they did then. Press Run, or turn one."


def line(entry: RunLogEntry) -> str:
    """An entry as one line of the list."""
    accuracy, loss = (entry.numbers.get(name) for name in ("val_accuracy", "train_loss"))
    result = f"{accuracy:.1%}" if accuracy is not None else f"loss {loss or float('nan'):.3g}"
    parts = [
        entry.when[:16].replace("T", " "), entry.data, result,
        f"{entry.status}, {entry.steps:,} steps",
        # against the defaults; the length is told by the steps
        knob_words(entry.knobs, Settings(max_steps=entry.knobs.max_steps))
    ]
    if entry.expected:
        parts.append(f"expected: {entry.expected}")
    return " · ".join(parts)
