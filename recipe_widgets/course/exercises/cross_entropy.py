"""Notebook 02: softmax and cross-entropy by hand."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from recipe_widgets.core.describe import describe_value
from recipe_widgets.course.exercise import Exercise, MainLines
from recipe_widgets.course.trial_tools import (
    Slips,
    by_hand,
    close,
    expect,
    inputs_kept,
    random,
    tensor,
)

_FORBIDDEN = ("cross_entropy", "cross_entropy_loss", "softmax", "log_softmax", "special_softmax",
              "special_log_softmax", "logsumexp", "special_logsumexp", "logcumsumexp", "nll_loss",
              "kl_div")


def cross_entropy(logits, y):
    """Mean over the samples of -log(probability of the right class), a tensor of one number.

    logits: outputs of a network (N, K), any numbers. y: right classes (N,).
    The probabilities of a sample are exp(logits) / sum of exp(logits): softmax, by hand.
    """
    shifted = logits - logits.max(dim=1, keepdim=True).values  # exp(1000) would be infinite
    log_total = shifted.exp().sum(dim=1).log()                  # (N,)
    right = shifted[torch.arange(len(y)), y]                    # (N,) of the right class
    return (log_total - right).mean()


def _judge(yours: Any, logits: torch.Tensor, y: torch.Tensor, slips: Slips = ()) -> None:
    with inputs_kept(logits=logits, y=y), by_hand(*_FORBIDDEN, why="Write softmax and cross-entropy "
                                                  "by hand: exp, sum, log."):
        found = yours(logits, y)
    expect(isinstance(found, torch.Tensor),
           f"It returns {describe_value(found)}: the loss must stay a tensor, so that backward() can go "
           "through it.")
    total = F.cross_entropy(logits, y, reduction="sum")
    close(tensor(found, ()), F.cross_entropy(logits, y), "The loss",
          slips=[*slips, (total, "It is the sum over the samples, and the mean is wanted.")])


def _quotient(powers: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """A slip: the logarithm of a quotient that no float can hold."""
    shares = powers / powers.sum(dim=1, keepdim=True)
    return -shares[torch.arange(len(y)), y].log().mean()


def _case(seed: int, n: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = random(seed)
    return (2 * torch.randn(n, classes, generator=draw),
            torch.randint(0, classes, (n,), generator=draw))


def equal_chances(yours: Any) -> None:
    """All outputs 0, ten classes: ln 10"""
    _judge(yours, torch.zeros(4, 10), torch.tensor([0, 3, 3, 9]))


def some(yours: Any) -> None:
    """Random outputs of eight samples"""
    _judge(yours, *_case(1, 8, 5))


def shapes(yours: Any) -> None:
    """One sample; more classes than samples; outputs that are not contiguous, in float64"""
    _judge(yours, *_case(2, 1, 3))
    _judge(yours, *_case(3, 3, 50))
    logits, y = _case(4, 6, 7)
    _judge(yours, logits.double().T.contiguous().T, y)


def large(yours: Any) -> None:
    """Outputs of 1,000"""
    logits, y = torch.tensor([[1000.0, 0.0, 999.0], [0.0, -1000.0, 0.0]]), torch.tensor([2, 0])
    tip = ("exp(1000) is infinite. Subtract the largest output of each sample first: the "
           "probabilities stay the same.")
    differences = (logits.exp().sum(dim=1).log() - logits[torch.arange(2), y]).mean()
    _judge(yours, logits, y, [(_quotient(logits.exp(), y), tip), (differences, tip)])


def hopeless(yours: Any) -> None:
    """A right class whose probability rounds to 0"""
    logits, y = torch.tensor([[0.0, 200.0]]), torch.tensor([0])
    _judge(yours, logits, y, [(_quotient((logits - 200).exp(), y), "The probability is too small for a "
                               "float, its logarithm is not: use log(a / b) = log(a) - log(b).")])


def gradient(yours: Any) -> None:
    """backward() goes through it, to the right gradient"""
    logits, y = _case(5, 6, 4)
    mine, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss = yours(mine, y)
    expect(isinstance(loss, torch.Tensor) and loss.requires_grad,
           "The result is cut off from its graph: no item(), detach() or numpy() on the way.")
    loss.backward()
    F.cross_entropy(theirs, y).backward()
    expect(mine.grad is not None, "No gradient reaches the outputs.")
    close(mine.grad, theirs.grad, "The gradient")


EXERCISE = Exercise(
    cross_entropy, "02_skeleton_and_baselines",
    (equal_chances, some, shapes, large, hopeless, gradient),
    hints=(
        "-log(exp(a) / total) = log(total) - a. So for each sample: the log of the sum of all "
        "exponentials, minus the output of the right class.",
        "logits[torch.arange(len(y)), y] picks the output of the right class of each sample.",
        "Subtract logits.max(dim=1, keepdim=True).values first. It changes no probability, and no "
        "exp becomes infinite.",
    ),
    main=MainLines("loss", "loss_fn = cross_entropy"))
