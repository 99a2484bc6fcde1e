"""Real kernels in mid-training: interrupted, restarted, shut down, put to sleep, and with a
client that does not read.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client.manager import KernelManager

from recipe_widgets.live.pacing import REPAINT_EVERY
from tests.stress.kernels import PANEL, Page, connected, process_of, running_kernel
from tests.stress.tally import FULL, Tally, times

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[KernelManager, Page]]:
    with running_kernel(tmp_path_factory.mktemp("kernel")) as (manager, page):
        assert page.ask(PANEL) == "ok"
        yield manager, page


def trains(page: Page) -> None:
    """Kernel and panel are both there: a cell is answered, a slider's message is obeyed, steps
    are told on the page.
    """
    assert page.value("6 * 7") == "42"
    lr = 0.011 if "learning rate 0.012" in page.words else 0.012
    page.move("learning rate", lr)
    page.until(lambda: f"Training with learning rate {lr}," in page.words)
    page.until(lambda: page.step > 0)
    assert page.value(
        "[t.name for t in __import__('threading').enumerate()].count('recipe-trainer')") == "1"


FLAT = 50e6  # bytes
FLOOD = "from ipywidgets import Label; label = Label()\nfor n in range({}): label.value = str(n)\n{}"
INTERRUPTED = {
    "an idle kernel":
    "", "a cell that waits":
    "panel.wait()", "moving a slider":
    "n = 0\nwhile True:\n    panel.sliders['lr'].value = 0.01 + n % 100 / 1000; n += 1",
    "a run in the foreground":
    "from recipe_widgets import train; train(data, Settings(max_steps=10**9))",
    "panels made and closed":
    "while True: other = LivePanel(data, Settings()); other.start(); other.close()",
    "saving and exporting":
    "while True: panel.save('x.json'); panel.run.to_script(); panel.plot().png()",
}


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_interrupt(kernel: tuple[KernelManager, Page], tally: Callable[[str], Tally]) -> None:
    manager, page = kernel
    row = tally("kernel interrupted in mid-training")
    for number in range(times(1, 5)):
        for code in INTERRUPTED.values():
            request = page.client.execute(f"print('begun')\n{code}" if code else "")
            if not code:
                assert page.reply(request) == "ok"
            time.sleep(0.1 + 0.02 * number)  # anywhere in it
            manager.interrupt_kernel()
            if code:
                assert page.interrupted(request, manager) == "KeyboardInterrupt"
            with row.recovery():
                trains(page)
            row.tried += 1


BUSY = ("", "panel.mode = 'fork'; panel.turn(lr=0.2)",
        "panel.turn(model='convnet', width=64, depth=2)",
        "panel.turn(lr=0.3); panel.compare_seeds()", "panel.look('updates')", "panel.visit(1)",
        "del panel")


@pytest.mark.skipif(not FULL, reason="a kernel, many times: in make stress")
def test_restart_and_shutdown(tmp_path: Path, tally: Callable[[str], Tally]) -> None:
    """Each process ends by itself, without an error, and leaves no other behind; the new kernel
    trains.
    """
    restarted, shut = tally("kernel restarted in mid-training"), tally(
        "kernel shut down in mid-training")
    with running_kernel(tmp_path) as (manager, page):
        for busy in BUSY[:times(1, len(BUSY))]:
            _in_mid_training(page, busy)
            process, family = _processes(manager)
            page.client.stop_channels()
            with restarted.recovery():
                manager.restart_kernel(now=False)
                page = connected(manager)
            restarted.tried += 1
            assert (process.returncode, _left(family)) == (0, [])
        _in_mid_training(page, BUSY[0])
        trains(page)
        process, family = _processes(manager)
        with shut.recovery():
            manager.shutdown_kernel(now=False)
        shut.tried += 1
        assert (process.returncode, _left(family)) == (0, [])


def _in_mid_training(page: Page, busy: str) -> None:
    assert page.ask(PANEL) == "ok"
    page.until(lambda: page.step > 0)
    assert page.ask(busy) == "ok"


def _processes(manager: KernelManager) -> tuple[Any, list[psutil.Process]]:
    assert manager.provisioner is not None
    kernel = process_of(manager)
    return manager.provisioner.process, [kernel, *kernel.children(recursive=True)
                                         ]  # type: ignore[attr-defined]


def _left(family: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in family if one.is_running()]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_sleep_and_wake(kernel: tuple[KernelManager, Page], tally: Callable[[str], Tally]) -> None:
    """As a notebook computer whose lid is closed: the same run goes on, all that was sent
    meanwhile is obeyed.
    """
    manager, page = kernel
    row, process = tally("kernel put to sleep and woken in mid-training"), process_of(manager)
    for _ in range(times(1, 4)):
        before = page.value("id(panel.run)")  # of the test before: its words may still stand there
        assert page.ask("panel.mode = 'continue'; panel.start()") == "ok"
        page.until(lambda before=before: page.value("id(panel.run)") != before and page.step > 0)
        run = page.value("id(panel.run)")
        process.suspend()
        page.read_all()
        page.sent.clear()
        for lr in (0.2, 0.3, 0.4):
            page.move("learning rate", lr)
        asked = [page.client.execute(f"lost = {number}") for number in range(20)]
        time.sleep(times(1, 3))
        process.resume()
        with row.recovery():
            assert [page.reply(request) for request in asked] == ["ok"] * 20
            page.until(lambda: "Training with learning rate 0.4," in page.words)
        before = page.step
        page.until(lambda before=before: page.step > before)
        assert page.value("(lost, id(panel.run))") == f"(19, {run})"
        # no burst of what was not drawn meanwhile
        assert busiest_second(page) <= 1 / REPAINT_EVERY + 1
        row.tried += 1


def busiest_second(page: Page) -> int:
    """How often, within a second at most, the same text of a panel was sent."""
    return max(sum(timedelta(0) <= later - begin < timedelta(seconds=1) for later in sent)
               for sent in page.sent.values() for begin in sent)


def test_a_client_that_does_not_read(kernel: tuple[KernelManager, Page],
                                     tally: Callable[[str], Tally]) -> None:
    """The kernel's memory stays bounded, and the newest state arrives in the end, also of a run
    that ended meanwhile.
    """
    manager, page = kernel
    row, process, flood = tally("client that does not read for a while"), process_of(
        manager), times(2_000, 30_000)
    for number in range(2):
        assert page.ask("panel.mode = 'restart'; panel.start()") == "ok"
        page.until(lambda: page.step > 0)
        before, ends = process.memory_info().rss, number % 2
        assert page.ask(FLOOD.format(flood, "panel.stop(); panel.wait()" if ends else ""),
                        read=False) == "ok"
        time.sleep(times(0, 10))
        steps = int(page.value("panel.run.steps_done", read=False))
        assert process.memory_info().rss - before < FLAT
        with row.recovery():
            page.read_all()
            if ends and "Stopped" not in page.words:  # told while nobody read, and dropped
                page.reload()
            page.until(lambda ends=ends, steps=steps: page.step >= steps and ("Stopped" in page.
                                                                              words) == bool(ends))
        row.tried += 1
