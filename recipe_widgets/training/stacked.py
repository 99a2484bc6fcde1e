"""K equal MLPs as stacked matrices: forward, backward and update of all of them in a few large
products.

Written out by hand since at 64 samples and 128 units most of a step is overhead: autograd's, the
optimiser's, and that of many small products. `torch.func.vmap` computes the same and takes about
twice as long here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from recipe_widgets.core import Settings
from recipe_widgets.core.randomness import sent
from recipe_widgets.models import Dropout
from recipe_widgets.training.optimizers import make_optimizer

aten = torch.ops.aten
# Of an activation whose derivative follows from its output: itself in place, and the gradient
# behind it.
DERIVATIVES: dict[str, tuple[Callable[..., torch.Tensor], Callable[..., torch.Tensor]]] = {
    "relu": (torch.relu_, lambda d, a: aten.threshold_backward(d, a, 0)),
    "tanh": (torch.tanh_, lambda d, a: aten.tanh_backward(d, a)),
    "sigmoid": (torch.sigmoid_, lambda d, a: aten.sigmoid_backward(d, a)),
    "identity": (lambda z: z, lambda d, _: d),
}


def stackable(settings: Settings) -> bool:
    """Whether these settings describe what `StackedMLP` computes; everything else trains one model
    after the other.
    """
    plain_mlp = settings.model == "mlp" and settings.activation in DERIVATIVES \
        and settings.norm == "none"
    plain_update = settings.optimizer != "normalized" and settings.schedule != "plateau" \
        and not settings.ema
    # the gradient of the loss is written out for cross-entropy only
    plain_batch = settings.augment == "none" and settings.precision == "float32" \
        and settings.loss == "cross_entropy"
    return (settings.model == "linear" or plain_mlp) and plain_update and plain_batch


class StackedLinear:
    """K Linear layers as one: w (K, n_in, n_out), b (K, 1, n_out), and the motion that the update
    gives them.

    The layers of the models become views of this memory.
    """

    def __init__(self, linears: Sequence[nn.Linear]) -> None:
        self.w = torch.stack([linear.weight.detach().t() for linear in linears]).contiguous()
        self.b = torch.stack([linear.bias.detach() for linear in linears])[:, None]
        for k, linear in enumerate(linears):
            linear.weight.data, linear.bias.data = self.w[k].t(), self.b[k, 0]
        self.motion, self.b_motion = torch.zeros_like(self.w), torch.zeros_like(self.b)

    def accumulate(self, x: torch.Tensor, d: torch.Tensor, keep: float, decay: float) -> None:
        """motion ← keep·motion + gradient + decay·weight: the product that makes the gradient adds
        it to what is there, so the gradient itself is never written. x: (K, B, n_in), d: (K, B,
        n_out)."""
        if decay:
            self.motion.mul_(keep).add_(self.w, alpha=decay)
            self.b_motion.mul_(keep).add_(self.b, alpha=decay)
            keep = 1.0
        torch.baddbmm(self.motion, x.transpose(1, 2), d, beta=keep, out=self.motion)
        self.b_motion.mul_(keep).add_(d.sum(1, keepdim=True))

    def move(self, lr: float) -> None:
        self.w.add_(self.motion, alpha=-lr)
        self.b.add_(self.b_motion, alpha=-lr)


class StackedMLP:
    """K models of the same `settings`, as `build_model` makes them for "linear" and "mlp",
    trained at once.
    """

    def __init__(self, models: Sequence[nn.Module], settings: Settings) -> None:
        self.settings, self.models = settings, models
        linears = [[layer for layer in model.modules() if isinstance(layer, nn.Linear)]
                   for model in models]
        # one row per layer, with that layer of every model
        self.layers = [StackedLinear(row) for row in zip(*linears, strict=True)]
        drops = [
            next((m for m in model.modules() if isinstance(m, Dropout)), None) for model in models
        ]
        self.drops = [drop for drop in drops if drop is not None]
        # plain SGD needs no optimiser: the update is one addition per layer
        self.plain = settings.optimizer == "sgd" and not settings.clip_norm
        self.weights = [
            nn.Parameter(part, requires_grad=False)
            for layer in self.layers
            for part in (layer.w, layer.b)
        ]
        self.optimizer = None if self.plain else make_optimizer(self.weights, settings)

    def step(self, x: torch.Tensor, y: torch.Tensor,
             lr: float) -> tuple[torch.Tensor, torch.Tensor]:
        """One update of every model. x: (K, B, D), y: (K, B). Returns losses (K,) and logits (K,
        B, C).
        """
        inputs, outs, masks, logits = self._forward(x)
        logp = logits.log_softmax(2)
        hits = logp.gather(2, y[:, :, None]).squeeze(2)
        smooth, (_, batch, classes) = self.settings.label_smoothing, logits.shape
        losses = -hits.mean(1)
        # gradient of the mean cross-entropy by the logits: (soft-max - targets) / batch
        d = logp.exp_()
        if smooth:
            losses = (1 - smooth) * losses - smooth * logits.log_softmax(2).mean((1, 2))
            d.sub_(smooth / classes)
        minus_one = y.new_full((1, 1, 1), smooth - 1, dtype=d.dtype)  # a view for every sample
        d.scatter_add_(2, y[:, :, None], minus_one.expand(*y.shape, 1))
        self._backward(inputs, outs, masks, d.div_(batch))
        self._update(lr)
        return losses, logits

    def _forward(
        self, x: torch.Tensor
    ) -> tuple[list[torch.Tensor], list[torch.Tensor], list[torch.Tensor], torch.Tensor]:
        act, p = DERIVATIVES.get(self.settings.activation,
                                 DERIVATIVES["identity"])[0], self.settings.dropout
        inputs, outs, masks = [x], [], []
        for layer in self.layers[:-1]:
            a = act(torch.baddbmm(layer.b, inputs[-1], layer.w))
            outs.append(a)
            if p:
                mask = torch.empty(a.shape)
                # each from its own generator, as it would alone
                for one, drop in zip(mask, self.drops, strict=True):
                    one.bernoulli_(1.0 - p, generator=drop.generator)
                masks.append(sent(mask, a.device).div_(1.0 - p))
                a = a * masks[-1]
            inputs.append(a)
        return inputs, outs, masks, torch.baddbmm(self.layers[-1].b, inputs[-1], self.layers[-1].w)

    def _backward(self, inputs: list[torch.Tensor], outs: list[torch.Tensor],
                  masks: list[torch.Tensor], d: torch.Tensor) -> None:
        """d: (K, B, C), the losses' gradient by the logits."""
        behind = DERIVATIVES.get(self.settings.activation, DERIVATIVES["identity"])[1]
        keep, decay = 0.0, 0.0  # with an optimiser, `motion` holds the bare gradient
        if self.plain:
            keep, decay = self.settings.momentum, self.settings.weight_decay
        for at in range(len(self.layers) - 1, -1, -1):
            layer, here = self.layers[at], d
            if at:  # the input of the first layer needs no gradient
                d = torch.bmm(here, layer.w.transpose(1, 2))
                d = behind(d.mul_(masks[at - 1]) if masks else d, outs[at - 1])
            layer.accumulate(inputs[at], here, keep, decay)

    def _update(self, lr: float) -> None:
        if self.optimizer is None:
            for layer in self.layers:
                layer.move(lr)
            return
        grads = [part for layer in self.layers for part in (layer.motion, layer.b_motion)]
        if self.settings.clip_norm is not None:
            self._clip(self.settings.clip_norm)
        for weight, grad in zip(self.weights, grads, strict=True):
            weight.grad = grad
        self.optimizer.param_groups[0]["lr"] = lr
        self.optimizer.step()

    def _clip(self, clip_norm: float) -> None:
        """Each model's whole gradient to at most `clip_norm`, as `clip_grad_norm_` does for one."""
        grads = [part for layer in self.layers for part in (layer.motion, layer.b_motion)]
        norm = torch.stack([grad.square().sum((1, 2)) for grad in grads]).sum(0).sqrt_()  # (K,)
        share = (clip_norm / (norm + 1e-6)).clamp_(max=1.0).view(-1, 1, 1)
        for grad in grads:
            grad.mul_(share)

    def detach(self) -> None:
        """Give every model memory of its own again, in the usual layout."""
        for model in self.models:
            for weight in model.parameters():
                weight.data = weight.data.contiguous().clone()
