"""Which parameters of an optimiser ever have a gradient when it steps, and what the loss reaches."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from recipe_widgets.rules.gradients_flow import LossWithoutGraph
from recipe_widgets.rules.optimizer_covers_model import ParametersWithoutGradient
from recipe_widgets.watch.evidence.forward_pass import tensors_in
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.optimizer_record import OptimizerRecord
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location

# parameters whose values are compared at the end
_KEPT, _MOST_NUMBERS = 16, 100_000
_FEWEST_LOOKS, _FEWEST_CALLS = 2, 4


@dataclass
class SteppedParameters:
    """Attributes:
        any_gradient: has any ever had one? with_gradient: ids of those that had one at a look.
        silent: id -> shape of the others, at the last look. frozen: are they all?
        first_values: of a few, before the first step.
    """

    record: OptimizerRecord
    any_gradient: bool = False
    with_gradient: set[int] = field(default_factory=set)
    silent: dict[int, tuple[int, ...]] = field(default_factory=dict)
    frozen: bool = False
    held: int = 0
    first_values: list[tuple[torch.Tensor, torch.Tensor]] = field(default_factory=list)

    @property
    def moved(self) -> bool:
        """Did any of those without a gradient change all the same?"""
        return any(id(p) in self.silent and not torch.equal(p.detach(), old)
                   for p, old in self.first_values)


@dataclass
class _Calls:
    """Steps with a look at which a model was called in training mode, with a graph or with weights
    that still are at random. ids: of its parameters that want a gradient.
    """

    ids: set[int] = field(default_factory=set)
    steps: set[int] = field(default_factory=set)


class StepGradients(Observer):
    """Attributes:
        optimizers: by id of their records. looks: graphs that were read, and by what they reached:
            "parameters" or "nothing".
        called: by number of the model, calls that should have trained it.
        rootless: line -> backward passes from a loss that is a leaf itself.
    """

    def __init__(self, records: Any) -> None:
        super().__init__(records)
        self.optimizers: dict[int, SteppedParameters] = {}
        self.looks: Counter[str] = Counter()
        self.rootless: Counter[SourceLocation | None] = Counter()
        self.backwards = 0
        self.called: dict[int, _Calls] = {}

    def after_forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
                      output: Any) -> None:
        progress = self.records.progress
        record = self.records.models.of(model) if progress.full else None
        if record is not None and model.training:
            own = [p for p in model.parameters() if p.requires_grad]
            # a pretrained part that runs under no_grad is meant to stay as it is
            graph = any(x.requires_grad for x in tensors_in(output))
            if graph or any(p.ndim > 1 and self.records.layers.is_initial(p) for p in own):
                calls = self.called.setdefault(record.number, _Calls())
                calls.ids |= {id(p) for p in own}
                calls.steps.add(progress.step)

    def before_backward(self, roots: tuple[torch.Tensor, ...]) -> None:
        self.backwards += 1
        if len(roots) == 1 and roots[0].grad_fn is None:
            self.rootless[caller_location()] += 1
        graph = self.records.loss_graph
        if graph is not None and graph.complete:
            parameters = [leaf for leaf in graph.leaves.values()
                          if isinstance(leaf, nn.Parameter)]
            self.looks["parameters" if parameters else "nothing"] += 1

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        record = self.records.optimizers.of(optimizer)
        if record is None:
            return
        seen = self.optimizers.get(id(record))
        if seen is None:
            seen = self.optimizers[id(record)] = SteppedParameters(record)
            small = sorted(record.parameters(), key=torch.Tensor.numel)[:_KEPT]
            seen.first_values = [
                (p, p.detach().clone()) for p in small if p.numel() <= _MOST_NUMBERS
            ]
        self._look(seen)

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Once more: with a closure, gradients come within the step."""
        seen = self.optimizers.get(id(self.records.optimizers.of(optimizer)))
        if seen is not None:
            self._look(seen)

    def _look(self, seen: SteppedParameters) -> None:
        if seen.any_gradient and not self.records.progress.full:
            return
        parameters = seen.record.parameters()
        seen.with_gradient |= {id(p) for p in parameters if p.grad is not None}
        if seen.with_gradient:
            seen.any_gradient = True
        if self.records.progress.full:
            silent = [p for p in parameters if id(p) not in seen.with_gradient]
            seen.silent = {id(p): tuple(p.shape) for p in silent}
            seen.frozen = bool(silent) and not any(p.requires_grad for p in silent)
            seen.held = len(parameters)


def _known_ids(run: WatchedRun) -> set[int]:
    """Of the parameters of all models that train."""
    return {
        id(p)
        for module in run.records.models.retained.values() for p in module.parameters()
    }


def _cut_off(run: WatchedRun, one: SteppedParameters) -> set[int]:
    """Ids of the parameters of models that are called again and again in training, that this
    optimiser holds as a whole, and that no backward pass ever reaches.
    """
    seen = run.observer(StepGradients)
    trained = run.records.models.trained_numbers
    parts = [calls.ids for number, calls in seen.called.items()
             if number not in trained and len(calls.steps) >= _FEWEST_CALLS]
    return {key for ids in parts if ids <= one.silent.keys() for key in ids}


@builds(ParametersWithoutGradient)
def parameters_without_gradient(run: WatchedRun) -> Built:
    seen, records = run.observer(StepGradients), run.records
    to_the_end = run.finished and records.progress.last_step is None
    held, known = records.optimizers.parameter_ids, _known_ids(run)
    # the loss reaches them, no optimiser holds them, and they stay as they are
    orphans = Counter(
        one.shape for key, one in records.layers.orphans.items() if key not in held
        and one.times_seen >= _FEWEST_LOOKS and one.first_sum == one.last_sum)
    trains = {key for key, one in seen.optimizers.items() if one.any_gradient}
    for key, one in seen.optimizers.items():
        # what a model that trains has and does not use is another matter
        silent = one.silent if not one.any_gradient else {
            number: shape for number, shape in one.silent.items() if number not in known
        }
        shapes = Counter(silent.values())
        if not one.silent:
            continue
        why = ""
        if silent and shapes <= orphans:
            why = "copy"
        elif one.frozen:
            why = "frozen"
        elif seen.looks["nothing"] and not seen.looks["parameters"]:
            why = "cut"
        others = bool(trains - {key})
        if others and why != "copy" and not to_the_end:
            continue  # its turn may come later
        cut_off = _cut_off(run, one) if one.any_gradient and why != "copy" else set()
        if cut_off:
            silent, why = {key: one.silent[key] for key in cut_off}, "unreached"
        yield ParametersWithoutGradient(
            one.record.kind, one.record.gradients.steps, len(silent), one.held, why, one.moved,
            others), one.record.made_line


@builds(LossWithoutGraph)
def losses_without_graph(run: WatchedRun) -> Built:
    seen = run.observer(StepGradients)
    for line, times in seen.rootless.items():
        yield LossWithoutGraph(times, seen.backwards), line
