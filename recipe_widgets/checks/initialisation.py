"""The network before it has learnt anything, and its first steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import torch
from torch import nn

from recipe_widgets.checks.check_decorator import CannotTellError, check
from recipe_widgets.checks.check_subject import Subject
from recipe_widgets.checks.loss_probing import LossFacts, loss_facts, output_of, replaced
from recipe_widgets.checks.shared_passes import RATIOS_OF, first_loss, first_outputs, own_training
from recipe_widgets.checks.training_copy import (
    adam,
    duplicate,
    fresh_model,
    loss_on,
    model_copy,
    to_train,
    train_plainly,
    training_copy,
)
from recipe_widgets.core.validation import real, whole
from recipe_widgets.rules.init_scale import SignalSizes
from recipe_widgets.rules.input_independent_baseline import RealAndZeroInputs
from recipe_widgets.rules.loss_at_init import FirstLoss
from recipe_widgets.rules.loss_decreases import LossOfOwnBatches
from recipe_widgets.rules.output_init import FirstOutputs

_SAMPLES = 32  # per batch where two trainings are compared: enough to tell inputs from zeros


_FEWEST = 30  # steps; the first ones with momentum may well go up


def _seeds(target: Subject, inits: int) -> list[int | None]:
    """Of fresh initialisations; None, the model as it is, when there is no factory."""
    return [None] if target.factory is None else list(range(inits))


@check(stage="start", place=1)
def loss_at_init(target: Subject, *, inits: Annotated[int, whole(1, 100)] = 3) -> FirstLoss:
    """Is the first loss that of knowing nothing: ln K for K balanced classes, the spread of the
    targets in a regression?

    The expectation comes from the loss itself, fed with a uniform guess (or the best constant).
    Over several initialisations where there is a factory, and per class.
    """
    facts = loss_facts(target)
    by_class = {}
    losses = [loss for seed in _seeds(target, inits) for loss in first_loss(target, seed)]
    if facts.kind in ("cross_entropy", "nll") and target.y.ndim == 1 and facts.classes <= 20:
        by_class = _per_class(target)
    return FirstLoss(losses, _expected(target, facts), facts.kind, facts.classes, facts.scale,
                     per_class=by_class, flat=facts.flat, samples=len(target.y))


def _expected(target: Subject, facts: LossFacts) -> float | None:
    """Loss of the best output that does not look at the input."""
    if facts.kind in ("cross_entropy", "nll"):
        return math.log(facts.classes)
    output = output_of(target)
    outputs, y = target.logits(output), target.y
    if facts.kind in ("bce_logits", "bce"):
        return math.log(2)  # a fair coin, in nats
    if facts.kind == "regression":
        # the mean of the targets is the best constant for squared errors
        centre = y.to(outputs).reshape(outputs.shape).mean(0, keepdim=True).expand_as(outputs)
        return float(target.loss_fn(replaced(target, output, centre), y))
    if facts.kind == "other" and facts.classes:
        value = float(target.loss_fn(replaced(target, output, torch.zeros_like(outputs)), y))
        return value if value > 0 else None
    return None


def _per_class(target: Subject) -> dict[int, float]:
    model = to_train(model_copy(target))
    found = {}
    with torch.no_grad():
        for label in target.y.unique().tolist():
            rows = target.y == label
            if int(rows.sum()) > 1:  # a norm layer in training mode needs two samples
                found[int(label)] = float(target.loss(model, target.x[rows], target.y[rows]))
    return found


@check(stage="start", place=2)
def output_init(target: Subject, *, inits: Annotated[int, whole(1, 100)] = 3) -> FirstOutputs:
    """Are the first outputs small, and near the mean of the targets of a regression?"""
    facts = loss_facts(target)
    outputs = [
        target.logits(output).flatten().double()
        for seed in _seeds(target, inits) for output in first_outputs(target, seed)[:2]
    ]
    everything = torch.cat(outputs)
    y = torch.cat([y.flatten()
                   for _, y in target.batches]).double() if facts.kind == "regression" else None
    return FirstOutputs(
        mean=float(everything.mean()), std=float(everything.std(correction=0)),
        target_mean=None if y is None else float(y.mean()),
        target_std=None if y is None else float(y.std(correction=0)),
        classes=facts.classes if facts.kind in ("cross_entropy", "nll") else 0,
        floor=float(everything.min()) if facts.kind == "cross_entropy" else -1.0,
        zeros=float((everything == 0).double().mean()), knows=_knows(target, facts))


def _knows(target: Subject, facts: LossFacts) -> bool:
    """Is the first loss one that no guess can have?"""
    loss = float(np.mean(first_loss(target)[:2]))
    return facts.kind == "cross_entropy" and loss < 0.6 * math.log(max(2, facts.classes))


@check(stage="start", place=3)
def init_scale(target: Subject, *, steps: Annotated[int, whole(0, 1000)] = 3) -> SignalSizes:
    """Does the signal keep its size through the layers, and do the units of each layer differ?

    Units that start equal are accused when they are still equal after some steps (a head that
    starts at zero is fine).
    """
    model = to_train(fresh_model(target, 0)) if target.factory else to_train(model_copy(target))
    stds: dict[str, float] = {}
    layers = [(name, layer)
              for name, layer in model.named_modules()
              if isinstance(layer, (nn.Linear, nn.modules.conv._ConvNd))]

    def spread_of(name: str) -> Callable[..., None]:
        def see(_module: nn.Module, _args: Any, out: torch.Tensor) -> None:
            # the first call counts: a shared layer is used again with other inputs
            stds.setdefault(name, float(out.std(correction=0)))

        return see

    hooks = [layer.register_forward_hook(spread_of(name)) for name, layer in layers]
    with torch.no_grad():
        model(target.x)
    for hook in hooks:
        hook.remove()
    suspects = [name for name, layer in layers if _equal_units(layer)]
    if suspects:
        # equal units that differ after some steps broke their symmetry by themselves
        trained = duplicate(model)
        train_plainly(target, trained, adam(trained), target.batches, steps, 3.0)
        after = dict(trained.named_modules())
        used = {name for name in suspects if after[name].weight.grad is not None and name in stds}
        suspects = [name for name in suspects if name in used and _equal_units(after[name])]
    spread = float(target.x.double().std(correction=0)) if target.x.is_floating_point() else 1.0
    return SignalSizes(stds, suspects, spread)


def _equal_units(layer: Any) -> bool:
    """Are all rows of the weights (and the biases) the same?"""
    weights = layer.weight.detach()
    if len(weights) < 2 or not layer.weight.requires_grad or weights[0].numel() < 2:
        return False
    # float32 rounding of equal rows
    tolerance = 1e-6 * max(1e-6, float(weights.abs().max()))
    return bool((weights - weights[:1]).abs().max() <= tolerance)


@check(stage="first steps", place=2)
def input_independent_baseline(target: Subject, *, steps: Annotated[int, whole(1, 10**6)] = 60,
                               seconds: Annotated[float, real(0)] = 2.0) -> RealAndZeroInputs:
    """Does training on the inputs beat training on zeros in their place? (Karpathy's second
    stage.)
    """
    if not target.x.is_floating_point():
        raise CannotTellError("needs inputs of floats")
    few = tuple((x[:_SAMPLES], y[:_SAMPLES]) for x, y in target.batches[:3])
    ends, count = [], steps  # losses at the end, on inputs and on zeros; steps they may take
    for batches in (few, tuple((torch.zeros_like(x), y) for x, y in few)):
        made = training_copy(target)
        optimizer = made.optimizer or adam(made.model)
        # the second training gets as many steps as the first had time for
        count = len(train_plainly(target, to_train(made.model), optimizer, batches, count, seconds,
                                  least=_FEWEST))
        if count < min(steps, _FEWEST):
            raise CannotTellError(f"{_FEWEST} steps take more than {seconds:g} s: too few to tell")
        ends.append(loss_on(target, made.model, batches))
    before = loss_on(target, to_train(model_copy(target)), few)
    return RealAndZeroInputs(real=ends[0], zero=ends[1], start=before)


@check(stage="first steps", place=1)
def loss_decreases(target: Subject, *, steps: Annotated[int, whole(1, 10**6)] = 40,
                   seconds: Annotated[float, real(0)] = 2.5) -> LossOfOwnBatches:
    """Do some steps of the reader's own training lower the loss of the batches they are taken
    on?
    """
    training = own_training(target, steps)
    training.until(min(RATIOS_OF, steps), seconds)
    done = training.until(steps, seconds)
    before, after = training.before, training.loss()
    if done < min(steps, _FEWEST) and after >= before:
        raise CannotTellError(f"only {done} steps in {seconds:g} s: too few to tell")
    floor = 0.0 if loss_facts(target).kind == "regression" else None
    return LossOfOwnBatches(before, after, done, floor)
