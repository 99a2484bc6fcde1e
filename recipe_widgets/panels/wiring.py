"""What a live panel is put together from: its sources, and which button asks for what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from recipe_widgets.core import RecipeError, RunBook, Settings, Tree
from recipe_widgets.core.plain import read_text
from recipe_widgets.core.state import state_folder
from recipe_widgets.core.tree import MOST, session_values
from recipe_widgets.data import Data
from recipe_widgets.live import DataSource, Guess, Session, UserLoop
from recipe_widgets.panels.guess_input import GuessInput
from recipe_widgets.panels.live_view import LiveView
from recipe_widgets.panels.settings_controls import SettingsControls
from recipe_widgets.training import pick_device


def sources(data: Any, steps: Any, model: Any, optimizer: Any) -> list[Any]:
    if steps is not None:
        return [UserLoop(steps, model, optimizer)]
    many = list(data) if isinstance(data, (list, tuple)) and data else [data]
    for one in many:
        if not isinstance(one, Data):
            raise RecipeError("LivePanel(data, settings)", found=type(one).__name__,
                              expected="a Data",
                              mend='Use load("mnist"), or Data.from_arrays(x, y).')
    return [DataSource(one) for one in many]


def book_of(file: str | Path | None) -> RunBook | None:
    """The ledger in `file`, or in the reader's state folder; none where that cannot be had."""
    if file is not None:
        return RunBook(file)
    try:
        return RunBook(state_folder() / "ledger.jsonl")
    except RecipeError:
        return None


def data_menu(sources: list[Any], session: Session, controls: SettingsControls) -> widgets.Dropdown:
    """Which of several data sets; another one begins a new run."""
    menu = widgets.Dropdown(
        options=[(source.name, number) for number, source in enumerate(sources)], value=0,
        description="data set", style={"description_width": "112px"})

    def changed(change: Any) -> None:
        session.switch(sources[change["new"]])
        session.order("restart", controls.settings)

    menu.observe(changed, names="value")
    return menu


def ask(predict: GuessInput, view: LiveView, session: Session) -> None:
    """Run waits for the guess."""
    view.hold = True
    view.buttons["run"].disabled = True

    def locked(guess: Guess) -> None:
        session.guess, view.hold = guess, False
        view.buttons["run"].disabled = False

    predict.on_lock(locked)


def wire(view: LiveView, session: Session, controls: SettingsControls) -> None:
    """Buttons to orders. Nothing here holds the panel itself, so that a dropped panel can go."""
    view.buttons["run"].on_click(lambda _: session.order("resume", controls.settings))
    view.buttons["pause"].on_click(lambda _: session.order("pause"))
    view.buttons["stop"].on_click(lambda _: session.order("stop"))
    view.buttons["reset"].on_click(lambda _: reset(session, controls))


def reset(session: Session, controls: SettingsControls) -> None:
    controls.show(session.first_settings)
    session.order("reset")


def saved(file: str | Path, data: Data) -> tuple[Tree, Settings | None, str]:
    """The runs of a saved session on this data set, the newest settings for this machine, and what
    is not as it was.

    Raises:
        RecipeError: no such file, not a session, or one of another data set.
    """
    text = read_text(file, "Session file", "a file that panel.save() wrote", MOST)
    about, tree, notes = session_values(text), Tree.from_json(text), []
    if about.get("data") != data.name:
        raise RecipeError("Session file", found=f"runs on {about.get('data')!r}",
                          expected=f"runs on {data.name!r}", mend="Load that data set first.")
    if others := [branch for branch in tree if branch.run.data_name not in ("", data.name)]:
        for branch in others:
            tree.remove(branch.number)
        notes.append(f"{len(others)} runs on other data are left out.")
    if about.get("sha256") and about["sha256"] != data.sha256:
        notes.append(
            "The saved runs were trained on other samples of this data set: numbers will differ.")
    newest = tree.branches[-1].run.newest if len(tree) else None
    try:
        pick_device(newest.device if newest is not None else "auto")
    except RecipeError:
        assert newest is not None
        notes.append(
            f"This machine has no device {newest.device!r}: the next run takes the best one here.")
        newest = newest.replace(device="auto")
    return tree, newest, " ".join(notes)


def gatherer(box: widgets.Box, view: LiveView, controls: SettingsControls, predict: GuessInput | None,
             modes: widgets.Box) -> Callable[[], list[widgets.Widget]]:
    """A function that lists all widgets, since folded groups make theirs later; it does not hold
    the panel itself.
    """
    def gather() -> list[widgets.Widget]:
        parts = [one for part in view.folded for one in part.everything()]
        return [
            *controls.everything(), *parts, *(predict.everything() if predict else []),
            *view.buttons.values(), *modes.children, *box.children, box
        ]

    return gather


def discard(session: Session, boxes: Callable[[], list[widgets.Widget]],
            wait: bool = False) -> None:
    session.close(wait)
    for box in boxes():
        for part in (box.layout, getattr(box, "style", None),
                     box):  # each is a model of its own in kernel and page
            if part is not None:
                part.close()
