"""Notebook 06: a schedule that climbs, and then falls along a cosine."""

from __future__ import annotations

import math
import random as python_random
from typing import Any

import torch

from recipe_widgets.course.exercise import Exercise, MainLines
from recipe_widgets.course.trial_tools import Slips, close, expect, number


def warmup_cosine(step, total, warmup):
    """What the learning rate is multiplied by at a step, a Python number from 0 to 1.

    step: counted from 0. total: steps of the run. warmup: how many of them climb, below total.
    Before step `warmup` it climbs in a straight line: (step + 1) / warmup.
    Then it falls along half a cosine wave: 1 at step `warmup`, 1/2 half way, 0 at step `total`:
    (1 + cos(pi * share)) / 2, where share is how much of the way from `warmup` to `total` is done.
    It stays 0 after that. Without a warm-up (0) it begins with the cosine.
    """
    if step < warmup:
        return (step + 1) / warmup
    share = min(1.0, (step - warmup) / (total - warmup))
    return (1 + math.cos(math.pi * share)) / 2


def _judge(yours: Any, step: int, total: int, warmup: int, why: str = "") -> None:
    def cosine(share: float) -> float:
        return (1 + math.cos(math.pi * share)) / 2

    slips: Slips = [
        (step / warmup if warmup else -1.0, "At step 0 the rate would be 0, and the first step is lost: "
                                            "(step + 1) / warmup."),
        (cosine(step / total), "The cosine begins at step `warmup`, not at step 0: share = (step - warmup) / "
                               "(total - warmup)."),
        (cosine((step - warmup) / total), "From `warmup` to `total` are total - warmup steps."),
        (math.cos(math.pi / 2 * (step - warmup) / (total - warmup)), "That is a quarter of a wave. Half a "
         "wave goes from cos(0) = 1 to cos(pi) = -1, and (1 + cos) / 2 from 1 to 0."),
        (math.cos(math.pi * (step - warmup) / (total - warmup)), "cos goes from 1 to -1; (1 + cos) / 2 goes "
                                                                 "from 1 to 0."),
        (cosine((step - warmup) / (total - warmup)), "After the end a cosine climbs again: the share is at "
                                                     "most 1."),
        (1 - (step - warmup) / (total - warmup), "That is a straight line down, no cosine."),
    ]
    found = number(yours(step, total, warmup))
    close(found, warmup_cosine(step, total, warmup), f"The factor at step {step} of {total}, warm-up {warmup},",
          why, rtol=1e-6, slips=slips)


def climbs(yours: Any) -> None:
    """It climbs in the warm-up"""
    for step in (0, 1, 7, 9):
        _judge(yours, step, 100, 10, "In the warm-up it is (step + 1) / warmup.")


def falls(yours: Any) -> None:
    """It falls along a cosine after it"""
    for step in (10, 11, 55, 77, 99):
        _judge(yours, step, 100, 10, "share = (step - warmup) / (total - warmup).")


def no_warmup(yours: Any) -> None:
    """Without a warm-up"""
    for step in (0, 1, 20, 39):
        _judge(yours, step, 40, 0, "warmup 0: nothing climbs, and nothing is divided by 0.")


def after_the_end(yours: Any) -> None:
    """At the last step and after it"""
    for step in (100, 101, 150, 1000):
        _judge(yours, step, 100, 10, "After the end it stays 0.")


def by_step_alone(yours: Any) -> None:
    """The same step, the same factor, in any order"""
    steps = [*range(0, 300, 7), 299]
    python_random.Random(3).shuffle(steps)
    for step in steps:
        _judge(yours, step, 300, 50, "It must depend on its arguments alone, not on what was asked before.")


def long_run(yours: Any) -> None:
    """A run of a million steps, and one of two"""
    for step, total, warmup in ((1234, 1_000_000, 2_000), (500_000, 1_000_000, 2_000), (0, 2, 1), (1, 2, 1)):
        _judge(yours, step, total, warmup)


def in_a_run(yours: Any) -> None:
    """Under LambdaLR: the rates of a run"""
    weight = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.5)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: number(yours(step, 20, 5)))
    rates = []
    for _ in range(20):
        rates.append(number(optimizer.param_groups[0]["lr"], "The rate is"))
        optimizer.step()
        schedule.step()
    expect(all(rate >= 0 for rate in rates), "A learning rate is below 0.")
    close(torch.tensor(rates), [0.5 * warmup_cosine(step, 20, 5) for step in range(20)],
          "The learning rate, by step,", rtol=1e-6)


EXERCISE = Exercise(
    warmup_cosine, "06_optimise",
    (climbs, falls, no_warmup, after_the_end, by_step_alone, long_run, in_a_run),
    hints=(
        "Two cases: step < warmup, and all others. Begin with the first.",
        "For the others: how much of the way from warmup to total is done? share = (step - warmup) / "
        "(total - warmup), at most 1. math.cos and math.pi do the rest.",
        "if step < warmup: return (step + 1) / warmup. Then share = min(1, (step - warmup) / (total - "
        "warmup)), and return (1 + math.cos(math.pi * share)) / 2.",
    ),
    main=MainLines("optimizer", """\
optimizer = torch.optim.AdamW(parameters, lr=0.002, weight_decay=0.01)
total = 5 * len(train_loader)  # epochs times batches
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warmup_cosine(step, total, total // 20))
optimizer.register_step_post_hook(lambda *_: schedule.step())  # another rate after each step"""))
