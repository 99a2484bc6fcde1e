"""Probes of copies of a model, once the script is through: nothing the script counts on is touched.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules import conv

from recipe_widgets.checks.model_copies import copied
from recipe_widgets.rules.batch_independence import (
    MixedSamples,
    PlacedSamples,
    batch_independence,
)
from recipe_widgets.rules.causal_dependence import CopiedInput, FutureLeak
from recipe_widgets.watch.evidence.forward_pass import map_tensors, tensors_in
from recipe_widgets.watch.evidence.model_record import ModelRecord
from recipe_widgets.watch.evidence.padded_rows import padding_of
from recipe_widgets.watch.evidence.script_objects import CheckTime, ScriptObjectError, ask

_PROBED_SAMPLES = 16
_PROBED_POSITIONS = 24  # of a sequence
_PROBED_PARAMETERS = 12
_SAME_ANSWER = 1e-3  # of the largest output: less does not tell samples apart


@dataclass
class _Probe:
    """A copy of a model in eval mode, with a few samples."""

    model: nn.Module
    args: Any
    kwargs: Any
    samples: int
    check_time: CheckTime

    @property
    def tensors(self) -> list[torch.Tensor]:
        return tensors_in(self.args) + tensors_in(self.kwargs)

    def runs(self) -> bool:
        """Does the model take these inputs?"""
        try:
            self.outputs()
        except ScriptObjectError:
            return False
        return True

    def outputs(self, change: Callable[[torch.Tensor], torch.Tensor] | None = None,
                seed: int = 0) -> list[torch.Tensor]:
        """Outputs of floats, as float64. change: of each input tensor."""
        self.check_time()
        args, kwargs = self.args, self.kwargs
        if change is not None:
            args, kwargs = map_tensors(args, change), map_tensors(kwargs, change)
        # a model that is random on purpose: the same numbers every time
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002  the model may draw from the global one
        random.seed(seed)
        with torch.no_grad():
            output = ask(self.model, *args, **kwargs)
        return [o.detach().double().clone() for o in tensors_in(output) if o.is_floating_point()]


def _probe_of(record: ModelRecord, module: nn.Module, check_time: CheckTime,
              all_samples: bool = False) -> _Probe | None:
    """None where no input was kept, or no copy can be made.

    With fewer samples than the example has, unless the model wants as many (a hidden state that
    is handed in has its batch on another axis).
    """
    model = copied(module) if record.example is not None else None
    if model is None or record.example is None:
        return None
    model.eval()
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():  # after a divergence: what is NaN everywhere shows nothing
            if p.is_floating_point() and not bool(p.isfinite().all()):
                p.copy_(torch.randn(p.shape, generator=rng).to(p) * 0.05)
    args, kwargs = record.example
    samples = len((tensors_in(args) or tensors_in(kwargs))[0])
    whole = _Probe(model, args, kwargs, samples, check_time)
    few = _Probe(model, _first_rows(args, samples, _PROBED_SAMPLES),
                 _first_rows(kwargs, samples, _PROBED_SAMPLES), min(samples, _PROBED_SAMPLES),
                 check_time)
    return whole if all_samples or samples <= _PROBED_SAMPLES or not few.runs() else few


def _first_rows(thing: Any, rows: int, most: int) -> Any:
    """The first rows of every tensor that has so many."""
    return map_tensors(thing, lambda t: t[:most] if t.ndim and len(t) == rows else t)


# samples of a batch


def mixed_samples(record: ModelRecord, module: nn.Module,
                  check_time: CheckTime,
                  axis_is_known: bool = False) -> MixedSamples | None:
    """Does the output of a sample depend on others of its batch? None where that cannot be told.
    axis_is_known: axis 0 is the batch for sure; else it may be time.
    """
    uses_batch = any(
        isinstance(m, nn.modules.batchnorm._BatchNorm) and m.running_mean is None
        for m in module.modules())
    probe = _probe_of(record, module, check_time) if record.varies and not uses_batch else None
    if probe is None or probe.samples < 2 or _is_graph(probe):
        return None
    before = next((o for o in probe.outputs() if o.ndim and len(o) == probe.samples), None)
    if before is None:
        return None
    mixing = _exchange_samples(probe, before, axis=0)
    if mixing is None or batch_independence(mixing).ok:
        return mixing
    if _is_random(probe, before) or _compares_samples(probe, before):
        return None
    if not axis_is_known and _may_be_time_first(record, probe, before):
        batch_second = _exchange_samples(probe, before, axis=1)
        if batch_second is not None and batch_independence(batch_second).ok:
            return batch_second
    return mixing


def placed_samples(record: ModelRecord, module: nn.Module,
                   check_time: CheckTime) -> PlacedSamples | None:
    """Does the output of a sample depend on its place in the batch? None where that cannot be told,
    as of sequences without a label each: their first axis may be time.
    """
    probe = _probe_of(record, module, check_time) if record.has_label_per_sample else None
    if probe is None or _is_graph(probe):
        return None
    before = next((o for o in probe.outputs() if o.ndim and len(o) == probe.samples), None)
    if before is None or before.shape[1:2] == before.shape[:1] or _is_random(probe, before):
        return None
    after = _like(before, probe.outputs(
        lambda t: t.roll(1, 0) if t.ndim and len(t) == probe.samples else t))
    if after is None or not bool(after.isfinite().all()):
        return None
    moved = float((after - before.roll(1, 0)).abs().max())
    return PlacedSamples(moved, float(before.std()))


def _is_random(probe: _Probe, before: torch.Tensor) -> bool:
    """Does the unchanged input give other outputs, or would it with other random numbers?

    How many numbers are drawn, and for whom, may depend on the input: then a change of one sample
    changes others, though they are not mixed.
    """
    for seed in (0, 1):
        again = _like(before, probe.outputs(seed=seed))
        if again is None or not torch.allclose(again, before, rtol=1e-5):
            return True
    return False


def _like(before: torch.Tensor, outputs: list[torch.Tensor]) -> torch.Tensor | None:
    """The same output of another call."""
    return next((o for o in outputs if o.shape == before.shape), None)


def _compares_samples(probe: _Probe, before: torch.Tensor) -> bool:
    """Is the output (N, N, ...) a matrix of similarities, which follows when samples are reordered?"""
    n = probe.samples
    if before.ndim < 2 or before.shape[1] != n:
        return False
    order = torch.arange(n).roll(1)
    after = _like(before, probe.outputs(lambda t: t[order] if t.ndim and len(t) == n else t))
    return after is not None and torch.allclose(after, before[order][:, order], rtol=1e-3, atol=1e-5)


def _is_graph(probe: _Probe) -> bool:
    """Is there an (N, N) adjacency or a (2, E) edge list beside the nodes? Then they mix."""
    n = probe.samples
    return any(t.ndim == 2 and (t.shape == (n, n) or
                                (t.shape[0] == 2 and not t.is_floating_point()))
               for t in probe.tensors[1:])


def _may_be_time_first(record: ModelRecord, probe: _Probe, output: torch.Tensor) -> bool:
    """(T, N, ...): as recurrent layers and transformers of torch take it by default."""
    first = probe.tensors[0]
    return not record.has_label_per_sample and output.ndim >= 3 and first.ndim >= 2 \
        and output.shape[1] == first.shape[1] > 1


def _exchange_samples(probe: _Probe, before: torch.Tensor, axis: int) -> MixedSamples | None:
    count, moved, own = before.shape[axis], 0.0, 0.0
    for row in {0, count // 2, count - 1}:
        def change(t: torch.Tensor, row: int = row) -> torch.Tensor:
            fits = t.ndim > axis and t.shape[axis] == count
            return _with_other_sample(t, row, axis) if fits else t

        after = _like(before, probe.outputs(change))
        if after is None or not bool(after.isfinite().all()):
            return None
        gap = (after - before).abs().movedim(axis, 0).reshape(count, -1).amax(1)  # (N,)
        own = max(own, float(gap[row]))
        gap[row] = 0
        moved = max(moved, float(gap.max()))
    return MixedSamples(moved, float(before.std()), own)


def _with_other_sample(t: torch.Tensor, row: int, axis: int) -> torch.Tensor:
    """Noise on the numbers at `row`; whole numbers, which may be indices, become those of another
    sample.
    """
    new = t.clone()
    sample = new.select(axis, row)
    if t.is_floating_point():
        rng = torch.Generator().manual_seed(row)
        noise = torch.randn(sample.shape, generator=rng).to(t)
        sample.add_(noise * t.std(correction=0).clamp(min=1e-3))
    else:
        sample.copy_(t.select(axis, (row + t.shape[axis] // 2) % t.shape[axis]))
    return new


# positions of a sequence


def future_leak(record: ModelRecord, module: nn.Module,
                check_time: CheckTime) -> FutureLeak | CopiedInput | None:
    """Do outputs depend on later inputs, where each target is the next one? Is the target the very
    input, and the model sees nothing else? None unless the targets are inputs.
    """
    labels = record.example_labels
    probe = _probe_of(record, module, check_time) if labels is not None else None
    if probe is None or labels is None:
        return None
    for x in tensors_in(record.example):
        if x.ndim not in (2, 3) or (x.ndim == 3 and not x.is_floating_point()) \
                or min(x.shape[:2]) < 2:
            continue
        for axis in (1, 0):
            shift = _shift_of_targets(x, labels, axis)
            if shift is None:
                continue
            # (N, T): a few samples are enough; (T, N): rows are positions
            few = probe if axis == 1 else _probe_of(record, module, check_time, all_samples=True)
            if few is None:
                return None
            leak = _exchange_positions(few, x[:few.samples] if axis == 1 else x, axis)
            if shift == 1 or leak is None:
                return leak
            causal = leak.leak.max() == 0 and not x.is_floating_point()
            return CopiedInput(x.shape[axis]) if causal else None
    return None


def _shift_of_targets(x: torch.Tensor, labels: torch.Tensor, axis: int) -> int | None:
    """1: each target is the next input along this axis; 0: it is the input itself."""
    steps = x.shape[axis]
    for length in (steps, steps - 1):  # the last one may have no target
        shape = [length if a == axis else n for a, n in enumerate(x.shape)]
        if labels.numel() != math.prod(shape) or labels.is_floating_point() != \
                x.is_floating_point():
            continue
        target = labels.reshape(shape).narrow(axis, 0, steps - 1)
        # negative labels, such as -100, do not count
        counts = torch.ones_like(target, dtype=torch.bool) if x.is_floating_point() else target >= 0
        same, after = x.narrow(axis, 0, steps - 1), x.narrow(axis, 1, steps - 1)
        if not bool(counts.any()) or bool((same == after)[counts].all()):
            continue
        if bool((after == target)[counts].all()):
            return 1
        if bool((same == target)[counts].all()):
            return 0
    return None


def _exchange_positions(probe: _Probe, x: torch.Tensor, axis: int) -> FutureLeak | None:
    before = _scores(probe.outputs(), x)
    if before is None:
        return None
    steps, scale = x.shape[axis], float(before.std().clamp(min=1e-12))
    leak = np.zeros(steps)  # (T,)
    for t in range(1, min(steps, _PROBED_POSITIONS)):
        def change(tensor: torch.Tensor, t: int = t) -> torch.Tensor:
            same = tensor.shape == x.shape and torch.equal(tensor, x)
            if not same:
                return tensor
            return _with_other_sample(tensor, t, axis) if x.is_floating_point() \
                else _with_other_token(tensor, t, axis)

        after = _scores(probe.outputs(change), x)
        if after is None:
            return None
        leak[t] = float((after - before).narrow(axis, 0, t).abs().max()) / scale
    return FutureLeak(leak)


def _scores(outputs: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor | None:
    """(*x.shape[:2], K), or without the last position: the first output that has one row per
    position.
    """
    rows, columns = x.shape[:2]
    for o in outputs:
        if o.ndim >= 2 and (o.shape[:2] == x.shape[:2] or o.shape[:2] == (rows, columns - 1)):
            return o
        if o.ndim and len(o) == rows * columns and o.numel() > len(o):
            return o.reshape(rows, columns, -1)
        if o.ndim == 3 and len(o) == rows and o.shape[2] == columns:  # (N, K, T), for the loss
            return o.movedim(2, 1)
    return None


def _with_other_token(x: torch.Tensor, t: int, axis: int) -> torch.Tensor:
    """Each token at position t becomes the next one of the vocabulary that was seen."""
    vocabulary, new = x.unique(), x.clone()
    tokens = x.select(axis, t).contiguous()
    after = (torch.searchsorted(vocabulary, tokens) + 1) % len(vocabulary)
    new.select(axis, t).copy_(vocabulary[after])
    return new


def order_effect(record: ModelRecord, module: nn.Module, check_time: CheckTime) -> float | None:
    """How much the output changes when the positions of the input change places, in standard
    deviations; outputs that have one row per position may follow. None where that cannot be told.
    """
    probe = _probe_of(record, module, check_time) if record.varies else None
    if probe is None:
        return None
    x = probe.tensors[0]
    # tokens (N, T) or numbers (N, T, D); (N, C, H, W) has other axes
    if x.ndim != 3 - (not x.is_floating_point()) or x.shape[1] < 3 or len(x) != probe.samples:
        return None
    if any(
        t.ndim > 1 and t.shape[1] == x.shape[1] and not bool(_is_constant(t))
        for t in probe.tensors[1:]
    ):
        return None  # positions, masks: they would have to follow
    steps = x.shape[1]
    order = torch.randperm(steps, generator=torch.Generator().manual_seed(0))
    before = next(iter(probe.outputs()), None)
    after = probe.outputs(lambda t: t[:, order] if t.shape == x.shape else t)
    same = _like(before, after) if before is not None else None
    if before is None or same is None or not bool(same.isfinite().all()):
        return None
    scale = max(float(before.std()), 1e-12)
    changes = [float((same - before).abs().max()) / scale]
    if before.ndim > 2 and before.shape[1] == steps:
        changes.append(float((same - before[:, order]).abs().max()) / scale)
    # a network that says the same of every sample knows nothing of order, nor of anything else
    answers = float(before.std(0).max()) > _SAME_ANSWER * float(before.abs().max())
    return min(changes) if answers else None


def _is_constant(t: torch.Tensor) -> torch.Tensor:
    return (t == t.flatten()[0]).all()


# padding


@dataclass(frozen=True)
class PaddingCut:
    """change: of the output of the shortest sample when its padding is cut off, in standard
    deviations. told: is the model told where the padding is? in_front: is it before the samples?
    """

    change: float
    told: bool
    in_front: bool


def padding_cut(record: ModelRecord, module: nn.Module, check_time: CheckTime) -> PaddingCut | None:
    """None where nothing is padded, or where it cannot be told."""
    probe = _probe_of(record, module, check_time)
    if probe is None or any(isinstance(m, conv._ConvNd) for m in module.modules()):
        return None  # at its border a convolution sees the padding, and is meant to
    found = next(((p, in_front) for x in probe.tensors for in_front in (False, True)
                  if (p := _padding(x, in_front)) is not None), None)
    if found is None:
        return None
    padding, in_front = found
    samples, steps = padding.shape
    lengths = (~padding).sum(1)
    row, length = int(lengths.argmin()), max(2, int(lengths.min()))
    # a recurrent layer reads it all the same: there, and in front, a padding_idx says nothing
    reads_it = in_front or any(isinstance(m, nn.RNNBase) for m in module.modules())
    told = not reads_it and any(
        isinstance(m, nn.Embedding) and m.padding_idx is not None for m in module.modules())
    told |= any(_tells(t, padding, lengths) for t in probe.tensors)

    def alone(t: torch.Tensor, most: int) -> torch.Tensor:
        """Two copies of the row, up to a length."""
        kept = slice(steps - most, None) if in_front else slice(most)
        if t.ndim and len(t) == samples and t.shape != (steps, steps):
            t = t[[row, row]]
            return t[:, kept] if t.ndim > 1 and t.shape[1] == steps else t
        return t[kept, kept] if t.shape == (steps, steps) else t

    spread = probe.outputs()
    try:
        long, short = (probe.outputs(functools.partial(alone, most=most))
                       for most in (steps, length))
    except ScriptObjectError:  # a model for sequences of one length
        return None
    for every, a, b in zip(spread, long, short, strict=False):
        if a.ndim > 1 and a.shape[1] == steps and b.shape[1] == length:
            a = a[:, steps - length :] if in_front else a[:, :length]
        if a.ndim and len(a) == 2 and a.shape == b.shape and bool(a.isfinite().all()):
            scale = max(float(every.std()), 1e-12)
            change = float((a - b)[0, ...].abs().max()) / scale
            return PaddingCut(change, told, in_front)
    return None


def _padding(x: torch.Tensor, in_front: bool) -> torch.Tensor | None:
    """`padding_of`, or the same of padding before the sequences."""
    if not in_front:
        return padding_of(x)
    turned = padding_of(x.flip(1)) if x.ndim > 1 else None
    return turned.flip(1) if turned is not None else None


def _tells(t: torch.Tensor, padding: torch.Tensor, lengths: torch.Tensor) -> bool:
    """Does this input say where the padding is: as lengths, or as a mask?"""
    if t.shape == lengths.shape:
        return bool((t == lengths.to(t.device)).all())
    if t.shape == padding.shape:
        return bool((t == padding).all()) or bool((t == ~padding).all())
    return False


# parameters


def changes_output(record: ModelRecord, module: nn.Module, names: list[str],
                   check_time: CheckTime) -> list[str]:
    """Which of these parameters change the model's output?"""
    probe = _probe_of(record, module, check_time)
    if probe is None:
        return []
    before, rng, found = probe.outputs(), torch.Generator().manual_seed(1), []
    parameters = dict(probe.model.named_parameters())
    for name in names[:_PROBED_PARAMETERS]:
        p = parameters.get(name)
        if p is None:
            continue
        old = p.detach().clone()
        with torch.no_grad():
            noise = torch.randn(p.shape, generator=rng).to(p)
            p.add_(noise * (0.3 * p.std(correction=0) + 0.05))  # also where all are zero
        after = probe.outputs()
        with torch.no_grad():
            p.copy_(old)
        if before and after and before[0].shape == after[0].shape:
            change = float((after[0] - before[0]).abs().max())
            if change > 1e-6 * (1 + float(before[0].abs().max())):
                found.append(name)
    return found


def wrong_derivative(function: Any, inputs: tuple[Any, ...],
                     check_time: CheckTime) -> float | None:
    """Share of looked-at entries at which a custom backward differs from the slope of its forward.

    None where its forward is flat or the identity: such functions (straight-through estimators,
    gradient reversal) have another backward on purpose.
    """
    rows = next((len(t) for t in inputs if isinstance(t, torch.Tensor) and t.ndim), 0)
    doubles = [_as_double(_first_rows(t, rows, 8)) for t in inputs]  # differences need 16 digits
    floats = [t for t in doubles if isinstance(t, torch.Tensor) and t.is_floating_point()]
    rng = torch.Generator().manual_seed(0)

    def value() -> torch.Tensor:
        output: Any = ask(function.apply, *doubles)
        first: torch.Tensor = output[0] if isinstance(output, tuple) else output
        return first

    first = value().detach()
    identity = any(first.shape == t.shape and torch.allclose(first, t, rtol=1e-9) for t in floats)
    if identity or not first.is_floating_point():
        return None
    weights = torch.rand(first.shape, generator=rng, dtype=torch.float64) + 0.5
    wrong = looked = flat = 0
    for t in floats:
        t.requires_grad_()
        total = (value() * weights).sum()
        slope = ask(torch.autograd.grad, total, t, allow_unused=True)[0]
        t.requires_grad_(False)
        if slope is None:
            continue
        for index in torch.randperm(t.numel(), generator=rng)[:40].tolist():
            check_time()
            numeric, closer = (_central_difference(value, weights, t, index, h)
                               for h in (1e-5, 1e-6))
            if abs(numeric - closer) > 1e-3 * max(1e-6, abs(numeric)):
                continue  # a kink
            if abs(numeric) < 1e-9:
                flat += 1
                continue
            looked += 1
            analytic = float(slope.reshape(-1)[index])
            wrong += abs(analytic - numeric) > 1e-2 * max(abs(analytic), abs(numeric))
    return wrong / looked if looked >= 5 and looked >= 0.2 * flat else None


def _as_double(thing: Any) -> Any:
    if isinstance(thing, torch.Tensor) and thing.is_floating_point():
        return thing.detach().double().clone()
    return thing


def _central_difference(value: Callable[[], torch.Tensor], weights: torch.Tensor, t: torch.Tensor,
                        index: int, h: float) -> float:
    """(f(x + h) - f(x - h)) / 2h of the weighted sum of the outputs, at one entry of t."""
    flat = t.view(-1)
    old, sums = float(flat[index]), []
    for sign in (1, -1):
        flat[index] = old + sign * h
        sums.append(float((value().detach() * weights).sum()))
    flat[index] = old
    return (sums[0] - sums[1]) / (2 * h)
