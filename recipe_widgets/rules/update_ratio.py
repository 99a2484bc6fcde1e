"""A step moves the weights by about a thousandth of their size.

What it finds
    Steps that move nothing (an error), more than a tenth, or less than a ten-thousandth of the
    weights in every layer.
Why it hurts
    Much larger steps throw away what was learnt; much smaller ones need a hundred times the steps.
How to mend
    Is optimizer.step() called, with gradients, for this model's parameters? Change the learning
    rate; look at Adam's eps, at gradient clipping and at the scale of the loss.
When it stays silent
    Large first steps that lower the loss clearly are only noted: a new head that begins with small
    weights grows fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

# CS231n: "a rough heuristic is that this ratio should be somewhere around 1e-3"; a factor of a
# hundred above and of ten below is worth a look.
LARGE, SMALL = 1e-1, 1e-4
WHOLE = 1.0  # the weights move by their own size: too large, even where it helps


@dataclass(frozen=True)
class WeightUpdates:
    """How far the weights move.

    Attributes:
        ratios: tensor -> (steps,) ‖change of the weights in one step‖ / ‖weights‖.
        moved: did any parameter change at all? helped: did these steps lower the loss clearly?
    """

    ratios: Mapping[str, npt.NDArray[np.float64]]
    moved: bool
    helped: bool = False


@rule(worst="error", source="CS231n, Ratio of weights to updates")
def update_ratio(rule: Rule[WeightUpdates], seen: WeightUpdates) -> CheckResult:
    if not seen.moved:
        return rule.fails(
            "no parameter changes in a step", measured=0.0, expected="about 1e-3",
            unit="of the weights",
            advice="Is optimizer.step() called, with gradients, for this model's parameters?")
    if not seen.ratios:
        return rule.cannot_tell("only zeros or vectors move")
    typical = {layer: float(np.median(values)) for layer, values in seen.ratios.items()}
    middle, most = float(np.median(list(typical.values()))), max(typical.values())
    rule = rule.about(measured=middle, expected="1e-4 to 1e-1", unit="of the weights per step",
                      details={"layers": list(typical), "ratio": np.array(list(typical.values()))})
    if seen.helped and LARGE < middle < WHOLE:
        return rule.notes("the first steps are large, and they help")
    if not np.isfinite(most) or middle > LARGE:
        return rule.warns("steps are very large", advice="A smaller learning rate.")
    if most < SMALL:
        return rule.warns(
            "steps are very small in every layer", measured=most,
            advice="A larger learning rate; look at Adam's eps, at gradient clipping and at the "
            "scale of the loss.")
    return rule.passes("steps are of a healthy size")
