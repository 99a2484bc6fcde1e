"""Findings as annotations of GitHub Actions: lines that its runner shows beside the code.

Format: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import os

from recipe_widgets.core.findings import CheckResult, Severity
from recipe_widgets.core.report import Report
from recipe_widgets.reporting.script_lines import from_checkout

COMMANDS: dict[Severity, str] = {"error": "error", "warning": "warning", "note": "notice"}


def in_github_actions() -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true"


def github_annotations(report: Report, folder: str) -> str:
    """One line a finding; folder: files of the report are named from here."""
    return "".join(_line(one, folder) + "\n" for one in report if one.severity)


def _line(finding: CheckResult, folder: str) -> str:
    severity = finding.severity
    assert severity is not None
    file, line = finding.location
    properties = {"title": f"recipe: {finding.name}"}
    if file:
        properties = {"file": from_checkout(folder, file), "line": str(line), **properties}
    said = ",".join(f"{name}={_escaped(text, ':,')}" for name, text in properties.items())
    advice = f"\n→ {finding.advice}" if finding.advice else ""
    message = _escaped(f"{finding.message}{finding.numbers('seen')}{advice}")
    return f"::{COMMANDS[severity]} {said}::{message}"


def _escaped(text: str, besides: str = "") -> str:
    """The percent sign first: it begins what the others become."""
    for character in "%\r\n" + besides:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
