"""States that recurrent layers begin in, where they are drawn for the call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from recipe_widgets.rules.random_states import InitialStates
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.tensor_notes import TensorNotes
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_MOST_HELD = 200
_LAYERS = {torch.lstm: "LSTM", torch.gru: "GRU", torch.rnn_tanh: "RNN", torch.rnn_relu: "RNN"}
_CELLS = {torch.lstm_cell: "LSTMCell", torch.gru_cell: "GRUCell", torch.rnn_tanh_cell: "RNNCell"}


@dataclass
class _States:
    layer: str
    calls: int = 0
    drawn: int = 0
    in_evaluation: int = 0


class RecurrentStates(Observer):
    """found: line -> calls of recurrent layers that are handed a state."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.found: dict[SourceLocation | None, _States] = {}
        self._drawn = TensorNotes[bool]()

    def torch_calls(self) -> dict[Any, CallHandler]:
        tensor: Any = torch.Tensor
        draws = (
            torch.randn,
            torch.rand,
            torch.randn_like,
            torch.rand_like,
            torch.normal,
            tensor.normal_,
            tensor.uniform_,
        )
        moves = (tensor.to, tensor.cuda, tensor.float, tensor.mul, tensor.unsqueeze)
        return {
            **dict.fromkeys(draws, self._draw),
            **dict.fromkeys(moves, self._moved),
            **dict.fromkeys((*_LAYERS, *_CELLS), self._recurrent),
        }

    def before_forward(self, model: torch.nn.Module) -> None:
        if len(self._drawn) > _MOST_HELD:
            self._drawn.clear()

    def tensor_initialised(self, tensor: Any) -> None:
        if not isinstance(tensor, torch.nn.Parameter):
            self._drawn[tensor] = True

    def _draw(self, call: TorchCall) -> None:
        if not isinstance(call.result, torch.nn.Parameter):
            self._drawn[call.result] = True

    def _moved(self, call: TorchCall) -> None:
        if self._drawn.of(call.args[0]):
            self._drawn[call.result] = True

    def _recurrent(self, call: TorchCall) -> None:
        args = call.args
        packed = call.function in _LAYERS and isinstance(args[3], (list, tuple))
        state = args[2] if packed else args[1]
        first = state[0] if isinstance(state, (list, tuple)) else state
        name = _LAYERS.get(call.function) or _CELLS[call.function]
        seen = self.found.setdefault(caller_location(), _States(name))
        seen.calls += 1
        if self._drawn.of(first):
            seen.drawn += 1
            seen.in_evaluation += not torch.is_grad_enabled()


@builds(InitialStates)
def initial_states(run: WatchedRun) -> Built:
    for line, one in run.observer(RecurrentStates).found.items():
        yield (
            InitialStates(one.layer, one.calls, one.drawn, one.in_evaluation, run.several_models),
            line,
        )
