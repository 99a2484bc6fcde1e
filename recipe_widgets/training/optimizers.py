"""Optimisers from `Settings`."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from recipe_widgets.core import Settings
from recipe_widgets.core.fitting import fitting
from recipe_widgets.core.validation import validated
from recipe_widgets.training.manual_optimizers import ManualOptimizer, normalized
from recipe_widgets.training.preload import preload_compiler


@validated
@fitting("some parameters of a model, floats on one device")
def make_optimizer(parameters: Iterable[nn.Parameter], settings: Settings) -> torch.optim.Optimizer:
    """The optimiser that `settings` name, fused into one kernel where PyTorch has one for the
    parameters' device.

    momentum is that of SGD, RMSProp and normalised gradients, and Adam's first beta; Adagrad and
    Adadelta have none. Weight decay is added to the gradient, except for AdamW, where it shrinks
    the weights directly (Loshchilov & Hutter 2019).
    """
    preload_compiler()
    params = list(parameters)
    lr, momentum, decay = settings.lr, settings.momentum, settings.weight_decay
    fused = bool(params) and all(p.device.type in ("cpu", "cuda") and p.is_floating_point()
                                 for p in params)
    if settings.optimizer in ("sgd", "nesterov"):
        nesterov = settings.optimizer == "nesterov" and momentum > 0
        return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=decay,
                               nesterov=nesterov, fused=fused)
    if settings.optimizer == "rmsprop":
        return torch.optim.RMSprop(params, lr=lr, momentum=momentum, weight_decay=decay)
    if settings.optimizer == "adagrad":
        return torch.optim.Adagrad(params, lr=lr, weight_decay=decay)
    if settings.optimizer == "adadelta":
        return torch.optim.Adadelta(params, lr=lr, weight_decay=decay)
    if settings.optimizer == "normalized":
        return ManualOptimizer(params, normalized, lr, weight_decay=decay, gamma=momentum)
    kind = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.AdamW
    return kind(params, lr=lr, betas=(momentum, 0.999), weight_decay=decay, fused=fused)
