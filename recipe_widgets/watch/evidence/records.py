"""What was seen: plain records, filled while the script runs and judged afterwards."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from recipe_widgets.rules.seen_loss import LossSeen
from recipe_widgets.watch.evidence.sample_hash import SampleHashes
from recipe_widgets.watch.instrument.source_location import SourceLocation


@dataclass(eq=False)
class ForwardPass:
    """One call of a model that is called by no other module."""

    number: int  # of the model
    step: int
    at: SourceLocation | None
    samples: int
    training: bool
    grad: bool
    entry: bool  # its inputs come from outside, not from another model
    rows: SampleHashes | None
    tensors: list[torch.Tensor] = field(default_factory=list)
    outputs: list[torch.Tensor] = field(default_factory=list)
    fired: bool = False
    loader: int = 0
    labels: np.ndarray | None = None
    hits: int | None = None


@dataclass(eq=False)
class ModelRecord:
    """A model at the top of calls. runs: training steps in a row in training or eval mode."""

    number: int
    module: Any  # the module itself, or None when it is not kept
    name: str
    ids: set[int] = field(default_factory=set)
    runs: list[list[Any]] = field(default_factory=list)
    example: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    example_y: torch.Tensor | None = None
    varies: bool = False  # its inputs differ from call to call
    trained: int = 0
    called: set[str] = field(default_factory=set)
    unregistered: dict[str, set[int]] = field(default_factory=dict)
    sensitive: list[str] = field(default_factory=list)
    at: SourceLocation | None = None
    graph_linear: list[tuple[bool, int]] = field(default_factory=list)
    no_bias: bool = False
    sensitive_kinds: tuple[bool, bool] = (False, False)
    first_row: Any = None


@dataclass
class Activation:
    """One non-linearity: which units were ever above zero; how many are saturated at the start."""

    name: str
    at: SourceLocation | None
    alive: torch.Tensor
    samples: int = 0
    saturated: list[float] = field(default_factory=list)
    kind: str = "relu"


@dataclass
class InputStatistics:
    """Running sums over what enters, per channel (axis 1 of pictures, features of tables)."""

    shape: tuple[int, ...] = ()
    count: int = 0
    samples: int = 0
    total: torch.Tensor | None = None
    square: torch.Tensor | None = None
    low: float = float("inf")
    high: float = float("-inf")
    spread: float = 0.0  # largest range seen within one channel

    def add(self, x: torch.Tensor) -> None:
        shape = tuple(x.shape[1:])
        if self.total is not None and shape[:1] != self.shape[:1]:
            return
        rows = x.detach().double().transpose(0, 1).reshape(x.shape[1], -1)
        self.shape = self.shape or shape
        self.total = rows.sum(1) + (0 if self.total is None else self.total)
        self.square = rows.square().sum(1) + (0 if self.square is None else self.square)
        self.count += rows.shape[1]
        self.samples += len(x)
        self.low, self.high = min(self.low, float(rows.min())), max(self.high, float(rows.max()))
        self.spread = max(self.spread, float((rows.amax(1) - rows.amin(1)).max()))

    @property
    def mean(self) -> np.ndarray:
        assert self.total is not None
        return (self.total / self.count).cpu().numpy()

    @property
    def std(self) -> np.ndarray:
        assert self.square is not None
        var = self.square / self.count - (self.total / self.count) ** 2  # type: ignore[operator]
        return var.clamp(min=0).sqrt().cpu().numpy()


@dataclass
class SampleStore:
    """Some samples with their labels, flat."""

    x: list[torch.Tensor] = field(default_factory=list)
    y: list[torch.Tensor] = field(default_factory=list)
    shape: tuple[int, ...] = ()
    rows: int = 0
    numbers: int = 0

    def add(self, x: torch.Tensor, y: torch.Tensor, most: int = 2000,
            room: int = 4_000_000) -> None:
        if self.rows >= most or self.numbers + x.numel() > room or (self.shape and tuple(
                x.shape[1:]) != self.shape):
            return
        self.shape = tuple(x.shape[1:])
        half = x.dtype in (torch.float16, torch.bfloat16)
        self.x.append(x.detach().to("cpu", torch.float32 if half else x.dtype, copy=True))
        self.y.append(y.detach().to("cpu", copy=True))
        self.rows, self.numbers = self.rows + len(x), self.numbers + x.numel()

    def tensors(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Each sample once, though it may have come in several epochs."""
        if not self.x:
            return None
        x, y = torch.cat(self.x), torch.cat(self.y)
        first = {row.tobytes(): i for i, row in reversed(list(enumerate(x.flatten(1).numpy())))}
        keep = sorted(first.values())
        return x[keep], y[keep]


@dataclass
class LoaderRecord:
    """A DataLoader."""

    number: int
    ref: weakref.ref[Any]
    dataset: Any
    workers: int
    init_fn: bool
    at: SourceLocation | None
    chosen: Any = None  # indices of the sampler
    trained: int = 0
    evaluated: int = 0


@dataclass
class EvaluationPhase:
    """Forward passes without backward between two training steps: an evaluation, as a rule."""

    step: int
    at: SourceLocation | None
    forwards: list[ForwardPass] = field(default_factory=list)
    loose_dropout: bool = False
    loose_norm: bool = False
    printed: list[tuple[str, float, int, SourceLocation | None]] = field(default_factory=list)
    last: bool = False


@dataclass
class Seen:
    """All evidence of one run."""

    losses: dict[Any, list[LossSeen]] = field(default_factory=dict)
    # (step, loss, line of the backward)
    curve: list[tuple[int, float, Any]] = field(default_factory=list)
    labels: list[np.ndarray] = field(default_factory=list)
    label_rows: list[tuple[SampleHashes, np.ndarray]] = field(default_factory=list)
    train_rows: list[tuple[int, SampleHashes]] = field(default_factory=list)
    phases: list[EvaluationPhase] = field(default_factory=list)
    acts: dict[Any, Activation] = field(default_factory=dict)
    train_inputs: InputStatistics = field(default_factory=InputStatistics)
    eval_inputs: InputStatistics = field(default_factory=InputStatistics)
    first_inputs: InputStatistics = field(default_factory=InputStatistics)
    first_at: SourceLocation | None = None
    train: SampleStore = field(default_factory=SampleStore)
    validation: SampleStore = field(default_factory=SampleStore)
    flips: dict[Any, list[Any]] = field(default_factory=dict)
    tears: dict[Any, tuple[Any, ...]] = field(default_factory=dict)
    fresh_dropout: dict[Any, str] = field(default_factory=dict)
    draws: dict[Any, list[tuple[int, int, int]]] = field(default_factory=dict)
    seeds: dict[Any, list[tuple[int, int]]] = field(default_factory=dict)
    batch_softmax: dict[Any, str] = field(default_factory=dict)
    divergences: dict[Any, int] = field(default_factory=dict)
    detached: dict[Any, int] = field(default_factory=dict)
    compared: bool = False
    functions: dict[Any, Any] = field(default_factory=dict)
    orphans: dict[int, dict[str, Any]] = field(default_factory=dict)
    constant: dict[str, list[int]] = field(default_factory=dict)
    dropouts: dict[str, tuple[float, Any]] = field(default_factory=dict)
    loads: list[dict[str, Any]] = field(default_factory=list)
    frozen: dict[str, Any] = field(default_factory=dict)
    eval_lines: set[Any] = field(default_factory=set)
    biases: set[str] = field(default_factory=set)


def named(module: nn.Module) -> dict[int, str]:
    """Names of the parameters."""
    return {id(p): name for name, p in module.named_parameters()}


def tensors(thing: Any, depth: int = 3) -> list[torch.Tensor]:
    """The tensors in nested tuples, lists, dicts and records, in order."""
    if isinstance(thing, torch.Tensor):
        return [thing]
    if depth == 0 or thing is None or isinstance(thing, (str, int, float, nn.Module)):
        return []
    if isinstance(thing, dict):
        thing = list(thing.values())
    if isinstance(thing, (tuple, list)):
        return [t for part in thing[:64] for t in tensors(part, depth - 1)]
    inside = getattr(thing, "__dict__", None)
    return tensors(list(inside.values()), depth -
                   1) if inside and hasattr(thing, "__dataclass_fields__") else []
