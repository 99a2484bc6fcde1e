"""The engine's errands: what the trainer thread does before anyone asks for a run."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from recipe_widgets import Data, LivePanel, Settings
from recipe_widgets.live import Session
from recipe_widgets.live.engine import PAINT_EVERY, Engine, rest_after


def test_the_trainer_thread_does_an_errand_and_then_trains(blobs: Data) -> None:
    engine, done, names = Engine(), threading.Event(), []

    def errand() -> None:
        names.append(threading.current_thread().name)
        done.set()
        raise RuntimeError("an errand that fails ends nothing")

    session = Session(blobs, Settings(max_steps=5), engine=engine)
    engine.prepare(errand)
    assert done.wait(30)
    assert names == ["recipe-trainer"]
    session.order("restart", Settings(max_steps=5))
    run = session.wait(60)
    assert run is not None
    assert run.status == "done"
    session.close()


def test_a_shown_panel_asks_for_the_warm_up(blobs: Data, monkeypatch) -> None:
    asked = threading.Event()
    monkeypatch.setattr("recipe_widgets.live.session.warm_up", asked.set)
    panel = LivePanel(blobs, Settings(max_steps=5))
    assert not asked.is_set()
    panel._repr_mimebundle_()
    assert asked.wait(30)
    panel.close()


def test_the_warm_up_loads_what_an_optimiser_puts_off_and_draws_no_random_number() -> None:
    code = ("import sys, torch\nfrom recipe_widgets.training.warming import warm_up\n"
            "before, state = 'torch._dynamo' in sys.modules, torch.get_rng_state()\nwarm_up()\n"
            "print(before, 'torch._dynamo' in sys.modules, torch.equal(state, torch.get_rng_state()))")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "True", "True"]


def test_costly_pictures_are_drawn_less_often() -> None:
    assert rest_after(0.001) == PAINT_EVERY
    assert rest_after(0.07) == pytest.approx(0.7)  # 70 ms of drawing, ten times as long between two
