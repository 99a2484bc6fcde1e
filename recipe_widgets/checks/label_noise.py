"""How likely each label is wrong, by a model of how labels come about."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
# Of the temperature: predictions that were made honest on labels of which a third is wrong are not
# further off than that.
COLDEST, HOTTEST = 0.1, 10.0
# Of the curvature of logits: a net that learnt with label smoothing gives each other class some
# probability, and so more than it should to those that are out of the question.
STRAIGHT, BENT, MOST_BENT = 0.0, 0.05, 0.5
# Twice the gain in log-likelihood beyond which there are wrong labels at all: the 0.95 quantile of
# chi-square with one degree of freedom. Without such a threshold chance would plant some.
GAIN = 3.84
HALVINGS = 40  # of the share of wrong labels, 0 to 1


def chance_of_error(probabilities: Array, y: Array) -> Array:
    """(N,), how likely each label is wrong.

    A label is drawn from the learner's honest probabilities, or, with a chance that all labels
    share, from the other classes alike. This chance and what makes the probabilities honest (a
    temperature, and a curvature that takes from the classes far behind the first) are fitted
    together by maximum likelihood (an EM model of annotators' errors as in Dawid & Skene 1979, with
    the learner in the place of the other annotators). So a weak learner's mistakes are told from
    wrong labels: it expects its mistakes, as its probabilities are flat. The sum over some labels is
    how many of them are expected to be wrong. It is too low where wrong labels are what the learner
    would confuse, too. What no temperature makes honest, such as a net that is certain of a few
    mistakes, is taken for wrong labels; on clean images that was 0.2 to 0.4 % of them.

    Args:
        probabilities: (N, K), out of sample, rows sum to 1. y: (N,), 0 to K - 1.
    """
    from scipy.optimize import minimize

    rows, logs = np.arange(len(y)), np.log(np.clip(probabilities, 1e-9, None))
    behind = logs - logs.max(1, keepdims=True)  # (N, K): 0 for the first class, less for the others
    squared = behind**2

    def likelihood(shape: Array, clean: bool) -> tuple[float, Array]:
        """Of the labels, the mean of its negative logarithm; and each label's chance."""
        log_temperature, curvature = shape
        odds = np.exp(behind * np.exp(-log_temperature) - curvature * squared)
        right = odds[rows, y] / odds.sum(1)  # (N,), of the given label
        wrong = (1 - right) / (probabilities.shape[1] - 1)  # if another class is the true one
        share = 0.0 if clean else _share(right, wrong)
        mixed = (1 - share) * right + share * wrong + 1e-300
        return float(-np.log(mixed).mean()), share * wrong / mixed

    clean, noisy = (minimize(lambda shape, clean=clean: likelihood(shape, clean)[0], (0.0, BENT),
                             method="L-BFGS-B", options={"ftol": 1e-10, "eps": 1e-5},
                             bounds=[(np.log(COLDEST), np.log(HOTTEST)), (STRAIGHT, MOST_BENT)])
                    for clean in (True, False))
    if 2 * len(y) * (clean.fun - noisy.fun) < GAIN:
        return np.zeros(len(y))
    return likelihood(noisy.x, clean=False)[1]


def _share(right: Array, wrong: Array) -> float:
    """The share of wrong labels that makes these labels most likely: where the slope of the
    concave log-likelihood is zero, by bisection.
    """
    def slope(share: float) -> float:
        mixed = (1 - share) * right + share * wrong
        return float(((wrong - right) / (mixed + 1e-300)).mean())

    if slope(0.0) <= 0:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return (low + high) / 2
