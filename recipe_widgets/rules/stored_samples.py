"""A stored sample is the same when it is read again.

What it finds
    A data set that writes into what it has stored while it is read: an image that is divided by
    255 in place at each reading, noise that is added to what was stored, a flip that stays.
Why it hurts
    In each epoch the samples are changed once more. The second epoch trains on other data than the
    first, and the evaluation of the last epoch has nothing to do with it. With worker processes,
    which get a copy each time, it does not happen: then it comes and goes with num_workers.
How to mend
    Work on a copy: x = self.data[i].clone() (numpy: .copy()), or x = x / 255 for x /= 255.
When it stays silent
    Where what is given stays the same although something is written (a cache, a counter), where
    what was stored stays the same (an augmentation), and with worker processes.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule


@dataclass(frozen=True)
class RereadSamples:
    """Samples that were read twice, with the same random numbers.

    Attributes:
        dataset: name of its class. samples: read. changed: that were others the second time.
        stored_changed: did numbers that the data set stores change meanwhile?
    """

    dataset: str
    samples: int
    changed: int
    stored_changed: bool


@rule(worst="error", source="torchvision, issue 680")
def stored_samples(rule: Rule[RereadSamples], seen: RereadSamples) -> CheckResult:
    if seen.stored_changed and seen.changed:
        return rule.fails(
            f"{seen.dataset} changes what it has stored when a sample is read: {seen.changed} of "
            f"{seen.samples} samples are others the next time", measured=seen.changed, expected=0,
            unit="samples", advice="Work on a copy of the stored sample.")
    return rule.passes(f"{seen.samples} samples are the same again")
