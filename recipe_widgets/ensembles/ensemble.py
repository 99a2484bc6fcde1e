"""Several models as one: averaged probabilities, what that gains, and how much the members
differ.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import nn

from recipe_widgets.core import RecipeError, generator
from recipe_widgets.core.errors import user_code
from recipe_widgets.core.validation import filled, tensor, validated
from recipe_widgets.data import Split
from recipe_widgets.training import eval_mode

SUBSETS = 200  # choices of k members that are looked at, where there are more


class Ensemble(nn.Module):
    """The mean of the members' probabilities, as log-probabilities (N, K): cross-entropy and
    `evaluate` work as usual.
    """

    @validated
    def __init__(self, members: Annotated[Sequence[nn.Module], filled()]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, ...); members return logits (N, K)."""
        logs = torch.stack([member(x).log_softmax(1) for member in self.members])  # (M, N, K)
        return logs.logsumexp(0) - math.log(len(logs))  # log of the mean, without underflow


@dataclass(frozen=True)
class Gain:
    """What averaging gains on one split.

    Attributes:
        members: accuracy of each member alone, 0 to 1.
        accuracy, lowest, highest: by size of ensemble, k = 1, 2, ..., over its choices of members.
        loss: mean cross-entropy of the averaged probabilities, by size (nats).
        disagreement: (M, M), share of samples on which two members name different classes.
        n: samples.
    """

    members: tuple[float, ...]
    accuracy: tuple[float, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    loss: tuple[float, ...]
    disagreement: torch.Tensor
    n: int

    @property
    def diversity(self) -> float:
        """Mean disagreement of two different members; 0 for one member."""
        count = len(self.members)
        # the diagonal is 0: nobody disagrees with himself
        return float(self.disagreement.sum()) / (count * (count - 1)) if count > 1 else 0.0

    def __str__(self) -> str:
        return (f"one model {self.accuracy[0]:.2%}, {len(self.members)} averaged "
                f"{self.accuracy[-1]:.2%} on {self.n:,} samples; two members disagree on "
                f"{self.diversity:.2%}")


@validated
def probabilities(models: Annotated[Sequence[nn.Module], filled()], split: Split,
                  batch_size: int = 1000) -> torch.Tensor:
    """(M, N, K) float64 on the CPU: each model's probabilities on all of `split`, in eval mode."""
    found = []
    for model in models:
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
        with eval_mode(model), user_code("probabilities(models, split)",
                                         "models that map batches of the split to scores (N, K)"):
            found.append(
                torch.cat([
                    model(x).double().softmax(1).cpu()
                    for x, _ in split.to(device).batches(batch_size)
                ]))
    return torch.stack(found)


@validated
def gain(models: Sequence[nn.Module], split: Split) -> Gain:
    """Accuracy and loss of averages of 1, 2, ... members; all choices of k members, or 200 random
    ones where there are more.

    Raises:
        RecipeError: no models, or an empty split.
    """
    if not models or not split.size:
        raise RecipeError("gain(models, split)",
                          found=f"{len(models)} models, {split.size} samples",
                          expected="some of each")
    return gain_of(probabilities(models, split), split.y.cpu())


@validated
def gain_of(probs: Annotated[torch.Tensor, tensor("M", "N", "K", kind="float")],
            y: Annotated[torch.Tensor, tensor("N", kind="int")]) -> Gain:
    """`gain` from probabilities (M, N, K) and labels (N,)."""
    members, samples, classes = probs.shape
    if len(y) != samples or not 0 <= int(y.min()) <= int(y.max()) < classes:
        raise RecipeError("gain_of(probs, y)",
                          found=f"{len(y)} labels from {int(y.min())} to {int(y.max())} for "
                          f"probabilities {tuple(probs.shape)}",
                          expected="a label below K for each of the N samples")
    rows: list[tuple[float, float, float, float]] = []  # one for each size of ensemble
    for size in range(1, members + 1):
        # (N, K) for each choice of so many members
        means = [probs[list(chosen)].mean(0) for chosen in _choices(members, size)]
        scores = [float((mean.argmax(1) == y).double().mean()) for mean in means]
        # 1e-300: a probability of exactly 0 would make the loss infinite
        losses = [-float(mean[torch.arange(samples), y].clamp_min(1e-300).log().mean())
                  for mean in means]
        rows.append(
            (sum(scores) / len(scores), min(scores), max(scores), sum(losses) / len(losses)))
    predicted = probs.argmax(2)  # (M, N)
    alone = tuple(float(share) for share in (predicted == y).double().mean(1))
    disagreement = (predicted[:, None] != predicted[None]).double().mean(2)  # (M, M, N) to (M, M)
    accuracy, lowest, highest, loss = zip(*rows, strict=True)
    return Gain(alone, accuracy, lowest, highest, loss, disagreement, samples)


def _choices(members: int, size: int) -> list[tuple[int, ...]]:
    """All sets of `size` members, or some random ones, the same each time."""
    if math.comb(members, size) <= SUBSETS:
        return list(itertools.combinations(range(members), size))
    draw = generator(0, "check")
    return [tuple(torch.randperm(members, generator=draw)[:size].tolist())
            for _ in range(SUBSETS)]
