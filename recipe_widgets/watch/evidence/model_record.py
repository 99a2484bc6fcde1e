"""The models of a run: which modules are called from outside, how often, in which mode."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.modules import batchnorm, dropout, instancenorm

from recipe_widgets.watch.evidence.forward_pass import map_tensors, tensors_in
from recipe_widgets.watch.evidence.sample_hash import SampleHashes
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location

DROPOUT, NORM = dropout._DropoutNd, batchnorm._NormBase
_MOST_MODELS = 200
_MOST_RETAINED = 4  # modules that are held for the probes at the end
_MOST_EXAMPLE_NUMBERS = 8_000_000


@dataclass(eq=False)
class ModelRecord:
    """A module with parameters that the script calls itself.

    Attributes:
        ids: of its parameters, as of the last close look. example: (args, kwargs) of one call; example_labels: that belong.
        mode_runs: [training mode?, training steps in a row], in order.
        varies: its inputs differ from call to call. trained: training passes.
        generation: how often its weights were set back to a start, as for another fold.
        called: names of submodules that were called.
        unregistered: class name -> ids of parameters of modules that are used inside it, and are
            none of its submodules.
        mode_layers: class names of dropout and norm layers that the mode changes.
        active_in_training_mode: (dropout, norm) that were on at the last evaluation.
        graph_linearity: (all linear?, weighted layers) of each graph that was read.
        no_output_bias: its last operation is a matrix product without a bias.
    """

    number: int
    module: weakref.ref[nn.Module]
    name: str
    ids: set[int]
    line: SourceLocation | None
    mode_layers: list[str] = field(default_factory=list)
    mode_runs: list[list[Any]] = field(default_factory=list)
    example: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    example_labels: torch.Tensor | None = None
    varies: bool = False
    trained: int = 0
    generation: int = 0
    called: set[str] = field(default_factory=set)
    unregistered: dict[str, set[int]] = field(default_factory=dict)
    graph_linearity: list[tuple[bool, int]] = field(default_factory=list)
    no_output_bias: bool = False
    active_in_training_mode: tuple[bool, bool] = (False, False)
    _example_form: Any = None
    _example_hash: Any = None

    def keep_example(self, args: tuple[Any, ...], kwargs: dict[str, Any],
                     hashes: SampleHashes | None) -> None:
        """Copies the inputs of one call for the probes at the end."""
        if hashes is None or len(hashes) < 2:
            return
        tensors = tensors_in(args) + tensors_in(kwargs)
        form = (tensors[0].dtype, tensors[0].device, tensors[0].ndim)
        if form != self._example_form:  # the first one, or the model takes something else by now
            self.example, self.example_labels, self._example_form = None, None, form
            # copies: the script may write into its own batch later
            dense = all(t.layout == torch.strided for t in tensors)
            if dense and sum(t.numel() for t in tensors) < _MOST_EXAMPLE_NUMBERS:
                self.example = (_copied(args), _copied(kwargs))
                self._example_hash = hashes[0]
        elif hashes[0] != self._example_hash:
            self.varies = True

    @property
    def has_label_per_sample(self) -> bool:
        """Does the example have one label for each row of its first input? Then its first axis is
        the batch.
        """
        labels, example = self.example_labels, self.example
        if labels is None or example is None or labels.ndim != 1:
            return False
        return len(labels) == len((tensors_in(example[0]) or tensors_in(example[1]))[0])

    def trained_in(self, training_mode: bool) -> None:
        """One more training pass."""
        self.trained += 1
        if not self.mode_runs or self.mode_runs[-1][0] != training_mode:
            self.mode_runs.append([training_mode, 0])
        self.mode_runs[-1][1] += 1


class ModelRecords:
    """The models of a run. retained: number -> module of the last few that were trained."""

    def __init__(self) -> None:
        self._records: list[ModelRecord] = []
        self.retained: dict[int, nn.Module] = {}
        # by id of the module; None for modules without parameters: losses, transforms
        self._known: dict[int, tuple[weakref.ref[nn.Module], ModelRecord | None]] = {}

    def __iter__(self) -> Iterator[ModelRecord]:
        return iter(self._records)

    def of(self, module: nn.Module) -> ModelRecord | None:
        """None for a module without parameters."""
        known = self._known.get(id(module))
        # ids are used again after a deletion; what had no parameters may have been given some
        if known is not None and known[0]() is module and known[1] is not None:
            return known[1]
        record = None
        if next(module.parameters(), None) is not None and len(self._records) < _MOST_MODELS:
            record = self._add(module)
        self._known[id(module)] = (weakref.ref(module), record)
        return record

    def _add(self, module: nn.Module) -> ModelRecord:
        record = ModelRecord(len(self._records) + 1, weakref.ref(module), type(module).__name__,
                             set(), caller_location())
        self._records.append(record)
        self.refresh(record)
        return record

    def refresh(self, record: ModelRecord) -> None:
        """What the model consists of by now: a script may replace, add and freeze layers."""
        module = record.module()
        if module is None:
            return
        record.ids = {id(p) for p in module.parameters()}
        layers = [(m, kind) for m in module.modules() if (kind := _mode_kind(m))]
        # a frozen norm is meant to stay as it is: the mode of training does not change it
        record.mode_layers = sorted({
            type(m).__name__
            for m, kind in layers
            if kind == "dropout" or any(p.requires_grad for p in m.parameters())
        })

    def numbered(self, number: int) -> ModelRecord | None:
        return self._records[number - 1] if 0 < number <= len(self._records) else None

    def active_in_training_mode(self, record: ModelRecord) -> tuple[bool, bool]:
        """Are (dropout, batch statistics) on at this moment, with the model as a whole in training
        mode?
        """
        module = record.module()
        if module is None or not module.training:
            return False, False
        kinds = {_mode_kind(m) for m in module.modules() if m.training}
        record.active_in_training_mode = ("dropout" in kinds, "norm" in kinds)
        return record.active_in_training_mode

    def retain(self, record: ModelRecord) -> None:
        """Holds the module for the probes at the end, and lets the oldest go."""
        module = record.module()
        if module is not None:
            self.retained[record.number] = module
        while len(self.retained) > _MOST_RETAINED:  # a search over models must not hold them all
            self.retained.pop(next(iter(self.retained)))

    @property
    def trained(self) -> list[ModelRecord]:
        return [one for one in self._records if one.trained]

    @property
    def trained_numbers(self) -> set[int]:
        return {one.number for one in self.trained}


def parameter_names(modules: Iterable[nn.Module]) -> dict[int, str]:
    """Id of a parameter -> its name in the last of these modules that has it."""
    return {id(p): name for module in modules for name, p in module.named_parameters()}


def _mode_kind(module: nn.Module) -> str:
    """ "dropout", "norm" or "": what the mode of this layer changes."""
    if isinstance(module, DROPOUT):
        return "dropout" if module.p > 0 else ""
    # without running statistics a norm does the same in both modes; so does an instance norm,
    # nearly
    if isinstance(module, NORM) and module.running_mean is not None and not isinstance(
            module, instancenorm._InstanceNorm):
        return "norm"
    return ""


def _copied(thing: Any) -> Any:
    return map_tensors(thing, lambda tensor: tensor.detach().clone())
