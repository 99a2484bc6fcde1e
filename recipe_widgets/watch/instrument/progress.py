"""Where the run is, and how closely this step is watched.

Looking at every call of every step would make the script several times slower. Most bugs show in
the first steps; a look now and then finds those that come later.
"""

from __future__ import annotations

from torch import nn

CLOSE_STEPS = 40  # the first steps are all looked at closely
RESTARTED_STEPS, MOST_RESTARTS = 10, 20  # after an optimiser was made, or another model begins to train
# An agent calls its policy hundreds of times a step: then fewer steps show as much.
MOST_CLOSE_CALLS, FEWEST_CLOSE_STEPS = 1500, 8
CLOSE_STEPS_MOST, CLOSE_SAMPLES = 160, 1500  # more of them, while few samples have been seen
# From the first step on, only so many in a row of each so-many steps are looked at.
SPARSE, LOOKS_IN_A_ROW = ((2000, 32), (320, 8)), 2
_LAST_FULL_STEP = 10**8


def _full_steps() -> set[int]:
    """Steps with a full look: 0, 1, 2, 3, 4, 6, 10, 15, ..."""
    steps, step = {0, 1, 2}, 3.0
    while step < _LAST_FULL_STEP:
        steps.add(int(step))
        step *= 1.5  # as dense in the first hundred steps as in the last hundred thousand
    return steps


_FULL_STEPS = _full_steps()


class WatchProgress:
    """Read by every instrument and collector; only the recorder and the module patch change it.

    Attributes:
        step: optimiser steps so far. last_step: watching ends there; None: with the script.
        full: graphs, weights and every submodule are looked at in this step.
        close: every torch call is looked at in this step.
        sparse: this step's training pass is not looked at.
        resting: nothing of this step is looked at but its loss and its rate; it is counted.
        in_call: a module is being called right now. model: the one at the top of that call; None
            when it has no parameters.
        grad_at_start: were gradients on when that call began?
        in_backward: autograd is at work. stepped: a step was taken after the last training pass.
        close_calls: of models, in close steps.
        compiled: the script compiles; a torch function mode would break the compiled graph.
    """

    def __init__(self, last_step: int | None = None) -> None:
        self.step, self.last_step = 0, last_step
        self.full = self.close = self.sparse = self.resting = False
        self.in_call, self.grad_at_start = False, True
        self.model: nn.Module | None = None
        self.in_backward = self.stepped = self.compiled = False
        self.close_calls = 0
        self._restarts, self._close_until = 0, 0

    def restart_close_steps(self) -> None:
        """An optimiser was made, or a model trains for the first time: what follows is worth a full
        look, and a few close ones.
        """
        self.full = self.close = True
        self.sparse = self.resting = False
        self._restarts += 1
        if self._restarts <= MOST_RESTARTS:  # not where each step makes an optimiser of its own
            self._close_until = self.step + RESTARTED_STEPS

    def advance(self, samples: int) -> None:
        """A step has been taken. samples: training samples that were kept so far."""
        self.step += 1
        was_full = self.full  # what is still open of it is told by the step after it
        self.full = self.step in _FULL_STEPS
        early = self.step < max(CLOSE_STEPS, self._close_until) or (self.step < CLOSE_STEPS_MOST and
                                            samples < CLOSE_SAMPLES)
        early &= self.close_calls < MOST_CLOSE_CALLS or self.step < FEWEST_CLOSE_STEPS
        self.close = self.full or early
        every = next((every for first, every in SPARSE if self.step >= first), 1)
        self.sparse = (every > 1 and self.step % every >= LOOKS_IN_A_ROW
                       and not self.close and not was_full)

    @property
    def is_over(self) -> bool:
        return self.last_step is not None and self.step >= self.last_step
