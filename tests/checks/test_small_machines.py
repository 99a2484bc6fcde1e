"""What is found does not depend on the machine: with bf16 and without, on one core, beside a process that
keeps a core busy.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from recipe_widgets import Data, Settings, checks
from recipe_widgets.checks.near_copies import near_pairs
from recipe_widgets.core import machine
from recipe_widgets.lessons.common import guarded

from .models import Detached, K, adam, batches, mlp

PROGRAMS: dict[str, Callable[[], nn.Module]] = {
    "healthy": mlp, "softmax_twice": lambda: mlp(K, nn.Softmax(1)), "detached": Detached
}
# found in so many seconds or steps of their own, which a slow machine may not have
BY_TIME = ("gradient_check", "timing")


@contextmanager
def bf16_is(fast: bool) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "bf16_is_fast", lambda: fast)
        yield


@contextmanager
def one_core() -> Iterator[None]:
    """Of this process, as under `taskset`, and so of what torch computes with."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("no affinity on this system")
    before, threads = os.sched_getaffinity(0), torch.get_num_threads()
    os.sched_setaffinity(0, {min(before)})
    torch.set_num_threads(1)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
        torch.set_num_threads(threads)


@contextmanager
def busy_neighbour() -> Iterator[None]:
    """One that needs all of a core of this process."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
        yield
    finally:
        process.kill()
        process.wait()


# each is tried with the other things as they are here
MACHINES: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "with_bf16": lambda: bf16_is(True), "without_bf16": lambda: bf16_is(False),
    "one_core": one_core, "busy_neighbour": busy_neighbour
}


@pytest.mark.parametrize("where", MACHINES)
def test_near_copies_are_found_everywhere(where: str) -> None:
    """Of more images than are compared in float32 only (5,000): noise, and 20 that are darker."""
    draw = np.random.default_rng(0)
    x = draw.integers(0, 256, (5_400, 1, 8, 8), dtype=np.uint8)
    x[-20:] = x[:20] * 0.9
    with MACHINES[where]():
        pairs, _ = near_pairs(torch.from_numpy(x))
    assert {tuple(sorted(pair)) for pair in pairs.tolist()} == {(row, 5_380 + row) for row in range(20)}


@pytest.mark.parametrize("program", PROGRAMS)
def test_findings_of_a_program_are_the_same_everywhere(program: str) -> None:
    def found() -> dict[str, str]:
        report = checks.run_all(PROGRAMS[program], batches(), F.cross_entropy, num_classes=K,
                                optimizer=adam, ignore=BY_TIME, seconds=None, progress=False)
        return {result.name: result.status for result in report}

    here = found()
    for where, made in MACHINES.items():
        with made():
            assert found() == here, where


@pytest.mark.parametrize("where", ["one_core", "busy_neighbour"])
def test_a_lesson_trains_alike_everywhere(where: str, blobs: Data) -> None:
    settings = Settings(width=16, batch_size=32, max_steps=60, eval_every=60)
    here = guarded.train(blobs, settings).history
    with MACHINES[where]():
        there = guarded.train(blobs, settings).history
    assert there.series("train_loss") == pytest.approx(here.series("train_loss"), rel=1e-4)
    assert there.last("val_accuracy") == here.last("val_accuracy")
