"""Optimisers and learning-rate schedules from `Settings`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import nn

from recipe_widgets.records import Settings


def make_optimizer(parameters: Iterable[nn.Parameter], settings: Settings) -> torch.optim.Optimizer:
    """The optimiser that `settings` name, fused into one kernel where PyTorch has one for the parameters' device.

    momentum is SGD's and RMSProp's momentum and Adam's first beta. Weight decay is added to the gradient,
    except for AdamW, where it shrinks the weights directly (Loshchilov & Hutter 2019).
    """
    params = list(parameters)
    lr, momentum, decay = settings.lr, settings.momentum, settings.weight_decay
    fused = bool(params) and all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in params)
    if settings.optimizer in ("sgd", "nesterov"):
        nesterov = settings.optimizer == "nesterov" and momentum > 0
        return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=decay, nesterov=nesterov, fused=fused)
    if settings.optimizer == "rmsprop":
        return torch.optim.RMSprop(params, lr=lr, momentum=momentum, weight_decay=decay)
    kind = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.AdamW
    return kind(params, lr=lr, betas=(momentum, 0.999), weight_decay=decay, fused=fused)


def lr_at(step: int, settings: Settings) -> float:
    """The learning rate of a step, counted from 0, for a run of `settings.max_steps` steps.

    step: a tenth after half of the run, a hundredth after three quarters. exponential: down to a hundredth at the end.
    inverse: lr / (1 + 9·t), t in [0, 1), down to a tenth. cosine: half a wave down to zero (Loshchilov & Hutter 2017).
    The climb of `warmup` steps comes first and multiplies the schedule.
    """
    done = min(step / settings.max_steps, 1.0) if settings.max_steps else 0.0
    climb = min(1.0, (step + 1) / (settings.warmup + 1))
    return settings.lr * _FACTORS[settings.schedule](done) * climb


_FACTORS: dict[str, Callable[[float], float]] = {  # of the share of the run that is done, 0 to 1
    "constant": lambda _: 1.0,
    "step": lambda done: 1.0 if done < 0.5 else (0.1 if done < 0.75 else 0.01),
    "exponential": lambda done: math.pow(0.01, done),
    "inverse": lambda done: 1.0 / (1.0 + 9.0 * done),
    "cosine": lambda done: 0.5 * (1.0 + math.cos(math.pi * done)),
}
