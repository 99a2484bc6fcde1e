"""The loss falls when the outputs come nearer to the targets.

What it finds
    A loss whose gradient is that of the textbook loss with its sign flipped, in every pass.
Why it hurts
    Each step makes the model worse, and the printed number may still look like a falling loss.
How to mend
    Minimise the negative log-likelihood: -log_softmax(z)[y], not log_softmax(z)[y].
When it stays silent
    For an optimiser with maximize=True, when several losses train at once, and for losses of a kind
    that it does not know.
"""

from __future__ import annotations

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE
from recipe_widgets.rules.training_evidence import WatchedLoss


@rule(worst="error", source=KARPATHY_RECIPE)
def loss_sign(rule: Rule[WatchedLoss], loss: WatchedLoss) -> CheckResult:
    scales = [one.scale for one in loss.known_passes if one.scale is not None]
    if not scales:
        return rule.cannot_tell("no textbook form of this loss is known")
    if all(scale < 0 for scale in scales):
        return rule.fails(
            "the sign of the loss is flipped: each step makes it worse", measured=scales[-1],
            expected=1.0, unit="times the gradient of the textbook loss",
            advice="Minimise the negative log-likelihood.")
    return rule.passes("steps lower the loss", measured=scales[-1])
