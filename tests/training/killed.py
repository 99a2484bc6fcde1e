"""Trains in child processes and kills them, again and again, until the run is done; then prints
what was seen as JSON.

    python tests/training/killed.py FOLDER KILLS SEED

A process of its own with one thread, so that forking is safe and no child pays for importing torch.
Every other child is killed at a random moment, the rest in the midst of writing a checkpoint: half
of the file written, all of it written but not in its place, or in its place but the folder not
flushed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch

from recipe_widgets import Data, Settings, train
from recipe_widgets.training import Checkpoints

KILLS = int(sys.argv[2])
SETTINGS = Settings(width=256, depth=2, dropout=0.3, optimizer="adam", lr=1e-3, batch_size=32,
                    max_steps=40 + 45 * KILLS, eval_every=25, checkpoint_every=3, final="best")


def make_data() -> Data:
    rng = np.random.default_rng(0)
    y = np.arange(600) % 3
    x = rng.integers(0, 60, (600, 8, 8), dtype=np.uint8)
    x[np.arange(600), y] += 20
    return Data.from_arrays(x, y, name="blobs")


def train_in_child(data: Data, folder: Path, dies: tuple[str, int] | None) -> int:
    child = os.fork()
    if child == 0:
        try:
            if dies is not None:
                _dies_in(*dies)
            finished(train(data, SETTINGS, checkpoints=folder, resume=True), folder)
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(3)
    return child


def finished(run: object, folder: Path) -> None:
    state = {"history": run.history.to_dict(), "status": run.status, "message": run.message}
    (folder.parent / f"{folder.name}.json").write_text(json.dumps(state))
    torch.save(run.model.state_dict(), folder.parent / f"{folder.name}.pt")


def _dies_in(where: str, times: int) -> None:
    """SIGKILL to itself at the `times`-th call of os.fsync (the file's or the folder's) or
    os.replace.
    """
    count = 0
    fsync, replace = os.fsync, os.replace

    def killing_fsync(handle: int) -> None:
        nonlocal count
        a_file = os.fstat(handle).st_mode & 0o100000 == 0o100000
        count += a_file == (where != "folder")
        if count == times and where in ("half", "folder") and a_file == (where == "half"):
            if where == "half":
                os.ftruncate(handle, os.fstat(handle).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(handle)

    def killing_replace(source: str, target: str) -> None:
        if where == "moved" and count == times:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    os.fsync, os.replace = killing_fsync, killing_replace


def main(folder: Path, seed: int) -> None:
    torch.set_num_threads(1)
    data, chance = make_data(), random.Random(seed)
    finished(train(data, SETTINGS), folder.parent / "whole")
    seen = []
    while len(seen) < KILLS:
        before = newest(folder)
        where = ("half", "moved", "folder")[len(seen) // 2 % 3]
        dies = (where, chance.randrange(1, 4)) if len(seen) % 2 else None
        child = train_in_child(data, folder, dies)
        if dies is None:
            _wait_for(folder, before + 3 * chance.randrange(9))
            time.sleep(chance.uniform(0.0, 0.02))
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        parts = [path.name for path in folder.glob(".*.part")]
        killed = os.WIFSIGNALED(status)
        seen.append({
            "how": dies[0] if dies else "random", "killed": killed, "before": before, "after":
            newest(folder), "writing": bool(parts), "code":
            None if killed else os.WEXITSTATUS(status)
        })
    code = os.waitpid(train_in_child(data, folder, None), 0)[1]
    print(json.dumps({"kills": seen, "code": code}))


def _wait_for(folder: Path, step: int) -> None:
    """Until a checkpoint of that step is there: so a fast machine gets no further between two
    kills than a slow one.
    """
    end = time.monotonic() + 60
    while max(Checkpoints(folder).steps(), default=0) < step and time.monotonic() < end:
        time.sleep(0.001)


def newest(folder: Path) -> int:
    """Steps done in the newest file that is whole; every file in its place must be."""
    files = Checkpoints(folder)
    states = {step: files.read(step) for step in files.steps()}
    assert None not in states.values(), files.broken
    return max(states, default=0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[3]))
