"""One look at the whole network, for a page: its blocks in numbers, some samples, the mistakes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from recipe_widgets.core import Run
from recipe_widgets.data import Split
from recipe_widgets.plots.images import bytes_of
from recipe_widgets.rules.lr_verdict import HEALTHY_UPDATE
from recipe_widgets.training.layer_statistics import (
    Block,
    Histogram,
    LayerStatistics,
    ModelStatistics,
    blocks,
    histogram,
    model_statistics,
)

MOST_FILTERS, MOST_SAMPLES, MOST_MISTAKES, MOST_EXCITING = 32, 10, 5, 9  # shown
MOST_BLOCKS = 40  # a page shows no more


@dataclass(frozen=True)
class NetworkLook:
    """What a look found.

    Attributes:
        step: of the run. facts: plain values for JSON. numbers: uint8, those that `facts` tells of:
            pictures of samples, class probabilities (255 is 1), pictures of filters, of mistakes, of
            what excites a unit.
    """

    step: int
    facts: dict[str, Any]
    numbers: bytes


def look_at(run: Run, split: Split, classes: tuple[str, ...],
            unit: tuple[str, int] | None = None) -> NetworkLook:
    """Look at a run's model as it stands, on fixed samples. Called on the trainer thread.

    unit: the path of a block, and the number of one of its units to be shown, too.
    """
    model = run.model
    assert model is not None
    found = blocks(model)[:MOST_BLOCKS]
    chosen = next((block for block in found if unit and block.path == unit[0]), None)
    outputs: list[torch.Tensor] = []
    with _outputs_of(chosen, outputs):
        inside = model_statistics(model, split, [block.shown for block in found])
    by_name = {one.name: one for one in inside.layers}
    parts: list[np.ndarray] = []
    facts: dict[str, Any] = {
        "step": run.steps_done, "samples": len(inside.y), "classes": list(classes),
        "weights": sum(parameter.numel() for parameter in model.parameters()),
        "model": run.settings.model, "usual": HEALTHY_UPDATE,
        "blocks": [_block(block, by_name.get(block.shown[0]), run) for block in found],
        "right": round(float((inside.probabilities.argmax(1) == inside.y).float().mean()), 4),
        "confusion": inside.confusion.tolist(), "labels": inside.y[:MOST_SAMPLES].tolist(),
        "pictures": _pictures(split, parts),
        "probabilities": _probabilities(inside, parts), "filters": _filters(inside, parts),
        "mistakes": _mistakes(inside, split, parts),
        "unit": _unit(unit, outputs, inside, split, parts) if unit and outputs else None,
    }
    return NetworkLook(run.steps_done, facts, b"".join(part.tobytes() for part in parts))


def _block(block: Block, out: LayerStatistics | None, run: Run) -> dict[str, Any]:
    """What is known of a block, in words and numbers."""
    layer, history = block.layer, run.history
    gradient = getattr(_weight(layer), "grad", None)
    facts: dict[str, Any] = {
        "path": block.path, "title": title(layer), "rest": _rest(block),
        "weights": sum(parameter.numel() for parameter in layer.parameters()),
        "gradient": _number(history.last(f"gradient {block.path}")),
        "update": _number(history.last(f"update {block.path}")),
        "gradients": _counts(histogram(gradient) if gradient is not None else None),
    }
    if out is not None:
        facts |= {"mean": _number(out.mean), "std": _number(out.std), "dead": _number(out.dead),
                  "saturated": _number(out.saturated), "of": out.kind,
                  "activations": _counts(out.histogram)}
    return facts


def _weight(layer: nn.Module) -> torch.Tensor | None:
    """The matrix or filters of a layer; of a recurrent one those of its first layer."""
    return next((one for one in layer.parameters(recurse=True) if one.ndim > 1), None)


def title(layer: nn.Module) -> str:
    """A layer as the code writes it, in short: "Linear 784 → 128", "Conv2d 1 → 16, 5×5"."""
    kind = type(layer).__name__
    if isinstance(layer, nn.Linear):
        return f"{kind} {layer.in_features} → {layer.out_features}"
    if isinstance(layer, nn.modules.conv._ConvNd):
        size = "×".join(map(str, layer.kernel_size))
        return f"{kind} {layer.in_channels} → {layer.out_channels}, {size}"
    if isinstance(layer, nn.RNNBase):
        return f"{kind} {layer.input_size} → {layer.hidden_size}"
    return kind


def titles_of(model: nn.Module) -> dict[str, str]:
    """Each module's name in the model, and its title after it: "1: Linear 784 → 128"."""
    return {path: f"{path}: {title(layer)}" for path, layer in model.named_modules() if path}


def _rest(block: Block) -> str:
    """The modules that follow, without those that do nothing now."""
    names = [type(one).__name__ for _, one in block.followers
             if not (isinstance(one, nn.Identity) or getattr(one, "p", 1) == 0)]
    return " · ".join(names)


def _number(value: float) -> float | None:
    # JSON has no NaN
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _counts(found: Histogram | None) -> list[Any]:
    """[low, high, counts as shares of the largest in 255ths]; [] for none."""
    if found is None:
        return []
    most = max(1, *found.counts)
    return [_number(found.low), _number(found.high), [255 * n // most for n in found.counts]]


def _pictures(split: Split, parts: list[np.ndarray]) -> list[int]:
    """Shape (n,C,H,W) of the first samples, where they are pictures."""
    x = split.x[:MOST_SAMPLES]
    if x.ndim != 4 or x.shape[1] not in (1, 3):
        return []
    parts.append(bytes_of(x))
    return list(x.shape)


def _probabilities(inside: ModelStatistics, parts: list[np.ndarray]) -> list[int]:
    """Shape (n,K)."""
    shown = inside.probabilities[:MOST_SAMPLES].nan_to_num()
    parts.append((255 * shown).round().byte().numpy())
    return list(shown.shape)


def _mistakes(inside: ModelStatistics, split: Split, parts: list[np.ndarray]) -> dict[str, Any]:
    """The wrong answers that the network is surest of: shape of their pictures (n,C,H,W), and
    [label, prediction, probability in per cent] of each.
    """
    sure, taken = inside.probabilities.nan_to_num().max(1)
    order = torch.where(taken != inside.y, sure, -1.0).argsort(descending=True)[:MOST_MISTAKES]
    rows = [row for row in order.tolist() if taken[row] != inside.y[row]]
    told = [[int(inside.y[row]), int(taken[row]), round(100 * float(sure[row]))] for row in rows]
    return {"shape": _some_pictures(split, rows, parts), "told": told}


def _some_pictures(split: Split, rows: list[int], parts: list[np.ndarray]) -> list[int]:
    """Shape (n,C,H,W) of some samples, where they are pictures."""
    x = split.x[rows]
    if not rows or x.ndim != 4 or x.shape[1] not in (1, 3):
        return []
    parts.append(bytes_of(x))
    return list(x.shape)


@contextmanager
def _outputs_of(block: Block | None, found: list[torch.Tensor]) -> Iterator[None]:
    """Keep what a block hands on meanwhile."""
    if block is None:
        yield
        return

    def keep(_: nn.Module, __: Any, out: Any) -> None:
        found.append((out[0] if isinstance(out, tuple) else out).detach().float().cpu())

    hook = block.shown[1].register_forward_hook(keep)
    try:
        yield
    finally:
        hook.remove()


def _unit(unit: tuple[str, int], outputs: list[torch.Tensor], inside: ModelStatistics, split: Split,
          parts: list[np.ndarray]) -> dict[str, Any] | None:
    """What excites a unit: the samples with its largest values (of a filter, the mean over the
    picture), and its mean value by class.
    """
    path, number = unit
    values = outputs[-1]
    if values.ndim == 3:  # a recurrent layer (N,T,H): after the last step
        values = values[:, -1]
    units = values.shape[1]
    number = min(max(0, number), units - 1)
    each = values[:, number].flatten(1).mean(1) if values.ndim > 2 else values[:, number]
    each = each.nan_to_num()
    rows = each.argsort(descending=True)[:MOST_EXCITING].tolist()
    classes = range(inside.probabilities.shape[1])
    means = [_number(float(each[inside.y == one].mean())) for one in classes]
    return {"path": path, "number": number, "units": units, "means": means,
            "values": [_number(float(each[row])) for row in rows],
            "labels": [int(inside.y[row]) for row in rows],
            "shape": _some_pictures(split, rows, parts)}


def _filters(inside: ModelStatistics, parts: list[np.ndarray]) -> list[int]:
    """Shape (n,C,h,w) of the first layer's weights as pictures, each stretched from its lowest
    to its highest; [] where they have no such form.
    """
    if inside.weights is None:
        return []
    shown = inside.weights[:MOST_FILTERS].nan_to_num()
    low = shown.amin((1, 2, 3), keepdim=True)
    spread = (shown.amax((1, 2, 3), keepdim=True) - low).clamp_min(1e-12)
    parts.append((255 * (shown - low) / spread).nan_to_num().round().byte().numpy())
    return list(shown.shape)
