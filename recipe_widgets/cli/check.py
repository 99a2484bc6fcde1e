"""`recipe check`: the checks on a model, batches and a loss that the reader's own code makes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from recipe_widgets.cli.common import DIVERGED, DONE, Commands, add_command


def add_to(commands: Commands) -> None:
    """The command's arguments."""
    check = add_command(
        commands, "check", "run every check on your own model, data and loss", run, """
  recipe check my_project.training:build
  recipe check my_project.training:build --fail-on warn --html checks.html""")
    check.add_argument(
        "target", help="package.module:function; it returns a dict with model, batches, loss_fn")
    check.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON")
    check.add_argument("--html", type=Path, metavar="FILE", help="write the results as a page")
    check.add_argument("--fail-on", choices=("fail", "warn"), default="fail",
                       help="exit with 1 from this status on")


def run(chosen: argparse.Namespace) -> int:
    """Print what the checks say; the exit status tells how bad it is."""
    from recipe_widgets.checks.shell import check_named
    from recipe_widgets.core.files import put

    report = check_named(chosen.target, progress=sys.stderr.isatty())
    print(report)
    if chosen.json:
        put(chosen.json, report.to_json())
    if chosen.html:
        put(chosen.html, report.to_html())
    bad = ("fail",) if chosen.fail_on == "fail" else ("fail", "warn")
    return DIVERGED if any(result.status in bad for result in report) else DONE
