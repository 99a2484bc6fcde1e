"""From a run to findings: every rule of the rulebook gets the evidence that it needs, where the
watcher can build it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from recipe_widgets.core import CheckResult, rng_guard
from recipe_widgets.rules.rulebook import Rule, all_rules
from recipe_widgets.watch.deduplicate import deduplicated
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import WatchedRun, all_builders
from recipe_widgets.watch.instrument.source_location import SourceLocation, source_text

PROBE_SECONDS = 20.0  # after the end of the script; then no further probe begins


class Judging:
    """Attributes:
        findings: what is wrong, one a cause. problems: errors of the watcher's own, by rule.
    """

    def __init__(self, records: Recorder, finished: bool = True, own_process: bool = False) -> None:
        self._run = WatchedRun(records, finished, own_process, time.monotonic() + PROBE_SECONDS)
        # built once, though several rules may need it
        self._evidence: dict[Any, list[tuple[Any, SourceLocation | None]]] = {}
        self.findings: list[CheckResult] = []
        self.problems: list[str] = []

    def run(self, select: Iterable[str] = (), ignore: Iterable[str] = ()) -> list[CheckResult]:
        """select: names of the only rules to judge by; none: all. ignore: rules to leave out."""
        only, never, found = set(select), set(ignore), list[CheckResult]()
        with rng_guard():  # probes draw random numbers; the script's own stay where they are
            for name, rule in all_rules().items():
                if name not in never and (not only or name in only):
                    found += self._judge(rule)
        self.findings = deduplicated(found)
        return self.findings

    def _judge(self, rule: Rule[Any]) -> list[CheckResult]:
        """An error in a rule or in a builder is told, and the other rules go on."""
        found = []
        for needs in rule.needs:
            try:
                for evidence, line in self._evidence_of(needs):
                    result = rule(evidence)
                    if result.severity is not None:
                        found.append(_located(result, line))
            except Exception as error:
                self.problems.append(f"{rule.name}: {type(error).__name__}: {error}")
        return found

    def _evidence_of(self, needs: Any) -> list[tuple[Any, SourceLocation | None]]:
        if needs not in self._evidence:
            builder = all_builders().get(needs)
            self._evidence[needs] = list(builder(self._run)) if builder is not None else []
        return self._evidence[needs]


def _located(result: CheckResult, line: SourceLocation | None) -> CheckResult:
    """The finding with its line; a rule may have named another one than its evidence has."""
    if result.where:
        file, _, number = result.where.rpartition(":")
        line = SourceLocation(file, int(number))
    return result.at(line, source_text(line)) if line is not None else result
