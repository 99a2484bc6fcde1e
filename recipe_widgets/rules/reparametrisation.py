"""What is drawn at random lets the gradient through.

What it finds
    dist.sample(), or torch.normal(mean, std), of numbers that a network computed, where nothing
    takes the log-probability of the sample; noise that is multiplied by exp(logvar) where the
    divergence takes exp(logvar) for the variance; a divergence that takes exp(logvar / 2) for it.
Why it hurts
    Behind sample() there is no gradient: the encoder learns from the divergence alone, and not what
    the task needs. With a variance for a standard deviation the samples are those of another
    distribution than the one that the divergence describes.
How to mend
    dist.rsample(); mu + torch.randn_like(mu) * torch.exp(0.5 * logvar).
When it stays silent
    Where log_prob is taken of the same kind of distribution (policy gradients), in passes without
    gradients, for distributions without rsample, and where the parameters need no gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST, SHARE = 3, 0.5  # samples; of the steps
LOOKS = 2


@dataclass(frozen=True)
class CutSample:
    """Samples of one line, drawn without a graph from parameters that have one.

    Attributes:
        call: as the script says it, "Normal.sample()". samples: how many. steps: of the optimisers.
        scored: is the log-probability of such a distribution taken anywhere?
    """

    call: str
    samples: int
    steps: int
    scored: bool


@dataclass(frozen=True)
class NoiseScale:
    """Passes with a look in which noise and divergence take the spread for two things.

    Attributes:
        variance_as_std: the noise is multiplied by what the divergence takes for the variance.
        std_as_variance: the divergence takes exp(logvar / 2) for the variance.
    """

    variance_as_std: int = 0
    std_as_variance: int = 0


@rule(
    worst="error",
    source="D. Kingma and M. Welling, Auto-Encoding Variational Bayes, 2014, section 2.4",
)
def reparametrisation(rule: Rule[CutSample], seen: CutSample) -> CheckResult:
    often = seen.samples >= max(FEWEST, SHARE * seen.steps)
    if not often or seen.scored:
        return rule.passes("samples let the gradient through, or their log-probability does")
    mend = "rsample()" if "sample" in seen.call else "mean + std * torch.randn_like(std)"
    return rule.warns(
        f"{seen.call} draws without a gradient from numbers that a network computes, and no "
        "log-probability is taken: what comes after it does not train that network",
        measured=seen.samples,
        expected=0,
        unit="samples",
        advice=f"Use {mend}.",
    )


@reparametrisation.register
def noise_scale(rule: Rule[Any], seen: NoiseScale) -> CheckResult:
    if seen.variance_as_std >= LOOKS:
        return rule.fails(
            "noise is multiplied by exp(logvar), which the divergence takes for the variance: the "
            "standard deviation is exp(0.5 * logvar)",
            advice="mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)",
        )
    if seen.std_as_variance >= LOOKS:
        return rule.fails(
            "the divergence takes exp(0.5 * logvar), a standard deviation, for the variance",
            advice="-0.5 * (1 + logvar - mu ** 2 - logvar.exp())",
        )
    return rule.passes("noise and divergence mean the same spread")
