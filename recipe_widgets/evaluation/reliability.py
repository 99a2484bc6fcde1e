"""Do stated probabilities come true?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from recipe_widgets.core.hooks import service
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.evaluation.predictions import TINY, Floats, Ints, as_predictions


@dataclass(frozen=True, eq=False)
class Calibration:
    """The reliability diagram's numbers, one per bin of the winning probability, all (bins,).

    Attributes:
        edges: (bins + 1,). confidence: mean winning probability, accuracy: share right; both NaN in
            an empty bin.
        counts: samples.
        ece: expected calibration error, the mean |accuracy - confidence| over samples; mce: the
            largest one.
        overconfidence: mean confidence minus accuracy.
        nll: negative log-likelihood, in nats.
        brier: mean squared distance from the one-hot truth, 0 to 2.
    """

    edges: Floats
    confidence: Floats
    accuracy: Floats
    counts: Ints
    ece: float
    mce: float
    overconfidence: float
    nll: float
    brier: float

    def __str__(self) -> str:
        side = "over" if self.overconfidence > 0 else "under"
        return (f"expected calibration error {self.ece:.2%}, {side}confident by "
                f"{abs(self.overconfidence):.2%} on average, NLL {self.nll:.4f} nats, Brier score "
                f"{self.brier:.4f} ({int(self.counts.sum()):,} samples)")

    def plot(self) -> Any:
        """The reliability diagram."""
        return service("plot_calibration")(self)


@validated
def calibration(given: Any, truth: Any, bins: Annotated[int, whole(1, 10**6)] = 15) -> Calibration:
    """How far stated probabilities are from the shares that come true (C. Guo et al. 2017).

    Args:
        given: probabilities (N, K) or a model; truth: labels (N,) or a split; see `as_predictions`.
        bins: equally wide, of the winning probability.
    Raises:
        RecipeError: labels or logits in place of probabilities; fewer than one bin.
    """
    found = as_predictions(given, truth)
    probabilities = found.probabilities  # (N, K)
    top = probabilities.max(1)
    edges = np.linspace(0, 1, bins + 1)
    # (N,), the bin of each sample: open to the left, closed to the right, as in the paper
    which = np.clip(np.searchsorted(edges, top, side="left") - 1, 0, bins - 1)
    counts = np.bincount(which, minlength=bins)
    with np.errstate(invalid="ignore"):  # 0/0 in an empty bin is NaN
        confidence = np.bincount(which, top, bins) / counts
        hits = np.bincount(which, found.right, bins) / counts
    gaps = np.abs(hits - confidence)[counts > 0]
    rows = np.arange(found.n)
    # |p - one-hot|² = |p|² - 2·p[truth] + 1, without an array of one-hots
    squares = (probabilities**2).sum(1) - 2 * probabilities[rows, found.truth] + 1
    return Calibration(
        edges, confidence, hits, counts,
        ece=float((gaps * counts[counts > 0]).sum() / found.n), mce=float(gaps.max()),
        overconfidence=float(top.mean() - found.right.mean()),
        nll=_nll(np.log(np.maximum(probabilities, TINY)), found.truth),
        brier=float(squares.mean()))


@validated
def temperature(given: Any, truth: Any) -> float:
    """The number to divide logits by so that the probabilities fit best (least NLL): above 1 the
    model is overconfident.

    Fit it on the validation set, never on the test set (C. Guo et al. 2017).

    Args:
        given: logits or probabilities (N, K), or a model; truth: labels (N,) or a split.
    Returns:
        the temperature, between 1/100 and 100; an end of it where no finite one is best.
    """
    found = as_predictions(given, truth)
    # the latter says what is missing
    scores = found.scores if found.scores is not None else found.probabilities
    # probabilities rather than logits: their logarithms differ from the logits by a constant only
    stated = scores.min() >= 0 and np.abs(scores.sum(1) - 1).max() < 1e-3
    logits = np.log(np.maximum(scores, 1e-30)) if stated else scores
    from scipy.optimize import minimize_scalar

    def nll(log_t: float) -> float:
        return _nll(_log_softmax(logits / math.exp(log_t)), found.truth)

    ends = -math.log(100), math.log(100)  # the search is in log T, where both sides count alike
    best = float(minimize_scalar(nll, bounds=ends, method="bounded", options={"xatol": 1e-6}).x)
    return math.exp(min((*ends, best), key=nll))


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(1, keepdims=True)  # exp of large logits would overflow
    return np.asarray(shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))


def _nll(log_p: Floats, y: Ints) -> float:
    return float(-log_p[np.arange(len(y)), y].mean())
