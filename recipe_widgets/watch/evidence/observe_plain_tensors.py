"""Tensors that work as weights and are no parameters of any module."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.rules.registered_weights import PlainTensor
from recipe_widgets.watch.evidence.forward_pass import tensors_in
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_FEWEST_NUMBERS, _MOST_NUMBERS = 32, 10_000_000  # of a tensor that may have been drawn at random
_FEWEST_LOOKS = 3
_DEVIATIONS = 5.0  # standard errors: one in two million tensors drawn at random lies beyond
_NORMAL, _UNIFORM = 3.0, 1.8  # kurtosis
# operations that join weights to what flows through a net
_JOINING = (torch.Tensor.matmul, torch.matmul, torch.Tensor.mm, torch.mm, torch.Tensor.bmm,
            torch.bmm, torch.einsum, torch.addmm, torch.baddbmm, F.linear, F.conv1d, F.conv2d,
            F.conv3d, torch.Tensor.add, torch.add, torch.Tensor.mul, torch.mul, torch.cat,
            torch.concat, F.scaled_dot_product_attention)


@dataclass
class _Leaf:
    """A tensor that wants a gradient and is in no optimiser. total: of its values at first."""

    tensor: weakref.ref[torch.Tensor]
    shape: tuple[int, ...]
    total: float
    line: SourceLocation | None
    looks: int = 0
    moved: bool = False


@dataclass
class _Constant:
    """A plain tensor that a module holds. version: torch raises it with each write in place."""

    tensor: weakref.ref[torch.Tensor]
    name: str
    version: int
    line: SourceLocation | None = None
    steps: set[int] = field(default_factory=set)


class PlainTensors(Observer):
    """Attributes:
        leaves: by id of the tensor. constants: by address of the numbers.
    """

    def __init__(self, records: Any) -> None:
        super().__init__(records)
        self.leaves: dict[int, _Leaf] = {}
        self.constants: dict[int, _Constant] = {}
        self._inputs: set[int] = set()  # ids of tensors that are put into modules: data
        self._samples: set[int] = set()

    def torch_calls(self) -> dict[Any, CallHandler]:
        return dict.fromkeys(_JOINING, self._joined)

    # what modules hold

    def before_forward(self, model: nn.Module) -> None:
        progress = self.records.progress
        if progress.full and progress.model is not None and torch.is_grad_enabled():
            for name, tensor in _held_by_modules(model):
                self._held(name, tensor)

    def _held(self, name: str, tensor: torch.Tensor) -> None:
        if tensor.requires_grad or not tensor.is_floating_point() or tensor.is_inference() \
                or not _FEWEST_NUMBERS <= tensor.numel() <= _MOST_NUMBERS or tensor.is_meta:
            return
        pointer = tensor.untyped_storage().data_ptr()
        known = self.constants.get(pointer)
        if known is None or known.tensor() is not tensor or known.version != tensor._version:
            self.constants[pointer] = _Constant(weakref.ref(tensor), name, tensor._version)

    def submodule_called(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        self._inputs |= {id(x) for x in args if isinstance(x, torch.Tensor) and x.is_leaf}

    def after_forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
                      output: Any) -> None:
        if self.records.progress.full:
            inputs = tensors_in(args) + tensors_in(kwargs)
            self._inputs |= {id(x) for x in inputs if x.is_leaf}
            self._samples |= {len(x) for x in inputs if x.ndim and len(x) > 1}

    def _joined(self, call: TorchCall) -> None:
        """Does a constant meet what the net has learnt so far?"""
        progress = self.records.progress
        if not self.constants or not progress.full or not progress.in_call \
                or not isinstance(call.result, torch.Tensor) or not call.result.requires_grad:
            return
        tensors = tensors_in(call.args) + tensors_in(call.kwargs)
        if not any(x.requires_grad and not x.is_leaf for x in tensors):
            return  # a fixed projection of the data itself is a part of the data
        for x in tensors:
            known = None if x.requires_grad else self.constants.get(x.untyped_storage().data_ptr())
            if known is not None:
                known.line = caller_location()
                known.steps.add(progress.step)

    # what wants a gradient

    def before_backward(self, roots: tuple[torch.Tensor, ...]) -> None:
        graph = self.records.loss_graph
        if graph is None:
            return
        held = self.records.optimizers.parameter_ids
        for key in graph.leaves.keys() - held:
            leaf = graph.leaves[key]
            total = float(leaf.detach().double().sum())
            known = self.leaves.get(key)
            if known is None or known.tensor() is not leaf:
                known = self.leaves[key] = _Leaf(weakref.ref(leaf), tuple(leaf.shape), total,
                                                 caller_location())
            known.looks += 1
            known.moved |= total != known.total

    def unmoved(self) -> Iterator[tuple[_Leaf, torch.Tensor]]:
        """Tensors that wanted a gradient at several looks, and stayed as they are."""
        for key, one in self.leaves.items():
            tensor = one.tensor()
            # as many rows as samples: points at which a net is differentiated, for example
            as_data = key in self._inputs or (one.shape and one.shape[0] in self._samples)
            if tensor is not None and one.looks >= _FEWEST_LOOKS and not one.moved and not as_data:
                yield one, tensor


def _held_by_modules(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Tensors in attributes of modules, and in their lists and dicts, by name."""
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if name.startswith("_") or isinstance(value, (int, float, str, bool)):
                continue
            whole = f"{path}.{name}" if path else name
            if isinstance(value, torch.Tensor):
                yield whole, value
            elif isinstance(value, (list, tuple)):
                for number, part in enumerate(value[:64]):
                    if isinstance(part, torch.Tensor):
                        yield f"{whole}[{number}]", part
            elif isinstance(value, dict):
                for key, part in list(value.items())[:64]:
                    if isinstance(part, torch.Tensor):
                        yield f"{whole}[{key!r}]", part


def _looks_random(tensor: torch.Tensor) -> bool:
    """Could the numbers be independent draws from one normal or uniform distribution? Tables,
    grids, filters and embeddings of words could not.
    """
    values = tensor.detach().double().cpu()
    n, flat = values.numel(), values.reshape(-1)
    spread = float(flat.std())
    if spread == 0 or len(flat.unique()) < 0.99 * n:
        return False
    z = (flat - flat.mean()) / spread
    kurtosis = float((z**4).mean())
    tolerance = _DEVIATIONS * (24 / n)**0.5
    if min(abs(kurtosis - _NORMAL), abs(kurtosis - _UNIFORM)) > tolerance:
        return False
    centred = z.reshape(values.shape)
    for axis in range(values.ndim):
        length = values.shape[axis]
        if length < 2:
            continue
        # neighbours are unrelated, and no slice has a mean or a size of its own
        pairs = centred.narrow(axis, 1, length - 1) * centred.narrow(axis, 0, length - 1)
        if abs(float(pairs.mean())) > _DEVIATIONS / pairs.numel()**0.5:
            return False
        slices = centred.movedim(axis, 0).reshape(length, -1)
        width = slices.shape[1]
        if width >= 8:
            if float(slices.mean(1).abs().max()) > _DEVIATIONS / width**0.5:
                return False
            sizes = (slices**2).mean(1)
            if float((sizes - 1).abs().max()) > _DEVIATIONS * ((kurtosis - 1) / width)**0.5:
                return False
    return True


@builds(PlainTensor)
def plain_tensors(run: WatchedRun) -> Built:
    seen = run.observer(PlainTensors)
    optimizers = run.records.optimizers
    if not any(one.gradients.steps for one in optimizers):
        return
    modules = [module for one in run.records.models if (module := one.module()) is not None]
    registered = {id(p) for module in modules for p in module.parameters()}
    names = {id(t): name for module in modules for name, t in _held_by_modules(module)}
    held = optimizers.parameter_ids
    for leaf, tensor in seen.unmoved():
        if id(tensor) in held or id(tensor) in registered:
            continue
        name = names.get(id(tensor), "")
        if name or not isinstance(tensor, nn.Parameter):
            yield PlainTensor(name, leaf.shape, wants_gradient=True), leaf.line
    for one in seen.constants.values():
        constant = one.tensor()
        if constant is not None and len(one.steps) >= _FEWEST_LOOKS \
                and constant._version == one.version and _looks_random(constant):
            yield PlainTensor(one.name, tuple(constant.shape)), one.line
