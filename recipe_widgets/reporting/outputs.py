"""Everything that a command writes of its report, besides the text on the screen."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from recipe_widgets.core.errors import RecipeError
from recipe_widgets.core.files import printable, save_file
from recipe_widgets.core.report import Report
from recipe_widgets.reporting.alerts import alert_sender
from recipe_widgets.reporting.annotations import github_annotations, in_github_actions
from recipe_widgets.reporting.baseline import Baseline


class ReportOutputs:
    """Files and lines that are asked for.

    Args:
        json, html, sarif: files. github: annotations of GitHub Actions; None: where it runs.
        baseline: file of known findings. update_baseline: it is written anew.
        alerts: programs that the report is told to, as of `alerts.send_alert`.

    Raises:
        RecipeError: the baseline cannot be read, or the one to be updated is not named; there is
            no such program.
    """

    def __init__(self, json: Path | None = None, html: Path | None = None,
                 sarif: Path | None = None, github: bool | None = None,
                 baseline: Path | None = None, update_baseline: bool = False,
                 alerts: Sequence[str] = ()) -> None:
        self._folder = os.getcwd()  # files of the report are named from here
        # as absolute paths: a script may change the directory
        self._json, self._html, self._sarif = map(_absolute, (json, html, sarif))
        self._github = in_github_actions() if github is None else github
        self._alerts = [alert_sender(target) for target in alerts]
        if update_baseline and not baseline:
            raise RecipeError("--update-baseline", found="no file", expected="--baseline FILE",
                              mend="pyproject.toml may name it, too.")
        self._baseline = Baseline(baseline, self._folder, update_baseline) if baseline else None

    def silence(self, report: Report) -> None:
        """Known findings move to `report.silenced`. Raises: RecipeError: as `Baseline.apply`."""
        if self._baseline:
            self._baseline.apply(report)

    def write(self, report: Report, stream: TextIO) -> None:
        """stream: where annotations are printed; the runner reads both of a process.

        Raises:
            RecipeError: a file cannot be written, or an alert not be sent.
        """
        if self._github:
            lines = github_annotations(report, self._folder)
            print(printable(lines, stream), end="", file=stream, flush=True)
        if self._json:
            report.save(self._json, "json")
        if self._html:
            report.save(self._html, "html")
        if self._sarif:
            # here, and not above: few ask for it
            from recipe_widgets.reporting.sarif import sarif

            save_file(self._sarif, sarif(report, self._folder) + "\n", "--sarif")
        for tell in self._alerts:
            tell(report)


def _absolute(path: Path | None) -> Path | None:
    return Path(os.path.abspath(path)) if path else None
