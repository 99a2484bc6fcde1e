"""The live board of a search: the best so far, trials as they come, a stop button."""

from __future__ import annotations

from typing import Annotated, Any

import ipywidgets as widgets

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import unchecked, validated
from recipe_widgets.live import engine_for
from recipe_widgets.live.live_search import LiveSearch, SearchFrame
from recipe_widgets.panels.live_view import HEAD
from recipe_widgets.panels.panel_base import AUTO_WIDTH, WorkingPanel, sheet, status_html
from recipe_widgets.tune import Tuning


class TuningBoard(WorkingPanel):
    """Shows a search that `tune(..., start=False)` prepared, and runs it while the kernel stays
    free.

    >>> board = TuningBoard(tune(data, space("lr"), start=False)); board.start()     # doctest: +SKIP
    >>> board.wait().best                                                            # doctest: +SKIP
    """

    @validated
    def __init__(self, tuning: Annotated[Tuning, unchecked]) -> None:
        if not isinstance(tuning, Tuning):
            raise RecipeError("TuningBoard(tuning)", found=type(tuning).__name__,
                              expected="a Tuning",
                              mend="Make one with tune(data, space(...), start=False).")
        self.tuning = tuning
        self._search = search = LiveSearch(tuning, engine=engine_for(None))
        self._chart, self._words = widgets.HTML(), widgets.HTML()
        self.buttons = {
            key: widgets.Button(description=label, icon=icon, layout=AUTO_WIDTH)
            for key, label, icon in (("start", "Start", "play"), ("stop", "Stop", "stop"))
        }
        self.buttons["start"].on_click(lambda _: search.start())
        self.buttons["stop"].on_click(lambda _: search.stop())
        # the view must not hold the board: one that is dropped stops its search
        show = _painter(self._chart, self._words, self.buttons)
        show(search.frame())
        search.view = show
        # the head holds the style of the chart, and says when the kernel is gone
        self.widget = sheet(widgets.HTML(HEAD), widgets.HBox([*self.buttons.values()]), self._words,
                            self._chart)
        self._close_with(search)

    @property
    def words(self) -> str:
        """The plain-words line."""
        return self._search.frame().words

    def start(self) -> None:
        """Press Start from code."""
        self._search.start()

    def stop(self) -> None:
        """Press Stop from code; `start()` goes on."""
        self._search.stop()

    def wait(self, timeout: float | None = None) -> Tuning:
        """Block until the search has ended, `timeout` seconds at most, and return it."""
        return self._search.wait(timeout)

    def __repr__(self) -> str:
        return f"TuningBoard({self.words})"


def _painter(chart: widgets.HTML, words: widgets.HTML, buttons: dict[str, widgets.Button]) -> Any:
    """What the painter calls; holds the widgets but not the panel, so that a dropped panel can
    go.
    """
    def show(frame: SearchFrame) -> None:
        chart.value = frame.chart
        words.value = status_html(frame.words, "recipe-words")
        active = frame.phase in ("running", "waiting")
        buttons["start"].disabled, buttons["stop"].disabled = active, not active

    return show
