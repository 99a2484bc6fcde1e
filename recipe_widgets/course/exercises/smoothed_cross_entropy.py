"""Notebook 08: cross-entropy with label smoothing, by hand."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from recipe_widgets.core.describe import describe_value
from recipe_widgets.course.exercise import Exercise
from recipe_widgets.course.trial_tools import (
    Slips,
    by_hand,
    close,
    expect,
    inputs_kept,
    random,
    tensor,
)

_FORBIDDEN = ("cross_entropy", "cross_entropy_loss", "kl_div")


def smoothed_cross_entropy(logits, y, smoothing=0.1):
    """Cross-entropy with label smoothing: the mean over the samples, a tensor of one number.

    logits: outputs of a network (N, K). y: right classes (N,). smoothing: from 0 to 1.
    The target of a sample gives smoothing / K to each of the K classes, and the right class
    1 - smoothing on top. Its loss is -sum over the classes of target · log(probability).
    By hand: F.log_softmax is allowed, F.cross_entropy is not.
    """
    log_probs = F.log_softmax(logits, dim=1)                       # (N, K)
    right = log_probs[torch.arange(len(y)), y]                     # (N,) of the right class
    losses = -(1 - smoothing) * right - smoothing * log_probs.mean(dim=1)
    return losses.mean()


def _judge(yours: Any, logits: torch.Tensor, y: torch.Tensor, smoothing: float,
           slips: Slips = ()) -> None:
    with inputs_kept(logits=logits, y=y), by_hand(
            *_FORBIDDEN, why="Write it by hand, from F.log_softmax(logits, dim=1)."):
        found = yours(logits, y, smoothing)
    expect(isinstance(found, torch.Tensor),
           f"It returns {describe_value(found)}: the loss must stay a tensor, so that backward() can go "
           "through it.")
    log_probs = F.log_softmax(logits, dim=1)
    classes = logits.shape[1]
    right, total = log_probs[torch.arange(len(y)), y], log_probs.sum(dim=1)
    wanted = F.cross_entropy(logits, y, label_smoothing=smoothing)
    others = -((1 - smoothing) * right + smoothing / max(1, classes - 1) * (total - right)).mean()
    unspread = -((1 - smoothing) * right + smoothing * total).mean()
    part = -((1 - smoothing) * right + smoothing / classes * (total - right)).mean()
    extra = -(right + smoothing / classes * total).mean()
    close(tensor(found, ()), wanted, f"With smoothing {smoothing:g}, the loss", slips=[
        *slips,
        (-right.mean(), "That is the loss without smoothing."),
        (others, "It shares smoothing among the wrong classes alone, K - 1 of them. Here all K get "
                 "smoothing / K, the right one, too."),
        (unspread, "Each class gets smoothing / K: the sum over the classes is divided by K."),
        (part, "The right class gets its smoothing / K, too, on top of 1 - smoothing."),
        (extra, "The right class gets 1 - smoothing on top, so that the target sums to 1."),
        (-((1 - smoothing) * right).mean(), "The share of all classes is missing: smoothing / K each."),
        (wanted * len(y), "It is the sum over the samples, and the mean is wanted."),
        (wanted / classes, "It is the mean over the classes, too: sum over them, and take the mean over "
                           "the samples alone."),
        (-wanted, "The sign is the other one: log(probability) is negative, a loss is positive."),
    ])


def _case(seed: int, n: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = random(seed)
    return (2 * torch.randn(n, classes, generator=draw),
            torch.randint(0, classes, (n,), generator=draw))


def some(yours: Any) -> None:
    """Random outputs, smoothing 0.1 and 0.4: equal to torch's"""
    _judge(yours, *_case(1, 8, 5), 0.1)
    _judge(yours, *_case(2, 64, 10), 0.4)


def without(yours: Any) -> None:
    """Smoothing 0 is the cross-entropy that you know; with smoothing 1 the label does not count"""
    logits, y = _case(3, 8, 4)
    _judge(yours, logits, y, 0.0)
    _judge(yours, logits, y, 1.0)


def default(yours: Any) -> None:
    """Without the third argument, smoothing is 0.1"""
    logits, y = _case(4, 6, 3)
    close(tensor(yours(logits, y), ()), F.cross_entropy(logits, y, label_smoothing=0.1), "The loss")


def shapes(yours: Any) -> None:
    """One sample; two classes; more classes than samples; float64, not contiguous"""
    _judge(yours, *_case(5, 1, 3), 0.2)
    _judge(yours, *_case(6, 5, 2), 0.2)
    _judge(yours, *_case(7, 3, 50), 0.2)
    logits, y = _case(8, 6, 7)
    _judge(yours, logits.double().T.contiguous().T, y, 0.3)


def large(yours: Any) -> None:
    """Outputs of 1,000: the loss is large, and finite"""
    logits, y = torch.tensor([[1000.0, 0.0, 999.0], [0.0, -1000.0, 0.0]]), torch.tensor([2, 0])
    shares = logits.softmax(dim=1)
    loss = -(0.9 * shares.log()[torch.arange(2), y] + 0.1 * shares.log().mean(dim=1)).mean()
    _judge(yours, logits, y, 0.1, [(loss, "A probability rounds to 0, and its logarithm is infinite: use "
                                          "F.log_softmax instead of softmax and log.")])


def gradient(yours: Any) -> None:
    """backward() goes through it, to the right gradient"""
    logits, y = _case(9, 6, 4)
    mine, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss = yours(mine, y, 0.2)
    expect(isinstance(loss, torch.Tensor) and loss.requires_grad,
           "The result is cut off from its graph: no item(), detach() or numpy() on the way.")
    expect(loss.numel() == 1, f"The loss has shape {tuple(loss.shape)}; one number is wanted.")
    loss.backward()
    F.cross_entropy(theirs, y, label_smoothing=0.2).backward()
    expect(mine.grad is not None, "No gradient reaches the outputs.")
    close(mine.grad, theirs.grad, "The gradient")


EXERCISE = Exercise(
    smoothed_cross_entropy, "08_regularise_the_model",
    (some, without, default, shapes, large, gradient),
    hints=(
        "Take log_probs = F.log_softmax(logits, dim=1), (N, K). The loss of a sample has two parts: that of "
        "the right class, and that of all classes.",
        "log_probs[torch.arange(len(y)), y] picks the right class of each sample. smoothing / K times the "
        "sum over all classes is smoothing times their mean.",
        "losses = -(1 - smoothing) * right - smoothing * log_probs.mean(dim=1), one for each sample; return "
        "their mean.",
    ),
    in_recipe=False)
