"""Weight decay is weaker than the loss.

What it finds
    Weight decay that pulls harder than the gradient of the loss, and weights that shrink while the
    loss does not fall.
Why it hurts
    The model forgets faster than it learns; the loss stays near that of knowing nothing.
How to mend
    1e-4 to 5e-4 is usual for SGD and Adam, 0.01 to 0.1 for AdamW.
When it stays silent
    When the loss falls, when several optimisers train, and in runs of fewer than twenty steps.
"""

from __future__ import annotations

import numpy as np

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.training_evidence import StepSizes

PULL = 3.0  # ‖decay · weights‖ / ‖gradient‖; healthy runs lie below 0.1
SHRUNK, SHRUNK_DECOUPLED = 0.5, 0.1  # of the weights' first norm
STILL_HIGH = 0.7  # of the first loss


@rule(worst="warning", source="I. Loshchilov, F. Hutter, Decoupled weight decay, 2019")
def weight_decay(rule: Rule[StepSizes], steps: StepSizes) -> CheckResult:
    if not steps.can_tell or steps.several:
        return rule.cannot_tell("too few steps, or several optimisers")
    first, last = steps.measurements[0], steps.measurements[-1]
    decay, shrunk = last.decay, last.weight / max(first.weight, 1e-12)
    pulls = [
        one.decay * one.weight / max(one.gradient, 1e-12) for one in steps.measurements if one.decay
    ]
    if pulls and "AdamW" not in steps.optimizer and float(np.median(pulls)) > PULL \
            and shrunk < SHRUNK and steps.last_loss > STILL_HIGH * steps.first_loss:
        return rule.warns(
            f"weight decay {decay:g} pulls harder than the loss: the weights shrink to "
            f"{shrunk:.0%}", measured=float(np.median(pulls)), expected="below 0.1",
            unit="of the gradient's norm", advice="1e-4 to 5e-4 is usual.")
    # AdamW's decay is no part of the gradient, so that it cannot be held against it
    decays = decay * sum(one.lr for one in steps.measurements) > 0
    if steps.optimizer.startswith("AdamW") and decays and shrunk < SHRUNK_DECOUPLED and steps.flat:
        return rule.warns(f"weight decay {decay:g}: the weights shrink to {shrunk:.0%}",
                          measured=shrunk, expected="about 1", advice="0.01 to 0.1 is usual.")
    return rule.passes("weight decay is weaker than the loss")
