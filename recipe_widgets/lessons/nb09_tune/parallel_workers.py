"""Several processes on one search: started from a cell, as they would be on several machines.

Notebook 09.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.core.files import write_atomically
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE

NAME = "shared"  # of the search, by which the workers find it


@dataclass(frozen=True)
class Piece:
    """One trial."""

    number: int
    worker: int  # that ran it, from 1
    start: float  # seconds after the first trial began
    end: float
    value: float  # validation loss, nats


@dataclass(frozen=True)
class Shared:
    """What several workers did together."""

    command: str  # by which each of them was started
    workers: int
    pieces: tuple[Piece, ...]

    def counts(self) -> list[int]:
        """Trials of each worker that had any."""
        workers = sorted({piece.worker for piece in self.pieces})
        return [sum(piece.worker == worker for piece in self.pieces) for worker in workers]

    def __str__(self) -> str:
        numbers = [piece.number for piece in self.pieces]
        twice = len(numbers) - len(set(numbers))  # a trial that two workers ran
        counts = self.counts()
        late = "" if len(counts) == self.workers else " (the others came too late)"
        best = min(piece.value for piece in self.pieces)
        return (f"{len(numbers)} trials by {self.workers} processes: "
                f"{' and '.join(map(str, counts))}{late}, {twice if twice else 'none'} of them "
                f"twice. Best validation loss {best:.3f} nats.")

    def plot(self) -> Picture:
        """A row for each worker, a bar for each trial over the time it took."""
        figure = Figure(figsize=(7, 1.2 + 0.5 * len(self.counts())), layout="constrained")
        axes = figure.subplots()
        for piece in self.pieces:
            axes.barh(piece.worker, piece.end - piece.start, left=piece.start, height=0.7,
                      edgecolor="white", color=PALETTE[(piece.worker - 1) % len(PALETTE)])
            axes.text((piece.start + piece.end) / 2, piece.worker, str(piece.number), ha="center",
                      va="center", fontsize=7, color="white")
        axes.set_yticks(range(1, 1 + len(self.counts())),
                        [f"worker {number + 1}" for number in range(len(self.counts()))])
        axes.set(xlabel="seconds since the first trial began", ylim=(len(self.counts()) + 0.6, 0.4))
        axes.set_title(
            f"{len(self.pieces)} trials shared by {len(self.counts())} processes on one file",
            fontsize=10)
        return Picture(figure, str(self))


def share(folder: str | os.PathLike[str], base: Settings, *, data: str = "mnist",
          knobs: str = "lr,momentum", trials: int = 16, workers: int = 2) -> Shared:
    """Start processes of `recipe tune` on one SQLite file in `folder`, and wait for them.

    Raises:
        RecipeError: a worker failed; with what it said.
    """
    place = Path(folder)
    write_atomically(place / "base.json", base.to_json())
    options = {"--data": data, "--settings": str(place / "base.json"), "--knobs": knobs,
               "--trials": str(trials), "--sampler": "random", "--pruner": "none",
               "--storage": str(place / "tuning.db"), "--name": NAME}
    arguments = ["tune", *(word for option in options.items() for word in option)]
    # one thread each: two workers with all cores would slow each other down
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
    started = [
        subprocess.Popen([sys.executable, "-m", "recipe_widgets", *arguments], env=environment,
                         encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(workers)
    ]
    said = [one.communicate()[0] for one in started]  # waits for each
    for one, words in zip(started, said, strict=True):
        if one.returncode:
            raise RecipeError("A worker", found=(words.strip().splitlines() or ["no word"])[-1],
                              expected="a search that ends")
    # as a reader would type it in that folder
    typed = [Path(word).name if str(place) in word else word for word in arguments]
    return Shared(" ".join(["recipe", *typed]), workers, tuple(_pieces(place / "tuning.db")))


def _pieces(file: Path) -> Sequence[Piece]:
    """The whole trials in a storage, in the order of their numbers."""
    import optuna

    from recipe_widgets.tune.storage import backend, quiet_optuna

    with quiet_optuna():
        study = optuna.load_study(study_name=NAME, storage=f"sqlite:///{file}")
        done = [one for one in study.get_trials(deepcopy=False) if one.value is not None]
        database = backend(study)
        if database is not None:
            database.engine.dispose()  # Windows removes no folder with an open file in it
    # a worker's name holds its machine and process; here it becomes a number
    names = sorted({str(one.user_attrs.get("worker")) for one in done})
    begin = min(one.datetime_start for one in done if one.datetime_start)
    pieces = []
    for one in done:
        if one.datetime_start and one.datetime_complete and one.value is not None:
            start, end = ((moment - begin).total_seconds()
                          for moment in (one.datetime_start, one.datetime_complete))
            worker = 1 + names.index(str(one.user_attrs.get("worker")))
            pieces.append(Piece(one.number, worker, start, end, float(one.value)))
    return pieces
