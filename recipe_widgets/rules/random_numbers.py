"""Every epoch draws its own random numbers.

What it finds
    A generator that is made or seeded anew in every epoch, so that augmentation and order repeat;
    a data set that carries a generator which each worker process copies.
Why it hurts
    The augmentation is a fixed, larger data set at best; with copied generators all workers draw
    the same numbers, so that samples are less different than they look.
How to mend
    Make and seed generators once, before the loop; in workers, from torch.initial_seed().
When it stays silent
    When numbers that repeat are not used in training, and when no epoch repeats its samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule


@dataclass(frozen=True)
class RepeatedNumbers:
    """Random numbers that are not new.

    Attributes:
        kind: "drawn": the same numbers in each of `times` epochs. "seeded": `call` was made so many
            times while training. "copied": a generator, by so many workers.
    """

    kind: Literal["drawn", "seeded", "copied"]
    times: int
    call: str = ""


@rule(worst="warning", source="PyTorch, Reproducibility; PyTorch, torch.utils.data")
def random_numbers(rule: Rule[RepeatedNumbers], seen: RepeatedNumbers) -> CheckResult:
    rule = rule.about(measured=seen.times, expected=1)
    if seen.kind == "drawn":
        return rule.warns(
            f"the same random numbers are drawn in each of {seen.times} epochs: the augmentation "
            "or order never changes", unit="times",
            advice="Make and seed the generator once, before the loop.")
    if seen.kind == "seeded":
        return rule.warns(
            f"{seen.call} is called again and again during training: every epoch draws the same "
            "random numbers", unit="calls", advice="Seed once, before the loop.")
    return rule.warns(
        f"the data set carries a random generator of its own, which each of {seen.times} workers "
        "copies anew in every epoch: they all draw the same numbers", unit="workers",
        advice="Make the generator in the worker, from torch.initial_seed(), or in worker_init_fn.")
