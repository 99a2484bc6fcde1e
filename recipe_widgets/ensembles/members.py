"""Members that differ by seed or by training set, and one student that learns from all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.core import Run, Settings
from recipe_widgets.core.errors import user_code
from recipe_widgets.core.validation import real, validated, whole
from recipe_widgets.data import Data, bootstrap, parts
from recipe_widgets.models import build_model
from recipe_widgets.training import train


@validated
def bagging(data: Data, settings: Settings, members: Annotated[int, whole(1, 10**4)] = 3, *,
            share: Annotated[float, real(0, 10, above=True)] = 1.0,
            disjoint: bool = False) -> list[Run]:
    """Train each member on a training set of its own (Breiman 1996) and from a seed of its own:
    settings.seed, +1, ...

    Args:
        share: size of each bootstrap sample, in training sets.
        disjoint: deal the training samples into `members` parts without overlap instead.
    """
    seeds = [settings.seed + number for number in range(members)]
    sets = (parts(data, members, settings.seed) if disjoint
            else [bootstrap(data, seed, share) for seed in seeds])
    return [train(own, settings.replace(seed=seed)) for own, seed in zip(sets, seeds, strict=True)]


@validated
def models_of(runs: Sequence[Run]) -> list[nn.Module]:
    """The models of runs that did not diverge."""
    return [run.model for run in runs if run.model is not None and run.status != "diverged"]


@validated
def distill(teacher: nn.Module, data: Data, settings: Settings, *,
            temperature: Annotated[float, real(0, 1e4, above=True)] = 4.0,
            share: Annotated[float, real(0, 1)] = 0.9, model: nn.Module | None = None) -> Run:
    """Train a student that `settings` describe (or `model`) on the teacher's softened probabilities
    (Hinton et al. 2015).

    The loss is share·T²·KL(teacher at T ‖ student at T) + (1 - share)·cross-entropy with the
    labels; T² keeps both parts' gradients of one size. The teacher sees the same batch, augmented
    or not, in eval mode, and does not change.

    Args:
        teacher: a module that maps inputs to logits or log-probabilities (N, K), such as an
            `Ensemble`.
    """
    # a teacher may hold modules in both modes, such as a frozen trunk: each gets its own back
    modes = [(module, module.training) for module in teacher.modules()]
    teacher.eval()

    student = model if model is not None else build_model(settings, data.shape, data.num_classes)
    newest: list[torch.Tensor] = []  # the inputs of the student's last batch, for the teacher

    def remember(_: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        newest[:] = inputs

    hook = student.register_forward_pre_hook(remember)

    def loss(output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        with torch.no_grad(), user_code("distill(teacher=)", "a model that maps the data's batches "
                                        "to scores (N, K)"):
            soft = (teacher(newest[0]) / temperature).softmax(1)  # (n, K)
        # "batchmean" is the mean over samples; "mean" would divide by K as well
        kl = F.kl_div((output / temperature).log_softmax(1), soft, reduction="batchmean")
        return share * temperature**2 * kl + (1 - share) * F.cross_entropy(
            output, y, label_smoothing=settings.label_smoothing)

    try:
        return train(student, data, settings, loss_fn=loss)
    finally:
        hook.remove()
        for module, mode in modes:
            module.training = mode
