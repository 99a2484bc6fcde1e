"""The one report of `checks.run_all`, `recipe check` and `recipe watch`: text, HTML and JSON."""

from __future__ import annotations

import dataclasses
import html
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TextIO

import numpy as np

from recipe_widgets.core.errors import RecipeError
from recipe_widgets.core.files import printable, save_file
from recipe_widgets.core.findings import (
    MARKS,
    SEVERITIES,
    CheckResult,
    Severity,
    severity_named,
    short_number,
)
from recipe_widgets.core.hooks import service
from recipe_widgets.core.validation import validated

VERSION = 1  # of the JSON; reporting/report.schema.json says what is in it
_COLOURS = {"error": "\033[31m", "warning": "\033[33m", "note": "\033[36m"}  # of a terminal
_COLOUR_OFF = "\033[0m"
_STYLE = ("body{font:15px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
          "td{padding:.3em .6em;vertical-align:top;border-bottom:1px solid #8884}"
          ".recipe-fail{background:#b332}.recipe-warn{background:#b802}code{background:#8882}")


class FindingsError(RecipeError, AssertionError):
    """A report holds findings that a test does not accept; pytest shows it as a failed assertion."""


@dataclass(frozen=True)
class WatchCosts:
    """Seconds of the watcher's own.

    Attributes:
        start: importing its modules and patching torch. during: while the script ran.
        end: probes and judging after its end.
    """

    start: float = 0.0
    during: float = 0.0
    end: float = 0.0


@dataclass(frozen=True)
class CheckCost:
    """What one check took.

    Attributes:
        seconds: of it alone; what several need counts for the first of them.
        peak: bytes by which the peak memory of the process rose meanwhile; 0: it stayed below.
    """

    seconds: float
    peak: int = 0


@validated
@dataclass
class Report:
    """What was found: iterate over it, print it, show it in a notebook, save it.

    Attributes:
        findings: of checks in the order of the recipe; of a watched script the worst first.
        command: "check" or "watch": a watched script's report says nothing of rules that pass.
        script: path of the watched script. seconds: wall time of its run, or of the checks.
        costs: seconds that watching took.
        steps: optimiser steps seen. problems: parts of the watcher that failed, and why.
        unjudged: rules that time was too short for.
        not_looked_at: what a rule would have looked at, were it smaller.
        check_costs: what each check took, by its name.
        silenced: what was found besides, where a comment or a baseline keeps it out of `findings`.
    """

    findings: Sequence[CheckResult] = ()
    command: Literal["check", "watch"] = "check"
    script: str = ""
    seconds: float = 0.0
    costs: WatchCosts = WatchCosts()
    steps: int = 0
    problems: Sequence[str] = ()
    unjudged: Sequence[str] = ()
    not_looked_at: Sequence[str] = ()
    silenced: Sequence[CheckResult] = ()
    check_costs: Mapping[str, CheckCost] = field(default_factory=dict)

    def __iter__(self) -> Iterator[CheckResult]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __getitem__(self, name: str) -> CheckResult:
        """The finding of one rule by its name.

        Raises:
            RecipeError: no such rule has spoken.
        """
        for finding in self.findings:
            if finding.name == name:
                return finding
        raise RecipeError("Report", found=f"no result {name!r}",
                          expected=", ".join(f.name for f in self.findings) or "no name: it is empty")

    @validated
    def of(self, severity: Severity) -> list[CheckResult]:
        """The findings of exactly this severity."""
        return [f for f in self.findings if f.severity == severity]

    def at_least(self, severity: str) -> list[CheckResult]:
        """The findings of this severity or a worse one; "fail" and "warn" are understood, too."""
        worst_first = SEVERITIES[:SEVERITIES.index(severity_named(severity)) + 1]
        return [f for f in self.findings if f.severity in worst_first]

    @property
    def problem(self) -> str:
        """The first of `problems`; empty where there is none."""
        return next(iter(self.problems), "")

    @property
    def overhead(self) -> float:
        """What the watcher's own code took, as a share of the time of the script itself.

        What the script's own steps lose beside it (caches, memory) cannot be told from inside.
        """
        alone = self.seconds - self.costs.during
        return (self.costs.start + self.costs.during + self.costs.end) / max(1e-9, alone)

    @property
    def ok(self) -> bool:
        """True unless there is an error or a warning."""
        return not self.at_least("warning")

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        return tuple(self.of("error"))

    @property
    def summary(self) -> str:
        """For example "1 fail, 2 warn, 20 pass"; of a script "1 error in train.py (30 steps)"."""
        if self.command == "check":
            counts = [(status, sum(f.status == status for f in self.findings)) for status in MARKS]
            return ", ".join(f"{count} {status}" for status, count in counts if count) or "no checks"
        if not self.steps and not self.findings:
            return f"no training seen in {self.script or 'this code'}"
        numbers = [(severity, len(self.of(severity))) for severity in SEVERITIES]
        found = ", ".join(f"{n} {severity}{'s' if n > 1 else ''}" for severity, n in numbers if n)
        where = f" in {self.script}" if self.script else ""
        silent = "nothing found, but parts of the watcher failed" if self.problems else \
            "nothing suspicious"
        return f"{found or silent}{where} ({self.steps} steps, {self.seconds:.1f} s)"

    @property
    def watching(self) -> list[str]:
        """Lines about the watching itself: what it cost, what was left out, what failed."""
        if self.command == "check":
            return [self._checking] if self.check_costs or self.unjudged else []
        cost = self.costs
        lines = [f"watching took {cost.start:.1f} s to start, {cost.during:.1f} s during the run "
                 f"and {cost.end:.1f} s after it: at least {self.overhead:+.0%}"]
        if self.unjudged:
            lines.append(f"too little time to judge: {', '.join(self.unjudged)}")
        if self.not_looked_at:
            lines.append(f"not looked at: {'; '.join(self.not_looked_at)}")
        return [*lines, *self.problems]

    @property
    def _checking(self) -> str:
        """How long the checks took, the slowest ones, and what was left out."""
        slowest = sorted(self.check_costs.items(), key=lambda item: -item[1].seconds)[:3]
        named = ", ".join(f"{name} {cost.seconds:.1f} s" for name, cost in slowest)
        most = f", most of it {named}" if named else ""
        left_out = f"; left out for time: {', '.join(self.unjudged)}" if self.unjudged else ""
        return f"{self.seconds:.1f} s{most}{left_out}"

    def sort(self) -> None:
        """The worst first; those of one severity stay in their order."""
        order = (*SEVERITIES, None)
        self.findings = sorted(self.findings, key=lambda f: order.index(f.severity))

    def silence(self, by: Literal["comment", "baseline"],
                is_known: Callable[[CheckResult], bool]) -> None:
        """Moves the findings that are known to `silenced`; what passed stays where it is."""
        known = [f for f in self.findings if f.severity and is_known(f)]
        self.findings = [f for f in self.findings if all(f is not one for one in known)]
        self.silenced = [*self.silenced, *(dataclasses.replace(f, silenced=by) for f in known)]

    def raise_for(self, severity: str = "error") -> None:
        """For tests: nothing where nothing this bad, or worse, was found.

        Raises:
            FindingsError: a RecipeError and an AssertionError, whose text lists what was found.
        """
        bad = self.at_least(severity)
        if bad:
            listed = "\n".join(map(self._entry, bad))
            word = "failed" if severity_named(severity) == "error" else "found"
            raise FindingsError("Checks" if self.command == "check" else "Watched training",
                                found=f"{len(bad)} {word}:\n{listed}")

    def raise_for_failures(self) -> None:
        """`raise_for("error")`."""
        self.raise_for("error")

    def log_to(self, target: str) -> None:
        """Tell a program that tracks runs: "tensorboard:FOLDER", "wandb:PROJECT", "mlflow:ADDRESS",
        "trackio:PROJECT".

        Raises:
            RecipeError: there is no such program, it is not installed, or does not take it.
        """
        service("send_alert")(self, target)

    # text

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self, colour: bool = False) -> str:
        """One line a check and the counts; of a watched script two to four lines a finding."""
        entries = [self._entry(f, colour) for f in self.findings]
        if self.silenced:
            known = (f"{f.name}{f' {f.where}' if f.where else ''} ({f.silenced})"
                     for f in self.silenced)
            entries.append(f"silenced: {', '.join(known)}")
        if self.command == "check":
            return "\n".join([*entries, self.summary, *self.watching])
        return "\n".join([f"recipe watch: {self.summary}", *entries, *self.watching])

    def _entry(self, finding: CheckResult, colour: bool = False) -> str:
        if self.command == "check":
            return str(finding)
        severity = finding.severity or finding.status
        on, off = (_COLOURS.get(severity, ""), _COLOUR_OFF) if colour else ("", "")
        where = f"  {finding.where}" if finding.where else ""
        rows = [f"{on}{MARKS[finding.status]} {severity}{off} {finding.name}{where}"]
        if finding.code:
            rows.append(f"    | {finding.code}")
        rows.append(f"    {finding.message}{finding.numbers('seen')}")
        if finding.advice:
            rows.append(f"    → {finding.advice}")
        return "\n".join(rows)

    def show(self, stream: TextIO | None = None) -> None:
        """Print to a stream, standard error by default; in colour where it is a terminal."""
        stream = stream or sys.stderr
        text = self.to_text(colour=stream.isatty())
        print("\n" + printable(text, stream), file=stream, flush=True)

    # JSON and HTML

    def as_dict(self) -> dict[str, Any]:
        return {
            "version": VERSION, "command": self.command, "script": self.script,
            "seconds": self.seconds, "overhead": self.overhead,
            "costs": dataclasses.asdict(self.costs), "steps": self.steps,
            "problem": self.problem, "problems": list(self.problems),
            "unjudged": list(self.unjudged), "not_looked_at": list(self.not_looked_at),
            "findings": [f.as_dict() for f in self.findings],
            "silenced": [f.as_dict() for f in self.silenced],
            "check_costs": {
                name: dataclasses.asdict(cost) for name, cost in self.check_costs.items()
            }
        }

    def to_json(self) -> str:
        """One schema for checks and watched scripts; evidence as plain numbers, texts and lists."""
        return json.dumps(self.as_dict(), indent=2)

    def to_html(self) -> str:
        """A page of its own."""
        return (f'<!DOCTYPE html><html lang="en"><meta charset="utf-8">'
                f"<title>recipe {self.command}</title><style>{_STYLE}</style>"
                f"<body>{self._repr_html_()}</body></html>")

    def _repr_html_(self) -> str:
        rows = "".join(map(_row, self.findings))
        watching = "".join(f"<p>{html.escape(line)}</p>" for line in self.watching)
        return (f'<table class="recipe-report"><caption>{html.escape(self.summary)}</caption>'
                f"<thead><tr><th></th><th>check</th><th>finding</th><th>evidence</th></tr></thead>"
                f"<tbody>{rows}</tbody></table>{watching}")

    @validated
    def save(self, path: Path, form: Literal["json", "html"]) -> None:
        """Write the report as a file.

        Raises:
            RecipeError: the file cannot be written.
        """
        save_file(path, self.to_json() + "\n" if form == "json" else self.to_html(), f"--{form}")


def _row(finding: CheckResult) -> str:
    """One row of the table: mark, rule, message with code and advice, numbers with a small plot."""
    mild = finding.status in ("pass", "skip")
    parts = [
        f"<br><small>{html.escape(finding.where)}</small>" if finding.where else "",
        f"<br><code>{html.escape(finding.code)}</code>" if finding.code else "",
        f"<br><i>{html.escape(finding.advice)}</i>" if finding.advice and not mild else "",
    ]
    measured, expected = (
        "" if value is None else html.escape(short_number(value))
        for value in (finding.measured, finding.expected))
    numbers = measured + (f" (expected {expected})" if finding.expected is not None else "")
    status = finding.status
    return (f'<tr class="recipe-{status}"><td title="{status}">{MARKS[status]}</td>'
            f"<td>{html.escape(finding.name)}</td>"
            f"<td>{html.escape(finding.message)}{''.join(parts)}</td>"
            f"<td>{numbers}{_sparkline(finding)}</td></tr>")


def _sparkline(finding: CheckResult) -> str:
    """A small picture, as SVG, of the first series of numbers in the details."""
    for value in finding.details.values():
        numbers = _series(value)
        if len(numbers) < 3:
            continue
        low, span = numbers.min(), max(float(np.ptp(numbers)), 1e-12)
        every = -(-len(numbers) // 120)  # 60 units of width hold no more points than these
        points = " ".join(f"{60 * i / (len(numbers) - 1):.1f},"
                          f"{15 - 14 * (numbers[i] - low) / span:.1f}"
                          for i in range(0, len(numbers), every))
        label = f"{len(numbers)} numbers from {numbers[0]:.3g} to {numbers[-1]:.3g}"
        return (f'<br><svg width="60" height="16" role="img" aria-label="{label}">'
                f'<polyline points="{points}" fill="none" stroke="currentColor"/></svg>')
    return ""


def _series(value: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(n,) the finite numbers of a list, an array or a dict's values; empty for anything else."""
    values = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(values, list | np.ndarray) or not all(
            isinstance(one, int | float) for one in values):
        return np.zeros(0)
    numbers: np.ndarray[Any, np.dtype[np.float64]] = np.asarray(values, dtype=np.float64)
    finite: np.ndarray[Any, np.dtype[np.float64]] = numbers[np.isfinite(numbers)]
    return finite
