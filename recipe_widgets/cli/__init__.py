"""The command line: `recipe COMMAND ...`, which `python -m recipe_widgets COMMAND ...` is, too.

One file a command: `add_to(commands)` declares its arguments, `run(arguments)` does what was asked
for and gives the exit status. Exit statuses are listed in `EPILOG`, which `recipe --help` prints.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from recipe_widgets import __version__
from recipe_widgets.cli import check, course, data, explain, rules, train, tune, watch
from recipe_widgets.cli.common import INTERRUPTED, MISTAKE
from recipe_widgets.core.errors import RecipeError, mask_passwords

EPILOG = """\
examples:
  recipe train --out first                   train; settings, history and weights go into first/
  recipe check my_project.training:build     every check on your own model, batches and loss
  recipe watch train.py --epochs 3           run a script, and say what is silently wrong with it
  recipe rules                               what check and watch judge by
  recipe explain loss_at_init                what a rule finds, why it hurts, how to mend it
  recipe tune --knobs lr,width=32:256        search settings
  recipe data cifar10                        what a data set holds, its source and licence
  recipe course export hand_in --nbgrader    the exercises as assignments of nbgrader

`recipe COMMAND --help` tells the rest, with examples; `python -m recipe_widgets` is the same.

exit status:
  0    done
  1    the run diverged (train)
  2    something to mend in what was asked for: it is said on standard error
  3    something as bad as --fail-on names, or worse (check, watch); else the script's own (watch)
  130  stopped by hand; what is written stays
"""

# How often a thread of GNU's OpenMP looks for work before it sleeps: 1 ms, where 15 ms are usual.
# Those who wait awake lose their core to a busy neighbour just when there is work; those who sleep at
# once take long to wake (benchmarks/records/machines.md).
SPINS = "20000"
COMMANDS = (train, check, watch, rules, explain, tune, data, course)  # in the order of the help


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a line without the passwords in it."""

    def error(self, message: str) -> NoReturn:
        super().error(mask_passwords(message))


def parser() -> argparse.ArgumentParser:
    """The commands, their options and their help."""
    program = Parser(prog="recipe",
                     description="The recipe for training neural networks, from a shell.",
                     epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    program.add_argument("--version", action="version", version=f"recipe_widgets {__version__}")
    commands = program.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_to(commands)
    return program


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status. Arguments: those of the process when None."""
    chosen = parser().parse_args(arguments)
    if chosen.command != "watch":  # there the streams and the threads are the script's
        if chosen.command != "course":  # it watches scripts in processes of their own
            os.environ.setdefault("GOMP_SPINCOUNT", SPINS)  # before torch is loaded
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # a pipe on Windows knows no check marks
    try:
        status: int = chosen.run(chosen)
        return status
    except KeyboardInterrupt:
        print(f"\nrecipe {chosen.command}: stopped by hand; what is written stays", file=sys.stderr)
        return INTERRUPTED
    except RecipeError as error:
        print(f"recipe {chosen.command}: {mask_passwords(str(error))}", file=sys.stderr)
        return MISTAKE


__all__ = ["COMMANDS", "EPILOG", "main", "parser"]
