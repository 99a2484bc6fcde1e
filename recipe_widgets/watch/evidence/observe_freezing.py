"""Parameters that are frozen, and thawed again before any model is called."""

from __future__ import annotations

from torch import nn

from recipe_widgets.rules.frozen import UndoneFreezing
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location

Line = SourceLocation | None


class Freezings(Observer):
    """No call tells that p.requires_grad was set; but whoever sets it lists the parameters before.

    found: line that froze -> what is known of it. thawed_at: line that froze -> line that undid it.
    """

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.found: dict[Line, UndoneFreezing] = {}
        self.thawed_at: dict[Line, Line] = {}
        self._last_listing: Line = None
        self._called_since = True  # was a model called after the last listing?
        # id of a parameter -> (listing before it was frozen, listing that found it so)
        self._frozen: dict[int, tuple[Line, Line]] = {}
        self._in_effect: set[int] = set()  # ids of those that were frozen while a model was called

    def parameters_listed(self, module: nn.Module) -> None:
        if self.progress.in_call or self.progress.in_backward:
            return
        line, called = caller_location(), self._called_since
        self._called_since = False
        for layer in module.modules():
            for parameter in layer._parameters.values():
                key = id(parameter)
                if parameter is None or parameter.requires_grad:
                    self._in_effect.discard(key)
                elif called:
                    self._in_effect.add(key)
                elif key not in self._in_effect:
                    self._frozen.setdefault(key, (self._last_listing, line))
        self._last_listing = line

    def before_forward(self, model: nn.Module) -> None:
        self._called_since = True
        if not self._frozen:
            return
        parameters = list(model.parameters())
        thawed = [
            self._frozen[id(p)] for p in parameters if id(p) in self._frozen and p.requires_grad
        ]
        if thawed and all(p.requires_grad for p in parameters):
            frozen_at, thawed_at = thawed[-1]
            self.found.setdefault(frozen_at, UndoneFreezing(len(thawed), str(frozen_at)))
            self.thawed_at[frozen_at] = thawed_at
        self._frozen.clear()


@builds(UndoneFreezing)
def undone_freezings(run: WatchedRun) -> Built:
    seen = run.observer(Freezings)
    for line, found in seen.found.items():
        yield found, seen.thawed_at[line]
