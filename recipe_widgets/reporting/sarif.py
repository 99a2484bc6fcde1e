"""A report as SARIF 2.1.0, the format in which code scanners hand over what they found.

Format: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from recipe_widgets.core.findings import CheckResult, Severity, plain_values
from recipe_widgets.core.report import Report
from recipe_widgets.reporting.script_lines import from_checkout
from recipe_widgets.rules.rulebook import Rule, all_rules

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_HOME = "https://pypi.org/project/recipe-widgets/"
_LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "note": "note"}
_SUPPRESSIONS = {"comment": "inSource", "baseline": "external"}


def sarif(report: Report, folder: str) -> str:
    """The report as JSON text; what is silenced is in it, marked as suppressed.

    folder: files of the report are named from here.
    """
    found = [one for one in (*report.findings, *report.silenced) if one.severity]
    rules = sorted({one.name for one in found} & set(all_rules()))
    results = [_result(one, report, folder, rules) for one in found]
    run = {
        "tool": {"driver": {
            "name": "recipe", "version": version("recipe_widgets"), "informationUri": _HOME,
            "rules": [_rule(all_rules()[name]) for name in rules]}},
        "invocations": [{
            "executionSuccessful": not report.problem,
            "toolExecutionNotifications": _notifications(report)}],
        "results": results,
        "columnKind": "unicodeCodePoints",
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(rule: Rule[Any]) -> dict[str, Any]:
    return {
        "id": rule.name, "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.title}, "help": {"text": rule.documentation},
        "defaultConfiguration": {"level": _LEVELS[rule.worst]},
    }


def _result(finding: CheckResult, report: Report, folder: str,
            rules: list[str]) -> dict[str, Any]:
    severity = finding.severity
    assert severity is not None
    advice = f"\n{finding.advice}" if finding.advice else ""
    result: dict[str, Any] = {
        "ruleId": finding.name, "level": _LEVELS[severity],
        "message": {"text": f"{finding.message}{finding.numbers('seen')}{advice}"},
        # the number of the line is not in it: what stands above may grow
        "partialFingerprints": {"recipe/v1": _digest(finding.name, finding.location[0],
                                                     finding.code)},
        "properties": {"measured": plain_values(finding.measured),
                       "expected": plain_values(finding.expected), "unit": finding.unit},
    }
    if finding.name in rules:
        result["ruleIndex"] = rules.index(finding.name)
    place = _place(finding, report, folder)
    if place:
        result["locations"] = [{"physicalLocation": place}]
    if finding.silenced:
        result["suppressions"] = [{"kind": _SUPPRESSIONS[finding.silenced]}]
    return result


def _place(finding: CheckResult, report: Report, folder: str) -> dict[str, Any]:
    """The line; of a finding without one, the script as a whole."""
    file, line = finding.location
    if file.startswith("<") or not (file or report.script.endswith(".py")):
        return {}
    path = from_checkout(folder, file or report.script)
    place: dict[str, Any] = {"artifactLocation": {
        "uri": PurePath(path).as_uri() if PurePath(path).is_absolute() else quote(path)}}
    if line:
        place["region"] = {"startLine": line, "snippet": {"text": finding.code}}
    return place


def _notifications(report: Report) -> list[dict[str, Any]]:
    """What the watcher could not do."""
    return [{"level": "error", "message": {"text": problem}} for problem in report.problems]


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
