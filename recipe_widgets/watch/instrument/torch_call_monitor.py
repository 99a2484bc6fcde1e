"""The close look: sees every torch call of the script while it is open. It only reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from recipe_widgets.watch.evidence.loss_recognition import KINDS, Call
from recipe_widgets.watch.evidence.records import Activation
from recipe_widgets.watch.instrument.source_location import place, text

if TYPE_CHECKING:
    from recipe_widgets.watch.evidence.watch_state import State

_T = torch.Tensor
_MOST_CALLS = 3_000_000


def _unstacked() -> list[Any]:
    """Takes all modes off the stack; the lowest comes first."""
    return [
        torch._C._pop_torch_function_stack() for _ in range(torch._C._len_torch_function_stack())
    ][::-1]


def _stack(modes: list[Any]) -> None:
    for mode in modes:
        torch._C._push_on_torch_function_stack(mode)


class TorchCallMonitor(TorchFunctionMode):
    """Lies low in the stack of modes, so that modes of the script come and go above it."""

    def __init__(self, recorder: State) -> None:
        super().__init__()
        self.recorder, self.is_open, self.seen_calls = recorder, False, 0
        self.predicted: list[torch.Tensor] = []
        self.ordinal = 0
        self.table = self._table()

    def _table(self) -> dict[Any, Callable[..., None]]:
        table: dict[Any, Callable[..., None]] = dict.fromkeys(KINDS, self._loss)
        for functions, handler in (
            ((F.dropout, F.alpha_dropout,
              F.feature_dropout if hasattr(F, "feature_dropout") else F.dropout2d), self._drop),
            ((F.scaled_dot_product_attention, ), self._attention),
            ((F.kl_div, ), self._divergence),
            ((_T.flip, torch.flip, torch.fliplr, torch.flipud), self._flip),
            ((_T.view, _T.reshape, torch.reshape), self._view),
            ((F.relu, torch.relu, _T.relu, torch.tanh, _T.tanh, torch.sigmoid, _T.sigmoid, F.tanh,
              F.sigmoid), self._act),
            ((_T.eq, _T.__eq__, torch.eq), self._equal),
            ((_T.argmax, torch.argmax, _T.max, torch.max, _T.round, torch.round, _T.topk,
              torch.topk), self._predict),
            ((F.softmax, torch.softmax, _T.softmax, F.log_softmax, torch.log_softmax,
              _T.log_softmax), self._softmax),
            ((_T.detach, _T.data.__get__), self._detach),  # type: ignore[attr-defined]
            ((torch.rand, torch.randn, torch.randperm, torch.randint, torch.bernoulli,
              torch.rand_like, torch.randn_like, _T.uniform_, _T.normal_, _T.bernoulli_,
              torch.normal), self._draw),
        ):
            table.update(dict.fromkeys(functions, handler))
        return table

    def open(self) -> None:
        if self.is_open or self.seen_calls > _MOST_CALLS:
            return
        stack = _unstacked()
        # The mode of set_default_device insists on being the lowest; `with torch.device` takes the
        # uppermost away.
        at = 1 if stack and stack[0] is getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context",
                                                None) else 0
        _stack([*stack[:at], self, *stack[at:]])
        self.is_open = True

    def close(self) -> None:
        if not self.is_open:
            return
        stack = _unstacked()
        _stack([mode for mode in stack if mode is not self])
        # While one of our own handlers runs, torch has set us aside and brings us back: then a
        # later close() does it.
        self.is_open = all(mode is not self for mode in stack)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        recorder = self.recorder
        if recorder.active:
            handler = self.table.get(func)
            if handler is not None:
                recorder.guard(handler, func, args, kwargs or {}, out)
            if recorder.pending and recorder.light and not recorder.in_backward and recorder.depth == 0:
                recorder.guard(self._candidates, args, kwargs)
        return out

    # handlers: (function, args, kwargs, result)

    def _candidates(self, args: Any, kwargs: Any) -> None:
        """Tensors without a graph that meet the output on its way to the loss: possible targets."""
        self.seen_calls += 1
        others, n = self.recorder.others, self.recorder.pending[-1].samples
        if len(others) > 24:
            return
        for arg in (*args, *(kwargs or {}).values()):
            for t in arg if isinstance(arg, (tuple, list)) else (arg,):
                if isinstance(t, torch.Tensor) and not t.requires_grad and t.ndim and len(t) == n \
                        and all(t is not o for o in others):
                    others.append(t)

    def _loss(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> None:
        recorder = self.recorder
        if not recorder.light or not torch.is_grad_enabled():
            return
        names = ("input", "target", "weight", "size_average", "ignore_index", "reduce", "reduction", "label_smoothing") \
            if func in (F.cross_entropy, F.nll_loss) else ("input", "target")
        given = dict(zip(names, args, strict=False)) | kwargs
        z, y = given.pop("input", None), given.pop("target", None)
        if isinstance(z, torch.Tensor) and isinstance(y, torch.Tensor) and z.requires_grad and len(
                recorder.calls) < 64:
            call = Call(func, z, y, given, place(4))
            call.listen()
            recorder.calls.append(call)

    def _drop(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> None:
        """Functional dropout in a model that is in eval mode, with no word about the mode in its
        line.
        """
        root = self.recorder.root_module
        p = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
        if self.recorder.depth == 0 or root is None or not p or not kwargs.get("training", True):
            return
        at = place(4)
        if root.training:
            if p >= 0.8:
                self.recorder.seen.dropouts.setdefault(str(at), (float(p), at))
            return
        words = text(at, 3).partition("dropout")[2].split(")")[0]
        if "train" not in words and "dropout(" in text(at, 3).replace("2d", "").replace("3d", ""):
            self.recorder.seen.fresh_dropout[at] = "F.dropout without training=self.training"

    def _attention(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> None:
        root = self.recorder.root_module
        if self.recorder.depth and root is not None and not root.training and kwargs.get(
                "dropout_p", 0.0) > 0:
            self.recorder.seen.fresh_dropout[place(
                4)] = "attention with dropout_p, whatever the mode"

    def _divergence(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> None:
        """kl_div wants logarithms first."""
        z = kwargs.get("input", args[0] if args else None)
        if isinstance(z, torch.Tensor) and z.requires_grad and z.ndim >= 2 and bool((z >= 0).all()):
            sums = z.detach().sum(-1)
            if bool(((sums - 1).abs() < 1e-3).all()):
                at = place(4)
                self.recorder.seen.divergences[at] = self.recorder.seen.divergences.get(at, 0) + 1

    def _flip(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> None:
        dims = kwargs.get("dims", args[1:] if len(args) > 1 else ())
        dims = dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
        dims = {torch.fliplr: (1,), torch.flipud: (0,)}.get(func, dims)
        if isinstance(out, torch.Tensor) and not out.requires_grad and self.recorder.depth == 0:
            at = place(4)
            known = self.recorder.seen.flips.setdefault(
                at, [0, out.ndim, tuple(sorted(int(d) % out.ndim for d in dims))])
            known[0] += 1

    def _view(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> None:
        """An axis that a view tears apart: the new shape is the old one with its axes in another
        order.
        """
        old, new = tuple(args[0].shape), tuple(out.shape)
        if not self.recorder.full or len(old) < 3 or len(new) < len(
                old) or old == new or not args[0].is_contiguous():
            return
        before, after = [d for d in old if d > 1], [d for d in new if d > 1]
        moved = [d for d in before if before.count(d) == 1 and sorted(before) == sorted(after)
                 and before.index(d) != after.index(d)]
        if moved:
            self.recorder.seen.tears.setdefault(place(4), (old, new))

    def _act(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> None:
        recorder = self.recorder
        if not recorder.full or recorder.depth == 0 or recorder.root_module is None or out.ndim < 2 \
                or not out.requires_grad or out.numel() > 4_000_000:
            return
        self.ordinal += 1
        kind = "relu" if "relu" in func.__name__ else func.__name__
        axis = 1 if out.ndim in (2, 4) else -1
        v = out.detach().movedim(axis, 0).flatten(1)
        key = (id(recorder.root_module), self.ordinal, kind)
        act = recorder.seen.acts.get(key)
        if act is None:
            if len(recorder.seen.acts) > 300:
                return
            act = recorder.seen.acts[key] = Activation(
                f"{kind} {self.ordinal}", place(4),
                torch.zeros(len(v), dtype=torch.bool, device=v.device), kind=kind)
        if len(act.alive) != len(v):
            return
        if kind == "relu":
            act.alive |= (v > 0).any(1)
        elif recorder.t <= 3:
            value = v.abs() if kind == "tanh" else (2 * v - 1).abs()
            act.saturated.append(float(((value > 0.97).float().mean(1) > 0.5).float().mean()))
        act.samples += out.shape[0]

    def _predict(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> None:
        if self.recorder.depth or not isinstance(args[0], torch.Tensor):
            return
        index = out if isinstance(out, torch.Tensor) else getattr(out, "indices", None)
        if index is not None:
            self.predicted = [*self.predicted[-4:], index]

    def _equal(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> None:
        """A comparison of predictions with labels."""
        recorder = self.recorder
        f = recorder.current
        if recorder.depth or f is None or not isinstance(out, torch.Tensor) or len(args) < 2:
            return
        a, b = args[0], args[1]
        if not isinstance(a, torch.Tensor) or not isinstance(b, torch.Tensor) or out.numel() != f.samples \
                or a.numel() != b.numel():
            return
        recorder.seen.compared = True
        if f.grad and f in recorder.pending and f.training:
            return
        f.hits = int(out.sum())
        known = {id(p) for p in self.predicted}
        labels = a if id(b) in known else b
        if not labels.is_floating_point() or bool((labels == labels.round()).all()):
            f.labels = labels.detach().flatten().cpu().numpy().astype("int64")
            if f.tensors and f.entry:
                recorder.seen.validation.add(f.tensors[0], labels.detach().flatten().long())

    def _softmax(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> None:
        dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
        if dim == 0 and self.recorder.full and out.requires_grad and out.ndim >= 2 and len(out) > 1:
            self.recorder.seen.batch_softmax.setdefault(
                place(4), "log_softmax" if "log" in func.__name__ else "softmax")

    def _detach(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> None:
        if self.recorder.depth and self.recorder.full and args[0].grad_fn is not None:
            at = place(4)
            self.recorder.seen.detached[at] = self.recorder.seen.detached.get(at, 0) + 1

    def _draw(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> None:
        """Random numbers that are drawn outside of models, to see whether they repeat."""
        recorder = self.recorder
        if recorder.depth or recorder.in_backward or not isinstance(
                out, torch.Tensor) or out.numel() < 4:
            return
        draws = recorder.seen.draws
        at = place(4)
        if len(draws) < 100 or at in draws:
            known = draws.setdefault(at, [])
            if len(known) < 600:
                flat = out.detach().flatten()[:64].double()
                known.append((recorder.t, len(flat), hash(tuple(flat.tolist()))))
                if len(recorder.fresh_draws) < 500:
                    recorder.fresh_draws.append((at, recorder.t))
