"""A variance goes where a variance is asked for, and a standard deviation where that is.

What it finds
    Calls whose own words contradict the argument: F.gaussian_nll_loss(mu, y, sigma), which takes the
    variance; Normal(mu, var) and torch.normal(mu, logvar.exp()), which take the standard deviation.
Why it hurts
    Everything trains, and every interval, sample or likelihood is that of another distribution.
How to mend
    sigma ** 2 for a variance, var.sqrt() or (0.5 * logvar).exp() for a standard deviation.
When it stays silent
    When the name says nothing about it, and when something is done to the number in the call.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

_WORDS = {
    "std": "a standard deviation",
    "var": "a variance",
    "log_std": "a logarithm",
    "log_var": "a logarithm",
}
_MEND = {"var": "Its square is the variance.", "std": "Its root is the standard deviation."}


@dataclass(frozen=True)
class SpreadArgument:
    """An argument of a call. call: the function. given: its words in the script. wanted, named: "std",
    "var"; named may also be "log_std" or "log_var".
    """

    call: str
    given: str
    wanted: str
    named: str


@rule(worst="warning", source="torch.nn.GaussianNLLLoss: var; torch.distributions.Normal: scale")
def spread_argument(rule: Rule[SpreadArgument], seen: SpreadArgument) -> CheckResult:
    if seen.named == seen.wanted:
        return rule.passes(f"{seen.call} is given {_WORDS[seen.wanted]}")
    mend = _MEND[seen.wanted] if not seen.named.startswith("log") else "Take its exponential first."
    return rule.warns(
        f"{seen.call} takes {_WORDS[seen.wanted]} and is given `{seen.given}`, which is named like "
        f"{_WORDS[seen.named]}",
        measured=seen.given,
        expected=_WORDS[seen.wanted],
        advice=mend,
    )
