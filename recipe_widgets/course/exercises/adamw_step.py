"""Notebook 06: one step of AdamW; without decay it is Adam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from recipe_widgets.course.exercise import Exercise
from recipe_widgets.course.trial_tools import close, expect, no_optimizer, random, tensor


def adamw_step(weight, state, lr, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    """One step of AdamW for one weight tensor w with the gradient g = w.grad. t counts from 1.

        w = w - lr * weight_decay * w                       the decay: straight from the weight
        m = beta1 * m + (1 - beta1) * g                     mean of the gradients
        s = beta2 * s + (1 - beta2) * g * g                 mean of their squares
        w = w - lr * (m / (1 - beta1**t)) / (sqrt(s / (1 - beta2**t)) + eps)

    state: a dictionary, empty before the first step; keep m, s and t in it. Each weight has its own.
    weight changes in place; w.grad stays. Where it is None, nothing changes. Nothing is returned.
    """
    if weight.grad is None:
        return
    if not state:
        state.update(t=0, m=torch.zeros_like(weight), s=torch.zeros_like(weight))
    state["t"] += 1
    t, m, s, g = state["t"], state["m"], state["s"], weight.grad
    with torch.no_grad():
        weight.mul_(1 - lr * weight_decay)
        m.mul_(beta1).add_((1 - beta1) * g)
        s.mul_(beta2).add_((1 - beta2) * g * g)
        weight.sub_(lr * (m / (1 - beta1**t)) / ((s / (1 - beta2**t)).sqrt() + eps))


Numbers = tuple[float, float, float, float]  # beta1, beta2, eps, weight decay
Slip = Callable[[torch.Tensor, list[torch.Tensor], Sequence[float], Numbers], torch.Tensor]


def _moments(grads: Sequence[torch.Tensor], numbers: Numbers) -> tuple[torch.Tensor, torch.Tensor]:
    """m and s after these gradients, not corrected."""
    beta1, beta2, *_ = numbers
    m, s = torch.zeros_like(grads[0]), torch.zeros_like(grads[0])
    for g in grads:
        m, s = beta1 * m + (1 - beta1) * g, beta2 * s + (1 - beta2) * g * g
    return m, s


def _walk(start: torch.Tensor, grads: list[torch.Tensor], rates: Sequence[float], numbers: Numbers,
          update: Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor],
          decay: Callable[[torch.Tensor, float], torch.Tensor] | None = None,
          coupled: bool = False) -> torch.Tensor:
    """The weight after all steps with another update, or another decay, than AdamW's."""
    weight, seen = start.clone(), []
    decay = decay or (lambda w, lr: w - lr * numbers[3] * w)
    for t, (lr, g) in enumerate(zip(rates, grads, strict=True), 1):
        seen.append(g + numbers[3] * weight if coupled else g)
        m, s = _moments(seen, numbers)
        weight = (weight if coupled else decay(weight, lr)) - lr * update(m, s, t)
    return weight


def _right(numbers: Numbers) -> Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]:
    beta1, beta2, eps, _ = numbers
    return lambda m, s, t: (m / (1 - beta1**t)) / ((s / (1 - beta2**t)).sqrt() + eps)


def _slips(start: torch.Tensor, grads: list[torch.Tensor], rates: Sequence[float],
           numbers: Numbers) -> list[tuple[torch.Tensor, str]]:
    """What the weight is after known slips, and what to tell."""
    beta1, beta2, eps, decay = numbers
    right = _right(numbers)

    def walk(*args: Any, **options: Any) -> torch.Tensor:
        return _walk(start, grads, rates, numbers, *args, **options)

    found = [
        (start, "weight itself has not moved. `weight = ...` makes a new tensor: change the old one in "
                "place, as weight.sub_(...) or weight -= ... do."),
        (walk(lambda m, s, _: m / (s.sqrt() + eps)),
         "m and s begin at 0, so they are too small at first: divide by 1 - beta1**t and 1 - beta2**t."),
        (walk(lambda m, s, _: (m / (1 - beta1)) / ((s / (1 - beta2)).sqrt() + eps)),
         "The correction has a power: 1 - beta1**t, with t the number of this step."),
        (walk(lambda m, s, t: (m / (1 - beta1**t)) / (s.sqrt() + eps)),
         "s begins at 0, too: divide it by 1 - beta2**t."),
        (walk(lambda m, s, t: m / ((s / (1 - beta2**t)).sqrt() + eps)),
         "m begins at 0, too: divide it by 1 - beta1**t."),
        (walk(lambda m, s, t: (m / (1 - beta1**t)) / (s / (1 - beta2**t) + eps)),
         "The root of s is missing."),
        (walk(lambda m, s, t: (m / (1 - beta1**t)) / (s / (1 - beta2**t) + eps).sqrt()),
         "eps is added outside the root."),
        (walk(lambda m, s, t: (m / (1 - beta1**t)) / ((s / (1 - beta2**t)).sqrt() + 1e-8)),
         "Use the eps that is handed in."),
        (walk(lambda m, s, t: (m / (1 - beta1**t)) / (s / (1 - beta2**t)).sqrt()),
         "eps is missing below the line."),
        (walk(lambda m, s, t: (m / (1 - beta1**(t + 1))) / ((s / (1 - beta2**(t + 1))).sqrt() + eps)),
         "t counts from 1: it is 1 in the first step."),
        (walk(lambda m, s, t: (m / (1 - beta1**(t - 1))) / ((s / (1 - beta2**(t - 1))).sqrt() + eps)),
         "t counts from 1. At t = 0 it is a division by 1 - beta**0 = 0."),
    ]
    if decay:
        found += [
            (walk(right, lambda w, _: w), "The weight decay is missing."),
            (walk(right, coupled=True),
             "The decay is in the gradient, and so is divided by sqrt(s): that is Adam with L2. In AdamW "
             "it is subtracted from the weight itself."),
            (walk(right, lambda w, _: w - decay * w), "The decay is multiplied by lr, too."),
            (walk(right, lambda w, lr: w + lr * decay * w), "The decay makes the weight smaller: "
                                                            "subtract it."),
        ]
    return found


def _judge(yours: Any, shape: Sequence[int], rates: Sequence[float],
           numbers: Numbers = (0.9, 0.999, 1e-8, 0.0), why: str = "",
           dtype: torch.dtype = torch.float64, scale: float = 1.0) -> None:
    """As many steps as there are rates, on two weights with a state each, beside torch's."""
    draw = random(sum(shape) + len(rates))
    beta1, beta2, eps, decay = numbers
    weights = [torch.randn(*shape, generator=draw, dtype=dtype).requires_grad_() for _ in range(2)]
    starts = [weight.detach().clone() for weight in weights]
    twins = [start.clone().requires_grad_() for start in starts]
    optimizer = torch.optim.AdamW(twins, lr=rates[0], betas=(beta1, beta2), eps=eps, weight_decay=decay)
    states: list[dict[Any, Any]] = [{}, {}]
    seen: list[list[torch.Tensor]] = [[], []]
    for step, lr in enumerate(rates, 1):
        for k, twin in enumerate(twins):
            grad = scale * torch.randn(*shape, generator=draw, dtype=dtype)
            grad.flatten()[0] = 0.0  # one number that no sample reaches
            weights[k].grad, twin.grad = grad.clone(), grad
            seen[k].append(grad)
            with no_optimizer():
                yours(weights[k], states[k], lr, beta1, beta2, eps, decay)
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
        for k, twin in enumerate(twins):
            kept = weights[k].grad
            expect(kept is not None and torch.equal(kept, seen[k][-1]),
                   "weight.grad is another one now. Leave it as it is: others may read it.")
            tensor(weights[k], shape, f"weight {k} is now")
            close(weights[k], twin, f"After step {step} weight {k}", why,
                  rtol=1e-6 if dtype == torch.float64 else 1e-5,
                  slips=_slips(starts[k], seen[k], rates[:step], numbers))


def one_step(yours: Any) -> None:
    """Adam (no decay): the first step"""
    _judge(yours, (5,), [0.1])


def several(yours: Any) -> None:
    """Adam: ten steps of two weights, equal to torch.optim.AdamW without decay"""
    _judge(yours, (4, 3), [0.01] * 10, why="Each weight has a state of its own, which it keeps.")


def decayed(yours: Any) -> None:
    """AdamW: decay straight from the weight"""
    _judge(yours, (6,), [0.1] * 4, (0.9, 0.999, 1e-8, 0.5),
           "The decay is lr * weight_decay * weight, with the weight of before the step.")


def other_numbers(yours: Any) -> None:
    """Other betas, another eps, a rate that changes"""
    _judge(yours, (4, 2), [0.1, 0.01, 0.05, 0.2], (0.5, 0.9, 0.1, 0.1),
           "All numbers are those that are handed in.")


def tiny(yours: Any) -> None:
    """Gradients of 1e-7, where eps counts"""
    _judge(yours, (3, 3), [0.01] * 3, scale=1e-7)


def single(yours: Any) -> None:
    """A convolution's weights, in float32"""
    _judge(yours, (2, 3, 3, 3), [0.001] * 5, (0.9, 0.999, 1e-8, 0.01), dtype=torch.float32)


def missing(yours: Any) -> None:
    """A weight without a gradient"""
    weight = torch.ones(3, requires_grad=True)
    yours(weight, {}, 0.1, 0.9, 0.999, 1e-8, 0.5)
    expect(torch.equal(weight.detach(), torch.ones(3)),
           "weight.grad is None, as no loss has reached it: then nothing should change, not by decay "
           "either.")


EXERCISE = Exercise(
    adamw_step, "06_optimise",
    (one_step, several, decayed, other_numbers, tiny, single, missing),
    hints=(
        "Four formulas, four lines. In the first step state is empty: put m and s of zeros and t = 0 "
        "into it. Then count t up.",
        "torch.zeros_like(weight) makes m and s. All lines under torch.no_grad(), and weight in place: "
        "weight.mul_(1 - lr * weight_decay) is the decay.",
        'Means: m.mul_(beta1).add_((1 - beta1) * g), and s likewise with g * g. If you write m = ... '
        'instead, put it back: state["m"] = m.',
        "The step: weight.sub_(lr * (m / (1 - beta1**t)) / ((s / (1 - beta2**t)).sqrt() + eps)).",
    ),
    in_recipe=False)
