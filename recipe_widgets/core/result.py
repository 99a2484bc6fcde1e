"""What a check says."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from recipe_widgets.core.arguments import checked_fields
from recipe_widgets.core.hooks import service

Status = Literal["pass", "warn", "fail", "skip", "note"]
_MARKS: dict[Status, str] = {"pass": "✓", "warn": "!", "fail": "✗", "skip": "–", "note": "i"}


@checked_fields()
@dataclass(frozen=True)
class CheckResult:
    """One finding.

    Exact facts may *fail*; thresholds only *warn*; harmless habits are a *note*; what could not be
    looked at is a *skip*.

    Attributes:
        measured, expected: the number seen and what a healthy run shows, both in `unit`.
        message: what is the matter, in one sentence. `advice`: what to try.
        source: the paper or lecture behind the expectation.
        details: evidence arrays for `.plot()`.
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

    @property
    def ok(self) -> bool:
        """True unless something needs mending."""
        return self.status in ("pass", "note", "skip")

    def __str__(self) -> str:
        numbers = _numbers(self)
        advice = f" → {self.advice}" if self.advice and not self.ok else ""
        return f"{_MARKS[self.status]} {self.status:4} {self.name}: {self.message}{numbers}{advice}"

    def _repr_html_(self) -> str:
        text = html.escape(f"{self.message}{_numbers(self)}")
        advice = f"<br><i>{html.escape(self.advice)}</i>" if self.advice and not self.ok else ""
        source = f"<br><small>{html.escape(self.source)}</small>" if self.source else ""
        head = f"<b>{_MARKS[self.status]} {self.status} · {html.escape(self.name)}</b>"
        return f'<div class="recipe-check recipe-{self.status}">{head}<br>{text}{advice}{source}</div>'

    def plot(self) -> Any:
        """The evidence as a picture: `.figure` is matplotlib's, `.alt` the same in words."""
        return service("plot_check")(self)


def _numbers(result: CheckResult) -> str:
    shown = [
        f"{word} {_short(value)}{' ' + result.unit if result.unit else ''}"
        for word, value in (("measured", result.measured), ("expected", result.expected))
        if value is not None
    ]
    return f" ({', '.join(shown)})" if shown else ""


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
