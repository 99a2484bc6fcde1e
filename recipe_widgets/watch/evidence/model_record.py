"""Models: which are called, what is in them, what a full look at their parts shows."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.modules import batchnorm, conv, dropout

from recipe_widgets.watch.evidence.optimizer_record import OptimizerRecord
from recipe_widgets.watch.evidence.records import ForwardPass, ModelRecord, tensors
from recipe_widgets.watch.instrument import autograd_graph as graph
from recipe_widgets.watch.instrument.autograd_graph import Graph
from recipe_widgets.watch.instrument.source_location import place

if TYPE_CHECKING:
    from recipe_widgets.watch.evidence.watch_state import State

_DROPOUT, _NORM = dropout._DropoutNd, batchnorm._NormBase
_WEIGHTED = (nn.Linear, conv._ConvNd)
_KEEP = 4  # models that are kept for the probes at the end


class Modules:
    """The models of a run."""

    def __init__(self, recorder: State) -> None:
        self.recorder, self.all = recorder, list[ModelRecord]()
        self._known: dict[int, tuple[weakref.ref[nn.Module], ModelRecord | None]] = {}
        self._parts: dict[int, set[int]] = {}
        self._sensitive: dict[int, list[tuple[nn.Module, str]]] = {}
        self.first_done, self.root_grad = False, True
        self.before: Any = None  # the layer with weights that was called last

    def of(self, root: nn.Module) -> ModelRecord | None:
        """None for modules without parameters: losses, transforms."""
        known = self._known.get(id(root))
        if known is not None and known[0]() is root:
            return known[1]
        made = None
        if next(root.parameters(), None) is not None and len(self.all) < 200:
            made = ModelRecord(len(self.all) + 1, weakref.ref(root), type(root).__name__,
                             {id(p) for p in root.parameters()}, at=place(5))
            self.all.append(made)
            self._sensitive[made.number] = [
                (m, "dropout" if isinstance(m, _DROPOUT) else "norm")
                for m in root.modules()
                if (isinstance(m, _DROPOUT) and m.p > 0) or (
                    isinstance(m, _NORM) and m.running_mean is not None
                    and not isinstance(m, nn.modules.instancenorm._InstanceNorm))
            ]
            made.sensitive = sorted({
                f"{type(m).__name__}" for m, _ in self._sensitive[made.number]
                if not isinstance(m, _NORM) or any(p.requires_grad for p in m.parameters())
            })
        self._known[id(root)] = (weakref.ref(root), made)
        return made

    def numbered(self, number: int) -> ModelRecord | None:
        return self.all[number - 1] if 0 < number <= len(self.all) else None

    def loose(self, seen: ModelRecord) -> tuple[bool, bool]:
        """Are dropout or batch statistics on at this moment, with the model as a whole in
        training mode?
        """
        root = seen.module()
        if root is None or not root.training:
            return False, False
        on = {kind for m, kind in self._sensitive[seen.number] if m.training}
        seen.sensitive_kinds = ("dropout" in on, "norm" in on)
        return seen.sensitive_kinds

    def example(self, seen: ModelRecord, args: tuple[Any, ...], kwargs: dict[str, Any],
                rows: Any) -> None:
        """Keeps a few inputs for the probes at the end."""
        if rows is None or len(rows) < 2:
            return
        if seen.example is None:
            if sum(t.numel() for t in tensors(args) + tensors(kwargs)) < 8_000_000:
                seen.example = (_copied(args), _copied(kwargs))
                seen.first_row = rows[0]
        elif rows[0] != seen.first_row:
            seen.varies = True

    # full looks

    def nested(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """A module inside a model is called."""
        recorder = self.recorder
        root = recorder.root_module
        if root is None or recorder.in_backward:
            return
        if isinstance(module, _DROPOUT) and module.training:
            self._dropout(root, module)
        if not torch.is_grad_enabled():
            if self.root_grad and module._parameters:
                self._registered(root, module)
            return
        if isinstance(module, _WEIGHTED) and args and isinstance(args[0], torch.Tensor):
            self._first(args[0])
        if isinstance(module, _NORM):
            before, self.before = self.before, None
            if before is not None and before.bias is not None and args and isinstance(args[0], torch.Tensor) \
                    and graph.last_operation(args[0]) in ("Convolution", "Addmm", "Linear"):
                recorder.seen.biases.add(self._name(root, before))
        elif isinstance(module, _WEIGHTED):
            self.before = module
        if isinstance(module, _NORM) and module.training and module.running_mean is not None:
            own = list(module.parameters(recurse=False))
            if own and not any(p.requires_grad for p in own):
                recorder.seen.frozen.setdefault("norms", {})[self._name(
                    root, module)] = (place(4), {id(p) for p in own})
        own_params = module._parameters
        if own_params:
            self._registered(root, module)

    def _dropout(self, root: nn.Module, module: Any) -> None:
        if root.training and module.p >= 0.8:
            self.recorder.seen.dropouts[self._name(root, module)] = (float(module.p), place(5))
        if not root.training and id(module) not in self._ids(root) and module.p > 0 and type(
                module) is nn.Dropout:
            self.recorder.seen.fresh_dropout[place(5)] = "a dropout module made in the forward pass"

    def _ids(self, root: nn.Module) -> set[int]:
        if id(root) not in self._parts:
            self._parts[id(root)] = {id(m) for m in root.modules()}
        return self._parts[id(root)]

    def _registered(self, root: nn.Module, module: nn.Module) -> None:
        seen = self.of(root)
        if seen is None:
            return
        if id(module) in self._ids(root):
            seen.called.add(self._name(root, module))
            return
        self._parts[id(root)] = {id(m) for m in root.modules()}
        if id(module) not in self._parts[id(root)]:
            seen.unregistered.setdefault(type(module).__name__, set()).update(
                id(p) for p in module.parameters(recurse=False) if p.requires_grad)

    @staticmethod
    def _name(root: nn.Module, module: nn.Module) -> str:
        return next((name for name, m in root.named_modules() if m is module),
                    type(module).__name__)

    def _first(self, x: torch.Tensor) -> None:
        """What enters the first layer with weights."""
        if self.first_done or x.ndim < 2 or x.grad_fn is not None or not x.is_floating_point():
            self.first_done = True
            return
        self.first_done = True
        if x.numel() < 5_000_000:
            self.recorder.seen.first_inputs.add(x)
            self.recorder.seen.first_at = place(5)

    def begins(self, root: nn.Module) -> None:
        self.recorder.root_module = root if self.of(root) is not None else None
        self.first_done, self.root_grad = False, torch.is_grad_enabled()

    def graph(self, found: Graph, pending: list[ForwardPass]) -> None:
        """What the graph of a loss says about the models of this pass."""
        held = {i for h in self.recorder.helds for i in h.ids}
        for f in pending:
            seen = self.numbered(f.number)
            if seen is None or not f.outputs or not f.grad:
                continue
            part = graph.walk(f.outputs[0], ("LogSoftmax", "Softmax", "Sigmoid"))
            seen.graph_linear.append((part.linear, part.weighted))
            seen.no_bias = graph.last_operation(f.outputs[0]) == "Mm"
            self._frozen(seen, found)
        orphans = self.recorder.seen.orphans
        for key, leaf in found.leaves.items():
            if key not in held and isinstance(leaf, nn.Parameter) and (key in orphans
                                                                       or len(orphans) < 500):
                at = orphans.setdefault(
                    key, {
                        "ref": weakref.ref(leaf), "count": 0, "fresh": self._fresh(leaf), "first":
                        float(leaf.detach().double().sum()), "shape": tuple(leaf.shape)
                    })
                at["count"] += 1
                at["last"] = float(leaf.detach().double().sum())

    def _fresh(self, p: torch.Tensor) -> bool:
        """Are these the values that an initialisation gave it?"""
        mark = self.recorder.marks.get(id(p))
        return mark is not None and mark[0]() is p and mark[1] == p._version

    def _frozen(self, seen: ModelRecord, found: Graph) -> None:
        """Frozen weights at random values beside layers that learn."""
        root = seen.module()
        if root is None:
            return
        named = [(n, p) for n, p in root.named_parameters() if p.ndim >= 2]
        learns = [i for i, (_, p) in enumerate(named) if id(p) in found.leaves]
        for i, (name, p) in enumerate(named):
            if not p.requires_grad and learns and i < learns[-1] and self._fresh(p):
                layer = name.rpartition(".")[0]
                if layer in seen.called and isinstance(root.get_submodule(layer), _WEIGHTED):
                    self.recorder.seen.frozen.setdefault("random", {})[name] = (seen.at, {id(p)})

    def after_step(self, held: OptimizerRecord) -> None:
        """Layers whose units are all the same."""
        recorder = self.recorder
        for seen in self.all:
            root = seen.module()
            if root is None or not seen.ids & held.ids:
                continue
            for name, m in root.named_modules():
                w = getattr(m, "weight", None)
                if isinstance(m, _WEIGHTED) and w is not None and w.requires_grad and len(w) > 1 and w[0].numel() > 1 \
                        and id(w) in held.ids and _same(w[:2]) and _same(w):
                    recorder.seen.constant.setdefault(name, []).append(recorder.t)

    def kept(self) -> list[tuple[ModelRecord, nn.Module]]:
        """Models that were trained and still live, the most trained first."""
        alive = [(s, m) for s in self.all if s.trained and (m := s.module()) is not None]
        return sorted(alive, key=lambda pair: -pair[0].trained)[:_KEEP]


def _same(w: torch.Tensor) -> bool:
    """Are all rows equal, but for rounding?"""
    with torch.no_grad():
        return bool((w - w[:1]).abs().max() <= 1e-4 * w.abs().max())


def _copied(thing: Any) -> Any:
    if isinstance(thing, torch.Tensor):
        return thing.detach().clone()
    if isinstance(thing, dict):
        return {k: _copied(v) for k, v in thing.items()}
    if isinstance(thing, (tuple, list)) and not hasattr(thing, "_fields"):
        return type(thing)(_copied(v) for v in thing)
    return thing
