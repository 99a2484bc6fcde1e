"""Order of events: modes, cleared gradients, and evaluations that change what they look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.modules import batchnorm, dropout
from torch.utils.data import DataLoader, TensorDataset

from recipe_widgets.checks.check_decorator import CannotTellError, check
from recipe_widgets.checks.check_subject import Batch, Subject, generators_kept
from recipe_widgets.checks.training_copy import (
    TrainingCopy,
    model_copy,
    seeded,
    to_train,
    training_copy,
)
from recipe_widgets.rules.grads_are_cleared import ClearedGradients
from recipe_widgets.rules.mode_toggles import ModesSeen

_DROPOUTS, _BATCHNORM = dropout._DropoutNd, batchnorm._BatchNorm


@check(stage="loop", place=1)
def mode_toggles(target: Subject) -> ModesSeen:
    """Do training and evaluation run in their modes?

    It plays `evaluate` and `train_epoch` on copies where they are given, and compares two passes in
    eval mode.
    """
    model = model_copy(target)
    rates = [m.p for m in model.modules() if isinstance(m, _DROPOUTS) and m.p < 1.0]
    random = _random_eval(target)
    chosen = any(_drops_in_eval(m) for m in model.modules() if isinstance(m, _DROPOUTS))
    evaluated = target.evaluate is not None and target.validation is not None
    return ModesSeen(strong=max(rates, default=0.0), random_eval=random and not chosen,
                     chosen_random=random and chosen, frozen_statistics=_frozen_statistics(target),
                     **(_evaluation(target) if evaluated else {}))


def _random_eval(target: Subject) -> bool:
    model = model_copy(target).eval()
    outputs = []
    for seed in (0, 1):
        with seeded(seed), torch.no_grad():
            outputs.append(target.logits(model(target.few[0])))
    return not torch.allclose(outputs[0], outputs[1], rtol=1e-4, atol=1e-6)


def _drops_in_eval(module: nn.Module) -> bool:
    """Does a dropout module of the reader drop in eval mode?"""
    ones = torch.ones(4, 16)
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
        with seeded(), generators_kept(batches):
            what(made.model, batches) if what is made.evaluate else what(
                made.model, made.optimizer, batches)
    except (TypeError, AttributeError, ValueError, IndexError):
        return False
    return True


def short_loader(batches: Sequence[Batch], most: int = 3) -> Any:
    """The first batches again as a DataLoader, for loops that ask for `loader.dataset` or
    `loader.batch_size`.
    """
    if len({x.shape[1:] for x, _ in batches[:most]}) > 1:
        return list(batches[:most])
    x, y = (torch.cat([pair[i] for pair in batches[:most]]) for i in (0, 1))
    return DataLoader(TensorDataset(x, y), len(batches[0][1]))


def _evaluation(target: Subject) -> dict[str, object]:
    """What the reader's evaluation does to a model that is in training mode."""
    made, seen = training_copy(target), set[int]()
    if made.evaluate is None:
        return {}
    to_train(made.model)
    parts = [(n, m)
             for n, m in made.model.named_modules()
             if isinstance(m, (_DROPOUTS, _BATCHNORM)) and m.training]
    deliberate = [m for _, m in parts if type(m).__module__.partition(".")[0] != "torch"]

    def look(module: nn.Module, _args: Any) -> None:
        if module.training:
            seen.add(id(module))

    hooks = [m.register_forward_pre_hook(look) for _, m in parts if m not in deliberate]
    before = {k: v.clone() for k, v in made.model.state_dict().items()}
    if not _play(made, made.evaluate, target.validation):
        return {}
    for hook in hooks:
        hook.remove()
    changed = {k for k, v in made.model.state_dict().items() if not torch.equal(v, before[k])}
    weights = {n for n, _ in made.model.named_parameters()}
    facts = {
        "changes_weights": bool(changed & weights), "eval_in_train": bool(seen),
        "changes_statistics": bool(changed - weights) and bool(seen)
    }
    stays = _in_eval(made, target, [m for _, m in parts])
    alone = training_copy(target)
    return {**facts, "stays_eval": stays and not _in_eval(alone, target, [
        m for m in to_train(alone.model).modules() if isinstance(m, (_DROPOUTS, _BATCHNORM))])}


def _in_eval(made: TrainingCopy, target: Subject, parts: list[nn.Module]) -> bool:
    """Does the reader's training epoch run with all of these parts in eval mode?"""
    if made.train_epoch is None or not parts:
        return False
    modes: list[bool] = []
    for part in parts:
        # list.append gives None
        part.register_forward_pre_hook(lambda module, _args: modes.append(module.training))
    return _play(made, made.train_epoch, short_loader(
        target.batches)) and bool(modes) and not any(modes)


def _frozen_statistics(target: Subject) -> bool:
    """Do norms whose own parameters are all frozen go on updating in the reader's training
    epoch?
    """
    made = training_copy(target)
    frozen = [
        m for m in made.model.modules() if isinstance(m, _BATCHNORM) and m.running_mean is not None
        and list(m.parameters()) and not any(p.requires_grad for p in m.parameters())
    ]
    if not frozen or made.train_epoch is None:
        return False
    before = [m.running_mean.clone() for m in frozen if m.running_mean is not None]
    to_train(made.model)
    if not _play(made, made.train_epoch, short_loader(target.batches)):
        return False
    now = [m.running_mean for m in frozen if m.running_mean is not None]
    return any(not torch.equal(a, b) for a, b in zip(before, now, strict=True))


class _Watch:
    """Counts backward passes that add to gradients which a step has already used."""

    def __init__(self, made: TrainingCopy) -> None:
        self.stale = self.backwards = self.steps = 0
        self._used: set[int] = set()
        held = {id(p) for group in made.optimizer.param_groups for p in group["params"]}
        self._parameters = [p for p in made.model.parameters() if p.requires_grad and id(p) in held]
        for p in self._parameters:
            p.register_hook(lambda _grad, p=p: self._before_adding(p))
        made.optimizer.register_step_post_hook(lambda *_: self._stepped())
        self._lead: nn.Parameter | None = None

    def _before_adding(self, p: nn.Parameter) -> None:
        self._lead = self._lead if self._lead is not None else p
        clean = p.grad is None or not bool(p.grad.any())
        if clean:
            self._used.discard(id(p))
        if p is self._lead:
            self.backwards += 1
            self.stale += id(p) in self._used

    def _stepped(self) -> None:
        self.steps += 1
        self._used = {id(p) for p in self._parameters}


@check(stage="loop", place=2)
def grads_are_cleared(target: Subject) -> ClearedGradients:
    """Are gradients cleared between steps? It plays the reader's own `train_step` or `train_epoch`
    on copies.

    Accumulation on purpose is fine: what counts is a backward pass that adds to gradients a step
    has already used.
    Source: TrainCheck (OSDI 2025) watches the same order of events.
    """
    made = training_copy(target)
    if made.optimizer is None or (made.train_step is None and made.train_epoch is None):
        raise CannotTellError("needs an optimizer and your train_step or train_epoch")
    to_train(made.model)
    watch = _Watch(made)
    _train(made, target)
    return ClearedGradients(watch.stale, watch.backwards, watch.steps,
                            left_by_evaluation=not watch.stale and _left(target))


def _train(made: TrainingCopy, target: Subject, rounds: int = 3) -> None:
    if made.train_step is not None:
        for i in range(rounds):
            made.train_step(made.model, made.optimizer, *target.batches[i % len(target.batches)])
    elif made.train_epoch is not None:
        batches = list(target.batches)
        while len(batches) < rounds:
            batches = batches + batches
        if not _play(made, made.train_epoch, batches[:8]):
            made.train_epoch(made.model, made.optimizer, short_loader(batches, 8))


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
    watch._stepped()
    with seeded():
        made.train_step(made.model, made.optimizer, *target.batches[0])
    return watch.stale > 0
