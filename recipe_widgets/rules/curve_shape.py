"""The training loss falls.

What it finds
    A loss that stops being a number, explodes, rises, stands still, jumps, or whose fall drowns in
    the noise of single batches. Levels are medians of a fifth of the curve.
Why it hurts
    Each shape has its own cause: NaN and explosions come from the learning rate, log(0) or broken
    inputs; a flat curve from a rate far off or gradients that do not arrive; jumps from single
    broken batches; a rise from the sign of the loss.
How to mend
    Change the learning rate first, by a factor of 3 to 10; clip the gradient's norm; look at the
    batches right before a jump.
When it stays silent
    Below 30 steps, unless a value is no number. Of a loss that need not fall (a GAN's, a policy's)
    it tells NaN and explosions only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.divergence import no_number_from
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.statistics import CurveFacts, curve_facts, jumps
from recipe_widgets.rules.texts import CS231N_BABYSITTING

# All thresholds were set on thousands of short runs of the built-in models with known causes.
FEWEST_STEPS = 30  # steps below which a curve says nothing yet, but NaN
NO_FALL = 0.93  # a curve whose last level is above this share of the first does not fall
EXPLODED = 3.0  # last level / first level
ROSE = 1.05  # last level / first level, beyond three standard errors
JUMP_BACK = 0.15  # a single jump counts when the level is that far above its lowest afterwards
RISE_BACK = 0.25  # the same without a jump
EXPLODED_NOISES = 8  # of single steps, that an explosion lies above the first level
ERRORS = 3  # standard errors of a level, within which it may lie by chance
MOST_JUMPS = 2  # that recover; more are no accident


@dataclass(frozen=True)
class LossCurve:
    """The training loss (n,) of each step, in any unit.

    falls: whether it should fall; False for GANs and policies.
    """

    loss: npt.ArrayLike
    falls: bool = True


@rule(worst="error", source=CS231N_BABYSITTING)
def curve_shape(rule: Rule[LossCurve], curve: LossCurve) -> CheckResult:
    """`details["shape"]`: "not a number", "exploding", "flat", "rising", "jumps", "noisy",
    "falling", "not asked to fall" or "too short".
    """
    seen = curve_facts(curve.loss)
    values = np.asarray(curve.loss, np.float64).ravel()
    details = {"train_loss": values, "jumps": jumps(values[:seen.bad])}
    if seen.bad is not None:
        return rule.fails(
            f"the loss is {no_number_from(seen.bad)}", measured=seen.bad, expected="finite",
            advice="A lower learning rate, or look for log(0), 0/0 and NaN in the inputs.",
            details={**details, "shape": "not a number"})
    if seen.n < FEWEST_STEPS:
        return rule.cannot_tell(f"{seen.n} steps are too few to judge a curve", measured=seen.n,
                                expected=f"{FEWEST_STEPS} steps",
                                details={**details, "shape": "too short"})
    shape, message, advice = _shape_of(seen, curve.falls)
    say = rule.passes if shape in ("falling", "not asked to fall") else rule.warns
    return say(message, measured=seen.left, unit="of the first level", advice=advice,
               details={**details, "shape": shape})


def _shape_of(seen: CurveFacts, falls: bool) -> tuple[str, str, str]:
    """Shape, message and advice for a curve of numbers that is long enough."""
    if seen.left > EXPLODED and seen.left - 1 > EXPLODED_NOISES * seen.noise:
        return ("exploding", f"the loss explodes: it ends {seen.left:.3g} times as high as it began",
                "A lower learning rate; clip the gradient's norm.")
    if not falls:
        return "not asked to fall", "the loss stays finite", ""
    if seen.left > ROSE + ERRORS * seen.first_error:
        return ("rising", "the loss ends above where it began",
                "Look at the sign of the loss, and lower the learning rate.")
    if seen.left > NO_FALL:
        return ("flat", f"the loss does not fall in {seen.n} steps",
                "Learning rate far too low, or so high that units died at once; update_ratio tells "
                "which. Or gradients that do not arrive.")
    back = seen.left - seen.lowest  # how far the level has come up again
    if seen.jumps and (back > JUMP_BACK or seen.jumps > MOST_JUMPS):
        return ("jumps", f"the loss jumps up {seen.jumps} time{'s' if seen.jumps > 1 else ''}",
                "A lower learning rate, gradient clipping, or look for a few broken batches.")
    if back > RISE_BACK and back > ERRORS * seen.level_error:
        return "rising", "the loss fell and rises again", "A lower learning rate."
    if ERRORS * seen.level_error > 1 - seen.left:
        return ("noisy", "the noise of single batches drowns the fall",
                "Larger batches, or a lower learning rate.")
    return "falling", f"the loss falls to {seen.left:.0%} of where it began", ""
