"""DataLoaders, random numbers and seeds: what decides which samples come, and in which order."""

from __future__ import annotations

import contextlib
import weakref
from dataclasses import dataclass, field
from typing import Any

import torch

from recipe_widgets.watch.evidence.forward_pass import ForwardPass
from recipe_widgets.watch.evidence.script_objects import ScriptObjectError, ask
from recipe_widgets.watch.instrument.progress import WatchProgress
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_MOST_DATASETS = 8  # that are held for a second look at the end
_MOST_LINES, _MOST_DRAWS, _MOST_PENDING_DRAWS = 100, 600, 500
_FEWEST_DRAWN = 4  # numbers; a single coin toss repeats by chance


@dataclass
class LoaderRecord:
    """A DataLoader. indices: of its sampler, when it has a fixed list of them.

    batches, samples: of an epoch; 0 where an iterable data set has no length.
    trained, evaluated: batches of it that a training pass or an evaluation used.
    trained_by, evaluated_by: (model's number, generation) -> [first, last] step of these.
    """

    number: int
    reference: weakref.ref[Any]
    dataset: Any
    workers: int
    has_init_function: bool
    line: SourceLocation | None
    indices: Any = None
    batches: int = 0
    samples: int = 0
    trained: int = 0
    evaluated: int = 0
    trained_by: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    evaluated_by: dict[tuple[int, int], list[int]] = field(default_factory=dict)


class LoaderRecords:
    """The loaders of a run. current: number of the loader of the last batch, or 0."""

    def __init__(self) -> None:
        self.records: list[LoaderRecord] = []
        self.current = 0

    def made(self, loader: Any) -> None:
        count, batches, samples = len(self.records), 0, 0
        with contextlib.suppress(ScriptObjectError):  # an iterable data set has no length
            batches = ask(len, loader)
            samples = ask(len, loader.dataset)
        self.records.append(
            LoaderRecord(
                count + 1, weakref.ref(loader), loader.dataset if count < _MOST_DATASETS else None,
                loader.num_workers, loader.worker_init_fn is not None, caller_location(),
                getattr(getattr(loader, "sampler", None), "indices", None), batches, samples))

    def iterated(self, loader: Any, iterator: Any) -> None:
        for record in self.records:
            if record.reference() is loader:
                # on the iterator itself: it knows nothing else that outlives a deleted loader
                iterator._recipe_number = record.number

    def batch_loaded(self, iterator: Any) -> None:
        self.current = getattr(iterator, "_recipe_number", 0)

    def trained(self, one: ForwardPass) -> None:
        if one.loader:
            record = self.records[one.loader - 1]
            record.trained += 1
            _used(record.trained_by, one)

    def evaluated(self, one: ForwardPass) -> None:
        if one.loader:
            record = self.records[one.loader - 1]
            record.evaluated += 1
            _used(record.evaluated_by, one)


def _used(steps: dict[tuple[int, int], list[int]], one: ForwardPass) -> None:
    steps.setdefault((one.model, one.generation), [one.step, one.step])[1] = one.step


@dataclass
class RandomNumberRecords:
    """Random numbers that are drawn outside of models, and seeds that are set while training.

    Attributes:
        draws: line -> (step, hash of the numbers). seeds: (function, line) -> (step, seed).
        used_in_training: (line, step) of those that a training pass followed.
    """

    progress: WatchProgress
    draws: dict[Any, list[tuple[int, int]]] = field(default_factory=dict)
    seeds: dict[tuple[str, Any], list[tuple[int, int]]] = field(default_factory=dict)
    used_in_training: set[tuple[Any, int]] = field(default_factory=set)
    _pending: list[tuple[Any, int]] = field(default_factory=list)

    def torch_calls(self) -> dict[Any, CallHandler]:
        """Handlers of single torch calls."""
        tensor = torch.Tensor
        functions = (torch.rand, torch.randn, torch.randperm, torch.randint, torch.bernoulli,
                     torch.rand_like, torch.randn_like, tensor.uniform_, tensor.normal_,
                     tensor.bernoulli_, torch.normal)
        return dict.fromkeys(functions, self._drawn)

    def seeded(self, name: str, args: tuple[Any, ...]) -> None:
        # before the first step a seed is set on purpose, once
        if self.progress.step and args and isinstance(args[0], int):
            line = caller_location()
            self.seeds.setdefault((name, line), []).append((self.progress.step, args[0]))
            self._pending.append((line, self.progress.step))

    def passed_through(self, training: bool) -> None:
        """A forward pass has used what was drawn before it."""
        if training:
            self.used_in_training.update(self._pending)
        self._pending = []

    def _drawn(self, call: TorchCall) -> None:
        if self.progress.in_call or self.progress.in_backward or not isinstance(
                call.result, torch.Tensor) or call.result.numel() < _FEWEST_DRAWN:
            return
        line = caller_location()
        if len(self.draws) >= _MOST_LINES and line not in self.draws:
            return
        known = self.draws.setdefault(line, [])
        if len(known) < _MOST_DRAWS:
            # 64 numbers tell two draws apart
            numbers = call.result.detach().flatten()[:64].double().tolist()
            known.append((self.progress.step, hash(tuple(numbers))))
            if len(self._pending) < _MOST_PENDING_DRAWS:
                self._pending.append((line, self.progress.step))
