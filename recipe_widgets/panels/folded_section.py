"""A folded part of a live panel, whose widgets are made when it is opened first."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets

from recipe_widgets.core import RecipeError
from recipe_widgets.live import Frame, Session
from recipe_widgets.panels.panel_base import AUTO_WIDTH, status_html
from recipe_widgets.panels.settings_controls import SettingsControls


class FoldedSection:
    """An accordion with one fold. A subclass says its `title`, and what its `rows` are.

    Attributes:
        buttons: by name. said: where the answer to a pressed button stands.
    """

    title = ""  # what stands on the fold

    def __init__(self, session: Session, controls: SettingsControls) -> None:
        self._session, self._controls = session, controls
        self.buttons: dict[str, widgets.Button] = {}
        self._body = widgets.VBox()
        self.widget = widgets.Accordion([self._body], titles=(self.title,), selected_index=None)
        self.widget.observe(self._folded, names="selected_index")

    def _folded(self, change: dict[str, int | None]) -> None:
        if change["new"] is not None:
            self.open()
        else:
            self.close()

    @property
    def made(self) -> bool:
        """Whether the widgets are there."""
        return bool(self._body.children)

    @property
    def is_open(self) -> bool:
        return self.made and self.widget.selected_index is not None

    def open(self) -> None:
        """Make the widgets, once."""
        if not self.made:
            # made here, not above: a widget that is never on the page would never be closed
            self.said = widgets.HTML()
            self._body.children = self._rows()

    def close(self) -> None:
        """Called when the reader folds it."""

    def _rows(self) -> list[widgets.Widget]:
        """Make the widgets; called once."""
        raise NotImplementedError

    def show(self, frame: Frame) -> None:
        """Renew what is shown; called on the painter thread with every frame."""
        raise NotImplementedError

    def _button(self, key: str, label: str, icon: str, tip: str,
                action: Callable[[], str | None]) -> widgets.Button:
        """A button that says what its action returns, or what went wrong."""
        button = widgets.Button(description=label, icon=icon, tooltip=tip, layout=AUTO_WIDTH)
        button.on_click(lambda _: self._say_outcome(action))
        self.buttons[key] = button
        return button

    def _say_outcome(self, action: Callable[[], str | None]) -> None:
        try:
            text = action()
        except RecipeError as error:
            text = str(error)
        if text is not None:  # None: the action has shown something itself
            self._say(text)

    def _say(self, text: str) -> None:
        self.said.value = status_html(text)
