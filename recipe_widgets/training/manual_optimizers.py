"""Optimisers written out: each rule is one short function on one tensor, equal to `torch.optim`
step by step.

Every rule changes the weight `w` in place, given its gradient `g` of the same shape, and keeps what
it remembers in `state`, a dict that begins empty. `ManualOptimizer` makes any of them an optimiser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

UpdateRule = Callable[..., None]
State = dict[str, Any]  # of one weight tensor; tensors of its shape, and counters


def sgd(w: torch.Tensor, g: torch.Tensor, _: State, *, lr: float) -> None:
    """w ← w - lr·g."""
    w.sub_(lr * g)


def momentum(w: torch.Tensor, g: torch.Tensor, state: State, *, lr: float,
             gamma: float = 0.9) -> None:
    """v ← γv + g, w ← w - lr·v (Polyak 1964, as PyTorch writes it): a new lr acts on all of the
    motion at once.
    """
    v = state.setdefault("v", torch.zeros_like(w))
    v.mul_(gamma).add_(g)
    w.sub_(lr * v)


def momentum_velocity(w: torch.Tensor, g: torch.Tensor, state: State, *, lr: float,
                      gamma: float = 0.9) -> None:
    """v ← γv - lr·g, w ← w + v (as in lectures): the same while lr is constant; a new lr acts on
    new pushes only.
    """
    v = state.setdefault("v", torch.zeros_like(w))
    v.mul_(gamma).sub_(lr * g)
    w.add_(v)


def nesterov(w: torch.Tensor, g: torch.Tensor, state: State, *, lr: float,
             gamma: float = 0.9) -> None:
    """v ← γv + g, w ← w - lr·(g + γv): the step that momentum would make next, made now
    (Sutskever et al. 2013).
    """
    v = state.setdefault("v", torch.zeros_like(w))
    v.mul_(gamma).add_(g)
    w.sub_(lr * (g + gamma * v))


def adagrad(w: torch.Tensor, g: torch.Tensor, state: State, *, lr: float,
            eps: float = 1e-10) -> None:
    """s ← s + g², w ← w - lr·g/(√s + ε): steps only shrink (Duchi et al. 2011)."""
    s = state.setdefault("s", torch.zeros_like(w))
    s.add_(g * g)
    w.sub_(lr * g / (s.sqrt() + eps))  # eps: no division by zero where no gradient ever came


def rmsprop(w: torch.Tensor, g: torch.Tensor, state: State, *, lr: float, alpha: float = 0.99,
            eps: float = 1e-8) -> None:
    """s ← αs + (1 - α)g², w ← w - lr·g/(√s + ε): forgets, unlike Adagrad (Hinton 2012; there α =
    0.9).
    """
    s = state.setdefault("s", torch.zeros_like(w))
    s.mul_(alpha).add_((1 - alpha) * g * g)
    w.sub_(lr * g / (s.sqrt() + eps))


def adadelta(w: torch.Tensor, g: torch.Tensor, state: State, *, lr: float, rho: float = 0.9,
             eps: float = 1e-6) -> None:
    """RMSProp whose numerator is the usual size of its own updates, so that units match (Zeiler
    2012); lr 1 is usual.
    """
    # s: mean square of gradients, d: mean square of updates
    s, d = (state.setdefault(name, torch.zeros_like(w)) for name in ("s", "d"))
    s.mul_(rho).add_((1 - rho) * g * g)
    update = (d + eps).sqrt() / (s + eps).sqrt() * g
    d.mul_(rho).add_((1 - rho) * update * update)
    w.sub_(lr * update)


def adam(w: torch.Tensor, g: torch.Tensor, state: State, *, lr: float, beta1: float = 0.9,
         beta2: float = 0.999, eps: float = 1e-8) -> None:
    """m ← β₁m + (1 - β₁)g, s ← β₂s + (1 - β₂)g², both divided by 1 - βᵗ since they begin at zero
    (the bias correction), w ← w - lr·m̂/(√ŝ + ε) (Kingma & Ba 2015). The first step is lr in size,
    whatever the gradient."""
    # m: mean gradient, s: mean square of gradients
    m, s = (state.setdefault(name, torch.zeros_like(w)) for name in ("m", "s"))
    t = state["t"] = state.get("t", 0) + 1  # steps, counted from 1
    m.mul_(beta1).add_((1 - beta1) * g)
    s.mul_(beta2).add_((1 - beta2) * g * g)
    w.sub_(lr * (m / (1 - beta1**t)) / ((s / (1 - beta2**t)).sqrt() + eps))


def normalized(w: torch.Tensor, g: torch.Tensor, state: State, *, lr: float, gamma: float = 0.0,
               eps: float = 1e-12) -> None:
    """w ← w - lr·g/‖g‖: every tensor moves by lr, on a plateau and at a cliff; with γ, momentum
    of such directions.
    """
    # one norm for the whole tensor, so the direction stays that of the gradient
    momentum(w, g / (g.norm() + eps), state, lr=lr, gamma=gamma)


class ManualOptimizer(torch.optim.Optimizer):
    """A rule of this module as an optimiser: `ManualOptimizer(model.parameters(), adam, lr=1e-3,
    beta1=0.8)`.

    weight_decay: times the weight, added to the gradient. Groups, `state_dict` and lr schedulers
        work as usual.
    """

    def __init__(self, params: Iterable[nn.Parameter], rule: UpdateRule, lr: float,
                 weight_decay: float = 0.0, **constants: float) -> None:
        self.rule, self.names = rule, tuple(constants)
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, **constants})

    def __getstate__(self) -> dict[str, Any]:
        """For copies: torch's own state knows its own attributes only."""
        return {**super().__getstate__(), "rule": self.rule, "names": self.names}

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        if closure is not None:
            raise NotImplementedError("rules of one gradient take no closure")
        for group in self.param_groups:
            constants = {name: group[name] for name in self.names}
            decay = group["weight_decay"]
            for weight in group["params"]:
                if weight.grad is None:  # the batch did not reach it
                    continue
                gradient = weight.grad + decay * weight if decay else weight.grad
                self.rule(weight, gradient, self.state[weight], lr=group["lr"], **constants)
