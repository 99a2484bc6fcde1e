"""The terms of a variational autoencoder are reduced alike.

What it finds
    A reconstruction that is a mean over batch and elements beside a divergence that is a sum, so
    that the divergence weighs hundreds of times as much as in the evidence lower bound, or a
    divergence that is summed over the samples of the batch beside a reconstruction that is averaged
    over them; and it has fallen to about nothing.
Why it hurts
    The cheapest answer is a posterior that ignores the input: all reconstructions look like the mean
    of the data, while the loss falls.
How to mend
    Sum both over elements and latents and average over the batch, or weigh the divergence by
    1 / (samples · elements), and raise it slowly.
When it stays silent
    While the divergence is above a nat a sample, whatever its weight (beta-VAE), and for losses of
    another form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

HEAVY = 100.0  # times; published beta-VAEs take up to 250, with more than a nat left
COLLAPSED = 1.0  # nats of a sample
FEWEST_LOOKS = 3  # at the start it may be small by chance
FEWEST_SAMPLES = 8


@dataclass(frozen=True)
class DivergenceWeight:
    """beta: weight of the divergence in the evidence lower bound. nats: of a sample, at the last
    look; NaN where unknown. looks: how many.
    """

    beta: float
    nats: float
    looks: int


@dataclass(frozen=True)
class DivergenceOfBatch:
    """samples: over which the divergence is a sum and the reconstruction a mean. nats, looks: as
    above.
    """

    samples: int
    nats: float
    looks: int


@rule(worst="warning", source="Kingma and Welling, Auto-Encoding Variational Bayes, 2013")
def kl_weight(rule: Rule[DivergenceWeight], seen: DivergenceWeight) -> CheckResult:
    if seen.looks >= FEWEST_LOOKS and seen.beta >= HEAVY and not math.isnan(seen.nats) \
            and seen.nats < COLLAPSED:
        return rule.warns(
            f"the divergence weighs {seen.beta:.3g} times as much as the evidence lower bound has it, "
            f"and has fallen to {seen.nats:.2g} nats a sample: the latents tell nothing",
            measured=seen.beta, expected=1.0, unit="weight of the divergence",
            advice="Reduce both terms alike: sums over elements and latents, a mean over the batch.")
    return rule.passes("the divergence has not taken over")


@kl_weight.register
def divergence_of_batch(rule: Rule[Any], seen: DivergenceOfBatch) -> CheckResult:
    if seen.looks < FEWEST_LOOKS or seen.samples < FEWEST_SAMPLES or not seen.nats < COLLAPSED:
        return rule.passes("the divergence has not taken over")
    return rule.warns(
        f"the divergence is a sum over the {seen.samples} samples of the batch, the reconstruction a "
        f"mean, and it has fallen to {seen.nats:.2g} nats a sample: the latents tell nothing",
        measured=seen.samples, expected=1, unit="times the weight of the divergence",
        advice="Sum the divergence over the latents (dim=1), and average both over the batch.")
