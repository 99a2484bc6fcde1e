"""The JSON schema of a report, for programs that read what `--json` wrote."""

from __future__ import annotations

from importlib import resources


def report_schema() -> str:
    """The text of report.schema.json; its version is `core.report.VERSION`."""
    return (resources.files(__package__) / "report.schema.json").read_text(encoding="utf-8")
