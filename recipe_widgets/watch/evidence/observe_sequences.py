"""Sequences: which axis recurrent and attention layers read as time, what happens at the padding,
and where hidden states come from.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import RandomSampler, SubsetRandomSampler, WeightedRandomSampler

from recipe_widgets.rules.batch_axis import BatchAsTime, LastSample
from recipe_widgets.rules.batch_independence import batch_independence
from recipe_widgets.rules.carried_state import CarriedState
from recipe_widgets.rules.padding import InvertedMask, PaddedMean, PaddedSteps, PaddingEffect
from recipe_widgets.watch.evidence import model_probes
from recipe_widgets.watch.evidence.forward_pass import tensors_in
from recipe_widgets.watch.evidence.model_record import ModelRecord
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.padded_rows import padding_of
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import RUNS_MODELS, Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.tensor_notes import TensorNotes
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_RECURRENT = (torch.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu)
_HIDDEN = -1e4  # what masks add to a score that nobody is to see
_SHUFFLED = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)
_BLOCKS = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
_FEWEST_CARRIED = 2  # times; the first could be a coincidence
_FEWEST_LAST_ROWS = 2  # calls; one may be a look at the result
Line = SourceLocation | None


@dataclass(frozen=True)
class _Reading:
    """How one call of a layer reads its input: lengths of the axes it takes for time and batch."""

    line: Line
    layer: str
    batch_first: bool
    recurrent: bool
    time: int
    batch: int


@dataclass
class _Readings:
    """All readings of one layer: those that confuse the axes, by the batch size, and how many do
    not.
    """

    confused: dict[int, tuple[_Reading, bool]] = field(default_factory=dict)
    right: int = 0
    model: int = 0

    @property
    def of_single_sequences(self) -> bool:
        """Is each input one sequence, whose steps are no samples?"""
        return bool(self.confused) and all(
            one.batch == 1 and not from_loader for one, from_loader in self.confused.values())


@dataclass
class _Padded:
    """A padded output of this shape. lengths: (N,), in the order of its rows."""

    shape: tuple[int, ...]
    lengths: torch.Tensor
    batch_first: bool

    @property
    def time_axis(self) -> int:
        return 1 if self.batch_first else 0

    @property
    def steps(self) -> int:
        return self.shape[self.time_axis]


@dataclass
class _Taken:
    """Steps that one line takes out of padded outputs."""

    found: PaddedSteps | None = None
    other: bool = False  # it takes other steps, too: a loop over all of them


@dataclass
class _LastRows:
    """out[-1] of outputs that are (batch, length, dim) to their layer.

    Attributes:
        shape: of the last one. model: number of the model whose call it was in; 0 for none.
        calls: how many there were. apart: those whose batch and length differ.
    """

    shape: tuple[int, ...]
    model: int
    calls: int = 0
    apart: int = 0


class SequenceLayers(Observer):
    """Attributes, by line: taken: steps out of padded outputs. means: over padded steps.
        last_rows: out[-1] where the first axis is the batch. inverted: name of the masked call.
        carried: times that a state came from a batch of other samples.
    padded_lengths: model -> lengths that its inputs were padded to.
    """

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.readings: dict[tuple[Line, str], _Readings] = {}
        self.taken: dict[Line, _Taken] = {}
        self.means: dict[Line, PaddedMean] = {}
        self.last_rows: dict[Line, _LastRows] = {}
        self.inverted: dict[Line, str] = {}
        self.carried: dict[Line, int] = {}
        self.padded_lengths: dict[int, set[int]] = {}
        self._batches = 0  # loaded so far
        self._current: Callable[[], Any] = lambda: None  # gives the loader of the last one
        self._block: nn.Module | None = None
        self._layer: nn.Module | None = None
        # of the call that goes on
        self._new: list[_Reading] = []
        self._masks: list[tuple[Line, str, torch.Tensor]] = []
        self._padded = TensorNotes[_Padded]()
        self._outputs = TensorNotes[bool]()  # of recurrent layers: batch first?
        # first weight of a layer -> (batch, state)
        self._states: dict[int, tuple[int, torch.Tensor]] = {}

    def torch_calls(self) -> dict[Any, CallHandler]:
        tensor: Any = torch.Tensor
        groups: tuple[tuple[tuple[Any, ...], CallHandler], ...] = (
            (_RECURRENT, self._recurrent),
            ((F.multi_head_attention_forward, ), self._attention),
            ((F.scaled_dot_product_attention, ), self._dot_product),
            ((tensor.masked_fill, tensor.masked_fill_), self._masked),
            ((torch._pad_packed_sequence, ), self._unpacked),
            ((tensor.index_select, torch.index_select), self._rows_selected),
            ((F.dropout, F.relu, torch.relu, torch.tanh, tensor.tanh, F.layer_norm, F.linear),
             self._same_layout),
            ((tensor.transpose, torch.transpose, tensor.permute), self._axes_moved),
            ((tensor.__getitem__, ), self._indexed),
            ((tensor.select, torch.select), self._selected),
            ((tensor.gather, torch.gather), self._gathered),
            ((tensor.mean, torch.mean), self._averaged),
        )
        return {function: handler for functions, handler in groups for function in functions}

    # calls of models

    def loader_iterated(self, loader: Any, iterator: Any) -> None:
        iterator._recipe_loader = weakref.ref(loader)

    def batch_loaded(self, iterator: Any) -> None:
        self._batches += 1
        self._current = getattr(iterator, "_recipe_loader", lambda: None)

    def before_forward(self, model: nn.Module) -> None:
        self._forget_call()
        self._note_layer(model)

    def submodule_called(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        self._note_layer(module)

    def _note_layer(self, module: nn.Module) -> None:
        if isinstance(module, _BLOCKS):
            self._block = module
        elif isinstance(module, (nn.RNNBase, nn.MultiheadAttention)):
            self._layer = module

    def after_forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
                      output: Any) -> None:
        inputs = tensors_in(args) + tensors_in(kwargs)
        record = self.records.models.of(model)
        if record is None or not inputs or not inputs[0].ndim or not self.records.monitor.is_open:
            self._new, self._masks = [], []
            return
        self._judge_readings(len(inputs[0]), record.number)
        if inputs[0].ndim > 1:
            self.padded_lengths.setdefault(record.number, set()).add(inputs[0].shape[1])
        if self._masks and self.progress.full:
            self._judge_masks(inputs)
        self._new, self._masks = [], []

    def _forget_call(self) -> None:
        self._new, self._masks = [], []
        self._padded.clear()
        self._outputs.clear()

    def script_ended(self) -> None:
        self._forget_call()
        self._states, self._block, self._layer = {}, None, None

    # axes

    def reads_single_sequences(self, model: int) -> bool:
        """Is each input of this model one sequence, so that it has no batch?"""
        return any(one.of_single_sequences for one in self.readings.values() if one.model == model)

    def _judge_readings(self, samples: int, model: int) -> None:
        """Holds how layers read the call against its samples, where a loader says what they are."""
        sizes = self._loader_sizes()
        for one in self._new:
            known = self.readings.setdefault((one.line, one.layer), _Readings(model=model))
            if one.batch == samples or samples < 2 or (sizes and one.batch in sizes):
                known.right += 1
            elif one.time == samples and (not sizes or samples in sizes):
                known.confused[samples] = one, bool(sizes)
            else:
                known.right += 1  # reshaped on the way: nothing is known

    def _loader_sizes(self) -> set[int]:
        """Batch sizes of the loader of the last batch: the usual and the last one."""
        loader = self._current()
        size = getattr(loader, "batch_size", None)
        if size is None:
            return set()
        try:
            count = len(loader.sampler)
        except TypeError:
            return {size}
        return {size, count % size} - {0} if count >= size else {count}

    @property
    def _shuffled(self) -> bool:
        return isinstance(getattr(self._current(), "sampler", None), _SHUFFLED)

    # recurrent layers

    def _recurrent(self, call: TorchCall) -> None:
        args, result = call.args, call.result
        packed = isinstance(args[3], (list, tuple))  # (data, batch_sizes, state, weights, ...)
        state, weights = (args[2], args[3]) if packed else (args[1], args[2])
        line = caller_location()
        if not packed and args[0].ndim == 3:
            batch_first = bool(args[8])
            time, batch = args[0].shape[:2] if not batch_first else args[0].shape[:2][::-1]
            name = type(self._layer).__name__ if isinstance(self._layer, nn.RNNBase) else "RNN"
            self._new.append(_Reading(line, name, batch_first, True, time, batch))
            self._outputs[result[0]] = batch_first
        if weights and torch.is_grad_enabled():
            first = state[0] if isinstance(state, (list, tuple)) else state
            self._state_used(line, id(weights[0]), first, result[1])

    def _state_used(self, line: Line, layer: int, begun: torch.Tensor, left: torch.Tensor) -> None:
        batch, last = self._states.get(layer, (0, None))
        if last is not None and batch < self._batches and last.shape == begun.shape \
                and self._shuffled and bool(last.any()) and torch.equal(last, begun):
            self.carried[line] = self.carried.get(line, 0) + 1
        self._states[layer] = self._batches, left.detach()

    # attention

    def _attention(self, call: TorchCall) -> None:
        query, line = call.argument(0, "query"), caller_location()
        layer = self._layer if isinstance(self._layer, nn.MultiheadAttention) else None
        block = self._block
        name = type(layer or nn.MultiheadAttention).__name__ if layer else "MultiheadAttention"
        if block is not None and layer is not None and any(m is layer for m in block.children()):
            name = type(block).__name__
        if query.ndim == 3:  # here always (length, batch, dim)
            self._new.append(_Reading(line, name, bool(layer and layer.batch_first), False,
                                      query.shape[0], query.shape[1]))
        mask = call.kwargs.get("key_padding_mask")
        if mask is not None:
            self._masks.append((line, f"{name} (key_padding_mask)", _hidden(mask)))

    def _dot_product(self, call: TorchCall) -> None:
        mask = call.argument(3, "attn_mask")
        if isinstance(mask, torch.Tensor):
            hidden = ~mask if mask.dtype == torch.bool else mask <= _HIDDEN
            self._masks.append((caller_location(), "scaled_dot_product_attention", hidden))

    def _masked(self, call: TorchCall) -> None:
        mask, value = call.argument(1, "mask"), call.argument(2, "value")
        if isinstance(mask, torch.Tensor) and mask.ndim >= 2 and isinstance(value, (int, float)) \
                and value <= _HIDDEN and mask.dtype == torch.bool:
            self._masks.append((caller_location(), "masked_fill", mask))

    def _judge_masks(self, inputs: list[torch.Tensor]) -> None:
        """Is a mask the opposite of where an input is padded?"""
        for x in inputs:
            padding = padding_of(x)
            if padding is None:
                continue
            for line, name, mask in self._masks:
                if len(mask) == len(padding) and mask.shape[-1] == padding.shape[1]:
                    # the last query may see the whole past, were there a causal mask, too
                    hidden = mask.reshape(len(mask), -1, mask.shape[-1])[:, -1]
                    if torch.equal(hidden, ~padding):
                        self.inverted[line] = name

    # padded outputs

    def _unpacked(self, call: TorchCall) -> None:
        padded, lengths = call.result
        self._note(padded, lengths, bool(call.args[2]))

    def _note(self, tensor: torch.Tensor, lengths: torch.Tensor, batch_first: bool) -> None:
        self._padded[tensor] = _Padded(tuple(tensor.shape), lengths, batch_first)

    def _rows_selected(self, call: TorchCall) -> None:
        """pad_packed_sequence brings the rows back to the order they came in."""
        padded = self._padded.of(call.args[0])
        if padded is None:
            return
        axis, index = call.argument(1, "dim"), call.argument(2, "index")
        if axis == 1 - padded.time_axis:
            self._note(call.result, padded.lengths[index.to(padded.lengths.device)],
                       padded.batch_first)

    def _same_layout(self, call: TorchCall) -> None:
        padded = self._padded.of(call.argument(0, "input"))
        if padded is not None and call.result.ndim == len(padded.shape):
            self._note(call.result, padded.lengths, padded.batch_first)

    def _axes_moved(self, call: TorchCall) -> None:
        padded = self._padded.of(call.args[0])
        if padded is not None and call.result.shape[:2] == padded.shape[:2][::-1] \
                and call.result.shape[0] != call.result.shape[1]:
            self._note(call.result, padded.lengths, not padded.batch_first)

    def _indexed(self, call: TorchCall) -> None:
        x, index = call.args
        padded, batch_first = self._padded.of(x), self._outputs.of(x)
        if padded is not None:
            places = _expanded(index, x.ndim)
            if places is not None:
                self._step_taken(padded, places[padded.time_axis])
        elif batch_first and len(x) > 1 and x.requires_grad:
            places = _expanded(index, x.ndim)
            # out[-1]; out[-1, t] goes on to a step on purpose
            if places is not None and places[0] == -1 and places[1] == slice(None):
                self._last_row_taken(tuple(x.shape))

    def _last_row_taken(self, shape: tuple[int, ...]) -> None:
        model = self.progress.model
        record = self.records.models.of(model) if model is not None else None
        rows = self.last_rows.setdefault(
            caller_location(), _LastRows(shape, record.number if record is not None else 0))
        rows.shape, rows.calls = shape, rows.calls + 1
        rows.apart += shape[0] != shape[1]

    def _selected(self, call: TorchCall) -> None:
        padded = self._padded.of(call.args[0])
        if padded is not None and call.argument(1, "dim") == padded.time_axis:
            self._step_taken(padded, call.argument(2, "index"))

    def _gathered(self, call: TorchCall) -> None:
        padded, index = self._padded.of(call.args[0]), call.argument(2, "index")
        if padded is not None and call.argument(1, "dim") == padded.time_axis \
                and index.shape[padded.time_axis] == 1:
            rows = index.movedim(padded.time_axis, 0).reshape(len(padded.lengths), -1)[:, 0]
            self._step_taken(padded, rows)

    def _step_taken(self, padded: _Padded, step: Any) -> None:
        """One step of each row: a number, or one for each row."""
        per_row = isinstance(step, torch.Tensor) and step.dtype != torch.bool and step.ndim == 1 \
            and len(step) == len(padded.lengths)
        if not per_row and (isinstance(step, bool) or not isinstance(step, int)):
            return
        line = caller_location()
        taken = self.taken.setdefault(line, _Taken())
        at = torch.as_tensor(step).to(padded.lengths.device)
        at = torch.where(at < 0, at + padded.steps, at)
        taken.other |= not per_row and int(at) != padded.steps - 1
        behind = int((at >= padded.lengths).sum())
        if behind and (taken.found is None or behind > taken.found.padding):
            taken.found = PaddedSteps(behind, len(padded.lengths), per_row)

    def _averaged(self, call: TorchCall) -> None:
        padded = self._padded.of(call.argument(0, "input"))
        axes = call.argument(1, "dim")
        if padded is None or axes is None:
            return
        axes = {a % len(padded.shape) for a in (axes if isinstance(axes, (tuple, list)) else (axes, ))}
        shortest = int(padded.lengths.min())
        if axes == {padded.time_axis} and shortest < padded.steps:
            self.means.setdefault(caller_location(), PaddedMean(shortest, padded.steps))


def _hidden(mask: torch.Tensor) -> torch.Tensor:
    return mask if mask.dtype == torch.bool else mask <= _HIDDEN


def _expanded(index: Any, dimensions: int) -> list[Any] | None:
    """What an index says of each axis; None where it adds axes or holds masks."""
    parts = list(index) if isinstance(index, tuple) else [index]
    if any(part is None or isinstance(part, bool) or
           (isinstance(part, torch.Tensor) and (part.dtype == torch.bool or part.ndim > 1))
           for part in parts):
        return None
    dots = [i for i, part in enumerate(parts) if part is Ellipsis]
    missing = dimensions - len(parts) + len(dots)
    if missing < 0:
        return None
    at = dots[0] if dots else len(parts)
    return parts[:at] + [slice(None)] * missing + parts[at + len(dots):]


@builds(BatchAsTime, RUNS_MODELS)
def batch_as_time(run: WatchedRun) -> Built:
    for (line, _), known in run.observer(SequenceLayers).readings.items():
        if known.right or not known.confused:
            continue
        reading, from_loader = next(iter(known.confused.values()))
        samples = max(known.confused)
        record = run.records.models.numbered(known.model)
        module = run.records.models.retained.get(known.model)
        if record is None or module is None:
            continue
        # one sentence, a label for each word: the batch is one sentence
        if not from_loader and not (record.has_label_per_sample and reading.batch > 1):
            continue
        if _mixes_samples(run, record, module):
            yield BatchAsTime(reading.layer, reading.batch_first, samples, reading.batch,
                              reading.recurrent), line


def _mixes_samples(run: WatchedRun, record: ModelRecord, module: nn.Module) -> bool:
    """Does a sample's output depend on other samples, for sure?"""
    mixed = None
    with run.tolerating(f"a probe of {record.name}"):
        mixed = model_probes.mixed_samples(record, module, run.check_time, axis_is_known=True)
    return mixed is not None and not batch_independence(mixed).ok


@builds(LastSample, RUNS_MODELS)
def last_samples(run: WatchedRun) -> Built:
    """Where batch and length are of one size, nobody sees which is which: then the samples tell."""
    layers = run.observer(SequenceLayers)
    if any(one.confused and not one.right for one in layers.readings.values()):
        return  # then its first axis is no batch
    for line, rows in layers.last_rows.items():
        record = run.records.models.numbered(rows.model)
        module = run.records.models.retained.get(rows.model)
        if rows.calls < _FEWEST_LAST_ROWS:
            continue
        if rows.apart >= _FEWEST_LAST_ROWS or (
                record is not None and module is not None and _mixes_samples(run, record, module)):
            yield LastSample(-1, rows.shape), line


@builds(PaddedSteps)
def padded_steps(run: WatchedRun) -> Built:
    for line, taken in run.observer(SequenceLayers).taken.items():
        if taken.found is not None and not taken.other:
            yield taken.found, line


@builds(PaddedMean)
def padded_means(run: WatchedRun) -> Built:
    for line, found in run.observer(SequenceLayers).means.items():
        yield found, line


@builds(InvertedMask)
def inverted_masks(run: WatchedRun) -> Built:
    for line, name in run.observer(SequenceLayers).inverted.items():
        yield InvertedMask(name), line


@builds(CarriedState)
def carried_states(run: WatchedRun) -> Built:
    for line, times in run.observer(SequenceLayers).carried.items():
        if times >= _FEWEST_CARRIED:
            yield CarriedState(times), line


@builds(PaddingEffect, RUNS_MODELS)
def padding_effects(run: WatchedRun) -> Built:
    lengths = run.observer(SequenceLayers).padded_lengths
    for model in run.records.models:
        module = run.records.models.retained.get(model.number)
        found = None
        if module is not None:
            with run.tolerating(f"a probe of {model.name}"):
                found = model_probes.padding_cut(model, module, run.check_time)
        if found is not None:
            varies = len(lengths.get(model.number, ())) > 1
            yield PaddingEffect(found.change, found.told, varies, found.in_front), model.line
