"""From a run to findings: every rule of the rulebook gets the evidence that it needs, where the
watcher can build it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from recipe_widgets.core import CheckResult, rng_guard
from recipe_widgets.rules.rulebook import Rule, all_rules
from recipe_widgets.watch.deduplicate import deduplicated
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import (
    READS,
    OutOfTime,
    WatchedRun,
    all_builders,
    cost_of,
)
from recipe_widgets.watch.instrument.guard import error_text
from recipe_widgets.watch.instrument.source_location import SourceLocation, source_text

# Probes after the end of the script may take this share of its time, but two seconds at least, so
# that short scripts are judged, too.
PROBE_SHARE, PROBE_LEAST, PROBE_MOST = 0.1, 2.0, 10.0  # seconds


def probe_budget(seconds: float) -> float:
    """Seconds that probes may take after a script of so many."""
    return min(PROBE_MOST, max(PROBE_LEAST, PROBE_SHARE * seconds))


class Judging:
    """Attributes:
        findings: what is wrong, one a cause. problems: errors of the watcher's own, by rule.
        unjudged: rules for whose probes the time was too short.
        not_looked_at: what a rule would have looked at, were it smaller.
    """

    def __init__(self, records: Recorder, finished: bool = True, own_process: bool = False,
                 budget: float = PROBE_MOST,
                 tell: Callable[[str], object] = lambda _: None) -> None:
        """budget: seconds for probes. tell: hears a line when they begin."""
        self._run = WatchedRun(records, finished, own_process, budget)
        self._budget, self._tell = budget, tell
        # built once, though several rules may need it
        self._evidence: dict[Any, list[tuple[Any, SourceLocation | None]]] = {}
        self._broken: dict[Any, str] = {}  # evidence whose builder failed -> why
        self._cut_short: set[Any] = set()
        self.findings: list[CheckResult] = []
        self.problems: list[str] = []
        self.unjudged: list[str] = []
        self.not_looked_at: list[str] = []

    def run(self, select: Iterable[str] = (), ignore: Iterable[str] = ()) -> list[CheckResult]:
        """select: names of the only rules to judge by; none: all. ignore: rules to leave out."""
        only, never, found = set(select), set(ignore), list[CheckResult]()
        rules = [
            rule for name, rule in all_rules().items()
            if name not in never and (not only or name in only)
        ]
        with rng_guard():  # probes draw random numbers; the script's own stay where they are
            self._build({needs for rule in rules for needs in rule.needs})
            for rule in rules:
                found += self._judge(rule)
        self.problems += dict.fromkeys(self._run.problems)  # several probes fail alike
        self.not_looked_at += dict.fromkeys(self._run.not_looked_at)
        self.findings = deduplicated(found)
        return self.findings

    def _judge(self, rule: Rule[Any]) -> list[CheckResult]:
        """An error in a rule or in a builder is told, and the other rules go on."""
        found, problems = [], dict[str, None]()
        for needs in rule.needs:
            if needs in self._broken:
                problems[self._broken[needs]] = None
            for evidence, line in self._evidence.get(needs, ()):
                try:
                    result = rule(evidence)
                    if result.severity is not None:
                        found.append(_located(result, line))
                except Exception as error:
                    problems[error_text(error)] = None
        self.problems += [f"rule {rule.name} failed: {why}" for why in problems]
        if self._cut_short & set(rule.needs):
            self.unjudged.append(rule.name)
        return found

    def _build(self, needed: set[Any]) -> None:
        """Evidence of all kinds, what is cheap to build first. What a builder has yielded before it
        fails, or before the time is over, counts.
        """
        builders, told = all_builders(), False
        for needs in sorted(needed & set(builders), key=lambda one: (cost_of(one), str(one))):
            if cost_of(needs) > READS and not told:
                self._tell(f"watch: probing model and data, up to {self._budget:.0f} s")
                told = True
            found = self._evidence[needs] = []
            try:
                for one in builders[needs](self._run):
                    found.append(one)
            except OutOfTime:
                self._cut_short.add(needs)
            except Exception as error:
                self._broken[needs] = error_text(error)


def _located(result: CheckResult, line: SourceLocation | None) -> CheckResult:
    """The finding with its line; a rule may have named another one than its evidence has."""
    if result.where:
        file, _, number = result.where.rpartition(":")
        line = SourceLocation(file, int(number))
    return result.at(line, source_text(line)) if line is not None else result
