"""The same matrix again and again: states and gradients over time, and two ways to clip. (Notebook 04,
section 5.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn
from tqdm import tqdm

from recipe_widgets.core import RecipeError, Run, Settings
from recipe_widgets.core.validation import filled, real, validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.common.guarded import train
from recipe_widgets.lessons.nb04_signals_inside.activations import NetworkRace, rng
from recipe_widgets.models import build_model
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE
from recipe_widgets.training import Training, advance

UNITS = 64  # of the recurrent state
KINDS = ("tanh", "relu", "linear")


def with_radius(matrix: torch.Tensor, radius: float) -> torch.Tensor:
    """matrix (H, H) scaled so that its largest eigenvalue has this absolute value."""
    return matrix * (radius / float(torch.linalg.eigvals(matrix.double()).abs().max()))


@dataclass(frozen=True)
class OverTime:
    """(seeds, steps + 1): norm of the gradient of the last state's sum by the state k steps before;
    of the states; and the norm of the gradient of the recurrent matrix (seeds,)."""

    back: np.ndarray
    states: np.ndarray
    matrix: np.ndarray

    @property
    def share(self) -> float:
        """What is left of the gradient at the first step (geometric mean over seeds)."""
        return float(np.exp(np.log(np.maximum(self.back[:, -1], 1e-300) / self.back[:, 0]).mean()))


@validated
def unroll(radius: Annotated[float, real(0, 1e6)], steps: Annotated[int, whole(1, 10**6)],
           kind: str = "tanh", seeds: Annotated[int, whole(1, 1000)] = 3) -> OverTime:
    """h ← act(h W + noise) from a random state, W with this spectral radius; then back through
    all steps. float64.
    """
    if kind not in KINDS or steps < 1 or radius < 0:
        raise RecipeError(
            "unroll(radius, steps, kind)", found=f"{kind!r}, {steps} steps, radius {radius}",
            expected="at least one step, a radius from 0, and one of " + ", ".join(KINDS))
    acts: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "tanh": torch.tanh, "relu": torch.relu, "linear": lambda signal: signal}
    back, states, matrix = [], [], []
    for seed in range(seeds):
        draw = rng(seed)

        def normal(*shape: int, draw: torch.Generator = draw) -> torch.Tensor:
            return torch.randn(*shape, generator=draw, dtype=torch.float64)

        recurrent = with_radius(normal(UNITS, UNITS), radius).requires_grad_()
        path = [normal(UNITS).requires_grad_()]  # the state after 0, 1, ... steps
        for _ in range(steps):
            path.append(acts[kind](path[-1] @ recurrent + 0.1 * normal(UNITS)))
        grads = torch.autograd.grad(path[-1].sum(), [*path, recurrent])
        back.append([float(grad.norm()) for grad in reversed(grads[:-1])])  # the last state first
        states.append([float(state.detach().norm()) for state in path])
        matrix.append(float(grads[-1].norm()))
    return OverTime(np.array(back), np.array(states), np.array(matrix))


def clipped(norm: float, threshold: float, rule: str = "to the threshold") -> float:
    """Length of the gradient after clipping. 0 is off. "to one" divides by the norm above the
    threshold: the slip.
    """
    if threshold <= 0 or norm <= threshold:
        return norm
    return threshold if rule == "to the threshold" else 1.0


@validated
def draw_recurrent(radius: Annotated[float, real(0, 1e6)] = 1.0,
                   steps: Annotated[int, whole(1, 10**6)] = 28, kind: str = "tanh",
                   clip: Annotated[float, real(0, 1e6)] = 0.0) -> Picture:
    """Left: how much of the gradient is left k steps back. Right: the length of the step,
    clipped both ways.
    """
    seen = unroll(radius, steps, kind)
    figure = Figure(figsize=(9, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    shown = np.clip(seen.back, 1e-30, 1e30)
    steps_back = np.arange(steps + 1)
    left.fill_between(steps_back, shown.min(0), shown.max(0), color=PALETTE[0], alpha=0.3, linewidth=0)
    left.plot(steps_back, np.exp(np.log(shown).mean(0)), color=PALETTE[0])
    left.set(yscale="log", xlabel="steps back in time", ylabel="norm of the gradient by the state",
             title=f"{steps} steps back it is {seen.share:.1e} times as large")
    left.grid(alpha=0.3)
    norms = np.logspace(-2, 3, 400)
    threshold = clip or 10.0  # where clipping is off the picture shows an example
    for rule, colour, line in (("to the threshold", PALETTE[0], "-"), ("to one", PALETTE[1], "--")):
        right.plot(norms, [clipped(norm, threshold, rule) for norm in norms], line, color=colour,
                   label=f"clipped {rule}")
    right.set(
        xscale="log", yscale="log", xlabel="norm of the gradient", ylabel="norm after clipping",
        title=f"a norm above {threshold:g} becomes {threshold:g}, or by the slip 1"
        if threshold != 1 else "at threshold 1 both rules are the same")
    right.grid(alpha=0.3)
    right.legend(frameon=False, fontsize=8)
    norm = float(np.exp(np.log(np.maximum(seen.matrix, 1e-300)).mean()))
    said = f"the gradient of the recurrent matrix has norm {norm:.2g}"
    if clip:
        said += (f", {clipped(norm, clip):.2g} after clipping at {clip:g}, and "
                 f"{clipped(norm, clip, 'to one'):.2g} where it is divided by its norm instead")
    return Picture(
        figure,
        f"Spectral radius {radius:g}, {kind}: after {steps} steps back {seen.share:.1e} of the "
        f"gradient is left (3 seeds); {said}.")


@validated
def row_reader(data: Data, settings: Settings, radius: Annotated[float, real(0, 1e6)]) -> nn.Module:
    """An RNN over the rows of an image whose recurrent matrix has this spectral radius."""
    model = build_model(settings, data.shape, data.num_classes)
    for name, weight in model.named_parameters():
        if "weight_hh" in name:  # hidden to hidden, as torch names it
            fresh = torch.randn(weight.shape, generator=rng(settings.seed))
            weight.data.copy_(with_radius(fresh, radius))
    return model


class ClipToOne(Training):
    """The slip: above the threshold the gradient is divided by its norm, so that the step jumps
    from 10 to 1.
    """

    def _before_update(self, index: int) -> None:  # noqa: ARG002
        grads = [weight.grad for weight in self.model.parameters() if weight.grad is not None]
        norm = torch.stack([grad.norm() for grad in grads]).norm()  # of all gradients as one vector
        if norm > self.settings.clip_norm:
            for grad in grads:
                grad.div_(norm)  # the slip: the threshold is missing as a factor


@validated
def radius_race(data: Data, settings: Settings,
                radii: Annotated[tuple[float, ...], filled()] = (0.1, 1.0, 4.0),
                seeds: Annotated[int, whole(1, 1000)] = 3) -> NetworkRace:
    """The row reader from recurrent matrices of several spectral radii."""
    bar = tqdm(radii, desc="radius", unit="radius", leave=False)
    runs = {f"radius {radius:g}": [train(data, one, row_reader(data, one, radius))
                                   for one in _seeded(settings, seeds)] for radius in bar}
    return NetworkRace(runs, data.name)


@validated
def clip_race(data: Data, settings: Settings, radius: Annotated[float, real(0, 1e6)],
              thresholds: Annotated[tuple[float, ...], filled()] = (1.0, 10.0),
              seeds: Annotated[int, whole(1, 1000)] = 3) -> NetworkRace:
    """An exploding row reader: not clipped, clipped to each threshold, and divided by its norm
    above it.
    """
    def trained(chosen: Settings) -> list[Run]:
        return [train(data, one, row_reader(data, one, radius)) for one in _seeded(chosen, seeds)]

    runs = {"not clipped": trained(settings)}
    for threshold in tqdm(thresholds, desc=data.name, unit="threshold", leave=False):
        chosen = settings.replace(clip_norm=threshold)
        runs[f"scaled to {threshold:g}"] = trained(chosen)
        if threshold != 1.0:  # at 1 both rules are the same
            runs[f"above {threshold:g}: to 1"] = [_to_one(data, one, radius)
                                                  for one in _seeded(chosen, seeds)]
    return NetworkRace(runs, data.name)


def _to_one(data: Data, settings: Settings, radius: float) -> Run:
    training = ClipToOne(row_reader(data, settings, radius), data, settings)
    run = training.new_run()
    for _ in advance(training, run):
        pass
    return run


def _seeded(settings: Settings, seeds: int) -> list[Settings]:
    return [settings.replace(seed=seed) for seed in range(seeds)]


@validated
def check_clip(mine: object) -> str:
    """Judge the exercise: `mine(grads, threshold)` scales a list of tensors together, only where
    they are too long.
    """
    cases: Mapping[str, tuple[list[torch.Tensor], float]] = {
        "long": ([torch.tensor([30.0, 0.0]), torch.tensor([[40.0]])], 10.0),  # norm 50
        "short": ([torch.tensor([0.3, 0.0]), torch.tensor([[0.4]])], 10.0)}  # norm 0.5
    got = {}
    for name, (grads, threshold) in cases.items():
        try:
            out = list(mine([grad.clone() for grad in grads], threshold))  # type: ignore[operator]
        except Exception as error:  # the learner's own code
            first = (str(error) or "?").splitlines()[0]
            return f"Not yet: it stops with {type(error).__name__}: {first}"
        if [getattr(part, "shape", None) for part in out] != [grad.shape for grad in grads]:
            return "Not yet: it must return one tensor of the same shape for each gradient."
        got[name] = torch.cat([part.flatten() for part in out])
    norm = float(got["long"].norm())
    if not torch.allclose(got["short"], torch.tensor([0.3, 0.0, 0.4])):
        return ("Not yet: norm 0.5 lies below the threshold and must stay; it became "
                f"{float(got['short'].norm()):.3g}.")
    if abs(norm - 1) < 1e-3:
        return "Not yet: norm 50 became 1, the slip of the lecture: multiply by the threshold, too."
    if abs(norm - 10 * 2**0.5) < 1e-3:  # two tensors of length 10 each
        return ("Not yet: each tensor was clipped on its own, which turns the direction. Take one "
                "norm over all of them.")
    if abs(norm - 10) > 1e-3:
        return f"Not yet: norm 50 at threshold 10 became {norm:.3g}, and 10 is wanted."
    if not torch.allclose(got["long"], torch.tensor([6.0, 0.0, 8.0]), atol=1e-3):
        return ("Not yet: the length is right, but the direction changed. Multiply all tensors by "
                "one factor.")
    return "Right: the length is at most the threshold, the direction stays."
