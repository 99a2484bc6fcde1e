"""`recipe watch`: a training script run as it is, and what is silently wrong with it."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from recipe_widgets.cli.common import (
    Commands,
    add_command,
    add_project_options,
    add_report_options,
    outputs_of,
)
from recipe_widgets.reporting.report_schema import report_schema


def add_to(commands: Commands) -> None:
    """The command's arguments."""
    watch = add_command(
        commands, "watch", "run a training script unchanged and say what is wrong with it", run, """
  recipe watch train.py --epochs 3                  what follows its name is the script's own
  recipe watch -m my_project.training --epochs 3    a module, as `python -m` runs it
  recipe watch --fail-on error --html report.html train.py""")
    add_report_options(watch, fail_on=None)  # the script's own status passes through
    watch.add_argument("--steps", type=int, metavar="N",
                       help="stop watching after so many optimiser steps")
    watch.add_argument("--schema", action=PrintSchema, nargs=0,
                       help="print the JSON schema of --json, and end")
    watch.add_argument("-m", "--module", action="store_true",
                       help="what is run is a module, such as my_project.training")
    watch.add_argument("script", help="path of a script; with -m the name of a module")
    # REMAINDER: whatever follows, also what looks like an option of ours
    watch.add_argument("arguments", nargs=argparse.REMAINDER, help="the script's own")


class PrintSchema(argparse.Action):
    """Prints the schema in place of running a script, as --help does with its text."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(report_schema(), end="")
        parser.exit()


def run(chosen: argparse.Namespace) -> int:
    """Run the script; its own exit status, or 3 where --fail-on is met."""
    import torch  # noqa: F401  (a part of the script's own time; what follows is the watcher's)

    began = time.perf_counter()
    from recipe_widgets.watch import run_script

    start = Path.cwd() if chosen.module else Path(chosen.script).parent
    add_project_options(chosen, start, fail_on=None)
    return run_script(chosen.script, chosen.arguments, chosen.steps, module=chosen.module,
                      select=chosen.select, ignore=chosen.ignore, fail_on=chosen.fail_on,
                      outputs=outputs_of(chosen), imported_since=began)
