"""Which output depends on which input, charted by backprop; loops against vectorised code. (Notebook
03, sections 2 and 3.)
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from recipe_widgets.checks.training_copy import seeded
from recipe_widgets.core.validation import filled, tensor, validated, whole
from recipe_widgets.lessons.nb03_check_the_machinery.clinic_cases import MixedRows
from recipe_widgets.lessons.nb03_check_the_machinery.clinic_programs import RowReader
from recipe_widgets.plots import Picture


class NextRow(nn.Module):
    """Predicts each row of a picture from the rows above it: (N, T, D) to (N, T, D), by attention.

    peek: the mask is left away, so that every position sees the whole picture.
    """

    def __init__(self, size: int = 28, units: int = 32, peek: bool = False) -> None:
        super().__init__()
        self.peek = peek
        self.inner = nn.Linear(size, 3 * units)
        self.out = nn.Linear(units, size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = self.inner(x).chunk(3, -1)  # (N, T, units) each
        scores = query @ key.transpose(1, 2) / query.shape[-1] ** 0.5  # (N, T, T)
        if not self.peek:
            later = torch.ones(scores.shape[1:], dtype=torch.bool).triu(1)  # (T, T)
            scores = scores.masked_fill(later, -torch.inf)
        out: torch.Tensor = self.out(scores.softmax(-1) @ value)
        return out


@validated
def row_models() -> tuple[nn.Module, nn.Module]:
    """A GRU over rows with permute, and the same with view: same weights."""
    with seeded():
        right, wrong = RowReader(), MixedRows()
    wrong.load_state_dict(right.state_dict())
    return right, wrong


@validated
def next_row_models() -> tuple[nn.Module, nn.Module]:
    """With the mask, and without."""
    with seeded():
        right, wrong = NextRow(), NextRow(peek=True)
    wrong.load_state_dict(right.state_dict())
    return right, wrong


def chart(model: nn.Module, x: torch.Tensor, axis: int = 0) -> np.ndarray:
    """(n, n): size of the gradient of output i by input j along `axis`: 0 samples, 1 positions;
    row i, column j.
    """
    x = x.detach().clone().requires_grad_()
    out = copy.deepcopy(model).eval()(x)  # the given one stays in its mode
    rows = []
    for number in range(out.shape[axis]):
        grad, = torch.autograd.grad(out.select(axis, number).sum(), x, retain_graph=True)
        rows.append(grad.movedim(axis, 0).flatten(1).norm(dim=1))
    return torch.stack(rows).detach().numpy()


@dataclass(frozen=True)
class Charts:
    """Two dependence charts side by side; `strangers` is the share of entries that ought to be
    zero and are not.
    """

    strangers: tuple[float, float]
    names: tuple[str, str]
    picture: Picture

    def __str__(self) -> str:
        return "; ".join(f"{name}: {share:.0%} of the entries that must be zero are not"
                         for name, share in zip(self.names, self.strangers, strict=True)) + "."


@validated
def dependence_charts(right: nn.Module, wrong: nn.Module, x: torch.Tensor, *,
                      axis: Annotated[int, whole(0, 1)] = 0,
                      names: Annotated[tuple[str, str], filled()] = ("permute", "view")) -> Charts:
    """Charts of both models on x (N, ...): a sample must depend on itself alone, a position on
    earlier ones.
    """
    made = [chart(model, x, axis) for model in (right, wrong)]
    every = np.ones_like(made[0], dtype=bool)
    # (n, n): other samples, or positions that come later
    forbidden = ~np.eye(len(every), dtype=bool) if axis == 0 else np.triu(every, 1)
    shares = tuple(float((sizes[forbidden] > 0).mean()) for sizes in made)
    what = "sample" if axis == 0 else "position"
    others = "of other samples count" if axis == 0 else "of later positions count"
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    for axes, sizes, name, share in zip(figure.subplots(1, 2), made, names, shares, strict=True):
        shown = np.log10(np.where(sizes > 0, sizes, np.nan) / sizes.max())  # NaN stays white
        image = axes.imshow(shown, cmap="viridis", vmin=-4, vmax=0)
        axes.set(xlabel=f"input of {what}", ylabel=f"output of {what}")
        axes.set_title(f"{name}: {share:.0%} {others}", fontsize=10)
    figure.colorbar(image, ax=figure.axes, label="gradient (log10 of its share of the largest)")
    alt = f"Which {what} depends on which, white where exactly zero. " + " ".join(
        f"{name}: {share:.0%} of the entries that must be zero are not."
        for name, share in zip(names, shares, strict=True))
    return Charts((shares[0], shares[1]), names, Picture(figure, alt))


@validated
def class_means(x: torch.Tensor, y: torch.Tensor,
                classes: Annotated[int, whole(1, 10**4)]) -> torch.Tensor:
    """(classes, D): the mean of the rows of x (N, D) with each label; a class without rows has
    zeros.
    """
    sums = torch.zeros(classes, x.shape[1]).index_add(0, y, x)
    return sums / torch.bincount(y, minlength=classes).clamp(min=1)[:, None]


@validated
def distances_by_loop(x: Annotated[torch.Tensor, tensor("N", "D")],
                      templates: Annotated[torch.Tensor, tensor("K", "D")]) -> torch.Tensor:
    """Squared distance of each x (N, D) to each template (K, D), by the definition: (N, K)."""
    out = torch.zeros(len(x), len(templates))
    for i in range(len(x)):
        for k in range(len(templates)):
            out[i, k] = ((x[i] - templates[k]) ** 2).sum()
    return out


@validated
def distances_at_once(x: Annotated[torch.Tensor, tensor("N", "D")],
                      templates: Annotated[torch.Tensor, tensor("K", "D")]) -> torch.Tensor:
    """The same as one matrix product: |x|² - 2 x·t + |t|²."""
    return x.square().sum(1, keepdim=True) - 2 * x @ templates.T + templates.square().sum(1)


@validated
def distances_with_slip(x: Annotated[torch.Tensor, tensor("N", "D")],
                        templates: Annotated[torch.Tensor, tensor("K", "D")]) -> torch.Tensor:
    """The same with a slip in the axis: it runs, it has the right shape, and it is wrong."""
    lengths = templates.square().sum(0)[:len(templates)]  # the slip: sum(1) is |t|² (K,)
    return x.square().sum(1, keepdim=True) - 2 * x @ templates.T + lengths


Distances = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Same:
    """Loop and vectorised code on the same numbers."""

    gap: float
    seconds: tuple[float, float]
    n: int

    @property
    def equal(self) -> bool:
        return self.gap < 1e-3  # float32 sums in another order

    def __str__(self) -> str:
        verdict = "equal up to rounding" if self.equal else "NOT equal"
        speed = self.seconds[0] / max(self.seconds[1], 1e-9)
        return (f"{verdict}: largest relative difference {self.gap:.1e} on {self.n} samples; "
                f"{speed:,.0f} times as fast")


@validated
def loop_against(fast: Distances, x: torch.Tensor,
                 templates: Annotated[torch.Tensor, tensor("K", "D")]) -> Same:
    """Largest relative difference of `fast` to the loop, and the seconds of both (best of five
    for `fast`).
    """
    began = time.perf_counter()
    slow = distances_by_loop(x, templates)
    took, quickest = time.perf_counter() - began, float("inf")
    for _ in range(5):  # the first call warms up
        began = time.perf_counter()
        quick = fast(x, templates)
        quickest = min(quickest, time.perf_counter() - began)
    gap = float((slow - quick).abs().max() / slow.abs().max())
    return Same(gap, (took, quickest), len(x))


@validated
def check_distances(mine: Distances) -> str:
    """Judge the exercise: absolute (L1) distances (N, K) of x (N, D) to templates (K, D),
    without a Python loop.
    """
    draw = torch.Generator().manual_seed(0)
    # N, K and D all differ, so that an exchange of axes shows
    x, templates = torch.randn(7, 5, generator=draw), torch.randn(3, 5, generator=draw)
    wanted = torch.stack([(sample - templates).abs().sum(1) for sample in x])  # (7, 3)
    try:
        got = mine(x, templates)
    except Exception as error:  # the learner's own code
        return (f"Not yet: it stops with {type(error).__name__}: {str(error).splitlines()[0]}. "
                "Shapes: x (7, 5), t (3, 5).")
    if not isinstance(got, torch.Tensor):
        return f"Not yet: it returns {type(got).__name__}; a tensor is wanted."
    if got.shape == wanted.T.shape and torch.allclose(got, wanted.T):
        return "Almost: the axes are exchanged. Row i belongs to sample i, column k to template k."
    if got.shape != wanted.shape:
        return (f"Not yet: its shape is {tuple(got.shape)}, and (7, 3) is wanted. "
                "x[:, None] has shape (7, 1, 5).")
    if torch.allclose(got, wanted, atol=1e-5):
        return "Right: equal to the loop on random numbers."
    differences = x[:, None] - templates  # (N, K, D)
    slips = ((wanted / 5, "it takes the mean over the last axis; the sum is wanted"),
             (differences.square().sum(-1), "these are squared distances; absolute ones are wanted"),
             (differences.sum(-1), "abs is missing: differences of both signs cancel"))
    for value, hint in slips:
        if torch.allclose(got, value, atol=1e-5):
            return f"Not yet: {hint}."
    return (f"Not yet: the shape is right, but entry (0, 0) is {float(got[0, 0]):.3f} and not "
            f"{float(wanted[0, 0]):.3f}.")
