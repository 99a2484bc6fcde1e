"""What flows through the network: activations forward, gradients back, and the real change of
the parameters.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from torch import nn

from recipe_widgets.checks.check_decorator import CannotTellError, check
from recipe_widgets.checks.check_subject import Subject
from recipe_widgets.checks.shared_passes import (
    LEVEL,
    first_outputs,
    own_training,
    signals_after,
)
from recipe_widgets.core.validation import real, whole
from recipe_widgets.rules.dead_units import DeadUnits
from recipe_widgets.rules.filters_smooth import FirstFilters
from recipe_widgets.rules.gradient_norms import LayerGradients
from recipe_widgets.rules.recurrent_spectrum import RecurrentRadii
from recipe_widgets.rules.saturation import Saturation
from recipe_widgets.rules.update_ratio import WeightUpdates


@check(stage="signals", place=1)
def dead_units(target: Subject, *, steps: Annotated[int, whole(0, 1000)] = 3) -> DeadUnits:
    """Units whose output is exactly zero for all samples of all batches.

    Many zeros alone are healthy: a sparse ReLU layer has no dead units.
    """
    seen = signals_after(target, steps, LEVEL)
    return DeadUnits({
        name: float((top == 0).float().mean()) for name, top in seen.largest.items() if len(top) > 3
    }, seen.samples)


@check(stage="signals", place=2)
def saturation(target: Subject, *, steps: Annotated[int, whole(0, 1000)] = 3,
               level: Annotated[float, real(0, 1)] = LEVEL) -> Saturation:
    """tanh and sigmoid units beyond `level` on most samples. Bounded outputs of the network
    itself do not count.
    """
    ends = target.logits(first_outputs(target)[0]).shape[1:]  # of the network, which may be bounded
    high = {
        name: [share for shape, share in parts if shape != ends]
        for name, parts in signals_after(target, steps, level).beyond.items()
    }
    shares = {
        name: float((torch.stack(parts).mean(0) > 0.5).float().mean())
        for name, parts in high.items()
        if len({len(part) for part in parts}) == 1
    }
    return Saturation(shares)


@check(stage="signals", place=3)
def gradient_norms(target: Subject, *, steps: Annotated[int, whole(0, 1000)] = 3) -> LayerGradients:
    """Size of the gradient of each weight tensor after a few steps: does it vanish or explode
    with depth?
    """
    weights = [
        name for name, parameter in target.model.named_parameters()
        if parameter.requires_grad and parameter.ndim > 1
    ]
    if not weights:
        raise CannotTellError("no weights require a gradient")
    seen = signals_after(target, steps, LEVEL)
    return LayerGradients({
        name: (seen.grad_power[name] / seen.grad_batches)**0.5 for name in weights
    })


@check(stage="loop", place=3)
def update_ratio(target: Subject, *, steps: Annotated[int, whole(1, 10**6)] = 12,
                 seconds: Annotated[float, real(0)] = 2.0) -> WeightUpdates:
    """How far the parameters really move in a step of the reader's own training, relative to their
    size.

    It is the change that is measured, not the gradient: momentum, Adam, clipping and scaled losses
        all count.
    """
    if target.optimizer is None and target.train_step is None:
        raise CannotTellError("needs an optimiser")
    if not any(parameter.requires_grad for parameter in target.model.parameters()):
        raise CannotTellError("the whole model is frozen")
    training = own_training(target, steps, noted=steps)
    training.until(steps, seconds)
    return WeightUpdates(training.sizes(), training.moved,
                         helped=training.loss() < 0.8 * training.before)


@check(stage="signals", place=4)
def filters_smooth(target: Subject, *, trained: bool = False) -> FirstFilters:
    """Are the filters of the first convolution smooth? Judged with `trained=True` only; before,
    they are noise.
    """
    first = next((m for m in target.model.modules() if isinstance(m, nn.Conv2d)), None)
    if first is None or min(first.kernel_size) < 3:
        raise CannotTellError("no convolution of 3x3 or more")
    w = first.weight.detach().double()
    w = w - w.mean((2, 3), keepdim=True)  # (K, C, H, W) without the mean of each filter
    pairs = [(w[..., :-1], w[..., 1:]), (w[..., :-1, :], w[..., 1:, :])]
    correlation = sum(float((values * right).mean())
                      for values, right in pairs) / 2 / max(1e-12, float(w.pow(2).mean()))
    cells = int(np.prod(first.kernel_size))
    # Noise, once its mean is taken away, has a correlation of -1 / (cells - 1).
    return FirstFilters(correlation + 1 / (cells - 1), w.cpu().numpy(), trained)


@check(stage="signals", place=5)
def recurrent_spectrum(target: Subject) -> RecurrentRadii:
    """Spectral radius of the recurrent matrices: much above one explodes, far below one forgets."""
    radii: dict[str, float] = {}
    gated = True
    for path, module in target.model.named_modules():
        if not isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
            continue
        gated = gated and not isinstance(module, (nn.RNN, nn.RNNCell))
        for name, parameter in module.named_parameters():
            if name.startswith("weight_hh"):
                # an LSTM stacks four square matrices, a GRU three
                blocks = parameter.detach().double().cpu().split(parameter.shape[1])
                for i, block in enumerate(blocks):
                    radii[f"{path}.{name}[{i}]"] = float(torch.linalg.eigvals(block).abs().max())
    if not radii:
        raise CannotTellError("no recurrent layer")
    return RecurrentRadii(radii, gated)
