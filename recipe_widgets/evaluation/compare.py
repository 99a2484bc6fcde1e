"""Is A better than B? Do two people, or two models, agree? On the same samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch

from recipe_widgets.core import RecipeError, generator
from recipe_widgets.core.validation import real, validated, whole
from recipe_widgets.evaluation.predictions import Floats, Predictions, as_predictions, labels_of

FEW = 25  # discordant samples below which McNemar's exact test is taken, as textbooks do
SIGNIFICANT = 0.05  # p below which a difference is called one
_CHUNK = 200  # resamples at a time: bounds the memory at 200 N numbers


@dataclass(frozen=True)
class McNemar:
    """What McNemar's test found.

    Attributes:
        both, only_a, only_b, neither: samples that both, one alone or none has right.
        p: how likely so unequal a pair of counts is, were both equally good.
        exact: whether p is binomial rather than from chi-squared.
    """

    both: int
    only_a: int
    only_b: int
    neither: int
    p: float
    exact: bool
    statistic: float

    def __str__(self) -> str:
        side = "A" if self.only_a > self.only_b else "B"
        verdict = (f"{side} is better" if self.p < SIGNIFICANT
                   else "no difference that could not be chance")
        total = self.both + self.only_a + self.only_b + self.neither
        return (f"A alone is right on {self.only_a:,}, B alone on {self.only_b:,} of {total:,} "
                f"samples: p = {self.p:.3g}, {verdict}")


@validated
def mcnemar(a: Any, b: Any, truth: Any, exact: bool | None = None) -> McNemar:
    """McNemar's test (1947) of two classifiers on the same samples (statsmodels).

    Args:
        a, b: labels, probabilities or models; truth: labels or a split; see `as_predictions`.
        exact: by default where fewer than 25 samples are discordant; else chi-squared with
            continuity correction.
    """
    first, second = _pair(a, b, truth)
    table = np.zeros((2, 2), np.int64)  # rows: A right, A wrong; columns: B right, B wrong
    np.add.at(table, ((~first.right).astype(int), (~second.right).astype(int)), 1)
    (both, only_a), (only_b, neither) = table.tolist()
    exact = only_a + only_b < FEW if exact is None else exact
    if only_a + only_b == 0:  # nothing to count: the statistic would be 0/0
        return McNemar(both, 0, 0, neither, 1.0, exact, 0.0)
    from statsmodels.stats.contingency_tables import mcnemar as test

    result = test(table, exact=exact, correction=True)
    return McNemar(both, only_a, only_b, neither, min(1.0, float(result.pvalue)), exact,
                   float(result.statistic))


@dataclass(frozen=True)
class Difference:
    """Mean of A minus mean of B on the same `n` samples, between `low` and `high` with the
    confidence `level`.
    """

    value: float
    low: float
    high: float
    n: int
    level: float
    resamples: int

    def __str__(self) -> str:
        verdict = ("A is better" if self.low > 0 else "B is better" if self.high < 0
                   else "could be chance")
        return (f"A - B = {self.value:+.4f} ({self.level:.0%} interval {self.low:+.4f} to "
                f"{self.high:+.4f}; {self.n:,} samples): {verdict}")


@validated
def bootstrap_difference(a: Any, b: Any, truth: Any = None, *,
                         level: Annotated[float, real(0, 1, above=True, below=True)] = 0.95,
                         resamples: Annotated[int, whole(100, 10**5)] = 2000,
                         seed: Annotated[int, whole(0, 2**63 - 1)] = 0) -> Difference:
    """Paired bootstrap of a difference: samples are drawn with replacement, for both at once (B.
    Efron 1979; scipy).

    Args:
        a, b: answers to be held against `truth` (the scores are then 0 and 1, the difference one of
            accuracies); without `truth`, numbers (N,) of any kind where more is better, one per
            sample.
    Raises:
        RecipeError: different lengths, NaN, fewer than two samples, bad level or resamples.
    """
    if truth is None:
        gain = _numbers(a) - _same_length(_numbers(b), _numbers(a))
    else:
        first, second = _pair(a, b, truth)
        gain = first.right.astype(np.float64) - second.right  # (N,) of -1, 0 and 1
    if len(gain) < 2:
        raise RecipeError("bootstrap_difference", found=f"{len(gain)} samples",
                          expected="2 samples or more")
    value = float(gain.mean())
    if not np.ptp(gain):  # all equal: so is the mean of every resample
        return Difference(value, value, value, len(gain), level, resamples)
    from scipy.stats import bootstrap

    # scipy wants numpy's generator; its seed comes from ours, as all random numbers do
    start = int(torch.randint(2**62, (), generator=generator(seed, "check")))
    found = bootstrap((gain, ), np.mean, confidence_level=level, n_resamples=resamples,
                      batch=_CHUNK, vectorized=True, method="percentile",
                      rng=np.random.default_rng(start)).confidence_interval
    return Difference(value, float(found.low), float(found.high), len(gain), level, resamples)


@dataclass(frozen=True)
class Kappa:
    """Cohen's kappa.

    Attributes:
        value: agreement beyond chance, 1 is perfect, 0 is chance; NaN where both use one label
            only.
        low, high: its normal interval with the confidence `level`.
        agreement: the plain share of equal labels, 0 to 1.
    """

    value: float
    low: float
    high: float
    agreement: float
    n: int
    level: float

    def __str__(self) -> str:
        if math.isnan(self.value):
            return f"kappa is not defined: both use one label only ({self.n:,} samples)"
        return (f"kappa {self.value:.3f} ({self.level:.0%} interval {self.low:.3f} to "
                f"{self.high:.3f}); {self.agreement:.1%} of {self.n:,} labels agree")


@validated
def kappa(a: Any, b: Any,
          level: Annotated[float, real(0, 1, above=True, below=True)] = 0.95) -> Kappa:
    """Cohen's kappa (1960) of two labellings (N,) of the same samples (statsmodels)."""
    first, second = labels_of(a, "first labels"), labels_of(b, "second labels")
    _same_length(first, second)
    used, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    # labels that nobody used would only make the table large
    table = np.zeros((len(used), len(used)), np.int64)
    np.add.at(table, (places[:len(first)], places[len(first):]), 1)
    agreement = float((first == second).mean())
    if len(used) < 2:
        return Kappa(math.nan, math.nan, math.nan, agreement, len(first), level)
    from scipy.stats import norm
    from statsmodels.stats.inter_rater import cohens_kappa

    # in full agreement the variance is 0, or a rounding below it
    with np.errstate(invalid="ignore", divide="ignore"):
        found = cohens_kappa(table)
    half = float(norm.ppf(0.5 + level / 2)) * float(np.nan_to_num(found.std_kappa))  # of interval
    value = float(found.kappa)
    return Kappa(value, max(-1.0, value - half), min(1.0, value + half), agreement, len(first),
                 level)


def _pair(a: Any, b: Any, truth: Any) -> tuple[Predictions, Predictions]:
    first, second = as_predictions(a, truth), as_predictions(b, truth)
    if first.n != second.n or (first.truth != second.truth).any():
        raise RecipeError("A and B", found="different samples",
                          expected="answers to the same samples, in the same order")
    return first, second


def _numbers(values: Any) -> Floats:
    try:
        found = np.asarray(values.detach().cpu() if isinstance(values, torch.Tensor) else values,
                           np.float64)
    except (TypeError, ValueError):
        found = np.asarray(None, np.float64)
    if found.ndim != 1 or not np.isfinite(found).all():
        raise RecipeError("Scores",
                          found=f"shape {found.shape}" if found.ndim != 1 else "NaN or infinity",
                          expected="finite numbers (N,), one per sample")
    return found


def _same_length(found: Any, other: Any) -> Any:
    if len(found) != len(other):
        raise RecipeError("A and B", found=f"{len(found)} and {len(other)} samples",
                          expected="the same samples")
    return found
