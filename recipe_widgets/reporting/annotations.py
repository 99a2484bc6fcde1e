"""Findings as annotations of GitHub Actions: lines that its runner shows beside the code.

Format: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import os

from recipe_widgets.core.findings import CheckResult, Severity
from recipe_widgets.core.report import Report

COMMANDS: dict[Severity, str] = {"error": "error", "warning": "warning", "note": "notice"}


def in_github_actions() -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true"


def annotations(report: Report, folder: str) -> str:
    """One line a finding; folder: files of the report are named from here."""
    return "".join(_line(one, folder) + "\n" for one in report if one.severity)


def _line(finding: CheckResult, folder: str) -> str:
    severity = finding.severity
    assert severity is not None
    file, line = finding.location
    properties = {"title": f"recipe: {finding.name}"}
    if file:
        properties = {"file": _from_checkout(file, folder), "line": str(line), **properties}
    said = ",".join(f"{name}={_escaped(text, ':,')}" for name, text in properties.items())
    advice = f"\n→ {finding.advice}" if finding.advice else ""
    message = _escaped(f"{finding.message}{finding.numbers('seen')}{advice}")
    return f"::{COMMANDS[severity]} {said}::{message}"


def _from_checkout(file: str, folder: str) -> str:
    """A path as the runner wants it: from the root of the repository, with slashes."""
    root = os.environ.get("GITHUB_WORKSPACE") or folder
    path = os.path.join(folder, file)
    inside = path.startswith(root + os.sep)
    return (os.path.relpath(path, root) if inside else path).replace(os.sep, "/")


def _escaped(text: str, besides: str = "") -> str:
    """The percent sign first: it begins what the others become."""
    for character in "%\r\n" + besides:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
