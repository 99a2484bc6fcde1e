"""`recipe check`: the checks on a model, batches and a loss that the reader's own code makes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from recipe_widgets.cli.common import (
    DONE,
    FOUND,
    Commands,
    add_command,
    add_project_options,
    add_report_options,
    outputs_of,
)

FAIL_ON = "error"


def add_to(commands: Commands) -> None:
    """The command's arguments."""
    check = add_command(
        commands, "check", "run every check on your own model, data and loss", run, """
  recipe check my_project.training:build
  recipe check my_project.training:build --fail-on warning --html checks.html
  recipe check my_project.training:build --select loss_at_init,gradients_flow
  recipe check my_project.training:build --seconds 300  all checks of a slow model""")
    check.add_argument(
        "target", help="package.module:function; it returns a dict with model, batches, loss_fn")
    check.add_argument("--seconds", type=float, metavar="S",
                       help="look at nothing more after so long, and list what was left out; "
                       "default: 30")
    add_report_options(check, fail_on=FAIL_ON)


def run(chosen: argparse.Namespace) -> int:
    """Print what the checks say; the exit status is 3 where --fail-on is met."""
    from recipe_widgets.checks.build_function import check_named

    add_project_options(chosen, Path.cwd(), FAIL_ON)
    outputs = outputs_of(chosen)
    report = check_named(chosen.target, only=chosen.select or None, ignore=chosen.ignore,
                         seconds=chosen.seconds)
    outputs.silence(report)
    print(report)
    outputs.write(report, sys.stdout)
    return FOUND if report.at_least(chosen.fail_on) else DONE
