"""Do the processes of one training hold the same weights? Nothing is sent while it runs: each
process keeps sums of its weights, and the first one compares them at the end.
"""

from __future__ import annotations

import gc
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from recipe_widgets.rules.replicas_agree import DifferentReplicas
from recipe_widgets.watch.evidence.model_record import parameter_names
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.peer_processes import peer_processes

_MOST_PARAMETERS = 2000
_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes a number
_MOST_STEPS = 40  # optimiser steps whose sums are kept: those of a power of two


class Replicas(Observer):
    """Attributes:
        sums: "optimiser step" -> (sizes of its parameters, sums of their values).
        parameters: of each optimiser.
        inner_calls: id of a module -> where it is called with gradients.
        too_large: numbers of parameters of the optimisers that hold too many.
    """

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.sums: dict[str, tuple[list[int], list[int]]] = {}
        self.parameters: list[list[torch.Tensor]] = []
        self.inner_calls: dict[int, SourceLocation | None] = {}
        self.too_large: set[int] = set()
        self.wrappers: list[DistributedDataParallel] = []
        self._optimizers: dict[int, tuple[int, int]] = {}  # id -> (number, steps)

    def before_forward(self, model: nn.Module) -> None:
        if _is_distributed() and torch.is_grad_enabled() and id(model) not in self.inner_calls:
            self.inner_calls[id(model)] = caller_location()

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        if not _is_distributed():
            return
        number, steps = self._optimizers.get(id(optimizer), (len(self._optimizers), 0))
        steps += 1
        self._optimizers[id(optimizer)] = number, steps
        if steps & (steps - 1) or len(self.sums) >= _MOST_STEPS:
            return
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        if number == len(self.parameters):
            self.parameters.append(parameters)
        if len(parameters) >= _MOST_PARAMETERS:
            self.too_large.add(len(parameters))
        elif all(type(p) in (nn.Parameter, torch.Tensor) for p in parameters):  # whole ones
            with torch.no_grad():
                values = torch.stack([_sum_of_bits(p).cpu() for p in parameters]).tolist()
            self.sums[f"{number} {steps}"] = [p.numel() for p in parameters], values

    def script_ended(self) -> None:
        if self.sums:
            self.wrappers = [one for one in gc.get_objects()
                             if type(one) is DistributedDataParallel]
            peers = peer_processes()
            if peers is not None and not peers.is_first:
                peers.tell("sums", self.sums)


def _is_distributed() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


@builds(DifferentReplicas)
def different_replicas(run: WatchedRun) -> Built:
    peers, seen = peer_processes(), run.observer(Replicas)
    run.not_looked_at += [f"whether the processes hold the same weights: {count} tensors are too many"
                          for count in sorted(seen.too_large)]
    if peers is None or not peers.is_first or not seen.sums or not run.own_process \
            or not run.finished:
        return
    others = list(peers.hear("sums").values())
    for number, parameters in enumerate(seen.parameters):
        differing: dict[int, list[int]] = {}  # step -> positions
        for step in (int(key.split()[1]) for key in seen.sums if key.startswith(f"{number} ")):
            sizes, own = seen.sums[f"{number} {step}"]
            theirs = [other[f"{number} {step}"] for other in others if f"{number} {step}" in other]
            if any(list(one[0]) != sizes for one in theirs):
                return  # each holds its own part
            differing[step] = [
                i for i, value in enumerate(own) if any(value != one[1][i] for one in theirs)
            ]
        # for good, from some step on
        for_good = set(differing.get(max(differing, default=0), []))
        if for_good:
            step = min(step for step, places in differing.items() if for_good & set(places))
            found = _why(run, seen, [parameters[i] for i in sorted(for_good)])
            if found is not None:
                names, cause, line = found
                yield DifferentReplicas(step, names, len(others) + 1, cause), line


def _sum_of_bits(p: torch.Tensor) -> torch.Tensor:
    """The bits of all numbers, summed up as integers: exact in any order, on any number of threads
    or kind of GPU, where a sum of floats is not.
    """
    numbers = torch.view_as_real(p) if p.is_complex() else p
    return numbers.contiguous().view(_INTEGERS[numbers.element_size()]).long().sum()


def _why(run: WatchedRun, seen: Replicas, differing: list[torch.Tensor]) -> tuple[
        list[str], Literal["inner", "late", "unknown", "alone"], SourceLocation | None] | None:
    """(names, cause, line) of parameters that differ; None where they are meant to."""
    modules: list[Any] = [*run.records.models.retained.values(), *seen.wrappers]
    names = {key: name.removeprefix("module.") for key, name in parameter_names(modules).items()}
    ignored = {name for one in seen.wrappers for name in one.parameters_to_ignore}
    left = [p for p in differing if names.get(id(p), "") not in ignored]
    if not left:
        return None
    said = [names.get(id(p), f"one of {tuple(p.shape)}") for p in left]
    ids = {id(p) for p in left}
    for wrapper in seen.wrappers:
        inner = wrapper.module
        if not ids & {id(p) for p in inner.parameters()}:
            continue
        known = {id(p) for p in getattr(wrapper, "_module_parameters", ())}
        if known and not ids & known:
            return said, "late", run.model_line
        called = next((m for m in inner.modules() if id(m) in seen.inner_calls), None)
        if called is not None:
            return said, "inner", seen.inner_calls[id(called)]
        return said, "unknown", run.model_line
    return said, "alone", run.model_line  # no wrapper holds them
