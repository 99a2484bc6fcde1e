"""Watches training: around code in a `with` block, or from the first line of a script to its end.
"""

from __future__ import annotations

import contextlib
import linecache
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

from recipe_widgets.core.findings import Finding as Finding
from recipe_widgets.core.report import Report as Report
from recipe_widgets.core.report import WatchCosts
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.reporting.ignore_comments import silence_commented
from recipe_widgets.reporting.script_lines import located_from
from recipe_widgets.rules.rulebook import known_rules
from recipe_widgets.watch.anomaly import AnomalyWatch, raise_anomaly
from recipe_widgets.watch.evidence.observer import all_observers
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.instrument.call_patches import CallPatches
from recipe_widgets.watch.instrument.guard import error_text
from recipe_widgets.watch.judging import Judging, probe_budget


class WatchSession:
    """Watches from `begin()` to `end()`; then `report` is filled.

    Args:
        script: path of the script, for the report. steps: watching ends after so many.
        own_process: nothing else runs in this process, so that data sets may be read once more.
        select: names of the only rules to judge by; none: all. ignore: rules to leave out.
        raise_on, on_anomaly: as of `watch`.
    """

    @validated
    def __init__(self, script: str = "", steps: Annotated[int | None, whole(1)] = None,
                 own_process: bool = False, select: Sequence[str] = (), ignore: Sequence[str] = (),
                 raise_on: str | None = None,
                 on_anomaly: Callable[[Finding], object] | None = None) -> None:
        self.select, self.ignore = known_rules(select), known_rules(ignore)
        self.report = Report(command="watch", script=script)
        self.recorder = Recorder(steps, all_observers())
        self.patches, self.own_process = CallPatches(self.recorder.router), own_process
        self._folder = os.getcwd()  # files are named from here, wherever the script goes
        self._anomalies = AnomalyWatch(self.recorder, on_anomaly or raise_anomaly,
                                       raise_on or "warning", self.select, self.ignore)
        self._early = bool(raise_on or on_anomaly)
        self._start_seconds, self._began = 0.0, time.perf_counter()

    def begin(self, imported_since: float | None = None) -> Report:
        """imported_since: time.perf_counter() before the watcher's own modules were imported."""
        began = time.perf_counter() if imported_since is None else imported_since
        linecache.checkcache()  # files may have changed since this process last ran them
        self.patches.install()
        if self._early:
            self._anomalies.install()
        self._began = time.perf_counter()
        self._start_seconds = self._began - began
        return self.report

    def end(self, finished: bool = True) -> Report:
        """Puts torch back and judges; never raises. finished: did the script come to its end?"""
        recorder, report = self.recorder, self.report
        guard = recorder.guard
        ended = time.perf_counter()
        report.seconds = ended - self._began
        problems = []
        self._anomalies.remove()
        try:
            guard(recorder.router.script_ended)
            guard.active = False  # from here on: our own probes call torch, too
            recorder.monitor.close()
            self.patches.remove()
            judging = Judging(recorder, finished, self.own_process, probe_budget(report.seconds),
                              self._tell)
            with warnings.catch_warnings():  # of copies of the models
                warnings.simplefilter("ignore")
                found = judging.run(self.select, self.ignore)
            report.findings = [located_from(self._folder, one) for one in found]
            report.sort()
            problems, report.unjudged = judging.problems, judging.unjudged
            report.not_looked_at = judging.not_looked_at
            silence_commented(report, self._folder)
        except Exception as error:
            problems.append(error_text(error))
        report.steps = recorder.progress.step
        report.problems = [*guard.problems, *problems]
        during = guard.seconds + recorder.monitor_seconds
        recorder.forget()  # or the report would hold the script's models and data
        report.costs = WatchCosts(self._start_seconds, during,
                                  time.perf_counter() - ended)
        return report

    def _tell(self, line: str) -> None:
        if self.own_process:
            print(line, file=sys.stderr, flush=True)


@validated
@contextlib.contextmanager
def watch(steps: Annotated[int | None, whole(1)] = None, show: bool = False,
          select: Sequence[str] = (), ignore: Sequence[str] = (), raise_on: str | None = None,
          on_anomaly: Callable[[Finding], object] | None = None) -> Iterator[Report]:
    """Watches the training inside a `with` block; the report is filled when the block ends.

    Args:
        steps: stop watching after so many optimiser steps. show: print the report at the end.
        select: names of the only rules to judge by; none: all. ignore: rules to leave out.
        raise_on: "error", "warning" or "note": a finding this bad, or worse, that shows while the
            code runs (a loss or gradient that is not finite, and what `watch.anomaly.EARLY_RULES`
            prove) is raised as an `AnomalyError` at that step.
        on_anomaly: called with each such finding instead, once.

    Numbers, random generators and modes of the code inside stay as they are.

    Raises:
        RecipeError: there is no such rule or severity.
        AnomalyError: as `raise_on` says.
    """
    session = WatchSession("", steps, select=select, ignore=ignore, raise_on=raise_on,
                           on_anomaly=on_anomaly)
    report, finished = session.begin(), False
    try:
        yield report
        finished = True
    finally:
        session.end(finished)
        if show:
            report.show(sys.stdout)
