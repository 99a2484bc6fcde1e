"""Training in the foreground: the same numbers, no threads, and messages handled in between."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch

from recipe_widgets import LivePanel, Settings
from recipe_widgets.live import engine_for
from recipe_widgets.live.engine import ENGINE
from recipe_widgets.live.foreground import FOREGROUND
from recipe_widgets.live.pacing import FOREGROUND_SLICE

SHORT = Settings(max_steps=60, batch_size=16)


def _ours() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("recipe-")]


def test_the_same_run_without_a_thread(blobs) -> None:
    with_threads, without = LivePanel(blobs, SHORT), LivePanel(blobs, SHORT, foreground=True)
    with_threads.start()
    expected = with_threads.wait(60)
    with_threads.close()
    before = _ours()
    without.start()
    assert _ours() == before
    run = without.wait(60)
    assert run.status == expected.status == "done"
    assert run.history.series("train_loss") == expected.history.series("train_loss")
    assert all(
        torch.equal(a, b)
        for a, b in zip(run.model.parameters(), expected.model.parameters(), strict=True))
    without.sliders["lr"].value = 0.02  # a moved slider is answered before its assignment returns
    assert without.run is not run
    assert without.run.settings.lr == pytest.approx(0.02)
    assert without.run.steps_done > 0
    without.close()
    assert without._session not in FOREGROUND._open


def test_an_idle_kernel_goes_on_by_itself_and_buttons_get_through(blobs) -> None:
    async def reader() -> tuple[int, float, int, int]:
        panel = LivePanel(blobs, Settings(max_steps=10**6, batch_size=16), foreground=True)
        start = time.perf_counter()
        panel.start()
        first, took = panel.run.steps_done, time.perf_counter() - start
        while panel.run.steps_done < 3 * first:
            await asyncio.sleep(0.02)
        panel.pause()
        paused = panel.run.steps_done
        await asyncio.sleep(0.1)
        later = panel.run.steps_done
        panel.close()
        return first, took, paused, later

    first, took, paused, later = asyncio.run(reader())
    assert first > 0
    assert took < 20 * FOREGROUND_SLICE  # it came back long before a million steps
    assert paused == later >= 3 * first


def test_many_moves_are_one_chain_of_moments(blobs, monkeypatch) -> None:
    """Else each move would add one, and a kernel that is busy with all of them hears of no
    button any more.
    """
    async def reader() -> int:
        panel = LivePanel(blobs, Settings(max_steps=10**6, batch_size=16), foreground=True)
        loop, planned = asyncio.get_running_loop(), []
        later = loop.call_later
        for number in range(5):
            monkeypatch.setattr(loop, "call_later",
                                lambda *a, **k: planned.append(a) or later(*a, **k))
            panel.sliders["lr"].value = 0.01 + number / 100
        panel.close()
        return len(planned)

    assert asyncio.run(reader()) == 1


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Python's own answer to an interrupt, also in the background of a shell, where it is
    ignored.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_waits_for_the_end_of_a_step_and_the_run_goes_on() -> None:
    """Cut inside a step, a run would neither go on nor replay."""
    inside: list[int] = []

    def steps() -> Iterator[float]:
        for number in range(40):
            if number == 3:
                signal.raise_signal(signal.SIGINT)
            inside.append(number)
            yield 1.0

    panel = LivePanel(steps=steps, foreground=True)

    def begin() -> None:
        panel.start()  # trains for a moment, which may end before the step that is interrupted
        panel.wait(60)

    with pytest.raises(KeyboardInterrupt):
        begin()
    assert panel.wait(60).status == "done"
    assert inside == list(range(40))
    panel.close()


def test_colab_gets_it_by_itself(monkeypatch) -> None:
    assert engine_for(None) is ENGINE
    assert engine_for(True) is FOREGROUND
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    assert engine_for(None) is FOREGROUND
    assert engine_for(False) is ENGINE


def test_a_timeout_counts_once(blobs) -> None:
    panel = LivePanel(blobs, Settings(max_steps=10**9, batch_size=16), foreground=True)
    panel.start()
    began, waits = time.monotonic(), []
    wait_for = panel._session.commands.changed.wait_for
    panel._session.commands.changed.wait_for = lambda done, left: waits.append(left) or wait_for(done, 0)
    panel.wait(0.6)
    assert time.monotonic() - began >= 0.6
    assert waits == [0.0]
    panel.close()
