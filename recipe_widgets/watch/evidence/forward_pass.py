"""Calls of models, from the forward pass until a backward pass reaches their outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from recipe_widgets.watch.evidence.sample_hash import SampleHashes
from recipe_widgets.watch.instrument.source_location import SourceLocation

_MOST_PENDING = 4000  # passes without backward that are held at once
_MOST_PENDING_TO_HASH = 64  # while more are pending (an evaluation with gradients): no hashes
_MOST_OUTPUTS = 6  # tensors of one output that are followed


@dataclass(eq=False)
class ForwardPass:
    """One call of a model that no other module's call encloses.

    Attributes:
        model: number of its `ModelRecord`. generation: of its weights, as the record has it.
        loader: number of the loader of the last batch, or 0.
        samples: N. training: the model's mode. with_graph: does an output have a graph?
        from_data: its inputs come from outside, not from another model's output.
        hashes: (N,) of the samples; None where they were not taken.
        inputs, outputs: tensors, held while they are looked at closely.
        reached: a backward pass has come through.
        labels, hits: what the outputs were compared with, and how many were right.
        predictions: classes that were compared with the labels, where it is known which side they are.
    """

    model: int
    step: int
    samples: int
    training: bool
    with_graph: bool
    from_data: bool
    hashes: SampleHashes | None
    loader: int = 0
    generation: int = 0
    line: SourceLocation | None = None
    inputs: list[torch.Tensor] = field(default_factory=list)
    outputs: list[torch.Tensor] = field(default_factory=list)
    reached: bool = False
    labels: np.ndarray[Any, np.dtype[np.int64]] | None = None
    hits: int | None = None
    predictions: np.ndarray[Any, np.dtype[np.int64]] | None = None

    def follow_backward(self, outputs: list[torch.Tensor]) -> None:
        """Hooks that set `reached`. A hook only reads, so gradients stay as they are."""
        def gradient_came(_: torch.Tensor) -> None:
            self.reached = True

        # a few outputs are enough: a loss that reaches none of them is another head's
        for output in [o for o in outputs if o.requires_grad][:_MOST_OUTPUTS]:
            output.register_hook(gradient_came)

    def release_tensors(self) -> None:
        self.inputs, self.outputs = [], []


class PendingPasses:
    """Passes with a graph that no backward has reached yet. last: of any kind."""

    def __init__(self) -> None:
        self._passes: list[ForwardPass] = []
        self.last: ForwardPass | None = None

    def __iter__(self) -> Iterator[ForwardPass]:
        return iter(self._passes)

    def __contains__(self, one: ForwardPass) -> bool:
        return one in self._passes

    @property
    def is_full(self) -> bool:
        return len(self._passes) > _MOST_PENDING

    @property
    def many(self) -> bool:
        return len(self._passes) > _MOST_PENDING_TO_HASH

    @property
    def newest(self) -> ForwardPass | None:
        return self._passes[-1] if self._passes else None

    def add(self, one: ForwardPass) -> None:
        self._passes.append(one)

    def reached(self) -> list[ForwardPass]:
        return [one for one in self._passes if one.reached]

    def drop_reached(self) -> None:
        self._passes = [one for one in self._passes if not one.reached]

    def take_older_than(self, step: int) -> list[ForwardPass]:
        """Those of earlier steps; nobody will ask for their gradients any more."""
        old = [one for one in self._passes if one.step < step and not one.reached]
        if old:
            self._passes = [one for one in self._passes if one.step >= step]
        return old

    def take_all(self) -> list[ForwardPass]:
        left = [one for one in self._passes if not one.reached]
        self._passes = []
        return left


def float_outputs(outputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """The few outputs that a loss may be made of."""
    return [o for o in outputs if o.is_floating_point() and o.ndim][:_MOST_OUTPUTS]


def tensors_in(thing: Any, depth: int = 3, objects: bool = False) -> list[torch.Tensor]:
    """The tensors in nested tuples, lists, dicts and records, in order. objects: in attributes of
    any object, such as a distribution, too.
    """
    if isinstance(thing, torch.Tensor):
        return [thing]
    if depth == 0 or thing is None or isinstance(thing, (str, int, float, nn.Module)):
        return []
    if isinstance(thing, dict):
        thing = list(thing.values())
    if isinstance(thing, (tuple, list)):
        # 64: a list of samples, each with its tensors, is no output of a model
        return [tensor for part in thing[:64] for tensor in tensors_in(part, depth - 1, objects)]
    fields = getattr(thing, "__dict__", None)
    # dataclasses: outputs of transformers, for example
    if fields and (objects or hasattr(thing, "__dataclass_fields__")):
        return tensors_in(list(fields.values()), depth - 1, objects)
    return []


def map_tensors(thing: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """The same nested tuples, lists and dicts with every tensor changed."""
    if isinstance(thing, torch.Tensor):
        return change(thing)
    if isinstance(thing, dict):
        return {key: map_tensors(value, change) for key, value in thing.items()}
    if isinstance(thing, (tuple, list)) and not hasattr(thing, "_fields"):  # no named tuples
        return type(thing)(map_tensors(value, change) for value in thing)
    return thing
