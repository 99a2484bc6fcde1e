"""The close look: sees every torch call of the script while it is open. It only reads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch.overrides import TorchFunctionMode

from recipe_widgets.watch.instrument.guard import Guard
from recipe_widgets.watch.instrument.tracing import is_readable

_CALLS_TO_MEASURE = 1000


class TorchCall(NamedTuple):
    """One call of a function of torch that has returned."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        """An argument that may be given by its position or by its name."""
        given = self.args[position] if len(self.args) > position else default
        return self.kwargs.get(name, given)


CallHandler = Callable[[TorchCall], None]


def _pop_all_modes() -> list[Any]:
    """Takes all modes off the stack; the lowest comes first."""
    return [
        torch._C._pop_torch_function_stack() for _ in range(torch._C._len_torch_function_stack())
    ][::-1]


def _push_modes(modes: list[Any]) -> None:
    for mode in modes:
        torch._C._push_on_torch_function_stack(mode)


class TorchCallMonitor(TorchFunctionMode):
    """A torch function mode, as calls like `F.cross_entropy` or `x.view` cannot be patched one by
    one: scripts hold them under names of their own.

    It lies low in the stack of modes, so that modes of the script come and go above it.
    """

    def __init__(self, guard: Guard, handlers: Mapping[Any, CallHandler],
                 on_any_call: Callable[[Any, dict[str, Any]], None]) -> None:
        """handlers: called after the torch function they stand under. on_any_call: after each."""
        super().__init__()
        self._guard, self._handlers, self._on_any_call = guard, handlers, on_any_call
        self.is_open = False
        self.calls = 0

    def open(self) -> None:
        if self.is_open:
            return
        stack = _pop_all_modes()
        # The mode of set_default_device insists on being the lowest; `with torch.device` takes the
        # uppermost away.
        default_device = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
        index = 1 if stack and stack[0] is default_device else 0
        _push_modes([*stack[:index], self, *stack[index:]])
        self.is_open = True

    def close(self) -> None:
        if not self.is_open:
            return
        stack = _pop_all_modes()
        _push_modes([mode for mode in stack if mode is not self])
        # While one of our own handlers runs, torch has set us aside and brings us back: then a
        # later close() does it.
        self.is_open = all(mode is not self for mode in stack)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.calls += 1
        guard = self._guard
        if guard.active and not guard.busy and not guard.aside and (
                not isinstance(result, torch.Tensor) or is_readable(result)):
            handler = self._handlers.get(func)
            if handler is not None:
                guard(handler, TorchCall(func, args, kwargs or {}, result))
            self._on_any_call(args, kwargs or {})
        return result


def seconds_per_call() -> float:
    """What a torch call costs while a monitor is open that hands it to nobody: measured."""
    x, monitor = torch.zeros(1), TorchCallMonitor(Guard(), {}, lambda *_: None)
    times = []
    for is_open in (False, True):
        if is_open:
            monitor.open()
        start = time.perf_counter()
        for _ in range(_CALLS_TO_MEASURE):
            x.dim()
        times.append(time.perf_counter() - start)
    monitor.close()
    return max(0.0, times[1] - times[0]) / _CALLS_TO_MEASURE
