"""One class for whatever a check, a watched script or a panel finds: `CheckResult`."""

from __future__ import annotations

import dataclasses
import html
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from recipe_widgets.core.errors import RecipeError
from recipe_widgets.core.hooks import service
from recipe_widgets.core.validation import validated

Status = Literal["pass", "warn", "fail", "skip", "note"]
Severity = Literal["error", "warning", "note"]

MARKS: dict[Status, str] = {"fail": "✗", "warn": "!", "note": "i", "pass": "✓", "skip": "–"}
# How bad each status is, the mildest first: a check may not say worse than it declares.
STATUS_ORDER: tuple[Status, ...] = ("skip", "pass", "note", "warn", "fail")
SEVERITY_OF: dict[Status, Severity] = {"fail": "error", "warn": "warning", "note": "note"}
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")  # the worst first


def severity_named(word: str) -> Severity:
    """The severity that a word names: "error", "warning", "note", or a status ("fail", "warn").

    Raises:
        RecipeError: the word names none.
    """
    for status, severity in SEVERITY_OF.items():
        if word in (status, severity):
            return severity
    raise RecipeError("Severity", found=repr(word), expected="one of " + ", ".join(SEVERITIES))


@validated
@dataclass(frozen=True)
class CheckResult:
    """What one rule says about a model, a run or a data set.

    Exact facts may *fail*; thresholds only *warn*; harmless habits are a *note*; what could not be
    looked at is a *skip*.

    Attributes:
        name: the rule that speaks; `recipe explain NAME` tells all about it. Also readable as
            `.rule` and `.check`.
        message: what is the matter, in one sentence.
        measured, expected: the number seen and what a healthy run shows, both in `unit`.
        advice: what to try.
        source: the paper or lecture behind the expectation.
        details: evidence arrays for `.plot()`.
        where: "file:line" of the reader's script; empty where there is none. code: that line.
        silenced: what keeps it out of a report's findings: a comment on its line, or a baseline.
    """

    name: str
    status: Status
    message: str
    measured: object = None
    expected: object = None
    unit: str = ""
    advice: str = ""
    source: str = ""
    details: Mapping[str, Any] = field(default_factory=dict, repr=False)
    where: str = ""
    code: str = ""
    silenced: Literal["", "comment", "baseline"] = ""

    @property
    def rule(self) -> str:
        return self.name

    @property
    def check(self) -> str:
        return self.name

    @property
    def severity(self) -> Severity | None:
        """ "error", "warning" or "note"; None for what passed or could not be looked at."""
        return SEVERITY_OF.get(self.status)

    @property
    def ok(self) -> bool:
        """True unless something needs mending."""
        return self.status in ("pass", "note", "skip")

    @property
    def location(self) -> tuple[str, int]:
        """File and line of `where`; ("", 0) where there is none."""
        file, _, line = self.where.rpartition(":")
        return (file, int(line)) if file and line.isdecimal() else ("", 0)

    @property
    def evidence(self) -> dict[str, Any]:
        """Numbers, unit, details and the line of code, in JSON's own types."""
        known = {
            "measured": self.measured, "expected": self.expected, "unit": self.unit or None,
            **self.details, "code": self.code or None
        }
        return {
            str(key): plain_values(value)
            for key, value in known.items() if value is not None or key in self.details
        }

    def at(self, where: object, code: str = "") -> CheckResult:
        """The same finding with the line of the script that it belongs to."""
        return dataclasses.replace(self, where=str(where or ""), code=code.strip()[:200])

    def as_dict(self) -> dict[str, Any]:
        """One entry of a report's JSON."""
        return {
            "check": self.name, "status": self.status, "severity": self.severity, "message":
            self.message, "evidence": self.evidence, "where": self.where, "advice": self.advice,
            "source": self.source, "silenced": self.silenced
        }

    def numbers(self, measured: str = "measured") -> str:
        """The measured and the expected number in brackets; empty where there are none."""
        unit = f" {self.unit}" if self.unit else ""
        shown = [
            f"{word} {short_number(value)}{unit}"
            for word, value in ((measured, self.measured), ("expected", self.expected))
            if value is not None
        ]
        return f" ({', '.join(shown)})" if shown else ""

    def __str__(self) -> str:
        advice = f" → {self.advice}" if self.advice and not self.ok else ""
        mark = MARKS[self.status]
        return f"{mark} {self.status:4} {self.name}: {self.message}{self.numbers()}{advice}"

    def _repr_html_(self) -> str:
        text = html.escape(f"{self.message}{self.numbers()}")
        advice = f"<br><i>{html.escape(self.advice)}</i>" if self.advice and not self.ok else ""
        source = f"<br><small>{html.escape(self.source)}</small>" if self.source else ""
        head = f"<b>{MARKS[self.status]} {self.status} · {html.escape(self.name)}</b>"
        return f'<div class="recipe-check recipe-{self.status}">{head}<br>{text}{advice}{source}</div>'

    def plot(self) -> Any:
        """The evidence as a picture: `.figure` is matplotlib's, `.alt` the same in words."""
        return service("plot_check")(self)


Finding = CheckResult


def short_number(value: object) -> str:
    """Four digits of a float; anything else as text."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def plain_values(value: Any) -> Any:
    """The same in JSON's own types; NaN, infinities and what JSON does not know as text."""
    if hasattr(value, "tolist"):  # tensors, arrays and numpy's numbers
        value = value.tolist()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return {str(key): plain_values(one) for key, one in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):  # a line of code is text
        return [plain_values(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float) or value is None else str(value)
