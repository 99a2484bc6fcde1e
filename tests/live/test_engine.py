"""The engine's tasks: what the trainer thread does before anyone asks for a run."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from recipe_widgets import Data, LivePanel, Settings
from recipe_widgets.live import Session
from recipe_widgets.live.engine import Engine
from recipe_widgets.live.pacing import REPAINT_EVERY, seconds_until_repaint


def test_the_trainer_thread_does_an_task_and_then_trains(blobs: Data) -> None:
    engine, done, names = Engine(), threading.Event(), []

    def task() -> None:
        names.append(threading.current_thread().name)
        done.set()
        raise RuntimeError("an task that fails ends nothing")

    session = Session(blobs, Settings(max_steps=5), engine=engine)
    engine.run_once(task)
    assert done.wait(30)
    assert names == ["recipe-trainer"]
    session.order("restart", Settings(max_steps=5))
    run = session.wait(60)
    assert run is not None
    assert run.status == "done"
    session.close()


def test_what_is_asked_for_during_a_turn_gets_another_one() -> None:
    engine, turns, done = Engine(), [], threading.Event()

    class Asker:
        skips_queue = has_command = False

        def turn(self) -> bool:
            turns.append(1)
            if len(turns) == 1:
                engine.enqueue(self)  # as a page does, from another thread, when it has a new drawing
            else:
                done.set()
            return False

        def paint(self) -> bool:
            return False

    asker = Asker()
    engine.open(asker)
    engine.enqueue(asker)
    assert done.wait(30)
    engine.close(asker)
    assert len(turns) == 2


def test_a_shown_panel_asks_for_the_warm_up(blobs: Data, monkeypatch) -> None:
    asked = threading.Event()
    monkeypatch.setattr("recipe_widgets.live.session.preload_optimizer", asked.set)
    panel = LivePanel(blobs, Settings(max_steps=5))
    assert not asked.is_set()
    panel._repr_mimebundle_()
    assert asked.wait(30)
    panel.close()


def test_the_warm_up_loads_what_an_optimiser_puts_off_and_draws_no_random_number() -> None:
    code = (
        "import gc, sys, torch\nfrom recipe_widgets.training.optimizers import preload_optimizer\n"
        "before, state = 'torch._dynamo' in sys.modules, torch.get_rng_state()\npreload_optimizer()\n"
        "print(before, 'torch._dynamo' in sys.modules, torch.equal(state, torch.get_rng_state()), gc.isenabled())"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "True", "True", "True"]


def test_a_reader_who_does_without_garbage_collection_keeps_it_so() -> None:
    code = ("import gc, sys, torch\nfrom recipe_widgets.training.optimizers import preload_compiler\n"
            "gc.disable()\npreload_compiler()\nprint('torch._dynamo' in sys.modules, gc.isenabled())")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["True", "False"]


def test_costly_pictures_are_drawn_less_often() -> None:
    assert seconds_until_repaint(0.001) == REPAINT_EVERY
    assert seconds_until_repaint(0.07) == pytest.approx(0.7)  # 70 ms of drawing, ten times as long between two


class Slow:
    """A worker in the middle of a long step."""

    skips_queue = has_command = False

    def __init__(self, log: list[str], name: str) -> None:
        self.log, self.name, self.begun, self.go_on = log, name, threading.Event(), threading.Event(
        )

    def turn(self) -> bool:
        self.log.append(f"{self.name} begins")
        self.begun.set()
        self.go_on.wait(30)
        self.log.append(f"{self.name} ends")
        return False

    def paint(self) -> bool:
        return False


def test_a_new_session_waits_for_the_last_step_of_one_that_was_dropped() -> None:
    engine, log = Engine(), list[str]()
    old, new = Slow(log, "old"), Slow(log, "new")
    engine.open(old)
    engine.enqueue(old)
    assert old.begun.wait(30)
    engine.close(old, wait=False)
    engine.open(new)
    engine.enqueue(new)
    assert not new.begun.wait(0.3)
    old.go_on.set()
    assert new.begun.wait(30)
    assert log == ["old begins", "old ends", "new begins"]
    new.go_on.set()
    engine.close(new)


def test_a_step_that_never_returns_stops_no_other_session_for_ever(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recipe_widgets.live.engine.JOIN_TIMEOUT", 0.1)
    engine, log = Engine(), list[str]()
    stuck, new = Slow(log, "stuck"), Slow(log, "new")
    engine.open(stuck)
    engine.enqueue(stuck)
    assert stuck.begun.wait(30)
    engine.close(stuck)
    engine.open(new)
    engine.enqueue(new)
    assert new.begun.wait(30)
    stuck.go_on.set()
    new.go_on.set()
    engine.close(new)
