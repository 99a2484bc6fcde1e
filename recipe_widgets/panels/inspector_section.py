"""The folded part of a live panel that looks inside the network, now or at a past step."""

from __future__ import annotations

import threading

import ipywidgets as widgets

from recipe_widgets.live import Frame, Session
from recipe_widgets.live.inspector import TABS
from recipe_widgets.panels.settings_controls import SettingsControls


class InspectorSection:
    """Made when it is opened first; while it is closed nothing is measured. `show` hears of
    every frame.
    """

    def __init__(self, session: Session, controls: SettingsControls) -> None:
        self._session, self._controls = session, controls
        self._body = widgets.VBox()
        self._made: list[widgets.Widget] = []
        self._here = threading.local()  # .moves: on this thread the panel itself moves the slider
        self.widget = widgets.Accordion([self._body], titles=("Look inside, go back in time", ),
                                        selected_index=None)
        self.widget.observe(
            lambda change: self.open()
            if change["new"] is not None else self.close(), names="selected_index")

    def open(self) -> None:
        """Make the widgets, once, and let the chosen tab be drawn."""
        if not self._body.children:
            self._make()
        self._session.look(self.tabs.value)
        self.show(self._session.frame())

    def choose(self, tab: str) -> None:
        """Another tab. Raises RecipeError: there is none of that name."""
        self._session.look(tab)
        self.tabs.value = tab

    def close(self) -> None:
        self._session.look("")

    def _make(self) -> None:
        self.tabs = widgets.ToggleButtons(options=[(title, key) for key, title in TABS.items()],
                                          value="activations", style={"button_width": "auto"})
        self.tabs.observe(lambda change: self._session.look(change["new"]), names="value")
        self.page = widgets.HTML()
        self.moment = widgets.IntSlider(description="step", min=0, max=0, continuous_update=True,
                                        layout={"width": "min(100%, 520px)"},
                                        style={"description_width": "60px"})
        self.moment.observe(self._dragged, names="value")
        self.now = widgets.Button(description="Now", icon="fast-forward",
                                  tooltip="go on with the run", layout={"width": "auto"})
        self.now.on_click(lambda _: self._session.order("resume", self._controls.settings))
        self.rewind = widgets.Button(
            description="Rewind to here and go on", icon="history", disabled=True,
            tooltip="a new run goes on from this step, with the knobs as they stand",
            layout={"width": "auto"})
        self.rewind.on_click(lambda _: self._session.order("rewind", self._controls.settings))
        row = widgets.HBox([self.moment, self.now, self.rewind],
                           layout={"flex_flow": "row wrap", "align_items": "center"})
        self._made = [self.tabs, self.page, self.moment, self.now, self.rewind, row]
        self._body.children = [row, self.tabs, self.page]

    def _dragged(self, change: dict[str, int]) -> None:
        if not getattr(self._here, "moves", False):
            self._session.order("visit", step=change["new"])

    def show(self, frame: Frame) -> None:
        """Renew page and slider, where they are on the page."""
        if not self._body.children or self.widget.selected_index is None:
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

    def everything(self) -> list[widgets.Widget]:
        return [*self._made, self._body, self.widget]
