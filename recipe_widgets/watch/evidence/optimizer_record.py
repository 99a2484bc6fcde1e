"""What happens to the gradients that one optimiser holds, and how far its steps move the weights.

Two or three of its parameters stand for all: looking at every gradient would take as long as the
step itself.
"""

from __future__ import annotations

import math
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from recipe_widgets.rules.training_evidence import StepMeasurement
from recipe_widgets.watch.instrument.autograd_graph import walk_graph
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location

_MOST_COPIED_NUMBERS = 2_000_000  # of weights that are copied to measure a step
_MOST_COPIED_TENSORS = 10
_LINE_EVERY = 8  # steps: finding the script's line takes as long as a small layer
_MOST_NUMBERS_OF_SAMPLE = 200_000  # of a parameter that stands for others
_USUAL_EPS = 1e-7  # gradients as small as that are not swallowed by eps: something else shrank them
_MOST_GROUPS = 500  # more kinds of steps than this: there is no rhythm to speak of


class GradientTracker:
    """The gradients of one optimiser, between backward, clearing and step.

    `state` is "clean" (none, or zeros), "fresh" (no step has used them), "used" (by a step) or
    "mixed" (used by a step and added to since); "unknown" until the next step, where a part of this
    one was not looked at.

    Attributes:
        steps, backwards: all that were taken. unseen: of these steps, those that were only counted.
        groups: how often a step used so many backward passes, by their lines:
            ((line, count), ...) -> steps.
        stale: steps whose gradients held those of an earlier step.
        cleared_early: steps on gradients that were cleared after backward.
        replaced: steps on gradients that the script has put in the place of those of a pass.
        leftovers: steps on the sum of a pass that was another optimiser's, and of a later one.
        dropped: passes whose gradients were cleared unused, by line -> [times, passes].
        clips: clippings by the state of the gradients then. clipped_scaled: clippings of gradients
            still multiplied by a GradScaler.
    """

    def __init__(self) -> None:
        self.steps = self.backwards = self.stale = self.cleared_early = self.clipped_scaled = 0
        self.replaced = self.leftovers = self.unseen = 0
        self.groups: Counter[tuple[tuple[object, int], ...]] = Counter()
        self.dropped: dict[object, list[int]] = {}
        self.clips: Counter[str] = Counter()
        self.with_gradient: set[int] = set()  # ids of parameters that ever had one
        self.state, self._lines = "clean", Counter[object]()
        self._samples: list[torch.Tensor] = []
        self._marks: list[tuple[int, int] | None] = []  # of the samples' gradients at the last look
        self._versions: list[int] = []  # of the samples at the last backward
        self._dropped_since_step = 0
        self._added_to_leftover = False
        self._used_by_another = False  # did another optimiser step after the last pass?
        self._first_values: list[tuple[torch.Tensor, torch.Tensor]] = []

    def observe(self) -> None:
        """Were the gradients cleared since the last look?"""
        if self.state == "clean" or not self._samples:
            return
        now = self._current_marks()
        gone = all(mark is None for mark in now)
        # zeros right after a backward are its result, not a clearing
        if gone or ((now != self._marks or self.state != "fresh") and self._all_zero()):
            # the script may have used them itself, as SAM does to climb
            if self.state == "fresh" and self._versions == [p._version for p in self._samples]:
                self._dropped_since_step += sum(self._lines.values())
                # a generator's pass leaves gradients in the discriminator, which are cleared unused
                lines = {} if self._used_by_another else self._lines
                for line, count in lines.items():
                    tally = self.dropped.setdefault(line, [0, 0])
                    tally[0], tally[1] = tally[0] + 1, tally[1] + count
            self.state, self._added_to_leftover = "clean", False
            self._lines.clear()
        self._marks = now

    def after_backward(self, line: object, parameters: Iterable[torch.Tensor]) -> bool:
        """True when the pass reached these parameters."""
        if not self._samples:
            self._choose_samples(list(parameters))
            if not self._samples:  # all gradients are zero so far
                return bool(self.with_gradient)
            reached, now = True, self._current_marks()
        else:
            now = self._current_marks()
            reached = any(new != old and new is not None
                          for new, old in zip(now, self._marks, strict=True))
        self._marks = now
        if reached:
            self.backwards += 1
            self._added_to_leftover |= self._used_by_another and self.state == "fresh"
            self._used_by_another = False
            self._versions = [p._version for p in self._samples]
            self.state = {"clean": "fresh", "used": "mixed"}.get(self.state, self.state)
            self._lines[line] += 1
        return reached

    def clipped(self, scaled: bool) -> None:
        self.observe()
        if self.state == "unknown":
            return
        self.clips[self.state] += 1
        if scaled and self.state in ("fresh", "mixed"):
            self.clipped_scaled += 1

    def before_step(self) -> None:
        known = [mark and mark[0] for mark in self._marks]
        self.replaced += self.state == "fresh" and known != [m and m[0] for m in self._current_marks()]
        self.observe()
        if self.state == "clean":  # no gradient, although there was one since the last step
            self.cleared_early += bool(self._dropped_since_step)
        self._dropped_since_step = 0

    def after_step(self) -> None:
        self.steps += 1
        self.stale += self.state == "mixed"
        self.leftovers += self._added_to_leftover
        self._added_to_leftover = False
        if self._lines and self.state != "unknown":
            lines = self._lines.items()
            self.groups[tuple(lines if len(lines) == 1 else sorted(lines, key=str))] += 1
        if self.state != "clean":
            self.state = "used"
            self._marks = self._current_marks()
        self._lines.clear()
        if len(self.groups) > _MOST_GROUPS:
            self.groups.clear()

    def counted(self) -> None:
        """A step was taken that nobody looked at."""
        self.steps += 1
        self.unseen += 1

    def rest_ended(self, within_step: bool) -> None:
        """From here on it is looked at again."""
        self.state = "unknown" if within_step else "used"
        self._lines.clear()
        self._marks = self._current_marks()
        self._dropped_since_step, self._added_to_leftover = 0, False

    def another_stepped(self) -> None:
        """Another optimiser has taken a step."""
        self._used_by_another = True

    @property
    def changed(self) -> bool:
        """Has any of the samples moved since the first look at it?"""
        return not self._first_values or any(not torch.equal(p.detach(), first)
                                             for p, first in self._first_values)

    @property
    def passes_per_step(self) -> int:
        """Backward passes of one line that usually enter a step; 1 without accumulation."""
        usual = self.groups.most_common(1)
        return max((count for _, count in usual[0][0]), default=1) if usual else 1

    def sample_values(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """The samples and copies of them."""
        return [(p, p.detach().clone()) for p in self._samples]

    def _choose_samples(self, parameters: list[torch.Tensor]) -> None:
        """Parameters with a gradient that is not zero; small ones, for speed."""
        found = [p for p in parameters if p.grad is not None]
        self.with_gradient |= {id(p) for p in found}
        found = [
            p for p in found
            if p.grad is not None and not p.grad.is_sparse and bool(p.grad.any())
        ]
        # two small ones, as of the first and last biases, and the largest weight
        found.sort(key=torch.Tensor.numel)
        few = found[:2] + found[-1:] if len(found) > 3 else found
        self._samples = [p for p in few if p.numel() <= _MOST_NUMBERS_OF_SAMPLE] or few[:1]
        self._marks = [None] * len(self._samples)
        if self._samples and not self._first_values:
            self._first_values = self.sample_values()

    def _current_marks(self) -> list[tuple[int, int] | None]:
        # torch raises a tensor's version with each write in place, so nothing has to be copied
        return [
            None if p.grad is None else (id(p.grad), p.grad._version) for p in self._samples
        ]

    def _all_zero(self) -> bool:
        return all(p.grad is None or not bool(p.grad.any()) for p in self._samples)


class StepMeter:
    """How far the steps of one optimiser move its weights.

    Attributes:
        ratios: ‖change‖ / ‖weights‖ of each copied tensor, one number a measurement.
        measurements: of a few steps.
        learning_rates: (step, rate) of the first group, whenever it changed.
        least_rate: of the group with the smallest rate; the largest one that was seen.
    """

    def __init__(self) -> None:
        self.ratios: dict[str, list[float]] = {}
        self.measurements: list[StepMeasurement] = []
        self.learning_rates: list[tuple[int, float]] = []
        self.least_rate = 0.0
        self._before: list[tuple[torch.Tensor, torch.Tensor]] = []

    def note_rate(self, optimizer: torch.optim.Optimizer, step: int) -> None:
        rate = optimizer.param_groups[0].get("lr", 0.0)
        # a rate that is a tensor may lie on a GPU: reading it would wait for it
        if not isinstance(rate, torch.Tensor) and (not self.learning_rates
                                                   or self.learning_rates[-1][1] != rate):
            self.learning_rates.append((step, float(rate)))

    def before_step(self, optimizer: torch.optim.Optimizer, step: int, full: bool) -> None:
        self.note_rate(optimizer, step)
        if full:
            self._copy_weights(optimizer)
            rates = [group.get("lr") for group in optimizer.param_groups]
            known = [rate for rate in rates if isinstance(rate, float)]
            self.least_rate = max(self.least_rate, min(known, default=0.0))

    def _copy_weights(self, optimizer: torch.optim.Optimizer) -> None:
        # matrices and filters only: biases start at zero, where a ratio has no meaning
        weights = [
            p for group in optimizer.param_groups for p in group["params"]
            if p.requires_grad and p.ndim >= 2 and p.grad is not None
        ]
        weights = weights[::max(1, math.ceil(len(weights) / _MOST_COPIED_TENSORS))]
        self._before, room = [], _MOST_COPIED_NUMBERS
        for p in weights:
            if p.numel() <= room:
                room -= p.numel()
                self._before.append((p, p.detach().clone()))

    def after_step(self, optimizer: torch.optim.Optimizer, step: int) -> None:
        if not self._before:
            return
        group = optimizer.param_groups[0]
        gradient_square = weight_square = 0.0
        eps, eps_shares = float(group.get("eps", 0.0) or 0.0), []
        for number, (p, old) in enumerate(self._before):
            size, change = float(old.norm()), float((p.detach() - old).norm())
            if size > 0:
                self.ratios.setdefault(str(number), []).append(change / size)
            if p.grad is not None and not p.grad.is_sparse:
                gradient_square += float(p.grad.detach().norm())**2
            weight_square += size**2
            state = optimizer.state.get(p, {})
            square = state.get("exp_avg_sq", state.get("square_avg"))  # Adam's, RMSprop's
            typical = float(square.mean().sqrt()) if isinstance(square, torch.Tensor) else 0.0
            if typical and eps > _USUAL_EPS:
                eps_shares.append(eps / typical)
        self.measurements.append(
            StepMeasurement(step, gradient_square**0.5, weight_square**0.5,
                            float(group.get("lr", 0.0)),
                            float(group.get("weight_decay", 0.0) or 0.0),
                            min(eps_shares, default=0.0)))
        self._before = []


class OptimizerRecord:
    """One optimiser, or parameters that the script moves itself (`optimizer` None)."""

    def __init__(self, optimizer: torch.optim.Optimizer | None,
                 parameters: Iterable[torch.Tensor] = ()) -> None:
        self._reference = weakref.ref(optimizer) if optimizer is not None else None
        self._parameters = list(parameters)  # held only where no optimiser holds them
        self.by_hand = optimizer is None
        self.kind = "the update by hand" if optimizer is None else type(optimizer).__name__
        self.maximizes = bool(optimizer is not None and optimizer.defaults.get("maximize"))
        self.gradients, self.steps = GradientTracker(), StepMeter()
        # the lines of the script that made it, and that last did the others
        here = caller_location()
        self.made_line = self.step_line = self.clear_line = self.backward_line = here
        self.clip_line: SourceLocation | None = None
        self.ids = {id(p) for p in self.parameters()}  # as of the last full look
        self._values: list[tuple[torch.Tensor, torch.Tensor]] = []  # at the last backward, by hand

    @property
    def optimizer(self) -> torch.optim.Optimizer | None:
        """None when it has been deleted, too."""
        return self._reference() if self._reference is not None else None

    @property
    def is_alive(self) -> bool:
        return self.by_hand or self.optimizer is not None

    def parameters(self) -> list[torch.Tensor]:
        optimizer = self.optimizer
        if optimizer is None:
            return self._parameters
        return [p for group in optimizer.param_groups for p in group["params"]]

    def after_backward(self, line: SourceLocation | None) -> bool:
        """True when the pass reached its parameters."""
        reached = self.gradients.after_backward(line, self.parameters())
        if reached:
            self.backward_line = line
        return reached

    def cleared(self) -> None:
        if self.clear_line is None or self.gradients.steps % _LINE_EVERY == 0:
            self.clear_line = caller_location()
        self.gradients.observe()

    def clipped(self, scaled: bool) -> None:
        self.clip_line = caller_location()
        self.gradients.clipped(scaled)

    def before_step(self, full: bool) -> None:
        if self.step_line is None or self.gradients.steps % _LINE_EVERY == 0:
            self.step_line = caller_location()
        self.gradients.before_step()
        optimizer = self.optimizer
        if optimizer is not None:
            self.steps.before_step(optimizer, self.gradients.steps, full)

    def after_step(self, full: bool) -> None:
        self.gradients.after_step()
        optimizer = self.optimizer
        if full and optimizer is not None:
            self.ids = {id(p) for p in self.parameters()}
            self.steps.after_step(optimizer, self.gradients.steps)

    def counted(self, optimizer: torch.optim.Optimizer) -> None:
        """It has taken a step that nobody looked at."""
        self.steps.note_rate(optimizer, self.gradients.steps)
        self.gradients.counted()

    def look_again(self) -> None:
        """What it holds may have changed since the last full look."""
        self.ids = {id(p) for p in self.parameters()} or self.ids  # those of a deleted one stay
        self.gradients.observe()

    def moved_by_hand(self) -> bool:
        """Called before each backward: has the script moved its parameters since the last one?"""
        moved = any(not torch.equal(p.detach(), value) for p, value in self._values)
        if moved:
            self.gradients.after_step()
        if moved or not self._values:  # copies of three parameters at most
            self._values = self.gradients.sample_values()
        return moved


class OptimizerRecords:
    """The optimisers of a run, in the order in which they were made."""

    def __init__(self) -> None:
        self._records: list[OptimizerRecord] = []
        self._last_found: OptimizerRecord | None = None

    def __iter__(self) -> Iterator[OptimizerRecord]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> OptimizerRecord:
        return self._records[index]

    def add(self, optimizer: torch.optim.Optimizer) -> OptimizerRecord:
        # an optimiser exists after all: it was no training by hand
        self._records = [one for one in self._records if not one.by_hand]
        self._last_found = None
        self._records.append(OptimizerRecord(optimizer))
        return self._records[-1]

    def add_by_hand(self, loss: torch.Tensor) -> bool:
        """A script without optimisers: the leaves of its loss. False when there are none."""
        leaves = list(walk_graph(loss).leaves.values())
        if leaves:
            self._records.append(OptimizerRecord(None, leaves))
        return bool(leaves)

    def of(self, optimizer: torch.optim.Optimizer) -> OptimizerRecord | None:
        last = self._last_found  # some ten observers ask for the same one in each step
        if last is None or last.optimizer is not optimizer:
            last = next((one for one in reversed(self._records) if one.optimizer is optimizer), None)
            self._last_found = last
        return last

    def holding(self, parameters: Iterable[torch.Tensor]) -> list[OptimizerRecord]:
        """Those that hold one of these parameters."""
        ids = {id(p) for p in parameters}
        return [one for one in self._records if one.ids & ids]

    def module_cleared(self, module: nn.Module) -> None:
        for one in self.holding(module.parameters()):
            one.cleared()

    def observe(self) -> None:
        for one in self._records:
            if one.is_alive:
                one.gradients.observe()

    @property
    def stepped(self) -> list[OptimizerRecord]:
        return [one for one in self._records if one.gradients.steps]

    @property
    def parameter_ids(self) -> set[int]:
        return {key for one in self._records for key in one.ids}

    @property
    def ids_with_gradient(self) -> set[int]:
        return {key for one in self._records for key in one.gradients.with_gradient}

    @property
    def last_step_line(self) -> SourceLocation | None:
        return next((one.step_line for one in reversed(self._records) if one.gradients.steps), None)


# Attributes of schedulers that say for how many steps they are made.
_PLAN = ("total_steps", "T_max", "step_size", "gamma", "T_0", "total_iters")
_MOST_SCHEDULERS = 8


@dataclass
class SchedulerRecord:
    """A learning-rate scheduler. start: its last_epoch when it was made."""

    scheduler: Any  # held: its last_epoch tells at the end how often it was stepped
    optimizer: weakref.ref[torch.optim.Optimizer]
    line: SourceLocation | None
    plan: dict[str, float]
    start: int

    @classmethod
    def of(cls, scheduler: Any) -> SchedulerRecord:
        plan = {
            key: float(value)
            for key, value in vars(scheduler).items()
            if key in _PLAN and isinstance(value, (int, float))
        }
        return cls(scheduler, weakref.ref(scheduler.optimizer), caller_location(), plan,
                   scheduler.last_epoch)


class SchedulerRecords:
    """The last few schedulers that were made."""

    def __init__(self) -> None:
        self._records: list[SchedulerRecord] = []

    def made(self, scheduler: Any) -> None:
        self._records = [*self._records[-_MOST_SCHEDULERS + 1:], SchedulerRecord.of(scheduler)]

    def __iter__(self) -> Iterator[SchedulerRecord]:
        """Those that the script steps itself; others are stepped by the one they are part of."""
        parts = {
            id(part)
            for one in self._records for part in getattr(one.scheduler, "_schedulers", ())
        }
        return (one for one in self._records if id(one.scheduler) not in parts)


class GradScalerRecord:
    """The factor of a GradScaler, and which gradients it is still in."""

    def __init__(self) -> None:
        self.factor, self.used = 1.0, False
        self._unscaled: weakref.WeakSet[Any] = weakref.WeakSet()

    def scaled(self, scaler: Any) -> None:
        if scaler.is_enabled():
            self.used, self.factor = True, float(scaler.get_scale())

    def unscaled(self, optimizer: Any) -> None:
        self._unscaled.add(optimizer)

    def updated(self) -> None:
        self._unscaled.clear()

    def is_in(self, record: OptimizerRecord) -> bool:
        """Are the gradients of this optimiser still multiplied by the factor?"""
        return self.factor != 1.0 and record.optimizer not in self._unscaled
