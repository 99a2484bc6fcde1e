"""A run that writes checkpoints as it goes, and one that goes on from them."""

from __future__ import annotations

import os
import warnings
from typing import Any

from recipe_widgets.core import RecipeError, Run
from recipe_widgets.training.checkpoint_files import Checkpoints, packed, unpacked
from recipe_widgets.training.processes import count, from_first, gathered, rank
from recipe_widgets.training.trainer import Training
from recipe_widgets.training.training_state import (
    drawing_generators,
    generator_states,
    restore,
    set_generators,
    state_of,
)

# what `save` writes, and what another version or another hand may have left out
PARTS_OF_A_STATE = ("settings", "done", "threads", "parts", "generators", "global", "history",
                    "data", "ranks")


class Checkpointing:
    """Ties one training and its run to a folder of checkpoints."""

    def __init__(self, folder: str | os.PathLike[str], training: Training, run: Run,
                 own_model: bool) -> None:
        self.files = Checkpoints(folder)
        self.training, self.run, self.own_model = training, run, own_model
        every = training.settings.checkpoint_every  # steps; 0 for once per epoch
        self._every = every or training.batches.steps_per_epoch
        self._data = training.data.sha256  # a run goes on with the same samples, dealt alike

    def begin(self, resume: bool) -> None:
        """Go on from the newest whole checkpoint, or make sure that there is none.

        Raises:
            RecipeError: a run lies there already and `resume` was not asked for; or it had other
                settings, data or model.
        """
        if rank() == 0:
            self.files.prepare()
        if not resume:
            if there := self.files.steps():
                raise RecipeError("Folder for checkpoints",
                                  found=f"a run of {there[0]} steps in {self.files.folder}",
                                  expected="none yet",
                                  mend="Resume it (--resume, resume=True), or name another folder.")
            return
        # only the first process reads: others may see another disk, or a file half written
        state = self.files.newest(needs_best=self.training.best.wanted) if rank() == 0 else None
        if self.files.broken:
            names, done = ", ".join(dict.fromkeys(self.files.broken)), state["done"] if state else 0
            warnings.warn(f"Not whole, so not used: {names}. Goes on from step {done}.",
                          stacklevel=3)
        # the others get its bytes, checksum and all
        content = from_first(packed(state) if state is not None and count() > 1 else None)
        state = unpacked(content) if content is not None else state
        if state is not None:
            self._take_up(state)

    def _take_up(self, state: dict[str, Any]) -> None:
        if lacking := [name for name in PARTS_OF_A_STATE if name not in state]:
            raise RecipeError("Checkpoint", found=f"a state without {', '.join(lacking)}",
                              expected="what a run of this package wrote",
                              mend="Begin a new run in another folder.")
        if state["data"] != self._data:
            raise RecipeError(
                "Resuming a run",
                found=f"the data {self.training.data.name}, dealt otherwise or another set",
                expected="the samples that it began with",
                mend="Load the same set, split and subset.")
        restore(self.training, self.run, state)
        if len(state["ranks"]) == count():
            set_generators(self.training, state["ranks"][rank()])
        elif count() > 1:
            from recipe_widgets.training.distributed import draw_apart

            # another number of processes: new numbers for all
            draw_apart(drawing_generators(self.training), self.training.done)

    def due(self) -> bool:
        """Whether the step just done is one to keep: every so often, a new best look, and the
        end of a sound run.
        """
        training, run = self.training, self.run
        if run.status == "diverged":
            return False  # nobody wants to go on from there
        new_best = training.best.step == training.done - 1
        return training.done % self._every == 0 or new_best or run.status != "running"

    def save(self) -> None:
        """Write a checkpoint; of several processes all must call this, and the first one writes."""
        # dropout and augmentation draw other numbers in every process: all go into the file
        ranks = gathered(generator_states(self.training))
        if rank() == 0:
            state = state_of(self.training, self.run, self.own_model)
            self.files.save(self.training.done, {**state, "data": self._data, "ranks": ranks},
                            best=self.training.best.step + 1)
