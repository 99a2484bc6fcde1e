"""Compiled models: a few of their calls are replayed by an eager copy."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from recipe_widgets.checks.model_copies import copied
from recipe_widgets.core import rng_guard
from recipe_widgets.rules.compiled_equals_eager import (
    HALF,
    SINGLE,
    CompiledOutput,
    compiled_equals_eager,
)
from recipe_widgets.watch.evidence.forward_pass import map_tensors, tensors_in
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.script_objects import CheckTime
from recipe_widgets.watch.evidence.watched_run import (
    RUNS_MODELS,
    Built,
    OutOfTime,
    WatchedRun,
    builds,
)
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location

_MOST_REPLAYS = 6  # of one model


@dataclass
class _Replay:
    """A call whose output differed, with an eager copy of the model."""

    output: CompiledOutput
    line: SourceLocation | None
    copy: nn.Module
    compile: Callable[[nn.Module], Any] | None
    args: Any
    kwargs: Any


@dataclass
class _Looks:
    count: int = 0
    worst: _Replay | None = None


class CompiledModels(Observer):
    """looks: at each compiled model, by its id."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.looks: dict[int, _Looks] = {}

    def after_forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
                      output: Any) -> None:
        # by its name: importing its class takes a second, and most scripts compile nothing
        compiled = type(model).__name__ == "OptimizedModule"
        if not self.progress.full or not (
                compiled or getattr(model, "_compiled_call_impl", None) is not None):
            return
        looks = self.looks.setdefault(id(model), _Looks())
        if looks.count >= _MOST_REPLAYS or looks.worst is not None:
            return
        looks.count += 1
        # a deep copy leaves the compiled call of module.compile() behind
        copy = copied(cast(nn.Module, model._orig_mod) if compiled else model)
        if copy is None:
            return
        difference = self._difference(copy, args, kwargs, output)
        if difference is None:
            return
        half = any(o.dtype in (torch.float16, torch.bfloat16) for o in tensors_in(output)) \
            or torch.is_autocast_enabled(tensors_in(output)[0].device.type)
        seen = CompiledOutput(type(copy).__name__, self.progress.step, difference, half)
        if compiled_equals_eager(seen).severity is not None:
            detached = (map_tensors(part, lambda t: t.detach().clone()) for part in (args, kwargs))
            looks.worst = _Replay(
                seen, caller_location(), copy,
                getattr(model, "dynamo_ctx", None) if compiled else torch.compile, *detached)

    def _difference(self, copy: nn.Module, args: Any, kwargs: Any, output: Any) -> float | None:
        """None where the model is random, or its outputs are no numbers."""
        active, self.guard.active = self.guard.active, False  # these calls are our own
        try:
            with rng_guard(), torch.no_grad():
                torch.manual_seed(0)
                first = copy(*args, **kwargs)
                torch.manual_seed(1)
                second = copy(*args, **kwargs)
        finally:
            self.guard.active = active
        if _distance(first, second) != 0.0:
            return None
        return _distance(first, output)


def _distance(one: Any, other: Any) -> float | None:
    """Largest difference of two outputs, in standard deviations; None where they do not compare."""
    pairs = list(zip(tensors_in(one), tensors_in(other), strict=False))
    pairs = [(a, b) for a, b in pairs if a.is_floating_point() and a.shape == b.shape and a.numel()]
    worst = 0.0
    for a, b in pairs:
        a, b = a.detach().double(), b.detach().double()
        finite = a.isfinite()
        if not torch.equal(finite, b.isfinite()):
            return math.inf
        if finite.any():
            a, b = a[finite], b[finite]
            spread = float(a.std(correction=0)) or float(a.abs().max()) or 1.0
            worst = max(worst, float((a - b).abs().max()) / spread)
    return worst if pairs else None


def _first_that_differs(replay: _Replay, check_time: CheckTime) -> str:
    """The first module without submodules that, compiled alone, gives another output."""
    calls: list[tuple[str, nn.Module, Any, Any]] = []

    def remember(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            calls.append((name, module, inputs, output))

        return hook

    hooks = [module.register_forward_hook(remember(name)) for name, module in _leaves(replay.copy)]
    with torch.no_grad():
        replay.copy(*replay.args, **replay.kwargs)
        for hook in hooks:
            hook.remove()
        for name, module, inputs, output in calls:
            check_time()
            alone = replay.compile(module) if replay.compile is not None else module
            distance = _distance(output, alone(*inputs))
            limit = HALF if replay.output.half else SINGLE
            if distance is not None and distance > limit:
                return f"{name} ({type(module).__name__})"
    return ""


def _leaves(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    return ((name, module) for name, module in model.named_modules()
            if not list(module.children()) and name)


@builds(CompiledOutput, RUNS_MODELS)
def compiled_outputs(run: WatchedRun) -> Built:
    for looks in run.observer(CompiledModels).looks.values():
        if (replay := looks.worst) is not None:
            seen, module = replay.output, ""
            # without time for its name, the difference is still one
            with contextlib.suppress(OutOfTime), run.tolerating(f"a replay of {seen.model}"):
                module = _first_that_differs(replay, run.check_time)
            yield CompiledOutput(seen.model, seen.step, seen.difference, seen.half, module), replay.line
