"""Takes notes while a script trains. Every entry is called by a patch and may fail without harm to the script."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from recipe_widgets.watch import graph
from recipe_widgets.watch.evidence import Forward, LoaderSeen, ModelSeen, Phase, Seen
from recipe_widgets.watch.held import ByHand, Held, held_by
from recipe_widgets.watch.looker import Looker
from recipe_widgets.watch.losses import Call, looked_at
from recipe_widgets.watch.modules import Modules
from recipe_widgets.watch.places import Place, place
from recipe_widgets.watch.rows import Fingerprints

LIGHT_STEPS = 40  # the first steps are all looked at, up to _LIGHT_ROWS samples
_LIGHT_MOST, _LIGHT_ROWS = 160, 1500


def schedule(most: int = 10**8) -> set[int]:
    """Steps with a full look: 0, 1, 2, 3, 5, 8, 12, 18, ..."""
    found, at = {0, 1, 2}, 3.0
    while at < most:
        found.add(int(at))
        at *= 1.5
    return found


class Recorder:
    """The state of watching. `guard(entry, ...)` is the only way in."""

    def __init__(self, last_step: int | None = None) -> None:
        self.active, self.problem = True, ""
        self.thread, self.pid = threading.get_ident(), os.getpid()
        self.t, self.last_step = 0, last_step
        self.depth, self.full, self.light, self.quiet = 0, False, False, False
        self.seen, self.prints = Seen(), Fingerprints()
        self.looker, self.modules = Looker(self), Modules(self)
        self.helds: list[Held] = []
        self.loaders: list[LoaderSeen] = []
        self.schedulers: list[dict[str, Any]] = []
        self.pending: list[Forward] = []
        self.phase: Phase | None = None
        self.current: Forward | None = None
        self.calls: list[Call] = []
        self.others: list[torch.Tensor] = []
        self.in_backward = False
        self.factor, self.scaler_used = 1.0, False
        self.unscaled: weakref.WeakSet[Any] = weakref.WeakSet()
        self.marks: dict[int, tuple[weakref.ref[torch.Tensor], int]] = {}
        self.loader_now = 0
        self.own, self.began, self.full_steps = 0.0, time.perf_counter(), schedule()
        self.train_draws: set[Any] = set()  # (line, step) of random numbers that a training pass followed
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

    # optimisers

    def optimizer_made(self, optimizer: torch.optim.Optimizer) -> None:
        held = Held(optimizer, place(3))
        held.ids = {id(p) for p in held.params()}
        self.helds.append(held)
        self.full = self.light = True
        self.look()

    def held(self, optimizer: torch.optim.Optimizer) -> Held | None:
        for held in reversed(self.helds):
            if held.ref() is optimizer:
                return held
        return None

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        held = self.held(optimizer)
        if held is None:  # made before the watching began
            self.optimizer_made(optimizer)
            held = self.helds[-1]
        held.before_step(place(3), self.full)

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        held = self.held(optimizer)
        if held is None:
            return
        if self.full:
            held.ids = {id(p) for p in held.params()}
            self.modules.after_step(held)
        held.after_step(self.full)
        self.calls, self.others = [], []
        self._stepped()

    def _stepped(self) -> None:
        self.t += 1
        self._settle()
        rows = self.seen.train.rows
        self.full = self.t in self.full_steps
        self.light = self.full or self.t < LIGHT_STEPS or (self.t < _LIGHT_MOST and rows < _LIGHT_ROWS)
        self.look()
        if self.last_step is not None and self.t >= self.last_step:
            self.let_go()

    def _by_hand(self, root: torch.Tensor) -> None:
        """A script without optimisers, which moves its parameters itself."""
        if not self.helds:
            leaves = list(graph.walk(root).leaves.values())
            if not leaves:
                return
            self.helds.append(ByHand(leaves, place(5)))
            self.full = self.light = True
            self.look()
        held = self.helds[0]
        if isinstance(held, ByHand) and held.moved():
            self._stepped()

    def zeroed(self, optimizer: torch.optim.Optimizer) -> None:
        held = self.held(optimizer)
        if held is not None:
            held.zeroed(place(3))

    def module_zeroed(self, module: nn.Module) -> None:
        for held in held_by(self.helds, module.parameters()):
            held.zeroed(place(3))

    def clipped(self, parameters: Any, limit: Any) -> None:
        params = [parameters] if isinstance(parameters, torch.Tensor) else parameters
        if float(limit) == float("inf"):
            return
        for held in held_by(self.helds, params[:3] + params[-3:]):
            held.clip_at = place(3)
            held.clipped(self.factor != 1.0 and not self._unscaled(held))

    def _unscaled(self, held: Held) -> bool:
        return held.ref() in self.unscaled

    # where to look closely

    def look(self, evaluation: bool = False) -> None:
        """Opens or closes the close look at every torch call."""
        if (self.light or evaluation) and self.active and not self.quiet:
            self.looker.open()
        else:
            self.looker.close()

    def _eval_budget(self) -> bool:
        phases = len(self.seen.phases)
        return phases < 60 or phases * 10 < self.t

    # forward

    def before_forward(self, root: nn.Module) -> None:
        if self.modules.of(root) is None:
            return
        evaluation = (not torch.is_grad_enabled() or not root.training) and self._eval_budget() and self.t > 0
        if evaluation != self.looker.is_open or self.light:
            self.look(evaluation)

    def forward(self, root: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        seen = self.modules.of(root)
        if seen is None or len(self.pending) > 4000:
            return
        seen.forwards += 1
        inputs, outputs = tensors(args) + tensors(kwargs), tensors(out)
        if not inputs or inputs[0].ndim == 0:
            return
        grad = torch.is_grad_enabled() and any(o.requires_grad for o in outputs)
        entry = not any(x.grad_fn is not None for x in inputs)
        same = [x for x in inputs if x.ndim and len(x) == len(inputs[0])]
        busy = len(self.pending) > 64
        rows = self.prints.of(same) if entry and not busy else None
        f = Forward(seen.number, self.t, None, len(inputs[0]), root.training, grad, entry, rows, loader=self.loader_now)
        self.current = f
        if self.fresh_draws:
            if grad and root.training:
                self.train_draws.update(self.fresh_draws)
            self.fresh_draws = []
        if self.light or self.looker.is_open:
            f.at, f.tensors = place(3), inputs
            f.outputs = [o for o in outputs if o.is_floating_point() and o.ndim][:6]
            self.modules.example(seen, args, kwargs, rows)
        if not grad:
            self._evaluated(f, seen)
            return
        self._listen(f, outputs)
        if len(self.pending) <= 4000:
            self.pending.append(f)

    def _listen(self, f: Forward, outputs: list[torch.Tensor]) -> None:
        def fired(_: torch.Tensor) -> None:
            f.fired = True

        for out in [o for o in outputs if o.requires_grad][:6]:
            out.register_hook(fired)
        if self.light:
            for out in f.outputs:
                call = Call(None, out, None)
                call.listen()
                self.calls.append(call)

    def _evaluated(self, f: Forward, seen: ModelSeen) -> None:
        """A pass without gradients: an evaluation, unless it comes with every step."""
        if self.phase is None:
            self.phase = Phase(self.t, f.at or place(4))
            drops, norms = self.modules.loose(seen)
            self.phase.loose_dropout, self.phase.loose_norm = drops, norms
        if f.loader:
            self.loaders[f.loader - 1].evaluated += 1
        if len(self.phase.forwards) < 2000:
            self.phase.forwards.append(f)
        if f.tensors and f.entry and self.seen.eval_inputs.samples < 1500:
            self._inputs(f, self.seen.eval_inputs)

    def _inputs(self, f: Forward, into: Any) -> None:
        x = f.tensors[0]
        if x.is_floating_point() and x.ndim >= 2 and x.numel() < 5_000_000:
            into.add(x)

    # backward

    def before_backward(self, roots: Any) -> None:
        self.in_backward = True
        root = roots if isinstance(roots, torch.Tensor) else next(iter(roots))
        if not self.helds or isinstance(self.helds[0], ByHand):
            self._by_hand(root)
        for held in self.helds:
            if held.ref() is not None:
                held.before_backward()
        self.root_now, self.graph_now, self.scalars_now = root, None, []
        if self.full and not self.quiet:
            self.graph_now, self.scalars_now = graph.walk(root), graph.scalar_chain(root)
            self.modules.graph(self.graph_now, self.pending)
        elif self.light:
            self.scalars_now = graph.scalar_chain(root)
        self.made_by_now = [graph.last_operation(c.z) for c in self.calls] if self.light else []

    def after_backward(self) -> None:
        self.in_backward = False
        at, root = place(3), self.root_now
        reached = [h for h in self.helds if h.ref() is not None and h.after_backward(at)]
        for held in reached:
            held.back_at = at
        if not reached and self.helds:
            for f in self.pending:
                if f.fired and (stray := self.modules.numbered(f.number)) is not None and stray.number not in self.keep:
                    self._keep(stray)  # does an optimiser hold another instance of it?
            return
        value = float(root.detach().reshape(-1)[0]) if root.device.type == "cpu" or self.light else float("nan")
        self._curve(value, at)
        self._close_phase()
        fired = [f for f in self.pending if f.fired]
        if self.light:
            self._losses(value, at, fired)
            if self.full:
                for held in reached:
                    held.with_grad |= {id(p) for p in held.params() if p.grad is not None}
        for f in fired:
            self._trained(f, at)
        self.pending = [f for f in self.pending if not f.fired]
        self.calls, self.others = [], []

    def _curve(self, value: float, at: Place | None) -> None:
        curve = self.seen.curve
        if value == value or self.light:
            curve.append((self.t, value / self.factor, at))
        if len(curve) > 6000:
            del curve[1000:5000:2]

    def _trained(self, f: Forward, at: Place | None) -> None:
        model = self.modules.numbered(f.number)
        if model is None:
            return
        model.trained += 1
        if model.number not in self.keep:
            self._keep(model)
        if not model.runs or model.runs[-1][0] != f.training:
            model.runs.append([f.training, 0])
        model.runs[-1][1] += 1
        if not f.training:
            self.seen.eval_lines.add(at)
        if f.loader:
            self.loaders[f.loader - 1].trained += 1
        if f.rows is not None:
            self.seen.train_rows.append((f.step, f.rows))
        if f.tensors and f.entry and self.full:
            self._inputs(f, self.seen.train_inputs)
        f.tensors, f.outputs = [], []

    def _keep(self, model: ModelSeen) -> None:
        """Holds the last few models for the probes at the end."""
        module = model.module()
        if module is not None:
            self.keep[model.number] = module
        while len(self.keep) > 4:
            self.keep.pop(next(iter(self.keep)))

    def _losses(self, value: float, at: Place | None, fired: list[Forward]) -> None:
        """What each loss of this pass is, and which labels belong to which samples."""
        calls = [c for c in self.calls if c.got]
        named = [c for c in calls if c.function is not None]
        labels: torch.Tensor | None = None
        for call, made in zip(self.calls, self.made_by_now, strict=False):
            if not call.got or (named and call.function is None):
                continue
            call.others = self.others
            biased = not any(m.no_bias for f in fired if (m := self.modules.numbered(f.number)))
            found = looked_at(call, self.t, value, self.factor, self.scalars_now, biased)
            if found is None:
                continue
            loss, y = found
            object.__setattr__(loss, "last", made)
            key = (call.at or at, call.function)
            self.seen.losses.setdefault(key, []).append(loss)
            labels = y if labels is None else labels
            self._example_labels(fired, y)
        if labels is not None and len(fired) == 1:
            self._labelled(fired[0], labels)

    def _example_labels(self, fired: list[Forward], y: torch.Tensor | None) -> None:
        """The labels that belong to a model's kept inputs: those of the same step."""
        for f in fired:
            model = self.modules.numbered(f.number)
            if y is not None and model is not None and model.example is not None and model.example_y is None \
                    and len(fired) == 1:
                model.example_y = y.detach().clone()

    def _labelled(self, f: Forward, y: torch.Tensor) -> None:
        if not f.tensors or len(y) != f.samples or not f.entry:
            return
        x = f.tensors[0]
        if y.ndim == 1 and not y.is_floating_point() and y.dtype != torch.bool:
            array = y.detach().cpu().numpy().astype(np.int64)
            self.seen.labels.append(array)
            if f.rows is not None:
                self.seen.label_rows.append((f.rows, array))
            self.seen.train.add(x, y)
        elif y.numel() == f.samples and y.is_floating_point():
            flat = y.detach().flatten()
            if bool(((flat == 0) | (flat == 1)).all()):
                self.seen.labels.append(flat.cpu().numpy().astype(np.int64))

    # phases

    def _settle(self) -> None:
        """Passes with gradients that no backward followed for two steps were evaluations."""
        old = [f for f in self.pending if f.step < self.t - 1 and not f.fired]
        if old:
            self._loose(old)
            self.pending = [f for f in self.pending if f.step >= self.t - 1]

    def _loose(self, forwards: list[Forward]) -> None:
        by_step: dict[int, list[Forward]] = {}
        for f in forwards:
            if f.number in {m.number for m in self.modules.all if m.trained}:
                by_step.setdefault(f.step, []).append(f)
        for step, group in by_step.items():
            phase = Phase(step, group[0].at, group)
            model = self.modules.numbered(group[0].number)
            if model is not None and group[0].training:
                phase.loose_dropout, phase.loose_norm = model.sensitive_kinds
            self.seen.phases.append(phase)

    def _close_phase(self) -> None:
        if self.phase is not None:
            for f in self.phase.forwards:
                f.tensors, f.outputs = [], []
            if len(self.seen.phases) < 3000:
                self.seen.phases.append(self.phase)
            self.phase = None

    def printed(self, line: str) -> None:
        from recipe_widgets.watch.metrics import numbers

        phase = self.phase or (self.seen.phases[-1] if self.seen.phases and self.seen.phases[-1].step == self.t else None)
        if phase is not None and len(phase.printed) < 40:
            phase.printed.extend((text, value, digits, place(3)) for text, value, digits in numbers(line))

    def close(self) -> None:
        """The script is done."""
        self.looker.close()
        self._loose([f for f in self.pending if not f.fired])
        self.pending = []
        if self.phase is not None:
            self.phase.last = True
            self._close_phase()
        for held in self.helds:
            held.observe()
            held.close()


def tensors(thing: Any, depth: int = 3) -> list[torch.Tensor]:
    """The tensors in nested tuples, lists, dicts and records, in order."""
    if isinstance(thing, torch.Tensor):
        return [thing]
    if depth == 0 or thing is None or isinstance(thing, (str, int, float, nn.Module)):
        return []
    if isinstance(thing, dict):
        thing = list(thing.values())
    if isinstance(thing, (tuple, list)):
        return [t for part in thing[:64] for t in tensors(part, depth - 1)]
    inside = getattr(thing, "__dict__", None)
    return tensors(list(inside.values()), depth - 1) if inside and hasattr(thing, "__dataclass_fields__") else []


def _inside_transform() -> bool:
    """Within torch.func.grad or vmap tensors are no plain tensors: nothing is looked at there."""
    return torch._C._functorch.peek_interpreter_stack() is not None


def _line(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
