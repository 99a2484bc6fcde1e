"""Steps of optimisers, and the evaluations between them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from recipe_widgets.watch.evidence.optimizer_record import (
    HandUpdateRecord,
    OptimizerRecord,
    held_by,
)
from recipe_widgets.watch.evidence.printed_numbers import numbers
from recipe_widgets.watch.evidence.records import EvaluationPhase, ForwardPass
from recipe_widgets.watch.evidence.watch_state import (
    LIGHT_MOST,
    LIGHT_ROWS,
    LIGHT_STEPS,
    SPARSE_FROM,
    State,
)
from recipe_widgets.watch.instrument import autograd_graph as graph
from recipe_widgets.watch.instrument.heap import give_back
from recipe_widgets.watch.instrument.source_location import place

TRIM_EVERY = 10  # steps that are looked at closely, between hand-backs of memory


class Steps(State):
    """Entries of the optimiser's patches."""

    def optimizer_made(self, optimizer: torch.optim.Optimizer) -> None:
        held = OptimizerRecord(optimizer, place(3))
        held.ids = {id(p) for p in held.params()}
        # it was no training by hand
        self.helds[:] = [one for one in self.helds if not isinstance(one, HandUpdateRecord)]
        self.helds.append(held)
        self.full = self.light = True
        self.look()

    def held(self, optimizer: torch.optim.Optimizer) -> OptimizerRecord | None:
        for held in reversed(self.helds):
            if held.ref() is optimizer:
                return held
        return None

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        held = self.held(optimizer)
        if held is None:  # made before the watching began
            self.optimizer_made(optimizer)
            held = self.helds[-1]
        held.before_step(place(3), self.full)

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        held = self.held(optimizer)
        if held is None:
            return
        if self.full:
            held.ids = {id(p) for p in held.params()}
            self.modules.after_step(held)
        held.after_step(self.full)
        self.calls, self.others = [], []
        self._stepped()

    def _stepped(self) -> None:
        self.t += 1
        self._settle()
        rows, before = self.seen.train.rows, self.light
        self.full = self.t in self.full_steps
        self.light = self.full or self.t < LIGHT_STEPS or (self.t < LIGHT_MOST
                                                           and rows < LIGHT_ROWS)
        self.sparse = self.t >= SPARSE_FROM and self.t % 4 != 0 and not self.light
        self.look()
        if before and self.t % TRIM_EVERY == 0:
            give_back()
        if self.last_step is not None and self.t >= self.last_step:
            self.let_go()

    def _by_hand(self, root: torch.Tensor) -> None:
        """A script without optimisers, which moves its parameters itself."""
        if not self.helds:
            leaves = list(graph.walk(root).leaves.values())
            if not leaves:
                return
            self.helds.append(HandUpdateRecord(leaves, place(5)))
            self.full = self.light = True
            self.look()
        held = self.helds[0]
        if isinstance(held, HandUpdateRecord) and held.moved():
            self._stepped()

    def zeroed(self, optimizer: torch.optim.Optimizer) -> None:
        held = self.held(optimizer)
        if held is not None:
            held.zeroed(place(3))

    def module_zeroed(self, module: nn.Module) -> None:
        for held in held_by(self.helds, module.parameters()):
            held.zeroed(place(3))

    def clipped(self, parameters: Any, limit: Any) -> None:
        params = [parameters] if isinstance(parameters, torch.Tensor) else parameters
        if float(limit) == float("inf"):
            return
        for held in held_by(self.helds, params[:3] + params[-3:]):
            held.clip_at = place(3)
            held.clipped(self.factor != 1.0 and not self._unscaled(held))

    def _unscaled(self, held: OptimizerRecord) -> bool:
        return held.ref() in self.unscaled

    # phases

    def _settle(self) -> None:
        """Passes with gradients that no backward followed for two steps were evaluations."""
        old = [f for f in self.pending if f.step < self.t - 1 and not f.fired]
        if old:
            self._loose(old)
            self.pending = [f for f in self.pending if f.step >= self.t - 1]

    def _loose(self, forwards: list[ForwardPass]) -> None:
        by_step: dict[int, list[ForwardPass]] = {}
        for f in forwards:
            if f.number in {m.number for m in self.modules.all if m.trained}:
                by_step.setdefault(f.step, []).append(f)
        for step, group in by_step.items():
            phase = EvaluationPhase(step, group[0].at, group)
            model = self.modules.numbered(group[0].number)
            if model is not None and group[0].training:
                phase.loose_dropout, phase.loose_norm = model.sensitive_kinds
            self.seen.phases.append(phase)

    def _close_phase(self) -> None:
        if self.phase is not None:
            for f in self.phase.forwards:
                f.tensors, f.outputs = [], []
            if len(self.seen.phases) < 3000:
                self.seen.phases.append(self.phase)
            self.phase = None

    def printed(self, line: str) -> None:
        phase = self.phase or (self.seen.phases[-1] if self.seen.phases
                               and self.seen.phases[-1].step == self.t else None)
        if phase is not None and len(phase.printed) < 40:
            phase.printed.extend(
                (text, value, digits, place(3)) for text, value, digits in numbers(line))
