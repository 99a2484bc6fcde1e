"""Accumulated gradients add up to that of one large batch.

What it finds
    A loss that is not divided by the number of passes that are added up, so that the gradient is
    that many times too large; an incomplete last group of each epoch, whose gradients are thrown
    away; and gradients that are cleared before each pass although a step comes after several, so
    that it uses the last pass alone.
Why it hurts
    With SGD a gradient that is n times too large is a learning rate n times too large. A dropped
    tail hides the same few samples from training in every epoch, where data is not shuffled.
How to mend
    (loss / passes).backward(), and a step at the end of the epoch, too.
When it stays silent
    Without accumulation, when several losses train at once, when the loss is of a kind that it does
    not know, and with a GradScaler (its factor hides the size of the gradient).
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.training_evidence import GradientHistory, scale_free

SAME_SIZE = 0.02  # relative: the gradient of one pass is that of the mean loss of its batch
FEWEST_STEPS = 3
FEWEST_TAILS = 2  # epochs that drop one
LEAST_SHARE = 0.002  # of all passes; less than that is no loss of data
COLLECTED = 0.5  # of the steps, whose gradients the script puts back from elsewhere
CLEARED_SHARE = 0.45  # of all passes: half of them, where a step comes after two


@dataclass(frozen=True)
class AccumulatedGradients:
    """Attributes:
        scale: gradient of one pass as a multiple of that of the mean loss of its batch; None when
            it is not known. samples: of one pass.
    """

    history: GradientHistory
    scale: float | None = None
    samples: int = 0


@rule(worst="warning", source="PyTorch, Automatic mixed precision examples: gradient accumulation")
def accumulation(rule: Rule[AccumulatedGradients], seen: AccumulatedGradients) -> CheckResult:
    history, passes = seen.history, seen.history.passes_per_step
    lines = {line for group in history.groups for line, _ in group}
    used = sum(count * steps for group, steps in history.groups.items() for _, count in group)
    if passes < 2 or history.steps < 2:
        return _cleared_each_pass(rule, history, lines, used)
    for line, (times, dropped) in history.dropped.items():
        share = dropped / max(1, dropped + used)
        # passes of another line are those of another model, as in a GAN
        if line in lines and times >= FEWEST_TAILS and share > LEAST_SHARE \
                and history.steps >= FEWEST_STEPS:
            return rule.warns(
                f"the last, incomplete group of each epoch is thrown away: {dropped} backward "
                f"passes ({share:.0%}) were cleared before a step", measured=dropped, expected=0,
                unit="passes", advice="Take a step at the end of the epoch, too.",
                details={"group": passes})
    if seen.scale is not None and seen.samples >= 2 and abs(seen.scale - 1) <= SAME_SIZE:
        return rule.warns(
            f"{passes} passes are added up per step, but the loss is not divided by {passes}: the "
            f"gradient is {passes} times that of a large batch", measured=seen.scale,
            expected=1 / passes, unit="of the mean loss", advice=f"(loss / {passes}).backward()",
            details={"scale_free": scale_free(history.optimizer)})
    return rule.passes(f"{passes} passes enter each step")


def _cleared_each_pass(rule: Rule[AccumulatedGradients], history: GradientHistory,
                       lines: set[str], used: int) -> CheckResult:
    for line, (times, dropped) in history.dropped.items():
        # gradients that the script collects and puts back (one a sample, or a task) are not lost
        if line in lines and len(lines) == 1 and history.replaced < COLLECTED * history.looked \
                and min(times, history.steps) >= FEWEST_STEPS \
                and dropped > CLEARED_SHARE * (dropped + used):
            return rule.warns(
                f"gradients are cleared before each backward pass, but a step comes after "
                f"{1 + dropped / used:.0f}: {dropped} of {dropped + used} passes are thrown away",
                measured=dropped, expected=0, unit="passes", where=history.clear_line,
                advice="Clear gradients after a step alone.")
    return rule.passes("each step uses one backward pass")
