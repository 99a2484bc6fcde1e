"""The live panel: turn a slider, and a real training run answers."""

from __future__ import annotations

import html
import weakref
from typing import Any

import ipywidgets as widgets

from recipe_widgets.data import Data
from recipe_widgets.live import Frame, Session
from recipe_widgets.panels.cells import replace_in_cell
from recipe_widgets.panels.controls import Controls
from recipe_widgets.plots import STYLE
from recipe_widgets.records import RecipeError, Run, Settings

KNOBS = ("lr", "batch_size", "dropout", "momentum")  # the recipe's four: always shown


class _View:
    """The widgets that show a frame. Only the painter thread writes to them."""

    def __init__(self, frame: Frame) -> None:
        self.curves, self.words, self.status = widgets.HTML(), widgets.HTML(), widgets.HTML()
        names = (("run", "Run", "play"), ("pause", "Pause", "pause"), ("stop", "Stop", "stop"), ("reset", "Reset", "undo"))
        self.buttons = {key: widgets.Button(description=label, icon=icon, layout={"width": "auto"})
                        for key, label, icon in names}
        self.show(frame)

    def show(self, frame: Frame) -> None:
        self.curves.value = frame.curves
        self.words.value = f'<div class="recipe-words" role="status">{html.escape(frame.words)}</div>'
        self.status.value = f'<small class="recipe-status">{html.escape(frame.status)}</small>'
        active = frame.phase in ("running", "waiting")
        self.buttons["pause"].disabled = not active
        self.buttons["stop"].disabled = not active and frame.phase != "paused"
        self.buttons["run"].description = "Resume" if frame.phase == "paused" else "Run"


class LivePanel:
    """Sliders, buttons and curves of one live training session.

    >>> panel = LivePanel(data, Settings(lr=0.1))                             # doctest: +SKIP
    >>> panel.start(); panel.wait(); panel.run.history.last("train_loss")     # doctest: +SKIP

    Moving a slider trains anew from the same seed; the curves before stay as a pale ghost. Everything also works
    from code: `panel.sliders["lr"].value = 0.5`. The kernel stays free while it trains.

    A panel that is shown lives until its cell runs again, or until `close()`; one that was never shown goes with the
    last variable that holds it.
    """

    def __init__(self, data: Data, settings: Settings | None = None) -> None:
        if not isinstance(data, Data):
            raise RecipeError("LivePanel(data, settings)", found=type(data).__name__, expected="a Data",
                              mend='Use load("mnist"), or Data.from_arrays(x, y).')
        if settings is not None and not isinstance(settings, Settings):
            raise RecipeError("LivePanel(data, settings)", found=type(settings).__name__, expected="Settings",
                              mend="For example Settings(lr=0.1).")
        self._session = session = Session(data, settings or Settings())
        self._controls = Controls(session.settings, KNOBS, lambda new: session.order("restart", new))
        self._view = view = _View(session.frame())
        session.view = view.show
        _wire(view, session, self._controls)
        self.widget = widgets.VBox([widgets.HTML(STYLE), self._controls.box(), widgets.HBox([*view.buttons.values()]),
                                    view.words, view.curves, view.status])
        self._finalizer = weakref.finalize(self, _discard, session, self._all_widgets())
        self._finalizer.atexit = False

    @property
    def sliders(self) -> dict[str, widgets.Widget]:
        """The sliders by the name of their setting."""
        return dict(self._controls.sliders)

    @property
    def buttons(self) -> dict[str, widgets.Button]:
        """run, pause, stop, reset."""
        return dict(self._view.buttons)

    @property
    def settings(self) -> Settings:
        """Where the sliders stand."""
        return self._controls.settings

    @property
    def run(self) -> Run | None:
        """The newest run; it grows while it trains. None before the first."""
        return self._session.run

    @property
    def ghost(self) -> Run | None:
        """The run before, shown pale."""
        return self._session.ghost

    @property
    def words(self) -> str:
        """The plain-words line."""
        return self._session.words()

    def start(self) -> None:
        """Press Run from code: train anew with the sliders' settings."""
        self._session.order("restart", self.settings)

    def pause(self) -> None:
        """Hold the run; `resume()` goes on with the next step."""
        self._session.order("pause")

    def resume(self) -> None:
        """Go on with a paused run; begin one if there is none."""
        self._session.order("resume", self.settings)

    def stop(self) -> None:
        """End the run; what it has written stays."""
        self._session.order("stop")

    def reset(self) -> None:
        """Stop, clear the curves, and put the sliders back to where they began."""
        _reset(self._session, self._controls)

    def wait(self, timeout: float | None = None) -> Run | None:
        """Block until the run has ended or pauses, `timeout` seconds at most, and return it.

        Slider messages from the page wait too while this blocks.
        """
        return self._session.wait(timeout)

    def close(self) -> None:
        """Stop training, end the threads and take the panel off the page. A second call does nothing."""
        if self._finalizer.detach():
            _discard(self._session, self._all_widgets(), wait=True)

    def _all_widgets(self) -> list[widgets.Widget]:
        return [*self._controls.sliders.values(), *self._view.buttons.values(), *self.widget.children, self.widget]

    def plot(self) -> Any:
        """The curves as a picture that stands still, for readers without a kernel."""
        if self.run is None:
            raise RecipeError("LivePanel.plot()", found="no run yet", expected="one", mend="Call panel.start() first.")
        from recipe_widgets.plots import plot_run

        return plot_run(self.run, self.ghost)

    def __repr__(self) -> str:
        return f"LivePanel({self._session.data.name}, {self._session.phase}: {self.run or 'no run yet'})"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        replace_in_cell(self)
        bundle = self.widget._repr_mimebundle_(**options)
        bundle["text/plain"] = repr(self)
        return bundle


def _wire(view: _View, session: Session, controls: Controls) -> None:
    """Buttons to orders. Nothing here holds the panel itself, so that a dropped panel can go."""
    view.buttons["run"].on_click(lambda _: session.order("resume", controls.settings))
    view.buttons["pause"].on_click(lambda _: session.order("pause"))
    view.buttons["stop"].on_click(lambda _: session.order("stop"))
    view.buttons["reset"].on_click(lambda _: _reset(session, controls))


def _reset(session: Session, controls: Controls) -> None:
    controls.show(session.first_settings)
    session.order("reset")


def _discard(session: Session, boxes: list[widgets.Widget], wait: bool = False) -> None:
    session.close(wait)
    for box in boxes:
        for part in (box.layout, getattr(box, "style", None), box):  # each is a model of its own in kernel and page
            if part is not None:
                part.close()
