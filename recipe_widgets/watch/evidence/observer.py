"""What an observer is, and how to find all of them.

An observer follows one thing through a run, from the events it needs. It stands in a file
`observe_*.py` of this folder, which is found by itself:

    class WeightAverages(Observer):
        \"\"\"Copies of a model that follow it.\"\"\"

        def after_step(self, optimizer: torch.optim.Optimizer) -> None:
            if self.records.progress.full:
                ...

    @builds(AveragedCopy)
    def averaged_copies(run: WatchedRun) -> Built:
        for copy in run.observer(WeightAverages).copies:
            yield AveragedCopy(...), copy.line

An error in an observer is told in the report; everything else goes on.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil

from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.instrument.events import EventHandler


class Observer(EventHandler):
    """Attributes:
        records: of the run; the recorder has heard of an event before any observer does.
    """

    def __init__(self, records: Recorder) -> None:
        self.records = records
        self.guard, self.progress = records.guard, records.progress


@functools.cache
def all_observers() -> tuple[type[Observer], ...]:
    """The observers of all files `observe_*.py` of this folder."""
    package = importlib.import_module(__package__)
    for file in pkgutil.iter_modules(package.__path__):
        if file.name.startswith("observe_"):
            importlib.import_module(f"{__package__}.{file.name}")
    return tuple(sorted(Observer.__subclasses__(), key=lambda one: one.__name__))
