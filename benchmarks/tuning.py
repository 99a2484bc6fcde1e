"""How many more trials do two workers finish than one?

    python benchmarks/tuning.py            # about a minute on 2 cores, of which both should be free

Workers are processes with one intra-op thread each, on one SQLite file. A trial is 1000 steps of
the MLP 784-128-10, batch 64, on the embedded MNIST, without pruning. Timed from the moment at which
all workers have loaded torch and data, until the last trial is stored.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRIALS, REPEATS = 12, 2


def work(url: str, folder: str) -> None:
    """One worker: gets ready, says so, waits for the start, works."""
    import torch

    from recipe_widgets import Settings, load, steps
    from recipe_widgets.models import build_model
    from recipe_widgets.tune import space, tune

    torch.set_num_threads(1)
    data, base = load("mnist"), Settings(max_steps=1000, eval_every=250, eval_samples=1000)
    for _ in steps(build_model(base, data.shape, 10), data, base.replace(max_steps=20)):
        pass
    tuning = tune(data, space(lr=(0.01, 0.3), momentum=(0.0, 0.9)), base, trials=TRIALS,
                  sampler="random", pruner="none", storage=url, start=False)
    Path(folder, f"ready-{os.getpid()}").touch()
    while not Path(folder, "go").exists():
        time.sleep(0.002)
    before = time.process_time()
    tuning.run()
    end = max(trial.datetime_complete.timestamp()
              for trial in tuning.study.get_trials()
              if trial.datetime_complete)
    Path(folder, f"done-{os.getpid()}").write_text(json.dumps([end, time.process_time() - before]))


def seconds(workers: int) -> tuple[float, float]:
    """Wall time of all trials with so many workers, and the share of it in which each had a core
    for itself.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "worker", f"sqlite:///{folder}/t.db", folder]
        running = [
            subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
            for _ in range(workers)
        ]
        while len(list(Path(folder).glob("ready-*"))) < workers:
            time.sleep(0.01)
        start = time.time()
        Path(folder, "go").touch()
        codes = [process.wait() for process in running]
        assert codes == [0] * workers
        ends = [json.loads(path.read_text()) for path in Path(folder).glob("done-*")]
        wall = max(end for end, _ in ends) - start
        return wall, sum(cpu for _, cpu in ends) / workers / wall


def main() -> None:
    pairs = [(seconds(1), seconds(2)) for _ in range(REPEATS)]
    gains = [one / two for (one, _), (two, _) in pairs]
    middle = {
        f"{name}_{what}": round(statistics.median(pair[which][field]
                                                  for pair in pairs), 2)
        for which, name in enumerate(("one_worker", "two_workers"))
        for field, what in enumerate(("s", "core_share"))
    }
    print(
        json.dumps({
            "trials": TRIALS, "repeats": REPEATS, **middle, "gain_median":
            round(statistics.median(gains), 2), "gain_min": round(min(gains), 2)
        }))


if __name__ == "__main__":
    work(*sys.argv[2:]) if sys.argv[1:2] == ["worker"] else main()
