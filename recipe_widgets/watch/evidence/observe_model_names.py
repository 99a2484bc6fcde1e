"""Under which names the script holds a model that it calls."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import nn

from recipe_widgets.rules.target_network import SharedTarget
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location

_FRAMES, _MOST_NAMES = 12, 500  # that are looked through
_FEWEST_LOOKS, _LOOK_SHARE = 3, 0.5  # an evaluation now and then is something else


class ModelNames(Observer):
    """Attributes:
        names: number of a model -> the names that one object, or the variables of one function,
            have for it. looks: steps that were looked at.
        without_graph: number -> (steps at which it was called under no_grad between training
            passes, line).
    """

    def __init__(self, records: Any) -> None:
        super().__init__(records)
        self.names: dict[int, set[str]] = {}
        self.looks: set[int] = set()
        self.without_graph: dict[int, tuple[set[int], SourceLocation | None]] = {}

    def before_forward(self, model: nn.Module) -> None:
        progress = self.records.progress
        if not progress.full or progress.model is None:
            return
        self.looks.add(progress.step)
        if torch.is_grad_enabled():
            return
        record = self.records.models.of(model)
        if record is None:
            return
        steps, _ = self.without_graph.setdefault(record.number, (set(), caller_location()))
        steps.add(progress.step)
        frame = sys._getframe(1)
        for _ in range(_FRAMES):
            for space in (vars(owner) if hasattr(owner := frame.f_locals.get("self"), "__dict__")
                          else {}, frame.f_locals):
                names = {name for name, value in list(space.items())[:_MOST_NAMES]
                         if value is model and name != "self"}
                if isinstance(space.get("_modules"), dict):
                    names |= {name for name, value in space["_modules"].items() if value is model}
                if len(names) > 1:
                    self.names.setdefault(record.number, set()).update(names)
            if frame.f_back is None:
                break
            frame = frame.f_back


@builds(SharedTarget)
def shared_targets(run: WatchedRun) -> Built:
    seen = run.observer(ModelNames)
    for record in run.records.models.trained:
        steps, line = seen.without_graph.get(record.number, (set(), None))
        fewest = max(_FEWEST_LOOKS, _LOOK_SHARE * len(seen.looks))
        if len(steps) >= fewest and record.number in seen.names:
            yield SharedTarget(sorted(seen.names[record.number])), line
