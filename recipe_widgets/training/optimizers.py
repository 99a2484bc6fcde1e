"""The table of optimisers: one row holds all that the package knows of one.

To add an optimiser: put its name among the choices of `Settings.optimizer` and a row into
`OPTIMIZERS`. Sliders, scripts, the text about a diverged run and the tests take it from there. One
whose first beta is the momentum knob (`adam_group`) also stands in `MOMENTUM_IS_BETA` there.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from recipe_widgets.core import Settings
from recipe_widgets.core.choice_table import ChoiceTable
from recipe_widgets.core.errors import user_code
from recipe_widgets.core.settings import MOMENTUM_IS_BETA
from recipe_widgets.core.validation import validated


@dataclass(frozen=True)
class OptimizerRow:
    """One optimiser.

    Attributes:
        name: its choice in `Settings.optimizer`.
        make: the class, or a function that is called like one: (parameters, **group).
        group: what a parameter group holds under these settings. A running optimiser takes the
            same numbers when knobs move, and an exported script holds the function's source: so it
            uses its argument and builtins only.
        sound_lr: a learning rate at which most small nets train without trouble.
        hint: when to take it, in one sentence.
        momentum: whether the momentum knob has an effect on it.
        amplifies: whether momentum adds up pushes, so that 0.99 makes each count 100-fold. An
            average of gradients, as in Adam, does not.
        fused: whether PyTorch has it as one kernel for all weights.
    """

    name: str
    make: Callable[..., torch.optim.Optimizer]
    group: Callable[[Settings], dict[str, Any]]
    sound_lr: float
    hint: str
    momentum: bool = True
    amplifies: bool = False
    fused: bool = False


# What a parameter group holds. The values are read anew whenever a knob moves.


def plain_group(settings: Settings) -> dict[str, Any]:
    return {"lr": settings.lr, "weight_decay": settings.weight_decay}


def momentum_group(settings: Settings) -> dict[str, Any]:
    return {"lr": settings.lr, "momentum": settings.momentum, "weight_decay": settings.weight_decay}


def nesterov_group(settings: Settings) -> dict[str, Any]:
    # without momentum there is nothing to look ahead by, and SGD refuses the flag
    return {
        "lr": settings.lr, "momentum": settings.momentum, "weight_decay": settings.weight_decay,
        "nesterov": settings.momentum > 0
    }


def adam_group(settings: Settings) -> dict[str, Any]:
    # 0.999: the second beta of Kingma & Ba 2015
    betas = (settings.momentum, 0.999)
    return {"lr": settings.lr, "betas": betas, "weight_decay": settings.weight_decay}


def normalized_group(settings: Settings) -> dict[str, Any]:
    return {"lr": settings.lr, "gamma": settings.momentum, "weight_decay": settings.weight_decay}


def normalized_gradients(parameters: Iterable[nn.Parameter],
                         **group: Any) -> torch.optim.Optimizer:
    from recipe_widgets.training.manual_optimizers import ManualOptimizer, normalized

    return ManualOptimizer(parameters, normalized, **group)


OPTIMIZERS = ChoiceTable("optimizer", [
    OptimizerRow("sgd", torch.optim.SGD, momentum_group, sound_lr=0.1, amplifies=True, fused=True,
                 hint="Simple and hard to beat on images, once its learning rate is tuned."),
    OptimizerRow("nesterov", torch.optim.SGD, nesterov_group, sound_lr=0.1, amplifies=True,
                 fused=True, hint="SGD whose momentum looks one step ahead (Sutskever et al. 2013)."),
    OptimizerRow("adam", torch.optim.Adam, adam_group, sound_lr=1e-3, fused=True,
                 hint="Steps of about lr for every weight: forgiving, a good first choice at 3e-4."),
    OptimizerRow("adamw", torch.optim.AdamW, adam_group, sound_lr=1e-3, fused=True,
                 hint="Adam whose weight decay shrinks the weights directly "
                 "(Loshchilov & Hutter 2019)."),
    OptimizerRow("rmsprop", torch.optim.RMSprop, momentum_group, sound_lr=1e-3, amplifies=True,
                 hint="Adam without bias correction; momentum is added on top (Hinton 2012)."),
    OptimizerRow("adagrad", torch.optim.Adagrad, plain_group, sound_lr=0.01, momentum=False,
                 hint="Steps only shrink: for sparse features (Duchi et al. 2011)."),
    OptimizerRow("adadelta", torch.optim.Adadelta, plain_group, sound_lr=1.0, momentum=False,
                 hint="Takes the size of its steps from its past updates; lr 1 is usual "
                 "(Zeiler 2012)."),
    OptimizerRow("normalized", normalized_gradients, normalized_group, sound_lr=0.01,
                 amplifies=True, hint="Every weight tensor moves by lr, however long its gradient: to "
                 "look at, not to win with."),
])


if lacking := sorted({row.name for row in OPTIMIZERS if row.group is adam_group}
                     ^ set(MOMENTUM_IS_BETA)):
    raise LookupError(f"core/settings.py, MOMENTUM_IS_BETA: it differs from the rows with "
                      f"adam_group in {lacking}")


@validated
def make_optimizer(parameters: Iterable[nn.Parameter], settings: Settings) -> torch.optim.Optimizer:
    """The optimiser that `settings` name, fused into one kernel where PyTorch has one for the
    parameters' device.

    momentum is that of SGD, RMSProp and normalised gradients, and Adam's first beta; Adagrad and
    Adadelta have none. Weight decay is added to the gradient, except for AdamW, where it shrinks
    the weights directly (Loshchilov & Hutter 2019).

    Raises:
        RecipeError: `settings.optimizer` has no row in `OPTIMIZERS`; the message lists the names.
    """
    row = OPTIMIZERS[settings.optimizer]
    preload_compiler()
    weights = list(parameters)  # `model.parameters()` can be gone through only once
    fits_one_kernel = bool(weights) and all(
        p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in weights)
    # the fused kernels take floats on these devices only
    kernel = {"fused": fits_one_kernel} if row.fused else {}
    group = row.group(settings)
    with user_code("make_optimizer(parameters=)",
                   "some parameters of a model, floats on one device"):
        return row.make(weights, **group, **kernel)


def update_optimizer(optimizer: torch.optim.Optimizer, settings: Settings) -> None:
    """Give all groups of a running optimiser the numbers that a new one of its kind would begin
    with.
    """
    numbers = OPTIMIZERS[settings.optimizer].group(settings)
    for group in optimizer.param_groups:
        group.update(numbers)


# The first optimiser of a process imports PyTorch's compiler, to mark what it must not compile.
COMPILER = "torch._dynamo"


def preload_compiler() -> None:
    """Import the compiler now, with garbage collection off: all that is imported stays anyway,
    and looking for garbage in it takes half of the time.
    """
    if COMPILER in sys.modules:
        return
    collects = gc.isenabled()
    gc.disable()
    try:
        importlib.import_module(COMPILER)
    finally:
        if collects:
            gc.enable()


def preload_optimizer() -> None:
    """Do all that the first step of the first optimiser would do: seconds of imports. The reader's
    random numbers and gradients stay as they are.
    """
    preload_compiler()
    weight = nn.Parameter(torch.zeros(1))  # zeros: nothing is drawn
    weight.grad = torch.zeros(1)
    torch.optim.SGD([weight], lr=0.1, fused=True).step()
