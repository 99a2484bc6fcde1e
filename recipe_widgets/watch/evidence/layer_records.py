"""What a close look at the parts of a model shows: its layers, its graph, its weights."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.modules import conv

from recipe_widgets.rules.dropout_rate import STRONG
from recipe_widgets.watch.evidence.forward_pass import ForwardPass
from recipe_widgets.watch.evidence.input_statistics import RunningStatistics
from recipe_widgets.watch.evidence.model_record import DROPOUT, NORM, ModelRecord, ModelRecords
from recipe_widgets.watch.evidence.optimizer_record import OptimizerRecord
from recipe_widgets.watch.instrument.autograd_graph import (
    AutogradGraph,
    last_operation,
    walk_graph,
)
from recipe_widgets.watch.instrument.progress import WatchProgress
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location

_WEIGHTED = (nn.Linear, conv._ConvNd)
_WEIGHTED_OPERATIONS = ("Convolution", "Addmm", "Linear")
_MOST_ORPHANS, _MOST_FIRST_NUMBERS = 500, 8
_MOST_NUMBERS = 5_000_000  # of a tensor whose statistics are taken


@dataclass
class OrphanRecord:
    """A parameter that gets gradients and is in no optimiser.

    Attributes:
        times_seen: at close looks. fresh: were its values still those of an initialisation?
        first_sum, last_sum: of its values, at the first and the last look.
    """

    fresh: bool
    first_sum: float
    last_sum: float
    shape: tuple[int, ...] = ()
    times_seen: int = 0


@dataclass
class FrozenWeights:
    """Weights that do not learn. ids: of the parameters. since: step at which they were first seen
    so, and never otherwise after.
    """

    line: SourceLocation | None
    ids: set[int]
    since: int = 0


@dataclass
class LayerRecords:
    """Layers of all models, by their names in the model.

    Attributes:
        first_inputs: what enters the first layer with weights, and its line.
        strong_dropouts: name -> (rate, line). dropout_in_eval: line -> what it is.
        frozen_norms: whose running statistics go on. frozen_random: at values of an initialisation;
            adapted: a low-rank adapter learns beside one of them.
        equal_units: layer -> steps at which all of its units were the same.
        biases_before_norm: layers whose bias the norm behind removes.
        orphans: by id of the parameter.
    """

    models: ModelRecords
    progress: WatchProgress
    first_inputs: RunningStatistics = field(default_factory=RunningStatistics)
    first_input_line: SourceLocation | None = None
    strong_dropouts: dict[str, tuple[float, SourceLocation | None]] = field(default_factory=dict)
    dropout_in_eval: dict[SourceLocation | None, str] = field(default_factory=dict)
    frozen_norms: dict[str, FrozenWeights] = field(default_factory=dict)
    frozen_random: dict[str, FrozenWeights] = field(default_factory=dict)
    adapted: bool = False
    equal_units: dict[str, list[int]] = field(default_factory=dict)
    biases_before_norm: set[str] = field(default_factory=set)
    orphans: dict[int, OrphanRecord] = field(default_factory=dict)
    _initialised: dict[int, tuple[weakref.ref[torch.Tensor], int, tuple[float, ...]]] = field(
        default_factory=dict)
    _submodule_ids: dict[int, set[int]] = field(default_factory=dict)
    _first_layer_seen: bool = False
    _last_weighted: Any = None  # the layer with weights that was called last

    # calls

    def model_called(self) -> None:
        self._first_layer_seen = False

    def submodule_called(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        model = self.progress.model
        if model is None or self.progress.in_backward:
            return
        if isinstance(module, DROPOUT) and module.training:
            self._dropout_called(model, module)
        if not torch.is_grad_enabled():
            # a part that runs under no_grad inside a training pass
            if self.progress.grad_at_start and module._parameters:
                self._note_registration(model, module)
            return
        x = args[0] if args and isinstance(args[0], torch.Tensor) else None
        if isinstance(module, _WEIGHTED) and x is not None:
            self._first_layer_called(x)
        if isinstance(module, NORM):
            self._norm_called(model, module, x)
        elif isinstance(module, _WEIGHTED):
            self._last_weighted = module
        if module._parameters:
            self._note_registration(model, module)

    def _dropout_called(self, model: nn.Module, module: Any) -> None:
        if model.training and module.p >= STRONG:
            self.strong_dropouts[_name_in(model, module)] = (float(module.p), caller_location())
        made_in_forward = (type(module) is nn.Dropout and module.p > 0
                           and id(module) not in self._ids_of(model))
        if not model.training and made_in_forward:
            self.dropout_in_eval[caller_location()] = "a dropout module made in the forward pass"

    def _norm_called(self, model: nn.Module, norm: Any, x: torch.Tensor | None) -> None:
        # Only the layer right in front: its output must be what the norm gets.
        before, self._last_weighted = self._last_weighted, None
        if before is not None and before.bias is not None and x is not None \
                and last_operation(x) in _WEIGHTED_OPERATIONS:
            self.biases_before_norm.add(_name_in(model, before))
        own = list(norm.parameters(recurse=False))
        if norm.training and norm.running_mean is not None and own:
            name, ids = _name_in(model, norm), {id(p) for p in own}
            known = self.frozen_norms.get(name)
            before = known if known is not None and known.ids == ids else None
            if not any(p.requires_grad for p in own):
                self.frozen_norms[name] = before or FrozenWeights(caller_location(), ids,
                                                                  self.progress.step)
            elif before is not None:
                del self.frozen_norms[name]

    def _first_layer_called(self, x: torch.Tensor) -> None:
        """What enters the first layer with weights of this call."""
        if self._first_layer_seen:
            return
        self._first_layer_seen = True  # an x with a graph comes from another model: not data
        if x.ndim >= 2 and x.grad_fn is None and x.is_floating_point() and x.numel(
        ) < _MOST_NUMBERS:
            self.first_inputs.add(x)
            self.first_input_line = caller_location()

    def _ids_of(self, model: nn.Module) -> set[int]:
        if id(model) not in self._submodule_ids:
            self._submodule_ids[id(model)] = {id(m) for m in model.modules()}
        return self._submodule_ids[id(model)]

    def _note_registration(self, model: nn.Module, module: nn.Module) -> None:
        """Is a module with parameters that runs inside a model one of its submodules?"""
        record = self.models.of(model)
        if record is None:
            return
        if id(module) not in self._ids_of(model):
            del self._submodule_ids[id(model)]  # it may have been added since
        if id(module) in self._ids_of(model):
            record.called.add(_name_in(model, module))
        else:
            record.unregistered.setdefault(type(module).__name__, set()).update(
                id(p) for p in module.parameters(recurse=False) if p.requires_grad)

    # graphs

    def graph_read(self, graph: AutogradGraph, passes: Iterable[ForwardPass],
                   held: set[int]) -> None:
        """What the graph of a loss says about the models. held: ids that optimisers hold."""
        for one in passes:
            record = self.models.numbered(one.model)
            if record is None or not one.outputs or not one.with_graph:
                continue
            # a soft-max at the end belongs to the loss, and does not make a model non-linear
            inner = walk_graph(one.outputs[0], ("LogSoftmax", "Softmax", "Sigmoid"))
            record.graph_linearity.append((inner.linear, inner.weighted))
            record.no_output_bias = last_operation(one.outputs[0]) == "Mm"
            self._find_frozen_weights(record, graph)
        for key, leaf in graph.leaves.items():
            if key not in held and isinstance(leaf, nn.Parameter):
                self._orphan_seen(key, leaf)

    def _orphan_seen(self, key: int, leaf: torch.Tensor) -> None:
        if key not in self.orphans and len(self.orphans) >= _MOST_ORPHANS:
            return
        total = float(leaf.detach().double().sum())  # stands for the values: do they move?
        orphan = self.orphans.setdefault(key, OrphanRecord(
            self.is_initial(leaf), total, total, tuple(leaf.shape)))
        orphan.times_seen += 1
        orphan.last_sum = total

    def _find_frozen_weights(self, record: ModelRecord, graph: AutogradGraph) -> None:
        """Frozen weights at random values in front of layers that learn."""
        model = record.module()
        if model is None:
            return
        # biases and norms may well be frozen at their initial zeros and ones
        weights = [(name, p) for name, p in model.named_parameters() if p.ndim >= 2]
        learning = [i for i, (_, p) in enumerate(weights) if id(p) in graph.leaves]
        for i, (name, p) in enumerate(weights):
            if not p.requires_grad and learning and i < learning[-1] and self.is_initial(p):
                layer = name.rpartition(".")[0]
                if layer in record.called and isinstance(model.get_submodule(layer), _WEIGHTED):
                    self.frozen_random[name] = FrozenWeights(record.line, {id(p)})
                    self.adapted = self.adapted or _has_adapter(model, layer)

    # weights

    def tensor_initialised(self, tensor: Any) -> None:
        if isinstance(tensor, torch.Tensor):
            # torch raises the version with each write in place, so a trained or loaded tensor
            # is told from this one without a copy; writes through .data raise none
            self._initialised[id(tensor)] = (weakref.ref(tensor), tensor._version,
                                             _first_numbers(tensor))

    def is_initial(self, tensor: torch.Tensor) -> bool:
        """Are these the values that an initialisation gave it?"""
        mark = self._initialised.get(id(tensor))
        return mark is not None and mark[0]() is tensor and mark[1:] == (tensor._version,
                                                                         _first_numbers(tensor))

    def step_taken(self, optimizer: OptimizerRecord) -> None:
        """Looks for layers whose units are all the same."""
        for record in self.models:
            model = record.module()
            if model is None or not record.ids & optimizer.ids:
                continue
            for name, layer in model.named_modules():
                # two rows first: most layers are told by them
                if isinstance(layer, _WEIGHTED) and _learns(layer.weight, optimizer.ids) \
                        and _rows_equal(layer.weight[:2]) and _rows_equal(layer.weight):
                    self.equal_units.setdefault(name, []).append(self.progress.step)


def _first_numbers(tensor: torch.Tensor) -> tuple[float, ...]:
    """A few of its values; empty on a GPU, which would have to be waited for."""
    if tensor.device.type != "cpu" or tensor.layout != torch.strided:
        return ()
    return tuple(tensor.detach().flatten()[:_MOST_FIRST_NUMBERS].double().tolist())


def _has_adapter(model: nn.Module, layer: str) -> bool:
    """Do two matrices learn beside this layer whose product has the shape of its weight?"""
    outer = model.get_submodule(layer.rpartition(".")[0])
    base = model.get_submodule(layer).weight
    if isinstance(outer, (nn.Sequential, nn.ModuleList)) or outer is model or not isinstance(
            base, torch.Tensor):
        return False
    learning = [p for p in outer.parameters() if p.requires_grad and p.ndim == base.ndim]
    return any(a.shape[1] == base.shape[1] and b.shape[0] == base.shape[0] and len(a) == b.shape[1]
               for a in learning for b in learning if a is not b)


def _learns(weight: torch.Tensor, held: set[int]) -> bool:
    """Does an optimiser hold this weight, and has it several units with several inputs?"""
    return (weight.requires_grad and len(weight) > 1 and weight[0].numel() > 1
            and id(weight) in held)


def _rows_equal(weight: torch.Tensor) -> bool:
    """Are all rows equal, but for rounding?"""
    with torch.no_grad():
        return bool((weight - weight[:1]).abs().max() <= 1e-4 * weight.abs().max())


def _name_in(model: nn.Module, module: nn.Module) -> str:
    return next((name for name, m in model.named_modules() if m is module), type(module).__name__)
