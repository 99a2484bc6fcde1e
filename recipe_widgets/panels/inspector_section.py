"""The folded part of a live panel that looks inside the network, now or at a past step."""

from __future__ import annotations

import threading

import ipywidgets as widgets

from recipe_widgets.live import Frame
from recipe_widgets.live.inspector import TABS
from recipe_widgets.panels.folded_section import FoldedSection
from recipe_widgets.panels.panel_base import WRAPPED_ROW


class InspectorSection(FoldedSection):
    """Tabs that look inside, and a slider of steps to go back in time. While it is folded nothing is
    measured.
    """

    title = "Look inside, go back in time"

    def open(self) -> None:
        """Let the chosen tab be measured."""
        super().open()
        self._session.look(self.tabs.value)
        # at once, not with the next frame: a run that is over sends none
        self.show(self._session.frame())

    def close(self) -> None:
        # a folded section costs the training nothing
        self._session.look("")

    def choose(self, tab: str) -> None:
        """Another tab. Raises RecipeError: there is none of that name."""
        self._session.look(tab)
        self.tabs.value = tab

    def _rows(self) -> list[widgets.Widget]:
        # .moves: on this thread the panel itself moves the slider; others may hear of a reader
        self._here = threading.local()
        self.tabs = widgets.ToggleButtons(options=[(title, name) for name, title in TABS.items()],
                                          value="activations", style={"button_width": "auto"})
        self.tabs.observe(lambda change: self._session.look(change["new"]), names="value")
        self.page = widgets.HTML()
        self.moment = widgets.IntSlider(description="step", min=0, max=0, continuous_update=True,
                                        layout={"width": "min(100%, 520px)"},
                                        style={"description_width": "60px"})
        self.moment.observe(self._dragged, names="value")
        self.now = self._button("now", "Now", "fast-forward", "go on with the run", self._go_on)
        self.rewind = self._button(
            "rewind", "Rewind to here and go on", "history",
            "a new run goes on from this step, with the knobs as they stand", self._rewind)
        self.rewind.disabled = True  # until there is a past step to go on from
        row = widgets.HBox([self.moment, self.now, self.rewind], layout=WRAPPED_ROW)
        return [row, self.tabs, self.page, self.said]

    def _go_on(self) -> None:
        self._session.order("resume", self._controls.settings)

    def _rewind(self) -> None:
        self._session.order("rewind", self._controls.settings)

    def _dragged(self, change: dict[str, int]) -> None:
        if not getattr(self._here, "moves", False):
            self._session.order("visit", step=change["new"])

    def show(self, frame: Frame) -> None:
        """Renew page and slider, where they are on the page."""
        if not self.is_open:
            return
        if self.page.value != frame.inside:
            self.page.value = frame.inside
        self._here.moves = True
        try:
            self.moment.max = max(frame.steps_done, self.moment.min)
            # asked anew: a reader may have dragged it since the frame was made
            if self._session.visiting is None:
                self.moment.value = frame.steps_done
        finally:
            self._here.moves = False
        self.rewind.disabled = frame.moment is None
