"""A share with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import real, validated, whole
from recipe_widgets.evaluation.predictions import as_predictions


@dataclass(frozen=True)
class Proportion:
    """`value` = `hits` / `n`, between `low` and `high` with the confidence `level` (all 0 to 1)."""

    value: float
    low: float
    high: float
    hits: int
    n: int
    level: float = 0.95

    def __str__(self) -> str:
        return (f"{self.value:.2%} ({self.level:.0%} interval {self.low:.2%} to {self.high:.2%}; "
                f"{self.hits:,} of {self.n:,})")


@validated
def proportion(hits: Annotated[int, whole(0, 2**53)], n: Annotated[int, whole(1, 2**53)],
               level: Annotated[float, real(0, 1, above=True, below=True)] = 0.95) -> Proportion:
    """Wilson's score interval, good near 0 and 1 and for few samples, too (E. B. Wilson 1927;
    statsmodels).

    Raises:
        RecipeError: no samples, more hits than samples, a level outside (0, 1).
    """
    if hits > n:
        raise RecipeError("proportion(hits, n)", found=f"{hits} of {n}",
                          expected="0 <= hits <= n and n >= 1")
    from statsmodels.stats.proportion import proportion_confint

    # (value + z²/2n ± ...) / (1 + z²/n): unlike the normal interval never beyond 0 and 1
    low, high = proportion_confint(hits, n, alpha=1 - level, method="wilson")
    value = hits / n  # rounding may put an end beyond it
    return Proportion(value, min(value, max(0.0, float(low))), max(value, min(1.0, float(high))),
                      int(hits), int(n), level)


@validated
def accuracy(given: Any, truth: Any,
             level: Annotated[float, real(0, 1, above=True, below=True)] = 0.95) -> Proportion:
    """Share of right answers with Wilson's interval; `given` and `truth` as of `as_predictions`.

    The interval speaks of other samples from the same source, not of other seeds of the training.
    """
    found = as_predictions(given, truth)
    return proportion(int(found.right.sum()), found.n, level)
