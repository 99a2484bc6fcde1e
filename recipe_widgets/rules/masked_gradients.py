"""Weights whose gradient is masked out stay as they are.

What it finds
    Rows or parameters whose gradient the script (or a hook of it) sets to zero before each step, and
    parameters with requires_grad = False and a gradient of zeros, that the optimiser moves all the
    same: by weight decay, by momentum, by Adam's averages of earlier gradients.
Why it hurts
    What was meant to be kept (the embeddings of all old words, a frozen layer) drifts or shrinks
    with each step.
How to mend
    A group of the optimiser with weight_decay=0 from the start; or keep a copy, and put the rows back
    after each step. A whole parameter: p.requires_grad = False and p.grad = None.
When it stays silent
    Where the numbers do not move, or are put back; where other numbers are masked from step to step
    (a compression of gradients); for rows that no sample uses, which have no gradient anyway.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST_LOOKS = 3


@dataclass(frozen=True)
class MaskedWeights:
    """A parameter whose gradient is masked.

    Attributes:
        name, optimizer: of the parameter; kind of the optimiser. decay: its weight decay.
        masked: numbers without a gradient at a step, of `size`.
        looks: at steps. moved: of these, at which they had moved by the next pass.
        frozen: by requires_grad, as a whole.
    """

    name: str
    optimizer: str
    decay: float
    masked: int
    size: int
    looks: int
    moved: int
    frozen: bool = False


@rule(worst="warning", source="PyTorch, torch.optim")
def masked_gradients(rule: Rule[MaskedWeights], seen: MaskedWeights) -> CheckResult:
    if seen.moved < FEWEST_LOOKS or seen.moved < seen.looks:
        return rule.passes("what has no gradient does not move")
    why = f"weight decay of {seen.decay:g}" if seen.decay else "momentum or averages of earlier gradients"
    what = (f"{seen.name} is frozen" if seen.frozen else
            f"the gradient of {seen.masked} of {seen.size} numbers of {seen.name} is set to zero")
    return rule.warns(
        f"{what}, but {seen.optimizer} moves it all the same: {why}", measured=seen.moved, expected=0,
        unit="steps", advice="Put the numbers back after each step, or keep them out of the optimiser.")
