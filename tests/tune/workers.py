"""Workers on one storage, some of them killed in the midst of a trial; prints what the storage then
holds as JSON.

    python tests/tune/workers.py URL FOLDER TRIALS KILLS TOGETHER SEED

First KILLS workers are started one after the other and each is killed at a random moment of a
trial. Then TOGETHER workers end the search side by side. A worker that has been told that its trial
is stored notes that in FOLDER/log. This process itself never opens the storage, so that forking is
safe.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna  # noqa: F401  # imported once, before the forks
import torch

from recipe_widgets import Data, Settings
from recipe_widgets.tune import Tuning, space, tune
from recipe_widgets.tune.stale_trials import SURPLUS

URL, FOLDER = sys.argv[1], Path(sys.argv[2])
TRIALS, KILLS, TOGETHER, SEED = map(int, sys.argv[3:7])
BASE = Settings(width=8, max_steps=40, batch_size=32, eval_every=10)
HEARTBEAT = 4  # seconds: a living worker that a busy machine lets wait must not pass for dead
PAUSE = 0.004  # seconds per training step: trials of a length at which to aim


def make_data() -> Data:
    rng = np.random.default_rng(0)
    y = np.arange(600) % 3
    x = rng.integers(0, 60, (600, 8, 8), dtype=np.uint8)
    x[np.arange(600), y] += 20
    return Data.from_arrays(x, y, name="blobs")


def prepared(data: Data) -> Tuning:
    return tune(data, space("lr", "momentum"), BASE, trials=TRIALS, sampler="random", storage=URL,
                heartbeat=HEARTBEAT, retries=99, start=False)


def child(body: Callable[[], None]) -> int:
    number = os.fork()
    if number == 0:
        try:
            body()
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(3)
    return number


def work(data: Data, begun: int) -> None:
    """A worker that writes a byte when a trial begins, and notes what it has been told is
    stored.
    """
    tuning = prepared(data)
    tell, train = Tuning._tell, Tuning._train
    log = os.open(FOLDER / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def telling(self: Tuning, trial: Any, value: float | None) -> None:
        tell(self, trial, value)
        os.write(log, json.dumps([trial.number, value]).encode() + b"\n")

    def training(self: Tuning, trial: Any) -> Any:
        os.write(begun, b"!")
        return (yield from train(self, trial))

    Tuning._tell, Tuning._train = telling, training
    for _ in tuning.steps():
        time.sleep(PAUSE)


def report(data: Data) -> None:
    study = prepared(data).study
    trials = [{
        "number": t.number, "state": t.state.name, "value": t.value, "params": t.params, "again":
        t.system_attrs.get("retry_history", []), "worker": t.user_attrs.get("worker")
    } for t in study.get_trials(deepcopy=False) if SURPLUS not in t.user_attrs]
    (FOLDER / "trials.json").write_text(json.dumps(trials))


def main() -> None:
    torch.set_num_threads(1)
    data, chance = make_data(), random.Random(SEED)
    for _ in range(KILLS):
        mine, theirs = os.pipe()
        worker = child(lambda theirs=theirs: work(data, theirs))
        os.close(theirs)
        for _ in range(chance.randrange(1, 3)):  # in its first trial or in its second
            os.read(mine, 1)
        time.sleep(chance.uniform(0.0, 40 * PAUSE))
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
        os.close(mine)
    sink = os.open(os.devnull, os.O_WRONLY)
    codes = [
        os.waitpid(worker, 0)[1]
        for worker in [child(lambda: work(data, sink)) for _ in range(TOGETHER)]
    ]
    codes.append(os.waitpid(child(lambda: report(data)), 0)[1])
    log = [json.loads(line) for line in (FOLDER / "log").read_text().splitlines()]
    print(
        json.dumps({
            "codes": codes, "told": log, "trials": json.loads((FOLDER / "trials.json").read_text())
        }))


if __name__ == "__main__":
    main()
