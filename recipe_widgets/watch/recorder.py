"""Takes notes while a script trains. Every entry is called by a patch and may fail without harm
to the script.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from recipe_widgets.watch.evidence.loss_recognition import Call, looked_at
from recipe_widgets.watch.evidence.optimizer_record import HandUpdateRecord
from recipe_widgets.watch.evidence.records import EvaluationPhase, ForwardPass, ModelRecord, tensors
from recipe_widgets.watch.evidence.step_events import Steps
from recipe_widgets.watch.instrument import autograd_graph as graph
from recipe_widgets.watch.instrument.source_location import SourceLocation, place


class Recorder(Steps):
    """`guard(entry, ...)` is the only way in."""

    # forward

    def before_forward(self, root: nn.Module) -> None:
        if self.modules.of(root) is None:
            return
        evaluation = (not torch.is_grad_enabled()
                      or not root.training) and self._eval_budget() and self.t > 0
        if evaluation != self.looker.is_open or self.light:
            self.look(evaluation)

    def forward(self, root: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
                out: Any) -> None:
        seen = self.modules.of(root)
        if seen is None or len(self.pending) > 4000:
            return
        inputs, outputs = tensors(args) + tensors(kwargs), tensors(out)
        if not inputs or inputs[0].ndim == 0:
            return
        grad = torch.is_grad_enabled() and any(o.requires_grad for o in outputs)
        entry = not any(x.grad_fn is not None for x in inputs)
        same = [x for x in inputs if x.ndim and len(x) == len(inputs[0])]
        busy = len(self.pending) > 64
        rows = self.prints.of(same) if entry and not busy else None
        f = ForwardPass(seen.number, self.t, None, len(inputs[0]), root.training, grad, entry, rows,
                    loader=self.loader_now)
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

    def _listen(self, f: ForwardPass, outputs: list[torch.Tensor]) -> None:
        def fired(_: torch.Tensor) -> None:
            f.fired = True

        for out in [o for o in outputs if o.requires_grad][:6]:
            out.register_hook(fired)
        if self.light:
            for out in f.outputs:
                call = Call(None, out, None)
                call.listen()
                self.calls.append(call)

    def _evaluated(self, f: ForwardPass, seen: ModelRecord) -> None:
        """A pass without gradients: an evaluation, unless it comes with every step."""
        if self.phase is None:
            self.phase = EvaluationPhase(self.t, f.at or place(4))
            drops, norms = self.modules.loose(seen)
            self.phase.loose_dropout, self.phase.loose_norm = drops, norms
        if f.loader:
            self.loaders[f.loader - 1].evaluated += 1
        if len(self.phase.forwards) < 2000:
            self.phase.forwards.append(f)
        if f.tensors and f.entry and self.seen.eval_inputs.samples < 1500:
            self._inputs(f, self.seen.eval_inputs)

    def _inputs(self, f: ForwardPass, into: Any) -> None:
        x = f.tensors[0]
        if x.is_floating_point() and x.ndim >= 2 and x.numel() < 5_000_000:
            into.add(x)

    # backward

    def before_backward(self, roots: Any) -> None:
        self.in_backward = True
        root = roots if isinstance(roots, torch.Tensor) else next(iter(roots))
        if not self.helds or isinstance(self.helds[0], HandUpdateRecord):
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
        self.in_backward, self.just_stepped = False, True
        at, root = place(3), self.root_now
        reached = [h for h in self.helds if h.ref() is not None and h.after_backward(at)]
        for held in reached:
            held.back_at = at
        if not reached and self.helds:
            for f in self.pending:
                if f.fired and (stray := self.modules.numbered(
                        f.number)) is not None and stray.number not in self.keep:
                    self._keep(stray)  # does an optimiser hold another instance of it?
            return
        value = float(root.detach().reshape(-1)
                      [0]) if root.device.type == "cpu" or self.light else float("nan")
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

    def _curve(self, value: float, at: SourceLocation | None) -> None:
        curve = self.seen.curve
        if value == value or self.light:
            curve.append((self.t, value / self.factor, at))
        if len(curve) > 6000:
            del curve[1000:5000:2]

    def _trained(self, f: ForwardPass, at: SourceLocation | None) -> None:
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

    def _keep(self, model: ModelRecord) -> None:
        """Holds the last few models for the probes at the end."""
        module = model.module()
        if module is not None:
            self.keep[model.number] = module
        while len(self.keep) > 4:
            self.keep.pop(next(iter(self.keep)))

    def _losses(self, value: float, at: SourceLocation | None, fired: list[ForwardPass]) -> None:
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

    def _example_labels(self, fired: list[ForwardPass], y: torch.Tensor | None) -> None:
        """The labels that belong to a model's kept inputs: those of the same step."""
        for f in fired:
            model = self.modules.numbered(f.number)
            if y is not None and model is not None and model.example is not None and model.example_y is None \
                    and len(fired) == 1:
                model.example_y = y.detach().clone()

    def _labelled(self, f: ForwardPass, y: torch.Tensor) -> None:
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
