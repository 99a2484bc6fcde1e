"""Hands every event to all who listen, so that an error in one of them reaches no other."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from recipe_widgets.watch.instrument.events import EventHandler
from recipe_widgets.watch.instrument.guard import Guard
from recipe_widgets.watch.instrument.progress import WatchProgress
from recipe_widgets.watch.instrument.torch_call_monitor import TorchCallMonitor


class EventRouter(EventHandler):
    """The handler that the patches tell. `handlers`: in the order in which they hear of an event;
    what the first one returns is the answer.
    """

    def __init__(self, guard: Guard, progress: WatchProgress, monitor: TorchCallMonitor,
                 handlers: Iterable[EventHandler]) -> None:
        self.guard, self.progress, self.monitor = guard, progress, monitor
        # only those who do something: most events concern one or two
        self._listeners: dict[str, list[Callable[..., Any]]] = {
            name: [getattr(one, name) for one in handlers if _does_something(one, name)]
            for name in event_names()
        }

    def forget(self) -> None:
        """Nobody listens any more."""
        for listeners in self._listeners.values():
            listeners.clear()
        self.progress = WatchProgress()
        self.monitor = TorchCallMonitor(self.guard, {}, lambda *_: None)

    def _tell(self, event: str, *arguments: Any) -> Any:
        guard, first = self.guard, None
        failed = guard.has_failures
        for listener in self._listeners[event]:
            if failed and guard.is_off(listener, arguments):
                continue
            try:  # here, and no call for each: some fifty listeners hear of every training step
                answer = listener(*arguments)
            except Exception as error:
                guard.failed(listener, arguments, error)
                continue
            if first is None:
                first = answer
        return first


def event_names() -> list[str]:
    """The names of all events."""
    return [
        name for name, member in vars(EventHandler).items()
        if inspect.isfunction(member) and not name.startswith("_") and name != "torch_calls"
    ]


def _does_something(handler: EventHandler, name: str) -> bool:
    return getattr(type(handler), name) is not getattr(EventHandler, name)


def _routed(name: str) -> Callable[..., Any]:
    def tell(self: EventRouter, *arguments: Any) -> Any:
        return self._tell(name, *arguments)

    tell.__name__ = name
    return tell


for _name in event_names():
    setattr(EventRouter, _name, _routed(_name))
