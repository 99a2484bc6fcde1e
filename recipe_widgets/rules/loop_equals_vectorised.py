"""A batch gives what its samples give one by one.

What it finds
    Outputs or a loss that change when the same samples come one by one, and a metric that changes
    when they come in batches of other sizes.
Why it hurts
    An operation over the batch axis makes training depend on the batch size. A mean of batch means
    weighs the samples of a smaller last batch more, so the reported number is not the accuracy.
How to mend
    Take reductions over the class or feature axis. Add up hits and samples and divide once, at the
    end.
When it stays silent
    A loss that is no mean over samples is only noted: contrastive losses are none on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE, NG_YEARNING

ROUNDING = 1e-3  # relative difference that float32 may bring, through many layers
METRIC_ROUNDING = 1e-4  # relative difference of a metric, a handful of float32 additions


@dataclass(frozen=True)
class BatchAndSamples:
    """The same samples as a batch and one by one.

    Attributes:
        loss_gap, output_gap: relative difference between the two.
        metric: what the reader's evaluation gives for the same samples in batches of other sizes.
    """

    loss_gap: float
    output_gap: float
    metric: Sequence[float] = ()


@rule(worst="error", source=KARPATHY_RECIPE)
def loop_equals_vectorised(rule: Rule[BatchAndSamples], seen: BatchAndSamples) -> CheckResult:
    metric = np.asarray(seen.metric, dtype=float)
    if len(metric) and np.ptp(metric) > METRIC_ROUNDING * max(1e-6, float(np.abs(metric).max())):
        return rule.fails("the metric depends on how the samples are cut into batches",
                          measured=float(metric[-1]), expected=float(metric[0]),
                          advice="Add up hits and samples; divide once, at the end.",
                          details={"metric": metric}, source=NG_YEARNING)
    if seen.output_gap > ROUNDING:
        return rule.fails("the outputs of a batch differ from those of its samples one by one",
                          measured=seen.output_gap, expected=0.0,
                          advice="An operation runs over the batch axis.")
    if seen.loss_gap > ROUNDING:
        return rule.notes("the loss of a batch is not the mean of its samples' losses",
                          measured=seen.loss_gap, expected=0.0)
    return rule.passes("the batch gives what its samples give one by one",
                       measured=seen.output_gap, expected=0.0)
