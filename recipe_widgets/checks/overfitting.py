"""Can the net learn a handful by heart? With the reader's own settings, and with plain ones."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import nn

from recipe_widgets.checks.check_decorator import CannotTellError, check
from recipe_widgets.checks.check_subject import Batch, Subject, pairs, restored_generators
from recipe_widgets.checks.loss_probing import loss_facts, output_of, replaced
from recipe_widgets.checks.sharing import shared
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
from recipe_widgets.rules.generalisation_onset import BETTER, LossBySamples
from recipe_widgets.rules.memorises_random_labels import ALLOWED, RandomLabels
from recipe_widgets.rules.overfit_few import FewSamples
from recipe_widgets.rules.overfit_one_batch import OneBatch, share_left

_BEYOND_DOUBT = 0.25  # of the share of the loss that may be left
_ROSE = 1.3  # times the first loss: the steps were too long for so few samples
_FEWEST = 15  # steps that say whether so many samples help on others
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
    with torch.no_grad():
        output = model_copy(target)(x)
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


@dataclass(frozen=True)
class _Learnt:
    """Loss of a few samples before and after training on nothing else, and of each step."""

    before: float
    after: float
    floor: float
    losses: list[float]

    @property
    def left(self) -> float:
        """Share of the loss above its floor."""
        return share_left(self.before, self.after, self.floor)


def _train(target: Subject, batch: Batch, allowed: float, plain: bool, steps: int, seconds: float,
           gentle: float = 1.0) -> _Learnt:
    """Trains on one batch until it is learnt beyond doubt; the smaller loss of both modes counts.

    A step that suits batches of many samples can throw a net off a handful of them: if the loss
    rose, a second attempt is made with a tenth of the learning rate, which is no fault of the
    wiring.

    Args:
        allowed: share of the loss that may be left.
    """
    floor = floor_of(target, batch)
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

    def enough(loss: float) -> bool:
        return share_left(before, loss, floor) < _BEYOND_DOUBT * allowed

    losses, best = [], before
    for _ in range(4):  # looked at in between in eval mode, too, so that what is learnt ends early
        losses += train_plainly(target, model, optimizer, [batch], steps // 4, seconds / 4,
                                enough=enough)
        best = min(best, losses[-1] if losses and enough(losses[-1]) else min(
            loss_on(target, model, [batch]), loss_on(target, duplicate(model).eval(), [batch])))
        if enough(best) or best < 0.02 * before:  # below zero, a loss has no share left to judge by
            break
    found = _Learnt(before, best, floor, losses)
    rose = max(losses, default=0.0) > _ROSE * abs(before)
    if gentle == 1.0 and not plain and rose and found.left > allowed:
        again = _train(target, batch, allowed, plain, steps, seconds, 0.1)
        return again if again.after < best else found
    return found


@shared
def _own(target: Subject, count: int, steps: int, seconds: float) -> _Learnt:
    """So many samples, with the reader's own settings."""
    return _train(target, _few(target, count), _allowed(target), False, steps, seconds)


@check(stage="memorising", place=1)
def overfit_one_batch(target: Subject, *, samples: Annotated[int, whole(1, 10**6)] = 16,
                      steps: Annotated[int, whole(1, 10**6)] = 400,
                      seconds: Annotated[float, real(0)] = 3.0) -> OneBatch:
    """Does the loss of a few samples fall to its floor when the net trains on nothing else, with
    its own optimiser?
    """
    seen, allowed = _own(target, samples, steps, seconds), _allowed(target)
    if seen.after > seen.floor and len(seen.losses) < 60 and seen.left > allowed:
        raise CannotTellError(f"only {len(seen.losses)} steps in {seconds:g} s: too few to tell")
    return OneBatch(seen.before, seen.after, seen.floor,
                    samples=len(_few(target, samples)[1]), steps=len(seen.losses), allowed=allowed,
                    losses=seen.losses)


@check(stage="memorising", place=2)
def overfit_few(target: Subject, *, samples: Annotated[int, whole(1, 10**6)] = 16,
                steps: Annotated[int, whole(1, 10**6)] = 400,
                seconds: Annotated[float, real(0)] = 3.0) -> FewSamples:
    """Where 16 samples are not learnt by heart, the same for 2, and with plain settings: says
    whether it is a bug, too small a model, or too much regularisation.
    """
    allowed = _allowed(target)

    def share(seen: _Learnt) -> float:
        if seen.left > allowed and len(seen.losses) < 60:
            raise CannotTellError(
                f"only {len(seen.losses)} steps in {seconds:g} s: too few to tell")
        return seen.left

    own, plain = {samples: share(_own(target, samples, steps, seconds))}, dict[int, float]()
    if own[samples] <= allowed:
        return FewSamples(own, plain, allowed)  # nothing is left to explain
    # half the time each for what only tells why
    own = {2: share(_own(target, 2, steps, seconds / 2)), **own}
    for count in own:
        batch = _few(target, count)
        plain[count] = share(_train(target, batch, allowed, True, steps, seconds / 2))
    return FewSamples(own, plain, allowed)


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
    seen = _train(target, shuffled, ALLOWED, True, steps, seconds)
    if seen.left > ALLOWED and len(seen.losses) < 100:
        raise CannotTellError(f"only {len(seen.losses)} steps in {seconds:g} s: too few to tell")
    return RandomLabels(seen.left, len(y))


@check(stage="memorising", place=4)
def generalisation_onset(target: Subject, *, steps: Annotated[int, whole(1, 10**6)] = 60,
                         seconds: Annotated[float, real(0)] = 0.8) -> LossBySamples:
    """From how many training samples on does the validation loss fall? Needs `validation`. Larger
    numbers are tried until one helps.
    """
    held = [] if target.validation is None else _held(target)
    if not held:
        raise CannotTellError("needs validation batches")
    total = sum(len(y) for _, y in target.batches)
    counts: list[int] = []
    losses: list[float] = []
    base = _held_loss(target, model_copy(target), held)
    for count in sorted({count for count in (8, 32, 128, total) if count <= total}):
        made = training_copy(target)
        x, y = _few(target, count)
        batches = list(zip(x.split(len(target.y)), y.split(len(target.y)), strict=True))
        optimizer = made.optimizer or adam(made.model)
        taken = train_plainly(target, to_train(made.model), optimizer, batches, steps, seconds,
                              least=_FEWEST)
        if len(taken) < min(steps, _FEWEST):
            raise CannotTellError(
                f"{_FEWEST} steps on {count} samples take more than {seconds:g} s: too few to tell")
        counts.append(count)
        losses.append(_held_loss(target, made.model, held))
        if losses[-1] < BETTER * base:
            break
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
