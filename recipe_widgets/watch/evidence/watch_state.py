"""The state of watching: what is known at the moment, and the guard that every entry goes
through.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from recipe_widgets.watch.evidence.loss_recognition import Call
from recipe_widgets.watch.evidence.model_record import Modules
from recipe_widgets.watch.evidence.optimizer_record import OptimizerRecord
from recipe_widgets.watch.evidence.records import EvaluationPhase, ForwardPass, LoaderRecord, Seen
from recipe_widgets.watch.evidence.sample_hash import SampleHasher
from recipe_widgets.watch.instrument.torch_call_monitor import TorchCallMonitor

LIGHT_STEPS = 40  # the first steps are all looked at, up to LIGHT_ROWS samples
SPARSE_FROM = 320  # from here on, only every fourth step's forward pass is looked at
LIGHT_MOST, LIGHT_ROWS = 160, 1500


def schedule(most: int = 10**8) -> set[int]:
    """Steps with a full look: 0, 1, 2, 3, 5, 8, 12, 18, ..."""
    found, at = {0, 1, 2}, 3.0
    while at < most:
        found.add(int(at))
        at *= 1.5
    return found


class State:
    """The state of watching. `guard(entry, ...)` is the only way in."""

    def __init__(self, last_step: int | None = None) -> None:
        self.active, self.problem = True, ""
        self.thread, self.pid = threading.get_ident(), os.getpid()
        self.t, self.last_step = 0, last_step
        self.depth, self.full, self.light, self.quiet = 0, False, False, False
        self.seen, self.prints = Seen(), SampleHasher()
        self.looker, self.modules = TorchCallMonitor(self), Modules(self)
        self.helds: list[OptimizerRecord] = []
        self.loaders: list[LoaderRecord] = []
        self.schedulers: list[dict[str, Any]] = []
        self.pending: list[ForwardPass] = []
        self.phase: EvaluationPhase | None = None
        self.current: ForwardPass | None = None
        self.calls: list[Call] = []
        self.others: list[torch.Tensor] = []
        self.in_backward = False
        self.sparse, self.just_stepped = False, False
        self.factor, self.scaler_used = 1.0, False
        self.unscaled: weakref.WeakSet[Any] = weakref.WeakSet()
        self.marks: dict[int, tuple[weakref.ref[torch.Tensor], int]] = {}
        self.loader_now = 0
        self.own, self.began, self.full_steps = 0.0, time.perf_counter(), schedule()
        # (line, step) of random numbers that a training pass followed
        self.train_draws: set[Any] = set()
        self.fresh_draws: list[Any] = []
        self.taken: dict[int, tuple[weakref.ref[Any], int]] = {}
        self.root_module: nn.Module | None = None
        self.keep: dict[int, nn.Module] = {}
        self.root_now: Any = None
        self.graph_now: Any = None
        self.scalars_now: list[str] = []
        self.made_by_now: list[str] = []

    def taken_at(self, state: Any) -> int | None:
        """The step at which this state dict was taken from its module."""
        known = self.taken.get(id(state))
        return known[1] if known is not None and known[0]() is state else None

    def guard(self, entry: Callable[..., Any], *arguments: Any) -> Any:
        """Runs one of our own entries; an error of ours ends the watching, not the script."""
        if not self.active or threading.get_ident() != self.thread or _inside_transform():
            return None
        start = time.perf_counter()
        try:
            return entry(*arguments)
        except Exception as error:
            self.let_go(f"{type(error).__name__}: {error} ({_line(error)})")
            return None
        finally:
            self.own += time.perf_counter() - start

    def let_go(self, why: str = "") -> None:
        self.problem, self.active = self.problem or why, False
        self.looker.close()

    def forget(self) -> None:
        """Models, optimisers and data may go, even where a module that was imported meanwhile
        keeps one of our patches.
        """
        State.__init__(self)
        self.active = False

    def look(self, evaluation: bool = False) -> None:
        """Opens or closes the close look at every torch call."""
        if (self.light or evaluation) and self.active and not self.quiet:
            self.looker.open()
        else:
            self.looker.close()

    def _eval_budget(self) -> bool:
        phases = len(self.seen.phases)
        return phases < 60 or phases * 10 < self.t


def _inside_transform() -> bool:
    """Within torch.func.grad or vmap tensors are no plain tensors: nothing is looked at there."""
    return torch._C._functorch.peek_interpreter_stack() is not None


def _line(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
