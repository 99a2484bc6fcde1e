"""Active checks on copies, once the script is through (or the `with` block): nothing the script
counts on is touched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from recipe_widgets.checks.model_copies import copied
from recipe_widgets.core import CheckResult
from recipe_widgets.rules import rule_named
from recipe_widgets.rules.batch_independence import MixedSamples
from recipe_widgets.rules.causal_dependence import FutureLeak
from recipe_widgets.watch.evidence.records import ModelRecord, tensors

_ROWS = 16


def _sliced(thing: Any, n: int, rows: int = _ROWS) -> Any:
    """The first rows of every tensor with n rows."""
    return _mapped(thing, lambda t: t[:rows] if t.ndim and len(t) == n else t)


def _mapped(thing: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    if isinstance(thing, torch.Tensor):
        return change(thing)
    if isinstance(thing, dict):
        return {k: _mapped(v, change) for k, v in thing.items()}
    if isinstance(thing, (tuple, list)) and not hasattr(thing, "_fields"):
        return type(thing)(_mapped(v, change) for v in thing)
    return thing


def _exchanged(t: torch.Tensor, row: int, axis: int, seed: int) -> torch.Tensor:
    """Another sample at `row`: noise on numbers, the values of another sample for whole numbers."""
    new = t.clone()
    part, other = new.select(axis, row), t.select(axis, (row + t.shape[axis] // 2) % t.shape[axis])
    if t.is_floating_point():
        g = torch.Generator().manual_seed(seed)
        part.add_(torch.randn(part.shape, generator=g).to(t) * t.std(correction=0).clamp(min=1e-3))
    else:
        part.copy_(other)
    return new


def _run(model: nn.Module, args: Any, kwargs: Any) -> list[torch.Tensor]:
    """The outputs of floats; the same random numbers every time."""
    torch.manual_seed(0)
    with torch.no_grad():
        out = model(*args, **kwargs)
    return [o.detach().double().clone() for o in tensors(out) if o.is_floating_point()]


def _ready(seen: ModelRecord, module: nn.Module) -> tuple[nn.Module, Any, Any, int] | None:
    """A copy in eval mode with a few samples; None where there are none, or no copy can be made."""
    if seen.example is None:
        return None
    model = copied(module)
    if model is None:
        return None
    model.eval()
    with torch.no_grad():
        g = torch.Generator().manual_seed(0)
        for p in model.parameters():
            if p.is_floating_point() and not bool(p.isfinite().all()):
                p.copy_(torch.randn(p.shape, generator=g).to(p) * 0.05)
    args, kwargs = seen.example
    n = len(tensors(args)[0] if tensors(args) else tensors(kwargs)[0])
    return model, _sliced(args, n), _sliced(kwargs, n), min(n, _ROWS)


def batch_independence(seen: ModelRecord, module: nn.Module) -> CheckResult | None:
    """Does the output of a sample depend on others of its batch?"""
    if not seen.varies or any(
            isinstance(m, nn.modules.batchnorm._BatchNorm) and m.running_mean is None
            for m in module.modules()):
        return None
    made = _ready(seen, module)
    if made is None or made[3] < 2:
        return None
    model, args, kwargs, n = made
    given = tensors(args) + tensors(kwargs)
    if any(t.ndim == 2 and (t.shape == (n, n) or (t.shape[0] == 2 and not t.is_floating_point()))
           for t in given[1:]):
        return None  # a graph, with its edges
    before = next((o for o in _run(model, args, kwargs) if o.ndim and len(o) == n), None)
    if before is None:
        return None
    result = _mixed(model, args, kwargs, before, 0)
    first, y = given[0], seen.example_y
    sequences = y is None or y.ndim >= 2 or len(y) != len(tensors(seen.example)[0])
    if result is not None and result.status == "fail" and sequences and before.ndim >= 3 and first.ndim >= 2 \
            and before.shape[1] == first.shape[1] and first.shape[1] > 1:
        other = _mixed(model, args, kwargs, before, 1)
        if other is not None and other.ok:  # time comes first, the batch second
            return other
    return result


def _mixed(model: nn.Module, args: Any, kwargs: Any, before: torch.Tensor,
           axis: int) -> CheckResult | None:
    n, moved, own = before.shape[axis], 0.0, 0.0
    for row in {0, n // 2, n - 1}:
        def change(t: torch.Tensor, row: int = row) -> torch.Tensor:
            return _exchanged(t, row, axis, row) if t.ndim > axis and t.shape[axis] == n else t

        after = next((o for o in _run(model, _mapped(args, change), _mapped(kwargs, change))
                      if o.shape == before.shape), None)
        if after is None or not bool(after.isfinite().all()):
            return None
        gap = (after - before).abs().movedim(axis, 0).reshape(n, -1).amax(1)
        own = max(own, float(gap[row]))
        gap[row] = 0
        moved = max(moved, float(gap.max()))
    return rule_named("batch_independence")(MixedSamples(moved, float(before.std()), own))


def causal_dependence(seen: ModelRecord, module: nn.Module) -> CheckResult | None:
    """Does a model whose target is the next token see it?"""
    made, y = _ready(seen, module), seen.example_y
    if made is None or y is None or seen.example is None:
        return None
    model, args, kwargs, n = made
    for x in tensors(seen.example):
        if x.ndim != 2 or x.is_floating_point() or y.numel() != x.numel() or min(x.shape) < 2:
            continue
        target = y.reshape(x.shape)
        for axis in (1, 0):
            steps = x.shape[axis]
            if not torch.equal(x.narrow(axis, 1, steps - 1), target.narrow(axis, 0, steps - 1)):
                continue
            full_args, full_kwargs = seen.example if axis == 0 else (args, kwargs)
            return _peeks(model, full_args, full_kwargs, x if axis == 0 else x[:n], axis)
    return None


def _peeks(model: nn.Module, args: Any, kwargs: Any, x: torch.Tensor,
           axis: int) -> CheckResult | None:
    def scores(outs: list[torch.Tensor]) -> torch.Tensor | None:
        for o in outs:
            if o.numel() % x.numel() == 0 and o.numel() > x.numel():
                if o.shape[:2] == x.shape:
                    return o
                if len(o) == x.numel():
                    return o.reshape(*x.shape, -1)
        return None

    before = scores(_run(model, args, kwargs))
    if before is None:
        return None
    steps, scale = x.shape[axis], float(before.std().clamp(min=1e-12))
    leak = np.zeros(steps)
    for t in range(1, min(steps, 24)):
        def change(v: torch.Tensor, t: int = t) -> torch.Tensor:
            return _other_token(v, t, axis) if v.shape == x.shape and torch.equal(v, x) else v

        after = scores(_run(model, _mapped(args, change), _mapped(kwargs, change)))
        if after is None:
            return None
        leak[t] = float((after - before).narrow(axis, 0, t).abs().max()) / scale
    return rule_named("causal_dependence")(FutureLeak(leak))


def _other_token(x: torch.Tensor, t: int, axis: int) -> torch.Tensor:
    seen, new = x.unique(), x.clone()
    part = x.select(axis, t).contiguous()
    new.select(axis, t).copy_(seen[(torch.searchsorted(seen, part) + 1) % len(seen)])
    return new


def changes_output(seen: ModelRecord, module: nn.Module, names: list[str]) -> list[str]:
    """Which of these parameters change the model's output?"""
    made = _ready(seen, module)
    if made is None:
        return []
    model, args, kwargs, _ = made
    before, g, found = _run(model, args, kwargs), torch.Generator().manual_seed(1), []
    params = dict(model.named_parameters())
    for name in names[:12]:
        p = params.get(name)
        if p is None:
            continue
        old = p.detach().clone()
        with torch.no_grad():
            p.add_((torch.randn(p.shape, generator=g).to(p)) * (0.3 * p.std(correction=0) + 0.05))
        after = _run(model, args, kwargs)
        with torch.no_grad():
            p.copy_(old)
        if before and after and before[0].shape == after[0].shape \
                and float((after[0] - before[0]).abs().max()) > 1e-6 * (1 + float(before[0].abs().max())):
            found.append(name)
    return found


def wrong_derivative(own: Any, inputs: tuple[Any, ...]) -> float | None:
    """Share of looked-at entries at which a custom backward differs from the slope of its forward.

    None where its forward is flat or the identity: such functions have another backward on purpose.
    """
    n = next((len(t) for t in inputs if isinstance(t, torch.Tensor) and t.ndim), 0)
    given = [_sliced(t, n, 8) if isinstance(t, torch.Tensor) else t for t in inputs]
    doubles = [
        t.detach().double().clone() if isinstance(t, torch.Tensor) and t.is_floating_point() else t
        for t in given
    ]
    floats = [t for t in doubles if isinstance(t, torch.Tensor) and t.is_floating_point()]
    g = torch.Generator().manual_seed(0)

    def value() -> tuple[torch.Tensor, torch.Tensor]:
        out = own.apply(*doubles)
        out = out[0] if isinstance(out, tuple) else out
        return out, out.detach()

    first = value()[1]
    if any(first.shape == t.shape and torch.allclose(first, t, rtol=1e-9)
           for t in floats) or not first.is_floating_point():
        return None
    v = torch.rand(first.shape, generator=g, dtype=torch.float64) + 0.5
    wrong = looked = flat = 0
    for t in floats:
        t.requires_grad_()
        slope = torch.autograd.grad((value()[0] * v).sum(), t, allow_unused=True)[0]
        t.requires_grad_(False)
        if slope is None:
            continue
        for index in torch.randperm(t.numel(), generator=g)[:40].tolist():
            numeric = [_slope(value, v, t, index, h) for h in (1e-5, 1e-6)]
            if abs(numeric[0] - numeric[1]) > 1e-3 * max(1e-6, abs(numeric[0])):
                continue  # a kink
            if abs(numeric[0]) < 1e-9:
                flat += 1
                continue
            looked += 1
            analytic = float(slope.reshape(-1)[index])
            wrong += abs(analytic - numeric[0]) > 1e-2 * max(abs(analytic), abs(numeric[0]))
    return wrong / looked if looked >= 5 and looked >= 0.2 * flat else None


def _slope(value: Callable[[], Any], v: torch.Tensor, t: torch.Tensor, index: int,
           h: float) -> float:
    flat = t.view(-1)
    old, both = float(flat[index]), []
    for sign in (1, -1):
        flat[index] = old + sign * h
        both.append(float((value()[1] * v).sum()))
    flat[index] = old
    return (both[0] - both[1]) / (2 * h)
