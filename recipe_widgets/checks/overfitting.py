"""Can the net learn a handful by heart? With the reader's own settings, and with plain ones."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Annotated

import torch
from torch import nn

from recipe_widgets.checks.check_decorator import CannotTellError, check
from recipe_widgets.checks.check_subject import Batch, Subject, pairs, restored_generators
from recipe_widgets.checks.loss_probing import loss_facts, output_of, replaced
from recipe_widgets.checks.training_copy import (
    adam,
    duplicate,
    loss_on,
    model_copy,
    to_train,
    train_plainly,
    training_copy,
)
from recipe_widgets.core.validation import real, whole
from recipe_widgets.rules.generalisation_onset import LossBySamples
from recipe_widgets.rules.memorises_random_labels import ALLOWED, RandomLabels
from recipe_widgets.rules.overfit_few import FewSamples
from recipe_widgets.rules.overfit_one_batch import OneBatch, share_left

_ROSE = 1.3  # times the first loss: the steps were too long for so few samples
# Share of the loss left; the first steps of a sequence may be unknowable
_ALLOWED, _ALLOWED_SEQUENCES = 0.2, 0.5


def floor_of(target: Subject, batch: Batch, steps: int = 150) -> float:
    """The least loss that outputs reach when they are free numbers: soft labels and smoothing have
    one above zero.

    Raises:
        CannotTellError: it has none (falls without end, as a policy's does), or it couples the
            samples.
    """
    x, y = batch
    output = output_of(target, model_copy(target), x)
    z = target.logits(output).detach().clone().float().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=0.3)  # logits themselves: large steps are safe
    value, facts = torch.zeros(()), loss_facts(target)
    for _ in range(steps):
        optimizer.zero_grad()
        free = z.log_softmax(
            facts.axis) if facts.kind == "nll" else z.sigmoid() if facts.kind == "bce" else z
        value = target.loss_fn(replaced(target, output, free), y).reshape(())
        if not value.requires_grad:
            raise CannotTellError("the loss does not depend on the outputs")
        value.backward()
        optimizer.step()
    # no distance from the truth is negative
    if facts.kind == "other" and float(value.detach()) < -1.0:
        raise CannotTellError("this loss has no floor: learning by heart means nothing for it")
    return float(value.detach())


def _few(target: Subject, count: int) -> Batch:
    x = torch.cat([x for x, _ in target.batches if x.shape[1:] == target.x.shape[1:]])[:count]
    y = torch.cat([y for _, y in target.batches if y.shape[1:] == target.y.shape[1:]])[:count]
    return x, y


def _allowed(target: Subject) -> float:
    z = target.logits(output_of(target))
    return _ALLOWED_SEQUENCES if z.ndim > 2 else _ALLOWED


def _train(target: Subject, batch: Batch, plain: bool, steps: int, seconds: float,
           gentle: float = 1.0) -> tuple[float, float, list[float]]:
    """Loss of the batch before and after (the smaller one of both modes), and the losses on the
    way.

    A step that suits batches of many samples can throw a net off a handful of them: if the loss
    rose, a second attempt is made with a tenth of the learning rate, which is no fault of the
    wiring.
    """
    made = training_copy(target if not plain else dataclasses.replace(target, optimizer=None))
    model = to_train(made.model)
    if plain:
        for module in model.modules():
            if isinstance(module, nn.modules.dropout._DropoutNd):
                module.p = 0.0
    # 3e-3: a handful of samples has little noise
    optimizer = adam(model, 3e-3) if plain or made.optimizer is None else made.optimizer
    for group in getattr(optimizer, "param_groups", []):
        group["lr"] *= gentle
    before = loss_on(target, model, [batch])
    losses, best = [], before
    for _ in range(4):  # looked at in between, so that what is learnt ends early
        losses += train_plainly(target, model, optimizer, [batch], steps // 4, seconds / 4)
        best = min(best, loss_on(target, model, [batch]),
                   loss_on(target,
                           duplicate(model).eval(), [batch]))
        if best < 0.02 * before:  # learnt, beyond doubt
            return before, best, losses
    if gentle == 1.0 and not plain and max(losses, default=0.0) > _ROSE * abs(before):
        _, again, more = _train(target, batch, plain, steps, seconds, 0.1)
        if again < best:
            return before, again, more
    return before, best, losses


@check(stage="memorising", place=1)
def overfit_one_batch(target: Subject, *, samples: Annotated[int, whole(1, 10**6)] = 16,
                      steps: Annotated[int, whole(1, 10**6)] = 400,
                      seconds: Annotated[float, real(0)] = 3.0) -> OneBatch:
    """Does the loss of a few samples fall to its floor when the net trains on nothing else, with
    its own optimiser?
    """
    batch = _few(target, samples)
    floor = floor_of(target, batch)
    before, after, losses = _train(target, batch, False, steps, seconds)
    if after > floor and len(losses) < 60 and share_left(before, after,
                                                              floor) > _allowed(target):
        raise CannotTellError(f"only {len(losses)} steps in {seconds:g} s: too few to tell")
    return OneBatch(before, after, floor, samples=len(batch[1]), steps=len(losses),
                    allowed=_allowed(target), losses=losses)


@check(stage="memorising", place=2)
def overfit_few(target: Subject, *, samples: Annotated[int, whole(1, 10**6)] = 16,
                steps: Annotated[int, whole(1, 10**6)] = 400,
                seconds: Annotated[float, real(0)] = 1.5) -> FewSamples:
    """The same for 2 and for 16 samples, with the reader's settings and with plain ones: says
    whether it is a bug, too small a model, or too much regularisation."""
    own: dict[int, float] = {}
    plain: dict[int, float] = {}
    for count in (2, samples):
        batch = _few(target, count)
        floor = floor_of(target, batch)
        for found, simple in ((own, False), (plain, True)):
            before, after, losses = _train(target, batch, simple, steps, seconds)
            found[count] = share_left(before, after, floor)
            if found[count] > _allowed(target) and len(losses) < 60:
                raise CannotTellError(f"only {len(losses)} steps in {seconds:g} s: too few to tell")
        if own[count] <= _allowed(target) and count == samples:
            break  # the larger number is learnt: nothing is left to explain
    return FewSamples(own, plain, _allowed(target))


@check(stage="memorising", place=3)
def memorises_random_labels(target: Subject, *, samples: Annotated[int, whole(1, 10**6)] = 16,
                            steps: Annotated[int, whole(1, 10**6)] = 300,
                            seconds: Annotated[float, real(0)] = 3.0) -> RandomLabels:
    """Can the net learn random labels by heart (by Adam, without dropout)? If so, its size is no
    limit.
    """
    x, y = _few(target, samples)
    if y.is_floating_point() or y.ndim != 1 or len(y.unique()) < 2:
        raise CannotTellError("needs one class label per sample")
    shuffled = x, y[torch.randperm(len(y), generator=torch.Generator().manual_seed(0)).to(y.device)]
    floor = floor_of(target, shuffled)
    before, after, losses = _train(target, shuffled, True, steps, seconds)
    left = share_left(before, after, floor)
    if left > ALLOWED and len(losses) < 100:
        raise CannotTellError(f"only {len(losses)} steps in {seconds:g} s: too few to tell")
    return RandomLabels(left, len(y))


@check(stage="memorising", place=4)
def generalisation_onset(target: Subject, *, steps: Annotated[int, whole(1, 10**6)] = 60,
                         seconds: Annotated[float, real(0)] = 0.8) -> LossBySamples:
    """From how many training samples on does the validation loss fall? Needs `validation`."""
    held = [] if target.validation is None else _held(target)
    if not held:
        raise CannotTellError("needs validation batches")
    total = sum(len(y) for _, y in target.batches)
    counts = sorted({count for count in (8, 32, 128, total) if count <= total})
    losses = []
    base = _held_loss(target, model_copy(target), held)
    for count in counts:
        made = training_copy(target)
        x, y = _few(target, count)
        batches = list(zip(x.split(len(target.y)), y.split(len(target.y)), strict=True))
        optimizer = made.optimizer or adam(made.model)
        train_plainly(target, to_train(made.model), optimizer, batches, steps, seconds)
        losses.append(_held_loss(target, made.model, held))
    return LossBySamples(counts, losses, base)


def _held(target: Subject) -> list[Batch]:
    """The first validation batches, on the model's device."""
    with restored_generators(target.validation):
        found = itertools.islice(pairs(target.validation, "validation"), 2)
        return [(x.to(target.x.device), y.to(target.x.device))
                for x, y in found
                if isinstance(x, torch.Tensor)]


def _held_loss(target: Subject, model: nn.Module, held: list[Batch]) -> float:
    return sum(loss_on(target, model.eval(), [batch]) for batch in held) / max(1, len(held))
