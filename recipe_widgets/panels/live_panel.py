"""The live panel: turn a slider, and a real training run answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from numbers import Real
from pathlib import Path
from typing import Annotated, Any

import ipywidgets as widgets
import torch
from torch import nn

from recipe_widgets.core import BranchTree, RecipeError, Run, RunLog, RunLogEntry, Settings
from recipe_widgets.core.files import state_folder
from recipe_widgets.core.validation import unchecked, validated, whole
from recipe_widgets.data import Data
from recipe_widgets.live import Guess, Session, UserLoop, engine_for, loop
from recipe_widgets.live.active_run import RunSource, as_source
from recipe_widgets.live.session_file import read_session_file
from recipe_widgets.panels.guess_input import GuessInput
from recipe_widgets.panels.inspector_section import InspectorSection
from recipe_widgets.panels.ledger_section import LedgerSection
from recipe_widgets.panels.live_view import HEAD, LiveView
from recipe_widgets.panels.panel_base import WRAPPED_ROW, WorkingPanel
from recipe_widgets.panels.settings_controls import STYLE, SettingsControls, chosen_knobs
from recipe_widgets.panels.tool_section import ToolSection
from recipe_widgets.training import pick_device

# what a moved knob does -> how a tooltip says it
MODES = {"restart": "begin anew, from the same seed", "continue": "go on with it",
         "fork": "let old and new go on side by side"}


class LivePanel(WorkingPanel):
    """Sliders, buttons and curves of one live training session.

    >>> panel = LivePanel(data, Settings(lr=0.1))                             # doctest: +SKIP
    >>> panel.start(); panel.wait(); panel.run.history.last("train_loss")     # doctest: +SKIP

    Moving a knob trains anew from the same seed (mode "restart"), goes on with the new value
    ("continue"), or lets the old and the new setting go on side by side from the same weights on
    the same batches ("fork"). Earlier runs stay as ghosts.
    Everything also works from code: `panel.sliders["lr"].value = 0.5`. The kernel stays free while
        it trains.

    A panel that is shown lives until its cell runs again, or until `close()`; one that was never
    shown goes with the last variable that holds it.

    Args:
        data: a `Data`, or several to choose from.
        knobs: names of further settings to show beside the four; by default all others, folded
            away.
        steps, model, optimizer: instead of data, a reader's own training: see `UserLoop`.
        mode: what a moved knob does at first.
        predict: a column of the history, such as "val_accuracy", whose end is to be guessed before
            Run.
        points: guess its course at so many places instead of its end only.
        ledger: the file that ended runs are written to; by default ledger.jsonl in the reader's
            state folder.
        foreground: train between the kernel's messages, not on a thread of its own; None: where the
            page needs it (Colab).
    Raises:
        RecipeError: data or settings of another kind, an unknown knob, mode or column.
    """

    @validated
    def __init__(self, data: Annotated[Data | Sequence[Data] | None, unchecked] = None,
                 settings: Annotated[Settings | None, unchecked] = None, *,
                 knobs: Iterable[str] | None = None,
                 steps: Iterator[Any] | Callable[[], Iterator[Any]] | None = None,
                 model: nn.Module | None = None, optimizer: torch.optim.Optimizer | None = None,
                 mode: str = "restart", predict: str | None = None,
                 points: Annotated[int, whole(1, 10**4)] = 1, ledger: str | Path | None = None,
                 foreground: bool | None = None) -> None:
        if settings is not None and not isinstance(settings, Settings):
            raise RecipeError("LivePanel(data, settings)", found=type(settings).__name__,
                              expected="Settings", mend="For example Settings(lr=0.1).")
        if mode not in MODES:
            raise RecipeError("LivePanel(mode=)", found=repr(mode),
                              expected="one of " + ", ".join(MODES))
        sources = _sources(data, steps, model, optimizer)
        source = sources[0]
        own_training = isinstance(source, UserLoop)
        if settings is None:
            settings = source.settings() if isinstance(source, UserLoop) else Settings()
        # a reader's own training has few knobs that the panel reaches
        opened, folded = chosen_knobs(() if own_training and knobs is None else knobs)
        pick_device(settings.device)  # before there is a session, which would stay
        book = None if own_training else _ledger(ledger)
        guess_input = None
        if predict is not None:
            guess_input = GuessInput(predict, points, settings.max_steps)
        self._session = session = Session(source, settings, engine=engine_for(foreground))
        # from here on nothing that a widget calls may hold the panel: a dropped one must go
        self._mode = mode_buttons = widgets.ToggleButtons(
            options=list(MODES), value=mode, tooltips=list(MODES.values()),
            style={"button_width": "auto"})
        # a generator that was begun cannot begin again: a moved slider would end it
        if own_training and mode == "restart":
            self._mode.value = "continue"
        self._controls = controls = SettingsControls(
            settings, opened, folded,
            why_not=lambda now, name: session.source.without_effect(now, name),
            on_change=lambda new: session.turn_knobs(mode_buttons.value, new))
        # two branches side by side are compared: so one fork a drag, where the slider is let go
        mode_buttons.observe(lambda change: controls.wait_for_release(change["new"] == "fork"),
                             names="value")
        controls.wait_for_release(mode_buttons.value == "fork")
        self._view = view = LiveView(session, controls)
        self._tools = ToolSection(session, controls, own_training)
        self._inspector = None if own_training else InspectorSection(session, controls)
        self._ledger = None if own_training else LedgerSection(session, controls)
        view.sections = [section for section in (self._inspector, self._ledger, self._tools)
                         if section is not None]
        # last of all: from here on the painter thread shows frames
        session.book, session.view = book, view.show
        self._data = _data_menu(sources, session, controls) if len(sources) > 1 else None
        self._predict = guess_input
        if guess_input is not None:
            view.ask_first(guess_input)
        above = [part for part in (self._data, guess_input and guess_input.widget) if part]
        bar = widgets.HBox([*view.buttons.values(), widgets.Label("When a knob moves:"),
                            self._mode], layout=WRAPPED_ROW)
        front = [] if view.front is None else [view.front]
        parts = widgets.VBox([bar, controls.widget, *front, view.plain])
        # classes of the front end's style sheet, which lays them out
        for part, name in ((bar, "bar"), (controls.widget, "knobs"), (parts, "panel")):
            part.add_class(f"recipe-{name}")
        self.widget = widgets.VBox([widgets.HTML(HEAD), *above, parts,
                                    *(part.widget for part in view.sections)])
        self.widget.add_class("recipe-live")
        self._close_with(session)

    @classmethod
    @validated
    def for_model(cls, model: nn.Module, loader: Iterable[Any], loss_fn: Callable[...,
                                                                                  torch.Tensor],
                  optimizer: torch.optim.Optimizer | None = None, **options: Any) -> LivePanel:
        """A panel on a reader's own model and batches: `loader` yields pairs (x, y), epoch after
        epoch.

        optimizer: Adam at 1e-3 by default. Its sliders reach the running optimiser; Run begins
            again from the weights the
        model had when the panel was made.
        """
        for what, given, ok in (("model", model, isinstance(model, nn.Module)), ("loss_fn", loss_fn,
                                                                                 callable(loss_fn)),
                                ("loader", loader, isinstance(loader, Iterable)
                                 and not isinstance(loader, (str, Data)))):
            if not ok:
                raise RecipeError(
                    f"LivePanel.for_model({what}=)", found=type(given).__name__, expected={
                        "model": "an nn.Module", "loss_fn": "a function (output, y) -> loss",
                        "loader": "an iterable of pairs (x, y)"
                    }[what])
        # Adam at 1e-3 trains most networks tolerably, whatever their scale
        chosen = optimizer if optimizer is not None else torch.optim.Adam(
            model.parameters(), lr=1e-3)
        return cls(steps=loop(model, loader, loss_fn, chosen), model=model, optimizer=chosen,
                   **options)

    @classmethod
    @validated
    def open(cls, file: str | Path, data: Data, **options: Any) -> LivePanel:
        """A panel that shows the runs of a session saved with `save`; the next run begins with the
        newest settings.

        Runs on other data sets are left out; where this machine has no such device, the settings
        say "auto".

        Raises:
            RecipeError: no such file, not a session, or one of another data set.
        """
        tree, newest, note = read_session_file(file, data)
        panel = cls(data, newest, **options)
        panel._session.restore(tree)
        panel._session.note = note
        return panel

    @validated
    def save(self, file: str | Path) -> Path:
        """Write all runs of this session, how they came from one another, and their numbers, as
        JSON.
        """
        return self._session.save(file)

    @property
    def sliders(self) -> dict[str, widgets.Widget]:
        """The sliders and menus by the name of their setting, those of folded groups among them."""
        self._controls.open_all()  # those of folded groups are made now
        return dict(self._controls.sliders)

    @property
    def buttons(self) -> dict[str, widgets.Button]:
        """run, pause, stop, reset, and those of the folded tools."""
        return {**self._view.buttons, **self._tools.buttons}

    @property
    def mode(self) -> str:
        """What a moved knob does: "restart", "continue" or "fork"."""
        return str(self._mode.value)

    @mode.setter
    def mode(self, value: str) -> None:
        if value not in MODES:
            raise RecipeError("panel.mode", found=repr(value),
                              expected="one of " + ", ".join(MODES))
        self._mode.value = value

    @property
    def settings(self) -> Settings:
        """Where the sliders stand."""
        return self._controls.settings

    @property
    def run(self) -> Run | None:
        """The newest run; it grows while it trains. None before the first."""
        return self._session.run

    @property
    def other(self) -> Run | None:
        """The branch with the old settings, after a fork."""
        return self._session.other

    @property
    def ghost(self) -> Run | None:
        """The run before, shown pale."""
        return self._session.ghost

    @property
    def runs(self) -> BranchTree:
        """All runs that are kept, oldest first."""
        return self._session.tree

    @property
    def words(self) -> str:
        """The plain-words line."""
        return self._session.words()

    @property
    def diagnosis(self) -> str:
        """What is the matter, and what to try."""
        return self._session.frame().diagnosis

    @property
    def ledger(self) -> list[RunLogEntry]:
        """All runs that ended, of this panel and of others, oldest first."""
        return self._session.book.entries() if self._session.book is not None else []

    def start(self) -> None:
        """Press Run from code: train anew with the sliders' settings, without a guess if need be."""
        self._view.unlock()
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
        self._view.reset()

    def turn(self, **knobs: Any) -> None:
        """Turn knobs from code, as moving their sliders at once would: in the panel's mode."""
        # one command for all of them: each slider alone would give its own
        new = self.settings.replace(**knobs)
        self._controls.show(new)
        self._session.order(self._mode.value, new)

    @validated
    def look(self, tab: str) -> None:
        """Open the part that looks inside, at "activations", "gradients", "updates", "weights",
        "predictions", "confusion" or "time"; "" folds it."""
        if self._inspector is None:
            raise RecipeError("panel.look(tab)", found="a training of your own",
                              expected="a run of one of our models")
        # as a reader opens it; the section itself tells the session
        self._inspector.widget.selected_index = 0 if tab else None
        if tab:
            self._inspector.choose(tab)

    @validated
    def visit(self, step: int) -> None:
        """Go back to a past step: the run waits, and the tabs show that moment. `resume()` goes
        on with the run.
        """
        self._session.order("visit", step=step)

    def rewind(self) -> None:
        """A new run goes on from the step that is visited, with the knobs as they stand."""
        self._session.order("rewind", self.settings)

    def compare_seeds(self) -> None:
        """Is that difference real? Train these settings and those before from 8 paired seeds."""
        self._session.order("seeds", self.settings)

    @validated
    def expect(self, text: str) -> None:
        """Write down what you expect of the next run, before it: it stands beside its result in
        the ledger.
        """
        self._session.expected = text

    @validated
    def pin(self, number: Annotated[int, whole(1)], name: str = "", pinned: bool = True) -> None:
        """Keep a run (its number is in `panel.runs`) and show it beside the newer ones."""
        self._session.pin(number, name, pinned)

    @validated
    def remove(self, number: Annotated[int, whole(1)]) -> None:
        """Forget a run that is over."""
        self._session.remove(number)

    @validated
    def predict(self, column: str, values: float | Sequence[float],
                steps: Sequence[float] | None = None) -> None:
        """Guess a column's end (one value) or course (values at steps) before the run; the
        answer is laid over it.
        """
        course = (float(values), ) if isinstance(values, (int, float, Real)) else tuple(
            float(v) for v in values)
        at = tuple(float(s)
                   for s in steps) if steps is not None else (float(self.settings.max_steps), )
        self._session.guess = Guess(column, at, course)
        self._view.unlock()

    @validated
    def wait(self, timeout: float | None = None) -> Run | None:
        """Block until the run has ended or pauses, `timeout` seconds at most, and return it.

        Slider messages from the page wait too while this blocks.
        """
        return self._session.wait(timeout)

    def plot(self) -> Any:
        """The curves as a picture that stands still, for readers without a kernel."""
        if self.run is None:
            raise RecipeError("LivePanel.plot()", found="no run yet", expected="one",
                              mend="Call panel.start() first.")
        from recipe_widgets.plots import plot_runs  # with Matplotlib, which the page needs not

        return plot_runs(self._session.shown(), self._session.ribbons())

    def __repr__(self) -> str:
        return f"LivePanel({self._session.source.name}, {self._session.phase}: {self.run or 'no run yet'})"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        self._session.warm_up()  # the page shows the panel first
        return bundle


def _sources(data: Any, steps: Any, model: Any, optimizer: Any) -> list[RunSource]:
    """Where runs come from: the reader's own training, or one or several data sets."""
    if steps is not None:
        return [UserLoop(steps, model, optimizer)]
    sets = list(data) if isinstance(data, (list, tuple)) and data else [data]
    return [as_source(one) for one in sets]


def _ledger(file: str | Path | None) -> RunLog | None:
    """The ledger in `file`, or in the reader's state folder; none where that cannot be had."""
    if file is not None:
        return RunLog(file)
    try:
        return RunLog(state_folder() / "ledger.jsonl")
    except RecipeError:
        return None


def _data_menu(sources: list[RunSource], session: Session,
               controls: SettingsControls) -> widgets.Dropdown:
    """Which of several data sets; another one begins a new run."""
    menu = widgets.Dropdown(
        options=[(source.name, number) for number, source in enumerate(sources)], value=0,
        description="data set", style=STYLE)

    def changed(change: Any) -> None:
        controls.show(session.switch(sources[change["new"]]))

    menu.observe(changed, names="value")
    return menu
