"""Evaluations: forward passes without a backward between two training steps."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from recipe_widgets.watch.evidence.forward_pass import ForwardPass, PendingPasses
from recipe_widgets.watch.evidence.model_record import ModelRecord, ModelRecords
from recipe_widgets.watch.evidence.sample_records import SampleRecords
from recipe_widgets.watch.instrument.progress import WatchProgress
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_MOST_PHASES, _MOST_PASSES = 3000, 2000
_MOST_PRINTED = 40  # numbers a phase
_CLOSE_PHASES, _CLOSE_SHARE = 60, 0.1  # so many are looked at closely; later, this share of steps
_MOST_PREDICTIONS = 5  # results of argmax that a comparison may belong to
_MOST_LINE = 2000  # characters of a printed line that are read
# 0.93, -1.5, 93%; no dates, versions or parts of names
_NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+(?![\w.]*\d\.)|(?<![\w.])\d+(?:\.\d+)?(?=\s*%)")


class PrintedNumber(NamedTuple):
    """A number as the script printed it. digits: behind the point. Percentages as they stand."""

    value: float
    digits: int
    line: SourceLocation | None


def numbers_in(line: str) -> list[tuple[float, int]]:
    """(value, digits behind the point) of the decimals and percentages in a line."""
    texts = [match.group() for match in _NUMBER.finditer(line[:_MOST_LINE])]
    return [(float(text), len(text.partition(".")[2])) for text in texts[:20]]


@dataclass(eq=False)
class EvaluationPhase:
    """Passes without a backward between two training steps.

    Attributes:
        dropout_on, batch_statistics_on: with the model as a whole in training mode.
        losses: (mean loss, samples) of calls of torch's losses meanwhile.
        printed: numbers printed meanwhile, or right after. last: the script ended with it.
    """

    step: int
    line: SourceLocation | None
    passes: list[ForwardPass] = field(default_factory=list)
    dropout_on: bool = False
    batch_statistics_on: bool = False
    losses: list[tuple[float, int]] = field(default_factory=list)
    printed: list[PrintedNumber] = field(default_factory=list)
    last: bool = False

    def rounds(self) -> list[list[ForwardPass]]:
        """Cuts an evaluation into rounds over one set: a batch that is larger than the one before
        begins a new one.
        """
        rounds: list[list[ForwardPass]] = []
        for one in self.passes:
            last = rounds[-1][-1] if rounds else None
            if last is None or one.samples > last.samples or any(
                    getattr(one, name) != getattr(last, name)
                    for name in ("model", "loader", "line", "training")):
                rounds.append([])
            rounds[-1].append(one)
        return rounds


@dataclass
class EvaluationPhases:
    """All phases of a run. compared: were predictions ever compared with labels?"""

    models: ModelRecords
    samples: SampleRecords
    pending: PendingPasses
    progress: WatchProgress
    phases: list[EvaluationPhase] = field(default_factory=list)
    compared: bool = False
    _open: EvaluationPhase | None = None
    _predictions: list[torch.Tensor] = field(default_factory=list)

    def torch_calls(self) -> dict[Any, CallHandler]:
        """Handlers of single torch calls."""
        tensor = torch.Tensor
        choices = (tensor.argmax, torch.argmax, tensor.max, torch.max, tensor.round, torch.round,
                   tensor.topk, torch.topk)
        equalities = (tensor.eq, tensor.__eq__, torch.eq)
        return (dict.fromkeys(choices, self._predicted)
                | dict.fromkeys(equalities, self._compared))

    @property
    def close_phases_left(self) -> bool:
        count = len(self.phases)
        return count < _CLOSE_PHASES or count < _CLOSE_SHARE * self.progress.step

    def evaluated(self, one: ForwardPass, record: ModelRecord) -> None:
        """A pass without gradients."""
        if self._open is None:  # the modes are those of its first pass
            self._open = EvaluationPhase(self.progress.step, one.line or caller_location())
            dropout, norm = self.models.active_in_training_mode(record)
            self._open.dropout_on, self._open.batch_statistics_on = dropout, norm
        if len(self._open.passes) < _MOST_PASSES:
            self._open.passes.append(one)
        self.samples.evaluated_on(one)

    def never_trained(self, passes: Iterable[ForwardPass]) -> None:
        """Passes with gradients that no backward followed were evaluations, too."""
        passes = list(passes)
        if not passes:  # as in most steps
            return
        trained, by_step = self.models.trained_numbers, dict[int, list[ForwardPass]]()
        for one in passes:
            if one.model in trained:
                by_step.setdefault(one.step, []).append(one)
        for step, group in by_step.items():
            phase = EvaluationPhase(step, group[0].line, group)
            record = self.models.numbered(group[0].model)
            if record is not None and group[0].training:
                dropout, norm = record.active_in_training_mode
                phase.dropout_on, phase.batch_statistics_on = dropout, norm
            self.phases.append(phase)

    def close(self, last: bool = False) -> None:
        """A training pass, or the end of the script, ends the phase."""
        phase, self._open = self._open, None
        if phase is None:
            return
        phase.last = last
        for one in phase.passes:  # or a whole validation set would stay in memory
            one.release_tensors()
        if len(self.phases) < _MOST_PHASES:
            self.phases.append(phase)

    @property
    def newest(self) -> EvaluationPhase | None:
        """The one that goes on, or the last one."""
        return self._open or (self.phases[-1] if self.phases else None)

    def line_printed(self, line: str) -> None:
        """Numbers belong to the evaluation that runs, or has just ended."""
        phase = self._open
        if phase is None and self.phases and self.phases[-1].step == self.progress.step:
            phase = self.phases[-1]
        if phase is not None and len(phase.printed) < _MOST_PRINTED:
            where = caller_location()
            phase.printed += [PrintedNumber(*number, where) for number in numbers_in(line)]

    def _predicted(self, call: TorchCall) -> None:
        if self.progress.in_call or not isinstance(call.args[0], torch.Tensor):
            return
        # max and topk give values and indices
        result = call.result
        index = result if isinstance(result, torch.Tensor) else getattr(result, "indices", None)
        if index is not None:
            self._predictions = [*self._predictions[-_MOST_PREDICTIONS + 1:], index]

    def _compared(self, call: TorchCall) -> None:
        """A comparison of predictions with labels: one number per sample on both sides."""
        one = self.pending.last
        if self.progress.in_call or one is None or not isinstance(call.result, torch.Tensor) \
                or len(call.args) < 2:
            return
        a, b = call.args[0], call.args[1]
        if not isinstance(a, torch.Tensor) or not isinstance(b, torch.Tensor):
            return
        if call.result.numel() != one.samples or a.numel() != b.numel():
            return
        self.compared = True
        if one.with_graph and one in self.pending and one.training:
            return  # the training's own accuracy
        one.hits = int(call.result.sum())
        # pred.eq(y) and y.eq(pred) are both in use
        labels, guessed = (a, b) if any(b is p for p in self._predictions) else (b, a)
        if not labels.is_floating_point() or bool((labels == labels.round()).all()):
            flat = labels.detach().flatten()
            one.labels = flat.cpu().numpy().astype("int64")
            if any(guessed is prediction for prediction in self._predictions):
                one.predictions = guessed.detach().flatten().cpu().numpy().astype("int64")
            self.samples.compared(one, flat.long())
