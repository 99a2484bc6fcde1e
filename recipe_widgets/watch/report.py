"""What the watcher says: findings with the line they belong to; as text, JSON and HTML."""

from __future__ import annotations

import html
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TextIO

from recipe_widgets.core import CheckResult
from recipe_widgets.core.arguments import checked
from recipe_widgets.core.files import printable, put
from recipe_widgets.watch.instrument.source_location import text

Severity = Literal["error", "warning", "note"]
_SEVERITY: dict[str, Severity] = {"fail": "error", "warn": "warning", "note": "note"}
_ORDER = {"error": 0, "warning": 1, "note": 2}
_COLOURS = {"error": "\033[31m", "warning": "\033[33m", "note": "\033[36m"}
_MARKS = {"error": "✗", "warning": "!", "note": "i"}


@dataclass(frozen=True)
class Finding:
    """One cause. where: "file:line" of the script, or empty. evidence: numbers that JSON can
    hold.
    """

    check: str
    severity: Severity
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""
    advice: str = ""
    source: str = ""

    @classmethod
    @checked()
    def of(cls, result: CheckResult, at: Any = None) -> Finding:
        evidence = {
            key: _plain(value)
            for key, value in (("measured", result.measured), ("expected", result.expected))
            if value is not None
        }
        if result.unit:
            evidence["unit"] = result.unit
        evidence.update({key: _plain(value) for key, value in result.details.items()})
        if at is not None and text(at).strip():
            evidence["code"] = text(at).strip()[:200]
        return cls(result.name, _SEVERITY[result.status], result.message, evidence,
                   str(at) if at else "", result.advice, result.source)

    def as_dict(self) -> dict[str, Any]:
        return {
            "check": self.check, "severity": self.severity, "message": self.message, "evidence":
            dict(self.evidence), "where": self.where, "advice": self.advice, "source": self.source
        }


@dataclass
class Report:
    """Findings of one run, the worst first. Iterate over it, print it, or show it in a notebook.

    Attributes:
        script: its path. seconds: wall time of the run. overhead: share of it that watching took,
            as measured inside.
        steps: optimiser steps seen. problem: why the watcher let go; empty when it did not.
    """

    script: str = ""
    seconds: float = 0.0
    overhead: float = 0.0
    steps: int = 0
    findings: list[Finding] = field(default_factory=list)
    problem: str = ""

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    @checked()
    def of(self, severity: Severity) -> list[Finding]:
        return [f for f in self.findings if f.severity == severity]

    @property
    def ok(self) -> bool:
        """True unless there is an error or a warning."""
        return not self.of("error") and not self.of("warning")

    def sort(self) -> None:
        self.findings.sort(key=lambda f: _ORDER[f.severity])

    def as_dict(self) -> dict[str, Any]:
        return {
            "script": self.script, "seconds": self.seconds, "overhead": self.overhead, "steps":
            self.steps, "problem": self.problem, "findings": [f.as_dict() for f in self.findings]
        }

    def to_json(self) -> str:
        return json.dumps(self.as_dict(), indent=2)

    @checked()
    def raise_for(self, severity: Severity = "error") -> None:
        """An AssertionError when something this bad, or worse, was found: for tests."""
        bad = [f for f in self.findings if _ORDER[f.severity] <= _ORDER[severity]]
        if bad:
            raise AssertionError("\n" + "\n".join(_lines(f) for f in bad))

    def __str__(self) -> str:
        return self.to_text(colour=False)

    def to_text(self, colour: bool = False) -> str:
        """Short: each finding in two to four lines."""
        head = f"recipe watch: {self._summary()}"
        parts = [head] + [_lines(f, colour) for f in self.findings]
        if self.problem:
            parts.append(f"The watcher let go after an error of its own: {self.problem}")
        return "\n".join(parts)

    def _summary(self) -> str:
        if not self.steps and not self.findings:
            return f"no training seen in {self.script or 'this code'}"
        counts = [f"{len(self.of(s))} {s}{'s' if len(self.of(s)) > 1 else ''}"
                  for s in ("error", "warning", "note") if self.of(s)]
        where = f" in {self.script}" if self.script else ""
        return f"{', '.join(counts) or 'nothing suspicious'}{where} ({self.steps} steps, {self.seconds:.1f} s)"

    def to_html(self) -> str:
        """A page of its own."""
        return (
            "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>recipe watch</title><style>"
            "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
            "section{border-left:.3em solid #888;padding:.2em 1em;margin:1em 0}.error{border-color:#b33}"
            ".warning{border-color:#b80}.note{border-color:#38a}code{background:#8882}</style><body>"
            f"{self._repr_html_()}</body></html>")

    def _repr_html_(self) -> str:
        parts = [f"<h3>recipe watch: {html.escape(self._summary())}</h3>"]
        for f in self.findings:
            code = f.evidence.get("code", "")
            parts.append(
                f'<section class="{f.severity}"><b>{_MARKS[f.severity]} {f.severity} · {html.escape(f.check)}</b> '
                f"<small>{html.escape(f.where)}</small><br>{html.escape(f.message)}{html.escape(_numbers(f))}"
                + (f"<br><code>{html.escape(str(code))}</code>" if code else "") +
                (f"<br><i>{html.escape(f.advice)}</i>" if f.advice else "") + "</section>")
        if self.problem:
            parts.append(f"<p>The watcher let go: {html.escape(self.problem)}</p>")
        return "".join(parts)

    def show(self, stream: TextIO | None = None) -> None:
        stream = stream or sys.stderr
        print("\n" + printable(self.to_text(colour=stream.isatty()), stream), file=stream,
              flush=True)

    @checked()
    def save(self, path: Path, form: Literal["json", "html"]) -> None:
        """Raises: RecipeError when the file cannot be written."""
        put(path, self.to_json() + "\n" if form == "json" else self.to_html(), f"--{form}")


def _lines(f: Finding, colour: bool = False) -> str:
    on, off = (_COLOURS[f.severity], "\033[0m") if colour else ("", "")
    rows = [
        f"{on}{_MARKS[f.severity]} {f.severity}{off} {f.check}" +
        (f"  {f.where}" if f.where else "")
    ]
    if f.evidence.get("code"):
        rows.append(f"    | {f.evidence['code']}")
    rows.append(f"    {f.message}{_numbers(f)}")
    if f.advice:
        rows.append(f"    → {f.advice}")
    return "\n".join(rows)


def _numbers(f: Finding) -> str:
    unit = f" {f.evidence['unit']}" if f.evidence.get("unit") else ""
    shown = [
        f"{word} {_short(f.evidence[key])}{unit}" for word, key in (("seen", "measured"),
                                                                    ("expected", "expected"))
        if f.evidence.get(key) is not None
    ]
    return f" ({', '.join(shown)})" if shown else ""


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """Numbers, text, lists and dicts of them; anything else as text. Long lists are cut."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if hasattr(value, "_fields"):  # a place
        return str(value)
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value[:50]]
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in list(value.items())[:50]}
    return value if isinstance(value, (int, str, bool)) or value is None else str(value)
