"""Which output depends on which input: exchange one and look what moves."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from recipe_widgets.checks.check_decorator import CannotTellError, check
from recipe_widgets.checks.check_subject import Subject, pairs, restored_generators
from recipe_widgets.checks.loss_probing import replaced
from recipe_widgets.checks.shared_passes import evaluated, handful, random_in_eval
from recipe_widgets.checks.training_copy import (
    duplicate,
    model_copy,
    seeded,
    training_copy,
)
from recipe_widgets.core import CheckResult
from recipe_widgets.data import Data, Split
from recipe_widgets.rules.batch_independence import MixedSamples
from recipe_widgets.rules.causal_dependence import FutureLeak
from recipe_widgets.rules.loop_equals_vectorised import BatchAndSamples

_ALONE = 4  # samples that are tried as a batch of their own


def _before(target: Subject) -> torch.Tensor:
    """The predictions of a handful of samples, by the model as it is."""
    return target.logits(evaluated(target)).double()


def _outputs(target: Subject, model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The predictions of x, from an untouched copy, with the same random numbers every time."""
    with seeded(), torch.no_grad():
        return target.logits(duplicate(model)(x)).double()


def _exchanged(x: torch.Tensor, pick: Any, seed: int = 0) -> torch.Tensor:
    """x with other plausible values at `pick`: the same values in another order, or noise of the
    same size.
    """
    draw = torch.Generator().manual_seed(seed)
    new, part = x.clone(), x[pick]
    if x.is_floating_point():
        noise = torch.randn(part.shape, generator=draw).to(x) * x.std(correction=0).clamp(min=1e-3)
        new[pick] = part + noise
        return new
    seen = x.unique()  # whole numbers: tokens or class numbers, of which only known ones are fed
    shift = torch.randint(1, max(2, len(seen)), part.shape, generator=draw).to(x.device)
    new[pick] = seen[(torch.searchsorted(seen, part.contiguous()) + shift) % len(seen)]
    return new


@check(stage="dependence", place=1)
def batch_independence(target: Subject) -> MixedSamples | CheckResult:
    """Does the output of a sample depend on that sample alone? (Norms in eval mode.)

    Source: Karpathy, "use backprop to chart dependencies"; here by exchanging a sample, which also
        works for integers.
    """
    x, _ = handful(target)
    if len(x) < 2:
        raise CannotTellError("needs two samples in a batch")
    before = _before(target)
    if before.ndim == 0 or len(before) != len(x):
        return CheckResult("batch_independence", "warn",
                           f"{len(x)} samples give an output of shape "
                           f"{tuple(before.shape)}",
                           advice="The output begins with the batch axis.")
    model, moved, own = model_copy(target).eval(), 0.0, 0.0
    for row in {0, len(x) // 2, len(x) - 1}:  # three say enough: a mixed batch mixes all
        change = (_outputs(target, model, _exchanged(x, row, row)) -
                  before).abs().flatten(1).amax(1)
        own = max(own, float(change[row]))
        change[row] = 0  # what happens to the others?
        moved = max(moved, float(change.max()))
    return MixedSamples(moved, spread=float(before.std()), own=own)


@check(stage="dependence", place=2)
def causal_dependence(target: Subject, *, causal: bool | None = None) -> FutureLeak:
    """Does the output at position t depend on inputs up to t only?

    It may fail where the target of a position is the next input (a language model), or with
    `causal=True`.
    """
    x, y = handful(target)
    before = _before(target)
    if x.ndim < 2 or before.ndim < 3 or before.shape[:2] != x.shape[:2] or x.shape[
            1] < 2 or x.ndim > 3:
        raise CannotTellError("needs sequences: inputs (N, T, ...) and outputs (N, T, K)")
    model = model_copy(target).eval()
    # the target of a position is the next input: a language model
    following = x.ndim == y.ndim and x.shape == y.shape and bool(torch.equal(x[:, 1:], y[:, :-1]))
    scale = float(before.std().clamp(min=1e-12))
    leak = [
        float(
            (_outputs(target, model, _exchanged(x,
                                                (slice(None), t), t)) - before)[:, :t].abs().max())
        / scale for t in range(1, x.shape[1])
    ]
    return FutureLeak(np.array([0.0, *leak]), following if causal is None else causal)


@check(stage="dependence", place=3)
def loop_equals_vectorised(target: Subject) -> BatchAndSamples:
    """Does a batch give what its samples give one by one, and the metric the same for any cut into
    batches?

    The metric is looked at where `evaluate` and `validation` are given.
    """
    x, y = handful(target)
    model, whole = model_copy(target).eval(), _before(target)
    # (n, K), some samples each as a batch of its own: what mixes samples mixes all
    rows = range(0, len(x), max(1, len(x) // _ALONE))
    single = torch.cat([_outputs(target, model, x[row:row + 1]) for row in rows])
    together = whole[list(rows)] if whole.ndim and len(whole) == len(x) else whole
    gap = float("inf") if single.shape != together.shape else float((single - together).abs().max())
    stochastic = random_in_eval(target)
    metric = _metric(target, stochastic)
    gap = 0.0 if stochastic else gap / max(1e-6, float(whole.abs().max()))
    return BatchAndSamples(_loss_gap(target, y), gap, metric)


def _loss_gap(target: Subject, y: torch.Tensor) -> float:
    output = evaluated(target)
    try:
        z = target.logits(output)
        whole = float(target.loss_fn(replaced(target, output, z), y))
        parts = [
            float(target.loss_fn(replaced(target, output, z[i:i + 1]), y[i:i + 1]))
            for i in range(len(y))
        ]
    except Exception:  # a loss that needs more than one sample, or other parts of the output
        return 0.0
    return abs(float(np.mean(parts)) - whole) / max(1e-9, abs(whole))


def _metric(target: Subject, stochastic: bool) -> list[float]:
    """The reader's metric on all samples at once, and in smaller batches; empty when it cannot
    be had.
    """
    if stochastic or target.evaluate is None or target.validation is None:
        return []
    with restored_generators(target.validation):
        given = pairs(target.validation, "validation")
        found = [pair for pair in given if isinstance(pair, (tuple, list)) and len(pair) == 2]
    try:
        x, y = (torch.cat([torch.as_tensor(pair[i]) for pair in found]) for i in (0, 1))
    except (TypeError, ValueError, RuntimeError):
        return []
    ours = isinstance(target.validation, (Data, Split))  # not in batches yet
    cut = DataLoader(TensorDataset(x, y), max(1, 2 * len(x) // 3)) if ours else target.validation
    whole = _whole(x, y)
    try:
        if _norms_in_training(target):
            return []
    except Exception:  # of the reader's own
        return []
    pair: list[float] = []
    # other weights, in case that two ways of counting agree by chance
    for shake in (0.0, 1.0):
        own, all_at_once = (_evaluated(target, batches, shake) for batches in (cut, whole))
        if own is None or all_at_once is None:
            return []
        if abs(own - all_at_once) > 1e-4 * max(1e-6, abs(own)):
            return [all_at_once, own]
        pair = [all_at_once, own]
    return pair


def _whole(x: torch.Tensor, y: torch.Tensor) -> Any:
    """All in one batch."""
    return DataLoader(TensorDataset(x, y), len(x))


def _evaluated(target: Subject, batches: Any, shake: float) -> float | None:
    """What the reader's evaluation gives; None when it takes other batches or gives no number."""
    made = training_copy(dataclasses.replace(target, optimizer=None))
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in made.model.parameters():
            noise = torch.randn(parameter.shape, generator=draw).to(parameter)
            parameter.add_(shake * parameter.abs().mean() * noise)
    try:
        if made.evaluate is None:
            return None
        with seeded(), torch.enable_grad(), restored_generators(batches):
            value = made.evaluate(made.model, batches)
        return float(value)
    except Exception:  # of the reader's own
        return None


def _norms_in_training(target: Subject) -> list[nn.Module]:
    """Norm layers which the reader's evaluation runs in training mode."""
    made, seen = training_copy(dataclasses.replace(target, optimizer=None)), []
    norms = [
        module for module in made.model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
    ]
    for norm in norms:
        norm.register_forward_pre_hook(lambda module, _: seen.append(module)
                                       if module.training else None)
    if norms and made.evaluate is not None:
        with seeded():
            made.evaluate(made.model, _whole(*handful(target)))
    return seen
