"""What becomes of a model's outputs in an evaluation: thresholds, rankings, metrics."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.rules.metric_inputs import RankedLabels, SwappedArguments, ThresholdedLogits
from recipe_widgets.watch.evidence.forward_pass import ForwardPass, tensors_in
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.tensor_notes import TensorNotes
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_RANKING = ("roc_auc_score", "average_precision_score", "roc_curve", "precision_recall_curve",
            "det_curve", "log_loss")
# of these, swapped arguments give the same
_SYMMETRIC = ("f1_score", "accuracy_score")
_MOST_NUMBERS, _MOST_LINES, _MOST_NOTES = 2_000_000, 50, 20_000
_OUTPUT, _SCORE, _DECISION = "output", "score", "decision"
_FEWEST_PAIRED = 3  # rows and columns of a table of pairs
_HALF = 0.5  # the threshold of a probability; others may have been searched for
_FEWEST_DIFFERENT = 3  # predictions that are no labels
Line = SourceLocation | None
Array = npt.NDArray[Any]


class _Note(NamedTuple):
    """kind: what a tensor is. numbers: of the model's output that it came from."""

    kind: str
    numbers: int


@dataclass
class _Ranked:
    """Calls of one line, as of `RankedLabels`."""

    calls: int = 0
    thresholded: int = 0
    samples: int = 0


@dataclass
class _Thresholds:
    """Comparisons of one line with one half, as of `ThresholdedLogits`. searched: with other
    thresholds, too.
    """

    searched: bool = False
    low: float = math.inf
    high: float = -math.inf
    moved: int = 0
    decisions: int = 0

    def add(self, z: torch.Tensor) -> None:
        self.low, self.high = min(self.low, float(z.min())), max(self.high, float(z.max()))
        self.moved += int(((z > _HALF) != (z > 0)).sum())
        self.decisions += z.numel()


class OutputUses(Observer):
    """Attributes:
        ranked, swapped: by (line, name of the metric); of `swapped` [calls, swapped].
        thresholds: by line.
    """

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.ranked: defaultdict[tuple[Line, str], _Ranked] = defaultdict(_Ranked)
        self.swapped: dict[tuple[Line, str], list[int]] = {}
        self.thresholds: dict[Line, _Thresholds] = {}
        self._notes = TensorNotes[_Note]()

    def torch_calls(self) -> dict[Any, CallHandler]:
        tensor: Any = torch.Tensor
        scores = (torch.sigmoid, tensor.sigmoid, F.sigmoid, torch.softmax, tensor.softmax, F.softmax)
        same = (tensor.float, tensor.long, tensor.int, tensor.double, tensor.bool, tensor.to, tensor.cpu,
                tensor.type, tensor.detach, tensor.clone, tensor.squeeze, torch.squeeze, tensor.view,
                tensor.reshape, torch.reshape, tensor.flatten, torch.flatten, tensor.unsqueeze,
                tensor.contiguous, tensor.ravel, tensor.__getitem__, tensor.masked_select,
                torch.masked_select)
        compare = (tensor.gt, torch.gt, tensor.ge, torch.ge, tensor.lt, torch.lt, tensor.le, torch.le)
        ranks = (tensor.sort, torch.sort, tensor.argsort, torch.argsort)
        return {
            **dict.fromkeys(scores, self._score), **dict.fromkeys(same, self._same),
            **dict.fromkeys(compare, self._compare),
            **dict.fromkeys((tensor.round, torch.round), self._round),
            **dict.fromkeys((tensor.argmax, torch.argmax), self._choose),
            **dict.fromkeys((torch.cat, torch.stack, torch.hstack), self._join),
            **dict.fromkeys((tensor.sub, torch.sub), self._pair), **dict.fromkeys(ranks, self._rank),
        }

    # the way of an output

    def after_forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
                      output: Any) -> None:
        if torch.is_grad_enabled() or not self.records.monitor.is_open:
            return
        outputs = tensors_in(output)
        if len(outputs) == 1 and outputs[0].is_floating_point() \
                and self.records.models.of(model) is not None:
            self._note(outputs[0], _OUTPUT, outputs[0].numel())

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        if len(self._notes) > _MOST_NOTES:
            self._notes.clear()

    def _note(self, thing: Any, kind: str, numbers: int) -> None:
        if isinstance(thing, torch.Tensor) and thing.numel() <= _MOST_NUMBERS:
            self._notes[thing] = _Note(kind, numbers)

    @property
    def _blind(self) -> bool:
        """The inside of a model is another matter."""
        return self.progress.in_call

    def _score(self, call: TorchCall) -> None:
        known = self._notes.of(call.args[0]) if call.args else None
        if not self._blind and (known is not None or not torch.is_grad_enabled()):
            self._note(call.result, _SCORE, call.result.numel())

    def _same(self, call: TorchCall) -> None:
        known = self._notes.of(call.args[0]) if call.args else None
        if known is None or not isinstance(call.result, torch.Tensor):
            return
        # one column of an output may be something else than the others
        if known.kind != _OUTPUT or call.result.numel() == known.numbers:
            self._note(call.result, *known)

    def _join(self, call: TorchCall) -> None:
        parts = call.argument(0, "tensors", ())
        notes = [self._notes.of(one) for one in parts] if isinstance(parts, (list, tuple)) else []
        known = [one for one in notes if one is not None]
        if known and len(known) == len(notes) and len({one.kind for one in known}) == 1:
            self._note(call.result, known[0].kind, call.result.numel())

    # decisions

    def _compare(self, call: TorchCall) -> None:
        if len(call.args) < 2 or self._blind:
            return
        one, other = call.args[0], call.args[1]
        known = self._notes.of(one)
        if known is None:
            return
        if isinstance(other, (int, float)) or (isinstance(other, torch.Tensor) and other.ndim == 0):
            if known.kind == _OUTPUT:
                self._threshold(one, float(other))
            if known.kind != _DECISION:
                self._note(call.result, _DECISION, call.result.numel())
        else:
            self._pair(call)

    def _round(self, call: TorchCall) -> None:
        known = self._notes.of(call.args[0])
        if known is not None and not self._blind and known.kind != _DECISION:
            if known.kind == _OUTPUT:
                self._threshold(call.args[0], _HALF)
            self._note(call.result, _DECISION, call.result.numel())

    def _choose(self, call: TorchCall) -> None:
        if self._notes.of(call.args[0]) is not None and not self._blind:
            self._note(call.result, _DECISION, call.result.numel())

    def _threshold(self, z: torch.Tensor, threshold: float) -> None:
        line = caller_location()
        if line in self.thresholds or (threshold == _HALF and len(self.thresholds) < _MOST_LINES):
            known = self.thresholds.setdefault(line, _Thresholds())
            if threshold != _HALF:
                known.searched = True
            elif z.numel():
                known.add(z.detach())

    # rankings by hand

    def _pair(self, call: TorchCall) -> None:
        """A table of all pairs: (n, 1) against (m,) or (1, m)."""
        if len(call.args) < 2 or self._blind or not isinstance(call.args[1], torch.Tensor):
            return
        one, other = call.args[0], call.args[1]
        notes = self._notes.of(one), self._notes.of(other)
        if any(note is None for note in notes) or call.result.ndim < 2:
            return
        crossed = call.result.shape != one.shape and call.result.shape != other.shape
        if crossed and min(call.result.shape[-2:]) >= _FEWEST_PAIRED:
            self._ranked_here("", all(note is not None and note.kind == _DECISION for note in notes),
                              one.numel() + other.numel())

    def _rank(self, call: TorchCall) -> None:
        known = self._notes.of(call.args[0])
        if known is not None and not self._blind and known.kind != _OUTPUT:
            self._ranked_here("", known.kind == _DECISION, call.args[0].numel())

    def _ranked_here(self, name: str, thresholded: bool, samples: int) -> None:
        key = caller_location(), name
        if key in self.ranked or len(self.ranked) < _MOST_LINES:
            record = self.ranked[key]
            record.calls += 1
            if thresholded:
                record.thresholded, record.samples = record.thresholded + 1, record.samples + samples

    # metrics of scikit-learn

    def metric_computed(self, name: str, first: Any, second: Any) -> None:
        labels, given = _array(first), _array(second)
        if labels is None or given is None:
            return
        if name in _RANKING:
            values = np.unique(given[:_MOST_NUMBERS])
            two = len(values) == 2 and set(values.tolist()) <= {-1, 0, 1} \
                and len(np.unique(labels)) > 1
            self._ranked_here(name, two, labels.size)
            return
        outputs = self._outputs_of(len(labels))
        if outputs is None:
            return
        if name not in _SYMMETRIC:
            tally = self.swapped.setdefault((caller_location(), name), [0, 0])
            tally[0] += 1
            tally[1] += any(np.array_equal(labels, one) and _differ(given, one)
                            for one in _predictions_of(outputs))
        z = outputs.flatten()
        if z.numel() == given.size and np.array_equal(given, (z > _HALF).numpy()):
            line = caller_location()
            self.thresholds.setdefault(line, _Thresholds()).add(z)

    def _outputs_of(self, samples: int) -> torch.Tensor | None:
        """Outputs of the last passes of the evaluation that now runs, for so many samples."""
        phase, found = self.records.evaluations.newest, list[torch.Tensor]()
        passes: list[ForwardPass] = phase.passes if phase is not None else []
        for one in reversed(passes):
            if len(one.outputs) != 1 or samples <= 0 or one.outputs[0].numel() > _MOST_NUMBERS:
                return None
            found.insert(0, one.outputs[0].detach().float().cpu())
            samples -= len(found[0])
            if samples == 0:
                same = len({part.shape[1:] for part in found}) == 1
                return torch.cat(found) if same else None
        return None


def _array(thing: Any) -> Array | None:
    """Its numbers, flat where there is one column; None where they are none, or too many."""
    if isinstance(thing, torch.Tensor):
        thing = thing.detach().cpu().numpy()
    array = np.asarray(thing)
    if array.dtype.kind not in "biuf" or not array.size or array.size > _MOST_NUMBERS:
        return None
    return array.reshape(-1) if array.ndim == 2 and array.shape[1] == 1 else array


def _predictions_of(z: torch.Tensor) -> list[Array]:
    """What outputs z (N, ...) may stand for."""
    if z.ndim == 2 and z.shape[1] > 1:
        return [z.argmax(1).numpy()]
    flat = z.flatten()
    return [flat.numpy(), (flat > 0).numpy(), (flat > _HALF).numpy()]


def _differ(given: Array, predicted: Array) -> bool:
    return given.shape != predicted.shape or int((given != predicted).sum()) >= _FEWEST_DIFFERENT


@builds(RankedLabels)
def ranked_labels(run: WatchedRun) -> Built:
    for (line, name), one in run.observer(OutputUses).ranked.items():
        yield RankedLabels(name, one.calls, one.thresholded, one.samples), line


@builds(SwappedArguments)
def swapped_arguments(run: WatchedRun) -> Built:
    for (line, name), (calls, swapped) in run.observer(OutputUses).swapped.items():
        yield SwappedArguments(name, calls, swapped), line


@builds(ThresholdedLogits)
def thresholded_logits(run: WatchedRun) -> Built:
    kinds = {one.kind for passes in run.records.losses.by_line.values() for one in passes}
    # with several models nobody knows whose outputs the loss took
    if "bce_logits" not in kinds or kinds & {"bce", "regression"} or run.several_models:
        return
    for line, one in run.observer(OutputUses).thresholds.items():
        if not one.searched:
            yield ThresholdedLogits(_HALF, one.low, one.high, one.moved, one.decisions), line
