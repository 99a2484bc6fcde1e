"""The loss suits the targets: classes are classified, numbers are fitted.

What it finds
    A single output fitted by a regression to class numbers 0..m-1 of three classes or more, in a
    script that counts exact hits.
Why it hurts
    A regression takes class 2 for twice as far from 0 as class 1: classes have no order.
How to mend
    One output per class, and cross-entropy.
When it stays silent
    When no hits are counted: whole numbers may be counts, ages or stars.
"""

from __future__ import annotations

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.evidence import AGREEMENT
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE
from recipe_widgets.rules.training_evidence import WatchedLoss

FEWEST_CLASSES = 3  # two classes as 0 and 1 may be fitted by a regression


@rule(worst="warning", source=KARPATHY_RECIPE)
def loss_fits_targets(rule: Rule[WatchedLoss], loss: WatchedLoss) -> CheckResult:
    of_classes = [
        one for one in loss.passes
        if one.kind == "regression" and one.index_classes >= FEWEST_CLASSES
    ]
    if loss.hits_counted and len(of_classes) >= max(2, AGREEMENT * len(loss.passes)):
        classes = max(one.index_classes for one in of_classes)
        return rule.warns(
            f"a single number is fitted to the index of {classes} classes", measured=classes,
            unit="classes", advice="Classes have no order: one output per class and cross-entropy.")
    return rule.passes("the loss suits its targets")
