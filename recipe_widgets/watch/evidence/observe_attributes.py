"""Attributes that are set on modules from outside, and whether anything reads them."""

from __future__ import annotations

import difflib
import sys
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules import container
from torch.nn.parameter import is_lazy

from recipe_widgets.rules.unused_attributes import UnusedAttribute
from recipe_widgets.watch.evidence import model_probes
from recipe_widgets.watch.evidence.model_record import ModelRecord
from recipe_widgets.watch.evidence.observe_gradients import StepGradients
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.watched_run import RUNS_MODELS, Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location

_MOST, _MOST_OF_MODULE = 200, 64  # attributes that are followed; parameters of one module
_MOST_FRAMES = 12  # from our handler, through torch, to whoever sets the attribute
_ALIKE = 0.8  # of two names
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)
_TORCH_FILE = nn.modules.module.__file__
_THIS_PACKAGE = __name__.partition(".")[0]


@dataclass
class _Attribute:
    """Something new in a module. content: a parameter or a module."""

    owner: weakref.ref[nn.Module]
    name: str
    content: weakref.ref[Any]
    line: SourceLocation | None


class ForeignAttributes(Observer):
    """Attributes:
        parameters, modules: set by somebody else than their owner. tensors: name in the model and that
            of the parameter in use -> line; under names that are nearly those of a parameter.
    """

    def __init__(self, records: Any) -> None:
        super().__init__(records)
        self.parameters: list[_Attribute] = []
        self.modules: list[_Attribute] = []
        self.tensors: dict[tuple[int, str, str], SourceLocation | None] = {}
        self._looked_at: set[int] = set()

    def parameter_registered(self, module: nn.Module, name: str, parameter: Any) -> None:
        if not 2 <= len(module._parameters) <= _MOST_OF_MODULE or not isinstance(parameter, torch.Tensor) \
                or len(self.parameters) >= _MOST or _is_container(module):
            return
        like = _like(module, name, parameter)
        if like is not None and _is_set_from_outside(module) and not _has_same_numbers(parameter, like[1]):
            self.parameters.append(_Attribute(weakref.ref(module), name, weakref.ref(parameter),
                                              caller_location()))

    def module_registered(self, parent: nn.Module, name: str, module: nn.Module) -> None:
        if name in parent._modules or _is_container(parent) or not parent._modules \
                or len(self.modules) >= _MOST or next(module.parameters(), None) is None:
            return
        if _is_set_from_outside(parent):
            self.modules.append(_Attribute(weakref.ref(parent), name, weakref.ref(module),
                                           caller_location()))

    def before_forward(self, model: nn.Module) -> None:
        """Plain tensors, before anything is learnt: later on they may be copies of what was."""
        record = self.records.models.of(model)
        if record is None or id(model) in self._looked_at or self.progress.step:
            return
        self._looked_at.add(id(model))
        for path, layer in model.named_modules():
            if not _is_of_torch(layer):
                continue
            for name, value in vars(layer).items():
                if isinstance(value, torch.Tensor) and not name.startswith("_"):
                    like = _like(layer, name, value)
                    near = like is not None and (name == "data" or _is_misspelt(name, like[0]))
                    if like is not None and near and not _has_same_numbers(value, like[1]):
                        key = record.number, _joined(path, name), _joined(path, like[0])
                        self.tensors[key] = record.line


def _is_container(module: nn.Module) -> bool:
    return isinstance(module, _CONTAINERS) or type(module).__module__ == container.__name__


def _is_of_torch(layer: nn.Module) -> bool:
    """A layer whose forward is torch's own, and reads what torch's documentation says."""
    return (type(layer).__module__.startswith("torch.nn.modules.") and not _is_container(layer)
            and not layer._forward_pre_hooks and "forward" not in vars(layer))


def _like(module: nn.Module, name: str, tensor: torch.Tensor) -> tuple[str, torch.Tensor] | None:
    """The parameter of the module that has the same shape."""
    for other, p in () if is_lazy(tensor) else module._parameters.items():
        if other != name and p is not None and p is not tensor and not is_lazy(p) \
                and p.shape == tensor.shape:
            return other, p
    return None


def _has_same_numbers(a: torch.Tensor, b: torch.Tensor) -> bool:
    """A snapshot of weights as they are has, and weights that were tied."""
    return a.is_meta or b.is_meta or a.device != b.device or torch.equal(a.detach(), b.detach().to(a.dtype))


def _is_misspelt(name: str, right: str) -> bool:
    return bool(difflib.get_close_matches(right, [name.lower()], 1, _ALIKE))


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _is_set_from_outside(module: nn.Module) -> bool:
    """Is it somebody else than a method of the module itself who sets the attribute?"""
    frame = sys._getframe(1)
    for _ in range(_MOST_FRAMES):
        if frame.f_back is None:
            return False
        frame = frame.f_back
        code = frame.f_code
        ours = frame.f_globals.get("__name__", "").partition(".")[0] == _THIS_PACKAGE
        if ours or code.co_filename == _TORCH_FILE or code.co_name == "wrapper":
            continue
        return not (code.co_argcount and frame.f_locals.get(code.co_varnames[0]) is module)
    return False


def _still_there(one: _Attribute, paths: dict[int, str], kind: str) -> tuple[Any, Any] | None:
    """The owner and what was set, if both are parts of the model. kind: _parameters or _modules."""
    owner, content = one.owner(), one.content()
    if owner is None or content is None or id(owner) not in paths:
        return None
    return (owner, content) if getattr(owner, kind).get(one.name) is content else None


# evidence


@builds(UnusedAttribute, RUNS_MODELS)
def unused_attributes(run: WatchedRun) -> Built:
    seen = run.observer(ForeignAttributes)
    to_the_end = run.finished and run.records.progress.last_step is None
    for record in run.records.models.trained:
        model = run.records.models.retained.get(record.number)
        if model is None or not to_the_end:
            continue
        for (number, name, beside), line in seen.tensors.items():
            if number == record.number and name in _tensors_of(model):
                yield UnusedAttribute(name, beside, "tensor", record.trained), line
        yield from _parameters(run, record, model)
        yield from _layers(run, record, model)


def _tensors_of(model: nn.Module) -> set[str]:
    return {_joined(path, name) for path, layer in model.named_modules()
            for name, value in vars(layer).items() if isinstance(value, torch.Tensor)}


def _with_gradient(run: WatchedRun) -> set[int]:
    steps = run.observer(StepGradients)
    return run.records.optimizers.ids_with_gradient | {
        key for one in steps.optimizers.values() for key in one.with_gradient}


def _parameters(run: WatchedRun, record: ModelRecord, model: nn.Module) -> Built:
    reached, paths = _with_gradient(run), {id(m): path for path, m in model.named_modules()}
    for one in run.observer(ForeignAttributes).parameters:
        there = _still_there(one, paths, "_parameters")
        if there is None:
            continue
        owner, parameter = there
        if not parameter.requires_grad or parameter.grad is not None or id(parameter) in reached:
            continue
        like = _like(owner, one.name, parameter)
        if like is None or (id(like[1]) not in reached and like[1].requires_grad):
            continue
        name, beside = (_joined(paths[id(owner)], part) for part in (one.name, like[0]))
        changing: list[str] = []
        with run.tolerating(f"a probe of {record.name}"):
            changing = model_probes.changes_output(record, model, [name, beside], run.check_time)
        if changing == [beside]:
            yield UnusedAttribute(name, beside, "parameter", record.trained), one.line


def _layers(run: WatchedRun, record: ModelRecord, model: nn.Module) -> Built:
    reached, paths = _with_gradient(run), {id(m): path for path, m in model.named_modules()}
    held = run.records.optimizers.parameter_ids
    called_alone = {id(one.module()) for one in run.records.models}
    for one in run.observer(ForeignAttributes).modules:
        there = _still_there(one, paths, "_modules")
        if there is None:
            continue
        owner, layer = there
        parameters = list(layer.parameters())
        name = _joined(paths[id(owner)], one.name)
        called = any(path == name or path.startswith(f"{name}.") for path in record.called)
        if called or any(id(m) in called_alone for m in layer.modules()) \
                or any(id(p) in reached or p.grad is not None for p in parameters) \
                or not all(p.requires_grad and id(p) in held for p in parameters):
            continue
        beside = next(_of_same_kind(record, model, layer), "")
        if beside:
            yield UnusedAttribute(name, beside, "layer", record.trained), one.line


def _of_same_kind(record: ModelRecord, model: nn.Module, layer: nn.Module) -> Iterator[str]:
    """Names of layers that are called and are of the same class as this one, or as its last part; the
    last one first.
    """
    weighted = [m for m in layer.modules() if m._parameters]
    kind = type(weighted[-1]) if weighted else type(layer)
    inside = {id(m) for m in layer.modules()}
    for name, other in reversed(list(model.named_modules())):
        if id(other) not in inside and type(other) is kind and name in record.called:
            yield name
