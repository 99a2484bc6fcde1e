"""What a model answered beside what is true, from whatever the reader has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from recipe_widgets.core import RecipeError
from recipe_widgets.core.errors import user_code
from recipe_widgets.core.validation import validated
from recipe_widgets.data import Split
from recipe_widgets.training import eval_mode

MOST_CLASSES = 100_000  # a label above it is an id or a year
TINY = 1e-300  # of a probability: below it the logarithm would be minus infinity
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Attributes:
        labels: int64 (N,), the predicted classes. truth: int64 (N,).
        scores: float64 (N, K), as the model or the reader gave them: logits or probabilities; None
            when only labels are known. images: uint8 (N, C, H, W) or None.
    """

    labels: Ints
    truth: Ints
    scores: Floats | None = None
    images: npt.NDArray[np.uint8] | None = None

    @property
    def n(self) -> int:
        return len(self.truth)

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """(N,), where the answer is the truth."""
        return np.asarray(self.labels == self.truth)

    @property
    def classes(self) -> int:
        """K: as many as there are scores, or one more than the highest label."""
        if self.scores is not None:
            return int(self.scores.shape[1])
        return int(max(self.labels.max(), self.truth.max())) + 1

    @property
    def probabilities(self) -> Floats:
        """(N, K), rows sum to 1.

        Raises:
            RecipeError: only labels are known, or the scores are none.
        """
        if self.scores is None:
            raise RecipeError("Predictions", found="labels alone", expected="probabilities (N, K)",
                              mend="Hand in model(x).softmax(1), or a model and a split.")
        # 1e-3: room for probabilities that were rounded
        if self.scores.min() < 0 or np.abs(self.scores.sum(1) - 1).max() > 1e-3:
            raise RecipeError("Predictions", found="scores that are no probabilities",
                              expected="rows that sum to 1", mend="Take logits.softmax(1).")
        return self.scores


@validated
def as_predictions(given: Any, truth: Any) -> Predictions:
    """Predictions from labels (N,) or probabilities (N, K) beside the truth (N,), or from a model
    and a split.

    A model is run in eval mode on the whole split, and its logits become probabilities; modes,
    gradients and random generators stay as they are.

    Raises:
        RecipeError: different lengths, no samples, NaN, labels that are no whole numbers from 0.
    """
    if isinstance(given, Predictions):  # so that several numbers take one pass of the model
        return given
    if isinstance(given, nn.Module):
        return _of_model(given, truth)
    y = labels_of(truth, "truth")
    scores = None
    found = _array(given, "answers")
    if found.ndim == 2:
        scores = _finite(found.astype(np.float64))
        if scores.shape[1] <= int(y.max()):  # most often the two arguments were exchanged
            raise RecipeError("Predictions",
                              found=f"{scores.shape[1]} columns and a label {int(y.max())}",
                              expected="one column per class",
                              mend="The answers come first, then the truth.")
    # of probabilities as of logits, the largest names the class
    labels = scores.argmax(1) if scores is not None else labels_of(found, "answers")
    if len(labels) != len(y):
        raise RecipeError("Predictions", found=f"{len(labels)} answers, {len(y)} true labels",
                          expected="equally many")
    return Predictions(labels.astype(np.int64), y, scores)


def _of_model(model: nn.Module, split: Any) -> Predictions:
    if not isinstance(split, Split):
        raise RecipeError(
            "Truth", found=type(split).__name__, expected="a split such as data.validation",
            mend="With a model the second argument is a split; with arrays hand in its answers.")
    if split.size == 0:
        raise RecipeError(f"Split {split.name!r}", found="no samples", expected="at least one")
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    here = split.to(device)
    with eval_mode(model), user_code("evaluation(model, split)",
                                     "a model that maps batches of the split to logits (N, K)"):
        logits = torch.cat([model(x).detach().float().cpu() for x, _ in here.batches(1000)])
    probabilities = _finite(logits.double().softmax(1).numpy())
    x = split.x.cpu()
    images = x.numpy() if x.dtype == torch.uint8 and x.ndim == 4 else None
    return Predictions(probabilities.argmax(1), split.y.cpu().numpy(), probabilities, images)


def labels_of(values: Any, what: str) -> Ints:
    """Whole numbers (N,) from 0."""
    found = _array(values, what)
    if found.ndim != 1:
        raise RecipeError(f"The {what}", found=f"shape {found.shape}", expected="labels (N,)",
                          mend="The answers come first, then the truth.")
    if not len(found):
        raise RecipeError(f"The {what}", found="no samples", expected="at least one")
    whole = found.dtype.kind in "iub" or (found.dtype.kind == "f" and bool(
        (found == np.floor(found)).all()))
    if not whole or found.min() < 0:
        raise RecipeError(
            f"The {what}", found=f"{found.dtype} from {found.min()}" if found.dtype.kind in "fi"
            else str(found.dtype), expected="whole numbers from 0", mend="Classes count from 0.")
    if found.max() >= MOST_CLASSES:
        raise RecipeError(f"The {what}", found=f"a label {found.max()}",
                          expected=f"labels below {MOST_CLASSES:,}",
                          mend="Number the classes with np.unique(y, return_inverse=True)[1].")
    return found.astype(np.int64)


def _array(values: Any, what: str) -> npt.NDArray[Any]:
    try:
        if isinstance(values, torch.Tensor):
            values = values.detach().cpu()
            # numpy knows no bfloat16
            values = (values.float() if values.dtype == torch.bfloat16 else values).numpy()
        found = np.asarray(values)
    except (TypeError, ValueError, RuntimeError):
        # ragged lists, sparse tensors, those without numbers
        found = np.asarray(None)
    if found.dtype.kind not in "iufb" or found.ndim not in (1, 2):
        raise RecipeError(f"The {what}", found=f"{type(values).__name__} of shape {found.shape}",
                          expected="labels (N,) or probabilities (N, K)")
    return found


def _finite(scores: Floats) -> Floats:
    if not len(scores) or scores.shape[1] < 2 or not np.isfinite(scores).all():
        shape_is_wrong = scores.ndim < 2 or not scores.size or scores.shape[1] < 2
        bad = f"shape {scores.shape}" if shape_is_wrong else "NaN or infinity"
        raise RecipeError("The answers", found=bad,
                          expected="finite scores (N, K) of two classes or more")
    return scores
