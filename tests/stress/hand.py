"""A hand that does to live panels whatever a page or a reader's code can, in any order, and a
watch on what goes wrong.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pytest
from ipywidgets.widgets.widget import CallbackDispatcher
from torch import nn

from recipe_widgets import Data, LivePanel, RecipeError, Settings
from recipe_widgets.live.inspector import TABS
from recipe_widgets.live.session_trainer import SessionTrainer
from recipe_widgets.panels.panel_base import widgets_in
from tests.live.test_session import until

SMALL = Settings(width=16, max_steps=60, batch_size=32)
TEXTS = ("", "a name", "<b>bold</b>", "Ünïcode 名前 " * 9, "no/such/folder/x.json",
         "recipe_session.json")
# Knobs whose far ends would make single steps last for seconds.
TAME: dict[str, tuple[Any, ...]] = {"model": ("linear", "mlp", "convnet"), "width": (8, 16, 32, 64),
                                    "depth": (1, 2, 3, 6), "max_steps": (100.0, 160.0, 300.0)}
# an exception's name; a RecipeError begins so, too ("BatchNorm: found one sample"), and is expected
UNEXPECTED = re.compile(
    r"Could not draw|^(Training could not go on|Could not go back)\. \w+: (?!found )")


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Gathers exceptions of any thread, those that ipywidgets would only log, and those that a
    panel only tells of.
    """
    faults: list[str] = []

    def call(self: CallbackDispatcher, *args: Any, **more: Any) -> None:
        for callback in self.callbacks:
            callback(*args, **more)

    def tell(trainer: SessionTrainer, text: str) -> None:
        trainer.__dict__["problem"] = text
        if UNEXPECTED.search(text):
            faults.append(text)

    with monkeypatch.context() as patch:
        patch.setattr(CallbackDispatcher, "__call__", call)
        patch.setattr(SessionTrainer, "problem",
                      property(lambda trainer: trainer.__dict__["problem"], tell), raising=False)
        patch.setattr(threading, "excepthook",
                      lambda args: faults.append(f"{args.thread.name}: {args.exc_value!r}"))
        yield faults


def _said_by_a_page(number: int) -> list[dict[str, Any]]:
    """Messages of the front end, which draws by itself."""
    return [{"kind": "hello"}, {"kind": "ask", "number": number}, {"kind": "visit", "step": number},
            {"kind": "now"}, {"kind": "rewind"}, {"kind": "network", "shown": number % 2 == 0},
            {"kind": "pin", "number": number % 12, "pinned": True}, {"kind": "visit"}]


def ours() -> list[str]:
    """Names of the package's threads."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("recipe-")]


class Hand:
    """Draws actions from one generator, so that a failing storm comes again."""

    def __init__(self, seed: int, data: Data, folder: Path) -> None:
        self.draw, self.data, self.folder = random.Random(seed), data, folder
        self.more = Data.from_arrays(data.train.x.numpy()[:90],
                                     data.train.y.numpy()[:90], name="fewer")

    def panel(self) -> LivePanel:
        """One of the kinds that readers make."""
        book, saved = self.folder / "ledger.jsonl", self.folder / "recipe_session.json"
        book.unlink(missing_ok=True)
        kind = self.draw.randrange(5)
        if kind == 4 and saved.exists():
            with suppress(RecipeError):  # saved on the other data set
                return LivePanel.open(saved, self.data, ledger=book)
        if kind == 3:
            model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Dropout(0.1),
                                  nn.Linear(16, 3))
            batches = [(self.data.train.x[:32].float() / 255, self.data.train.y[:32])]
            return LivePanel.for_model(model, batches, nn.functional.cross_entropy)
        options: dict[str, Any] = {2: {"predict": "val_loss", "points": 3}}.get(kind, {})
        mode = self.draw.choice(["restart", "continue", "fork"])
        return LivePanel([self.data, self.more] if kind == 1 else self.data, SMALL, ledger=book,
                         mode=mode, **options)

    def act(self, panel: LivePanel) -> None:
        """A message from the page, a call from a cell, or a moment's rest."""
        chance = self.draw.random()
        if chance < 0.7:
            self._from_page(panel)
        elif chance < 0.95:
            with suppress(RecipeError):  # the answer to a call that cannot be obeyed
                self.draw.choice(self._calls(panel))()
        else:
            panel.wait(self.draw.uniform(0, 0.05))

    def _from_page(self, panel: LivePanel) -> None:
        names = {id(widget): name for name, widget in panel._controls.sliders.items()}
        shown = [widget for widget in widgets_in(panel.widget) if isinstance(widget, _TOUCHED)]
        widget = self.draw.choice(shown)
        if isinstance(widget, widgets.Button):
            widget._handle_custom_msg({"event": "click"}, [])
        else:
            widget.set_state(self._state(widget, TAME.get(names.get(id(widget), ""))))

    def _state(self, widget: Any, tame: tuple[Any, ...] | None) -> dict[str, Any]:
        """What the front end would send of this widget after a reader has touched it."""
        draw = self.draw
        if isinstance(widget, widgets.Accordion):
            return {"selected_index": draw.choice([None, *range(len(widget.children))])}
        if isinstance(widget, widgets.SelectMultiple):
            return {"index": tuple(n for n in range(len(widget.options)) if draw.random() < 0.3)}
        if hasattr(widget, "index"):
            values = [
                option[1] if isinstance(option, tuple) else option for option in widget.options
            ]
            allowed = [n for n, value in enumerate(values) if tame is None or value in tame]
            return {"index": draw.choice(allowed) if allowed else None}
        if isinstance(widget, widgets.Text):
            return {"value": draw.choice(TEXTS)}
        if tame is not None:
            return {"value": draw.choice(tame)}
        if isinstance(widget, widgets.FloatLogSlider):
            return {"value": 10 ** draw.uniform(widget.min, widget.max)}
        if isinstance(widget, widgets.IntSlider):
            return {"value": draw.randint(widget.min, widget.max)}
        return {"value": draw.uniform(widget.min, widget.max)}

    def _calls(self, panel: LivePanel) -> list[Callable[[], Any]]:
        draw = self.draw
        number, step = draw.randrange(12), draw.randrange(80)
        return [
            panel.start, panel.pause, panel.resume, panel.stop, panel.reset, panel.rewind,
            panel.compare_seeds, lambda: panel.visit(step),
            lambda: panel.look(draw.choice(["", *TABS, "brain"])),
            lambda: panel.turn(lr=10**draw.uniform(-4, 1), dropout=draw.uniform(0, 0.9)),
            lambda: setattr(panel, "mode", draw.choice(["restart", "continue", "fork", "jump"])),
            lambda: panel.pin(number, draw.choice(TEXTS),
                              draw.random() < 0.4), lambda: panel.remove(number),
            lambda: panel.expect(draw.choice(TEXTS)),
            lambda: panel.predict("val_accuracy", draw.random()),
            lambda: panel.save(self.folder / "recipe_session.json"), lambda: panel.sliders,
            lambda: panel.ledger, lambda: panel.plot(),
            lambda: panel._view.front._handle_custom_msg(draw.choice(_said_by_a_page(step)), []),
            lambda:
            (panel.words, panel.diagnosis, repr(panel)),
            lambda: panel.run and panel.run.to_script()
        ]


_TOUCHED = (widgets.Button, widgets.Accordion, widgets.Text, widgets.Dropdown, widgets.Select,
            widgets.SelectMultiple, widgets.SelectionSlider, widgets.ToggleButtons,
            widgets.FloatSlider, widgets.FloatLogSlider, widgets.IntSlider)


def answers(panel: LivePanel) -> None:
    """A slider's message reaches the settings, and a new run begins with them, or the panel says
    why it cannot.
    """
    lr, before, session = 0.011 if panel.settings.lr != 0.011 else 0.012, panel.run, panel._session
    panel._controls.sliders["lr"].set_state({"value": lr})
    assert panel.settings.lr == lr
    panel.start()

    def answered() -> bool:
        run, refused = panel.run, session.problem.startswith(
            "Training could not go on") and not session.has_command
        return refused or (run is not None and run is not before and run.newest.lr == lr
                           and run.steps_done > 0)

    try:
        until(answered)
    except AssertionError:
        raise AssertionError(
            f"no answer in phase {session.phase}: {panel.words} {panel.settings}") from None
