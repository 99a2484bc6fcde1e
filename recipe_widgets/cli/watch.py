"""`recipe watch`: a training script run as it is, and what is silently wrong with it."""

from __future__ import annotations

import argparse
from pathlib import Path

from recipe_widgets.cli.common import Commands, add_command


def add_to(commands: Commands) -> None:
    """The command's arguments."""
    watch = add_command(
        commands, "watch", "run a training script unchanged and say what is wrong with it", run, """
  recipe watch train.py --epochs 3                         what follows the script's name is the script's own
  recipe watch --fail-on error --html report.html train.py""")
    watch.add_argument("--json", type=Path, metavar="FILE", help="file for the findings")
    watch.add_argument("--html", type=Path, metavar="FILE", help="file for a page of them")
    watch.add_argument("--steps", type=int, metavar="N",
                       help="stop watching after so many optimiser steps")
    watch.add_argument("--fail-on", choices=("error", "warning"),
                       help="exit with status 3 on a finding this bad")
    watch.add_argument("script", type=Path)
    watch.add_argument("arguments", nargs=argparse.REMAINDER, help="the script's own")


def run(chosen: argparse.Namespace) -> int:
    """Run the script; its own exit status, or 3 where --fail-on is met."""
    from recipe_widgets.watch import run_script

    return run_script(chosen.script, chosen.arguments, chosen.steps, json=chosen.json,
                      html=chosen.html, fail_on=chosen.fail_on)
