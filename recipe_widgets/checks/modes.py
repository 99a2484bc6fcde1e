"""Order of events: modes, cleared gradients, and evaluations that change what they look at."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.modules import batchnorm, dropout
from torch.utils.data import DataLoader, TensorDataset

from recipe_widgets.checks.check_decorator import CannotTellError, check
from recipe_widgets.checks.check_subject import Batch, Subject, restored_generators
from recipe_widgets.checks.shared_passes import random_in_eval
from recipe_widgets.checks.training_copy import (
    TrainingCopy,
    model_copy,
    seeded,
    to_train,
    training_copy,
)
from recipe_widgets.rules.grads_are_cleared import ClearedGradients
from recipe_widgets.rules.mode_toggles import ModesSeen

_FEW = 4  # samples of a batch where only the order of events counts
_DROPOUTS, _BATCHNORM = dropout._DropoutNd, batchnorm._BatchNorm


@check(stage="loop", place=1)
def mode_toggles(target: Subject) -> ModesSeen:
    """Do training and evaluation run in their modes?

    It plays `evaluate` and `train_epoch` on copies where they are given, and compares two passes in
    eval mode.
    """
    model = model_copy(target)
    dropouts = [module for module in model.modules() if isinstance(module, _DROPOUTS)]
    rates = [module.p for module in dropouts if module.p < 1.0]  # 1 is a switch, no dropout
    random = random_in_eval(target)
    chosen = any(map(_drops_in_eval, dropouts))
    evaluated = target.evaluate is not None and target.validation is not None
    seen = ModesSeen(strong=max(rates, default=0.0), random_eval=random and not chosen,
                     chosen_random=random and chosen, frozen_statistics=_frozen_statistics(target))
    return dataclasses.replace(seen, **(_evaluation(target) if evaluated else {}))


def _drops_in_eval(module: nn.Module) -> bool:
    """Does a dropout module of the reader drop in eval mode?"""
    ones = torch.ones(4, 16)  # 64 ones: dropout of 5 % misses all of them once in 30 tries
    try:
        with seeded(), torch.no_grad():
            return not torch.equal(module.eval()(ones), ones)
    except Exception:
        return False


def _play(made: TrainingCopy, what: Callable[..., Any] | None, batches: Any) -> bool:
    """Runs the reader's loop on copies; False when it does not take these arguments."""
    if what is None:
        return False
    try:
        with seeded(), restored_generators(batches):
            what(made.model, batches) if what is made.evaluate else what(
                made.model, made.optimizer, batches)
    except (TypeError, AttributeError, ValueError, IndexError):
        return False
    return True


def _play_few(made: TrainingCopy, target: Subject) -> bool:
    """Plays the reader's training epoch on some batches of a few samples each, which tell its order
    of events as well as full ones; on full ones where it does not take them.
    """
    small = [(x[:_FEW], y[:_FEW]) for x, y in target.batches]
    try:
        return _play(made, made.train_epoch, short_loader(small)) or _play(
            made, made.train_epoch, short_loader(target.batches))
    except Exception:  # it may count on the size of a batch
        return _play(made, made.train_epoch, short_loader(target.batches))


def short_loader(batches: Sequence[Batch], most: int = 3) -> Any:
    """The first batches again as a DataLoader, for loops that ask for `loader.dataset` or
    `loader.batch_size`.
    """
    if len({x.shape[1:] for x, _ in batches[:most]}) > 1:
        return list(batches[:most])
    x, y = (torch.cat([pair[i] for pair in batches[:most]]) for i in (0, 1))
    return DataLoader(TensorDataset(x, y), len(batches[0][1]))


def _evaluation(target: Subject) -> dict[str, bool]:
    """What the reader's evaluation does to a model that is in training mode."""
    made, seen = training_copy(target), set[int]()
    if made.evaluate is None:
        return {}
    to_train(made.model)
    parts = [(name, module)
             for name, module in made.model.named_modules()
             if isinstance(module, (_DROPOUTS, _BATCHNORM)) and module.training]
    # a class of the reader's own may stay in training mode on purpose
    deliberate = [
        module for _, module in parts if type(module).__module__.partition(".")[0] != "torch"
    ]

    def look(module: nn.Module, _args: Any) -> None:
        if module.training:
            seen.add(id(module))

    hooks = [
        module.register_forward_pre_hook(look) for _, module in parts if module not in deliberate
    ]
    before = {key: value.clone() for key, value in made.model.state_dict().items()}
    if not _play(made, made.evaluate, target.validation):
        return {}
    for hook in hooks:
        hook.remove()
    after = made.model.state_dict()
    changed = {key for key, value in after.items() if not torch.equal(value, before[key])}
    weights = {name for name, _ in made.model.named_parameters()}
    facts = {
        "changes_weights": bool(changed & weights), "eval_in_train": bool(seen),
        "changes_statistics": bool(changed - weights) and bool(seen)
    }
    stays = _in_eval(made, target, [module for _, module in parts])
    alone = training_copy(target)
    return {**facts, "stays_eval": stays and not _in_eval(alone, target, [
        module for module in to_train(alone.model).modules()
        if isinstance(module, (_DROPOUTS, _BATCHNORM))])}


def _in_eval(made: TrainingCopy, target: Subject, parts: list[nn.Module]) -> bool:
    """Does the reader's training epoch run with all of these parts in eval mode?"""
    if made.train_epoch is None or not parts:
        return False
    modes: list[bool] = []
    for part in parts:
        # list.append gives None
        part.register_forward_pre_hook(lambda module, _args: modes.append(module.training))
    return _play_few(made, target) and bool(modes) and not any(modes)


def _frozen_statistics(target: Subject) -> bool:
    """Do norms whose own parameters are all frozen go on updating in the reader's training
    epoch?
    """
    made = training_copy(target)
    frozen = [
        module for module in made.model.modules()
        if isinstance(module, _BATCHNORM) and module.running_mean is not None
        and list(module.parameters()) and not any(p.requires_grad for p in module.parameters())
    ]
    if not frozen or made.train_epoch is None:
        return False
    before = [module.running_mean.clone() for module in frozen if module.running_mean is not None]
    to_train(made.model)
    if not _play_few(made, target):
        return False
    now = [module.running_mean for module in frozen if module.running_mean is not None]
    return any(not torch.equal(a, b) for a, b in zip(before, now, strict=True))


class _Watch:
    """Counts backward passes that add to gradients which a step has already used."""

    def __init__(self, made: TrainingCopy) -> None:
        self.stale = self.backwards = self.steps = 0
        self._used: set[int] = set()  # ids of parameters whose gradient a step has used
        in_optimizer = {id(p) for group in made.optimizer.param_groups for p in group["params"]}
        self._parameters = [
            p for p in made.model.parameters() if p.requires_grad and id(p) in in_optimizer
        ]
        for parameter in self._parameters:
            parameter.register_hook(lambda _grad, p=parameter: self._before_adding(p))
        made.optimizer.register_step_post_hook(lambda *_: self._stepped())
        self._lead: nn.Parameter | None = None  # the first to get a gradient counts the passes

    def _before_adding(self, parameter: nn.Parameter) -> None:
        self._lead = self._lead if self._lead is not None else parameter
        # zero_grad leaves None or zeros
        clean = parameter.grad is None or not bool(parameter.grad.any())
        if clean:
            self._used.discard(id(parameter))
        if parameter is self._lead:
            self.backwards += 1
            self.stale += id(parameter) in self._used

    def _stepped(self) -> None:
        self.steps += 1
        self._used = {id(parameter) for parameter in self._parameters}


@check(stage="loop", place=2)
def grads_are_cleared(target: Subject) -> ClearedGradients:
    """Are gradients cleared between steps? It plays the reader's own `train_step` or `train_epoch`
    on copies.

    Accumulation on purpose is fine: what counts is a backward pass that adds to gradients a step
    has already used.
    Source: TrainCheck (OSDI 2025) watches the same order of events.
    """
    if target.optimizer is None or (target.train_step is None and target.train_epoch is None):
        raise CannotTellError("needs an optimizer and your train_step or train_epoch")
    small = [(x[:_FEW], y[:_FEW]) for x, y in target.batches]
    watch = None
    with contextlib.suppress(Exception):  # a loop that counts on the size of a batch
        watch = _watched(target, small)
    if watch is None or not watch.steps:
        watch = _watched(target, list(target.batches))
    return ClearedGradients(watch.stale, watch.backwards, watch.steps,
                            left_by_evaluation=not watch.stale and _left(target))


def _watched(target: Subject, batches: list[Batch], rounds: int = 3) -> _Watch:
    """The reader's training of some batches."""
    made = training_copy(target)
    if made.optimizer is None:
        raise CannotTellError("needs an optimizer and your train_step or train_epoch")
    to_train(made.model)
    watch = _Watch(made)
    if made.train_step is not None:
        for i in range(rounds):
            made.train_step(made.model, made.optimizer, *batches[i % len(batches)])
    elif made.train_epoch is not None:
        while len(batches) < rounds:
            batches = batches + batches
        if not _play(made, made.train_epoch, batches[:8]):
            made.train_epoch(made.model, made.optimizer, short_loader(batches, 8))
    return watch


def _left(target: Subject) -> bool:
    """Does the evaluation leave gradients which the next training step adds to?"""
    made = training_copy(target)
    if made.evaluate is None or made.train_step is None or target.validation is None:
        return False
    with seeded():
        made.train_step(made.model, made.optimizer, *target.batches[0])
    if not _play(made, made.evaluate, target.validation):
        return False
    if not any(p.grad is not None and bool(p.grad.any()) for p in made.model.parameters()):
        return False
    watch = _Watch(made)
    watch._stepped()  # whatever gradient there is now has had its step
    with seeded():
        made.train_step(made.model, made.optimizer, *target.batches[0])
    return watch.stale > 0
