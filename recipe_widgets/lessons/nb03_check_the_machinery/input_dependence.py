"""Which output depends on which input, charted by backprop. (Notebook 03, section 2.)"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from recipe_widgets.core.validation import filled, validated, whole
from recipe_widgets.plots import Picture


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
    others = "other sample" if axis == 0 else "later position"
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    for axes, sizes, name, share in zip(figure.subplots(1, 2), made, names, shares, strict=True):
        shown = np.log10(np.where(sizes > 0, sizes, np.nan) / sizes.max())  # NaN stays white
        image = axes.imshow(shown, cmap="viridis", vmin=-4, vmax=0)
        axes.set(xlabel=f"input of {what}", ylabel=f"output of {what}")
        counted = {0.0: f"no {others} counts", 1.0: f"all {others}s count"}
        axes.set_title(f"{name}: {counted.get(share, f'{share:.0%} of {others}s count')}",
                       fontsize=10)
    bar = figure.colorbar(image, ax=figure.axes, label="gradient / largest gradient")
    bar.set_ticks([0, -1, -2, -3, -4], labels=["1", "0.1", "0.01", "0.001", "0.0001"])
    alt = f"Which {what} depends on which, white where exactly zero. " + " ".join(
        f"{name}: {share:.0%} of the entries that must be zero are not."
        for name, share in zip(names, shares, strict=True))
    return Charts((shares[0], shares[1]), names, Picture(figure, alt))
