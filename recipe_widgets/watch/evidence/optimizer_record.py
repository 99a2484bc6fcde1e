"""Books on one optimiser: what happens to the gradients of its parameters, and how far a step
moves them.
"""

from __future__ import annotations

import weakref
from collections import Counter
from typing import Any

import torch

from recipe_widgets.rules.events import Gradients
from recipe_widgets.watch.instrument.source_location import SourceLocation

_MOST_NUMBERS = 2_000_000  # of parameters that are copied to measure a step
_MOST_TENSORS = 10


class OptimizerRecord:
    """State of its gradients: clean (none, or zeros), fresh (not used yet), used (by a step), mixed
    (used and added to).

    Two or three of the parameters stand for all.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, at: SourceLocation | None) -> None:
        self.ref = weakref.ref(optimizer)
        self.made_at, self.step_at, self.zero_at, self.back_at = at, at, at, at
        self.clip_at: SourceLocation | None = None
        self.facts = Gradients(kind=type(optimizer).__name__)
        self.settings = {
            k: v for k, v in optimizer.defaults.items() if isinstance(v, (int, float, bool))
        }
        self.state, self.lines = "clean", Counter[object]()
        self.reps: list[torch.Tensor] = []
        self.noted: list[tuple[int, int] | None] = []
        self.lost_now = 0
        self.lrs: list[tuple[int, float]] = []
        self.ratios: dict[str, list[float]] = {}
        self.looks: list[dict[str, float]] = []
        self.before: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.ids: set[int] = set()
        self.with_grad: set[int] = set()
        self.first: list[tuple[torch.Tensor, torch.Tensor]] = []

    def params(self) -> list[torch.Tensor]:
        optimizer = self.ref()
        return [p for g in optimizer.param_groups
                for p in g["params"]] if optimizer is not None else []

    # gradients

    def _choose(self) -> None:
        """Parameters with a gradient that is not zero; small ones, for speed."""
        found = [p for p in self.params() if p.grad is not None]
        self.with_grad |= {id(p) for p in found}
        found = [p for p in found
                 if not p.grad.is_sparse and bool(p.grad.any())]  # type: ignore[union-attr]
        found.sort(key=torch.Tensor.numel)
        self.reps = found[:2] + found[-1:] if len(found) > 3 else found
        self.reps = [p for p in self.reps if p.numel() <= 200_000] or self.reps[:1]
        self.noted = [None] * len(self.reps)
        if self.reps and not self.first:
            self.first = [(p, p.detach().clone()) for p in self.reps]

    def _marks(self) -> list[tuple[int, int] | None]:
        return [None if p.grad is None else (id(p.grad), p.grad._version) for p in self.reps]

    def _zero(self) -> bool:
        return all(p.grad is None or not bool(p.grad.any()) for p in self.reps)

    def observe(self) -> None:
        """Were the gradients cleared since the last look?"""
        if self.state == "clean" or not self.reps:
            return
        now = self._marks()
        gone = all(mark is None for mark in now)
        if gone or ((now != self.noted or self.state != "fresh") and self._zero()):
            if self.state == "fresh":
                passes = sum(self.lines.values())
                self.lost_now += passes
                for line, count in self.lines.items():
                    tally = self.facts.dropped.setdefault(line, [0, 0])
                    tally[0], tally[1] = tally[0] + 1, tally[1] + count
            self.state = "clean"
            self.lines.clear()
        self.noted = now

    def before_backward(self) -> None:
        self.observe()

    def after_backward(self, line: object) -> bool:
        """True when the pass reached its parameters."""
        if not self.reps:
            self._choose()
            if not self.reps:  # all its gradients are zero so far
                return bool(self.with_grad)
            touched, now = True, self._marks()
        else:
            now = self._marks()
            touched = any(a != b and a is not None for a, b in zip(now, self.noted, strict=True))
        self.noted = now
        if touched:
            self.facts.backwards += 1
            self.state = {"clean": "fresh", "used": "mixed"}.get(self.state, self.state)
            self.lines[line] += 1
        return touched

    def zeroed(self, at: SourceLocation | None) -> None:
        self.zero_at = at
        self.observe()

    def clipped(self, scaled: bool) -> None:
        self.observe()
        self.facts.clips[self.state] += 1
        if scaled and self.state in ("fresh", "mixed"):
            self.facts.clipped_scaled += 1

    # steps

    def before_step(self, at: SourceLocation | None, full: bool) -> None:
        self.step_at = at
        self.observe()
        if self.state == "clean":
            self.facts.lost += bool(self.lost_now)
        self.lost_now = 0
        optimizer = self.ref()
        assert optimizer is not None
        lr = optimizer.param_groups[0].get("lr", 0.0)
        if not isinstance(lr, torch.Tensor) and (not self.lrs or self.lrs[-1][1] != lr):
            self.lrs.append((self.facts.steps, float(lr)))
        if full:
            self._copy()

    def after_step(self, full: bool) -> None:
        self.facts.steps += 1
        if self.state == "mixed":
            self.facts.stale += 1
        if self.lines:
            self.facts.groups[tuple(sorted(((k, v) for k, v in self.lines.items()), key=str))] += 1
        if self.state != "clean":
            self.state = "used"
            self.noted = self._marks()
        self.lines.clear()
        if full:
            self._measure()
        if len(self.facts.groups) > 500:  # no rhythm at all: nothing can be said about it
            self.facts.groups.clear()

    def _copy(self) -> None:
        """Copies some weights, to see how far the step moves them."""
        params = [
            p for p in self.params() if p.requires_grad and p.ndim >= 2 and p.grad is not None
        ]
        params = params[:: max(1, -(-len(params) // _MOST_TENSORS))]
        self.before, room = [], _MOST_NUMBERS
        for p in params:
            if p.numel() <= room:
                room -= p.numel()
                self.before.append((p, p.detach().clone()))

    def _measure(self) -> None:
        optimizer = self.ref()
        if optimizer is None or not self.before:
            return
        grads, sizes, eps_share = 0.0, 0.0, []
        eps = float(optimizer.param_groups[0].get("eps", 0.0) or 0.0)
        for number, (p, old) in enumerate(self.before):
            size, moved = float(old.norm()), float((p.detach() - old).norm())
            if size > 0:
                self.ratios.setdefault(str(number), []).append(moved / size)
            grads += float(p.grad.norm())**2 if p.grad is not None and not p.grad.is_sparse else 0.0
            sizes += size**2
            root = optimizer.state.get(p, {}).get("exp_avg_sq",
                                                  optimizer.state.get(p, {}).get("square_avg"))
            if eps and isinstance(root, torch.Tensor):
                eps_share.append(eps / max(1e-30, float(root.mean().sqrt())))
        decay = float(optimizer.param_groups[0].get("weight_decay", 0.0) or 0.0)
        self.looks.append({
            "step": self.facts.steps, "grad": grads**0.5, "weight": sizes**0.5, "decay": decay,
            "lr": float(optimizer.param_groups[0].get("lr", 0.0)), "eps_share":
            min(eps_share, default=0.0)
        })
        self.before = []

    def close(self) -> None:
        """The last look: did anything change at all?"""
        self.facts.changed = any(not torch.equal(p.detach(), old)
                                 for p, old in self.first) or not self.first
        self.first, self.before, self.reps = [], [], []


class _NoOptimizer:
    """Stands for the optimiser that is not there."""

    def __init__(self, params: list[torch.Tensor]) -> None:
        self.param_groups: list[dict[str, Any]] = [{"params": params}]
        self.defaults: dict[str, Any] = {}
        self.state: dict[Any, Any] = {}


class HandUpdateRecord(OptimizerRecord):
    """Parameters that the script moves itself: a step has been taken when one of them is no
    longer what it was.
    """

    def __init__(self, params: list[torch.Tensor], at: SourceLocation | None) -> None:
        self.hand = _NoOptimizer(params)
        super().__init__(self.hand, at)  # type: ignore[arg-type]
        self.facts.kind = "the update by hand"
        self.ids = {id(p) for p in params}
        self.old: list[tuple[torch.Tensor, torch.Tensor]] = []

    def moved(self) -> bool:
        """Called before each backward: was there an update since the last one?"""
        changed = any(not torch.equal(p.detach(), value) for p, value in self.old)
        if changed:
            self.facts.steps += 1
            self.facts.stale += self.state == "mixed"
            if self.lines:
                self.facts.groups[tuple(sorted(((k, v) for k, v in self.lines.items()),
                                               key=str))] += 1
            self.lines.clear()
            self.state = "used" if self.state in ("fresh", "mixed") else self.state
        if changed or not self.old:
            self.old = [(p, p.detach().clone()) for p in self.reps]
        return changed


def held_by(helds: list[OptimizerRecord], params: Any) -> list[OptimizerRecord]:
    """The optimisers that hold one of these parameters."""
    ids = {id(p) for p in params}
    return [h for h in helds if h.ids & ids]
