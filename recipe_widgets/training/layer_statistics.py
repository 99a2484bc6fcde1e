"""What goes on inside a network, seen on a fixed batch in evaluation mode; and where the time of
a step goes.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import torch
from torch import nn

from recipe_widgets.core import RecipeError, rng_guard
from recipe_widgets.core.errors import user_code
from recipe_widgets.core.validation import tensor, unchecked, validated, whole
from recipe_widgets.data import Split
from recipe_widgets.training.changes import fork
from recipe_widgets.training.trainer import Training
from recipe_widgets.training.validation import eval_mode

RECTIFIED = (nn.ReLU, nn.ReLU6)  # zero for a unit that is off
# beyond these the slope is next to nothing
BOUNDED = {nn.Sigmoid: (0.03, 0.97), nn.Tanh: (-0.97, 0.97)}
ACTIVE: tuple[type[nn.Module], ...] = (
    *RECTIFIED, *BOUNDED, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.PReLU, nn.Softplus,
    nn.Hardswish)
PARTS = ("data", "forward", "backward", "update")  # of a step


BINS, COUNTED = 40, 20_000  # of a histogram; values that it counts at most


@dataclass(frozen=True)
class Histogram:
    """Counts of values in equal stretches from `low` to `high`; what lies outside does not count."""

    low: float
    high: float
    counts: tuple[int, ...]


@dataclass(frozen=True)
class LayerStatistics:
    """What came out of one layer. dead: share of units that are off for every sample; saturated:
    share of values whose slope is next to nothing; both NaN where the layer knows no such thing."""

    name: str
    kind: str
    mean: float
    std: float
    dead: float = math.nan
    saturated: float = math.nan
    histogram: Histogram | None = None


@dataclass(frozen=True)
class Block:
    """A layer with weights, and what follows it up to the next one: norm, activation, pooling.

    Attributes:
        path: of the layer in the model, such as "1" or "head".
        followers: (path, module), in order of definition.
    """

    path: str
    layer: nn.Module
    followers: tuple[tuple[str, nn.Module], ...]

    @property
    def shown(self) -> tuple[str, nn.Module]:
        """The module whose output the block hands on, as its statistics know it: the activation
        where it has one.
        """
        active = [pair for pair in self.followers if isinstance(pair[1], ACTIVE)]
        return active[-1] if active else (self.path, self.layer)


WEIGHTED = (nn.Linear, nn.modules.conv._ConvNd, nn.RNNBase)


def blocks(model: nn.Module) -> list[Block]:
    """The blocks of a model, in the order in which its code defines them."""
    found: list[tuple[str, nn.Module, list[tuple[str, nn.Module]]]] = []
    for path, module in model.named_modules():
        if isinstance(module, WEIGHTED):
            found.append((path, module, []))
        elif found and not any(module.children()):
            found[-1][2].append((path, module))
    return [Block(path, layer, tuple(rest)) for path, layer, rest in found]


@torch.no_grad()
def histogram(values: torch.Tensor) -> Histogram | None:
    """Of some of the values, evenly picked; None where none is a number."""
    flat = values.detach().flatten()
    flat = flat[::max(1, len(flat) // COUNTED)].float()
    flat = flat[flat.isfinite()].cpu().sort().values
    if not len(flat):
        return None
    # from the first to the last per mille: one odd value must not stretch it
    out = len(flat) // 1000
    low, high = float(flat[out]), float(flat[-1 - out])
    return Histogram(low, high, tuple(map(int, flat.histc(BINS, low, high).tolist())))


@validated
@dataclass(frozen=True, eq=False)
class ModelStatistics:
    """One look. probabilities (n,K) and y (n,) of the batch; weights (F,C,h,w) of the first
    layer as pictures, or None.
    """

    layers: tuple[LayerStatistics, ...]
    probabilities: Annotated[torch.Tensor, tensor("N", "K", kind="float")]
    y: Annotated[torch.Tensor, tensor("N", kind="int")]
    weights: torch.Tensor | None
    confusion: torch.Tensor = field(init=False)  # (K,K) counts: label by prediction

    def __post_init__(self) -> None:
        classes = self.probabilities.shape[1]
        table = torch.zeros(classes, classes, dtype=torch.int64)
        in_range = 0 <= int(self.y.min()) <= int(self.y.max()) < classes
        if len(self.y) != len(self.probabilities) or not in_range:
            raise RecipeError(
                "ModelStatistics(probabilities, y)",
                found=f"labels {tuple(self.y.shape)} from {int(self.y.min())} to "
                f"{int(self.y.max())}, probabilities {tuple(self.probabilities.shape)}",
                expected="one label below K for each row (N, K)")
        pairs = torch.stack([self.y, self.probabilities.argmax(1)])
        # accumulate: a pair that occurs twice counts twice
        table.index_put_((pairs[0], pairs[1]), torch.ones(len(self.y), dtype=torch.int64),
                         accumulate=True)
        object.__setattr__(self, "confusion", table)


@validated
@torch.no_grad()
def model_statistics(
        model: nn.Module, split: Split,
        shown: Annotated[Sequence[tuple[str, nn.Module]], unchecked] = ()) -> ModelStatistics:
    """All that a fixed batch tells about `model`, which is left as it was: mode, hooks, buffers,
    random numbers.

    shown: (name, module) of those to look at; by default all activations.
    """
    seen: list[LayerStatistics] = []
    layers: list[tuple[str, nn.Module]] = list(model.named_modules())
    # a model without activations, such as a linear one, shows its weighted layers instead
    parts: list[tuple[str, Any]] = list(shown) or [
        (name, layer) for name, layer in layers if isinstance(layer, ACTIVE)]
    if not parts:
        weighted = (nn.Linear, nn.Conv2d)
        parts = [(name, layer) for name, layer in layers if isinstance(layer, weighted)]

    def watch(name: str) -> Any:
        return lambda layer, _, out: seen.append(_layer(name, layer, out))

    hooks = [layer.register_forward_hook(watch(name)) for name, layer in parts]
    device = next(iter(model.parameters()), torch.zeros(0)).device
    try:
        # guarded: a layer of the reader's own may draw in eval mode, too
        with rng_guard(), eval_mode(model):
            x, y = split.batch(torch.arange(split.size, device=split.x.device))
            with user_code("model_statistics(model=)",
                           "a model that maps the split to logits (N, K)"):
                probabilities = model(x.to(device)).float().softmax(1).cpu()
    finally:
        for hook in hooks:
            hook.remove()
    return ModelStatistics(tuple(seen), probabilities, y.cpu(),
                           first_weights(model, tuple(split.x.shape[1:])))


def _layer(name: str, module: nn.Module, out: Any) -> LayerStatistics:
    out = out[0] if isinstance(out, tuple) else out  # an RNN also gives its last state
    values = out.detach().float()  # (n, units) or (n, channels, H, W)
    # (units, all of its values): a channel is a unit
    units = values.transpose(0, 1).flatten(1) if values.ndim > 1 else values[None]
    dead = float((units <= 0).all(1).float().mean()) if isinstance(module, RECTIFIED) else math.nan
    saturated = math.nan
    for kind, (low, high) in BOUNDED.items():
        if isinstance(module, kind):
            saturated = float(((values < low) | (values > high)).float().mean())
    return LayerStatistics(name, type(module).__name__, float(values.mean()), float(values.std()),
                           dead, saturated, histogram(values))


def first_weights(model: nn.Module, shape: tuple[int, ...]) -> torch.Tensor | None:
    """Weights of the first layer as pictures (F,C,h,w): filters, or rows of a matrix shaped as
    the images are.
    """
    for module in model.modules():
        weight = getattr(module, "weight", None)
        if isinstance(module, nn.Conv2d) and weight is not None:
            return weight.detach().float().cpu().clone() if weight.shape[1] in (1, 3) else None
        if isinstance(module, nn.Linear) and weight is not None:
            fits = len(shape) == 3 and shape[0] in (1, 3) and weight.shape[1] == math.prod(shape)
            return weight.detach().float().cpu().reshape(-1, *shape).clone() if fits else None
    return None


@validated
def step_timing(training: Training, steps: Annotated[int, whole(1, 1000)] = 5) -> dict[str, float]:
    """Milliseconds per step for data, forward pass, backward pass and update: medians over a few
    steps of a copy.
    """
    trial = fork(training)
    times: dict[str, list[float]] = {part: [] for part in PARTS}
    for _ in range(steps):
        marks = [time.perf_counter()]  # seconds; one more after each part
        x, _labels, targets = trial.batch()
        marks.append(_now(trial))
        loss = trial.loss_of(trial.forward(x), targets)
        marks.append(_now(trial))
        trial.optimizer.zero_grad()
        loss.backward()
        marks.append(_now(trial))
        trial.optimizer.step()
        marks.append(_now(trial))
        for part, before, after in zip(PARTS, marks, marks[1:], strict=False):
            times[part].append(1000 * (after - before))
    return {part: statistics.median(found) for part, found in times.items()}


def _now(training: Training) -> float:
    # a GPU computes behind: without this the time of one part would count for the next
    if training.device.type == "cuda":
        torch.cuda.synchronize(training.device)
    return time.perf_counter()
