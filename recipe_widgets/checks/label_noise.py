"""How likely each label is wrong, by a model of how labels come about."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
# Of the temperature: predictions that were made honest on labels of which a third is wrong are not
# further off than that.
COLDEST, HOTTEST = 0.1, 10.0
# Twice the gain in log-likelihood beyond which there are wrong labels at all: the 0.95 quantile of
# chi-square with one degree of freedom. Without such a threshold chance would plant some.
GAIN = 3.84
HALVINGS = 40  # of the share of wrong labels, 0 to 1


def chance_of_error(probabilities: Array, y: Array) -> Array:
    """(N,), how likely each label is wrong.

    A label is drawn from the learner's honest probabilities, or, with a chance that all labels
    share, from the other classes alike. This chance and the temperature that makes the
    probabilities honest are fitted together by maximum likelihood (an EM model of annotators'
    errors as in Dawid & Skene 1979, with the learner in the place of the other annotators). So a
    weak learner's mistakes are told from wrong labels: it expects its mistakes, as its
    probabilities are flat. The sum over some labels is how many of them are expected to be wrong.
    What no temperature makes honest, such as a net that is certain of a few mistakes, is taken for
    wrong labels; on clean images that was 0.2 to 0.4 % of them.

    Args:
        probabilities: (N, K), out of sample, rows sum to 1. y: (N,), 0 to K - 1.
    """
    from scipy.optimize import minimize_scalar

    logs = np.log(np.clip(probabilities, 1e-9, None))

    def likelihood(log_temperature: float, clean: bool = False) -> tuple[float, Array]:
        z = logs * np.exp(-log_temperature)
        z = z - z.max(1, keepdims=True)
        right = np.exp(z[np.arange(len(y)), y]) / np.exp(z).sum(1)  # (N,), of the given label
        wrong = (1 - right) / (probabilities.shape[1] - 1)  # if another class is the true one
        share = 0.0 if clean else _share(right, wrong)
        mixed = (1 - share) * right + share * wrong
        return float(-np.log(mixed + 1e-300).sum()), share * wrong / (mixed + 1e-300)

    clean, noisy = (minimize_scalar(lambda value, clean=clean: likelihood(value, clean)[0],
                                    method="bounded", bounds=(np.log(COLDEST), np.log(HOTTEST)))
                    for clean in (True, False))
    if 2 * (clean.fun - noisy.fun) < GAIN:
        return np.zeros(len(y))
    return likelihood(noisy.x)[1]


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
