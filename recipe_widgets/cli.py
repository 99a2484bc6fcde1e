"""The command line: `recipe train`, `check`, `watch`, `tune`, `data`; also `python -m
recipe_widgets ...`.

Exit statuses are listed in `EPILOG`, which `recipe --help` prints.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from recipe_widgets import __version__, cli_tune
from recipe_widgets.cli_tune import command, make, read
from recipe_widgets.core import RecipeError
from recipe_widgets.core.files import put
from recipe_widgets.core.secrets import masked

if TYPE_CHECKING:
    from recipe_widgets.core import Run


EPILOG = """\
examples:
  recipe train --out first                          train with the defaults; settings, history and weights go into first/
  recipe check my_project.training:build            every check on your own model, batches and loss
  recipe watch train.py --epochs 3                  run a script as it is, and say what is silently wrong with it
  recipe tune --knobs lr,width=32:256 --trials 20   search settings
  recipe data cifar10                               what a data set holds, where it comes from, its licence

`recipe COMMAND --help` tells the rest, with examples. `python -m recipe_widgets` is the same program.

exit status:
  0    done
  1    the run diverged (train); a check failed (check)
  2    something to mend in what was asked for: it is said on standard error
  3    a finding as bad as --fail-on names (watch); otherwise watch passes on the script's own status
  130  stopped by hand; what is written stays
"""


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a line without the passwords in it."""

    def error(self, message: str) -> NoReturn:
        super().error(masked(message))


def parser() -> argparse.ArgumentParser:
    """The commands, their options and their help."""
    whole = Parser(prog="recipe",
                   description="The recipe for training neural networks, from a shell.",
                   epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    whole.add_argument("--version", action="version", version=f"recipe_widgets {__version__}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (_add_train, _add_check, _add_watch, cli_tune.add_to, _add_data):
        add(commands)
    return whole


def _add_train(commands: Any) -> None:
    train = command(
        commands, "train", "train one model headlessly", """
  recipe train --settings run.json --out folder            checkpoints on the way: the newest three and the best
  recipe train --settings run.json --out folder --resume   go on where it stopped
  torchrun --nproc-per-node 2 -m recipe_widgets train --settings run.json --out folder""")
    train.add_argument("--settings", type=Path,
                       help="JSON file of knobs, as Settings.to_json() writes; default: defaults")
    train.add_argument("--data", default="mnist", help="mnist or cifar10")
    train.add_argument(
        "--out", type=Path,
        help="folder for run.json (settings and history), weights.pt and checkpoints")
    train.add_argument("--resume", action="store_true",
                       help="go on from the newest whole checkpoint in --out, to the same bit")


def _add_check(commands: Any) -> None:
    check = command(commands, "check", "run every check on your own model, data and loss", """
  recipe check my_project.training:build
  recipe check my_project.training:build --fail-on warn --html checks.html""")
    check.add_argument(
        "target", help="package.module:function; it returns a dict with model, batches, loss_fn")
    check.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON")
    check.add_argument("--html", type=Path, metavar="FILE", help="write the results as a page")
    check.add_argument("--fail-on", choices=("fail", "warn"), default="fail",
                       help="exit with 1 from this status on")


def _add_watch(commands: Any) -> None:
    watch = command(
        commands, "watch", "run a training script unchanged and say what is wrong with it", """
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


def _add_data(commands: Any) -> None:
    data = command(commands, "data", "say what a data set holds; fetch the complete one", """
  recipe data cifar10
  recipe data cifar10 --full""")
    data.add_argument("name", nargs="?", default="mnist", help="mnist or cifar10")
    data.add_argument("--full", action="store_true",
                      help="the complete set, downloaded once into RECIPE_DATA")


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = parser().parse_args(arguments)
    if chosen.command != "watch":  # there the streams are the script's
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # a pipe on Windows knows no check marks
    try:
        return {
            "train": _train, "check": _check, "watch": _watch, "data": _data, "tune": cli_tune.run
        }[chosen.command](chosen)
    except KeyboardInterrupt:
        print(f"\nrecipe {chosen.command}: stopped by hand; what is written stays", file=sys.stderr)
        return cli_tune.STOPPED
    except RecipeError as error:
        print(f"recipe {chosen.command}: {masked(str(error))}", file=sys.stderr)
        return 2


def _train(chosen: argparse.Namespace) -> int:
    from recipe_widgets.core import Settings
    from recipe_widgets.data import load
    from recipe_widgets.training import train
    from recipe_widgets.training.processes import rank, together

    settings = Settings.from_json(read(chosen.settings)) if chosen.settings else Settings()
    if chosen.resume and not chosen.out:
        raise RecipeError("--resume", found="no folder", expected="--out, the folder of the run")
    if chosen.out:
        make(chosen.out)
    with together(settings):
        run = train(load(chosen.data), settings, checkpoints=chosen.out
                    and chosen.out / "checkpoints", resume=chosen.resume)
        if rank() == 0:
            print(run)
        if chosen.out and rank() == 0:
            _write(chosen.out, run)
    return 1 if run.status == "diverged" else 0


def _write(folder: Path, run: Run) -> None:
    import io

    import torch

    assert run.model is not None
    buffer = io.BytesIO()
    torch.save(run.model.state_dict(), buffer)
    put(folder / "run.json", run.to_json(), "--out")
    put(folder / "weights.pt", buffer.getvalue(), "--out")


def _check(chosen: argparse.Namespace) -> int:
    from recipe_widgets.checks.shell import check_named

    report = check_named(chosen.target, progress=sys.stderr.isatty())
    print(report)
    if chosen.json:
        put(chosen.json, report.to_json())
    if chosen.html:
        put(
            chosen.html,
            f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>recipe check</title>'
            f"<body>{report._repr_html_()}</body></html>")
    bad = ("fail",) if chosen.fail_on == "fail" else ("fail", "warn")
    return int(any(result.status in bad for result in report))


def _data(chosen: argparse.Namespace) -> int:
    from recipe_widgets.data import load

    data = load(chosen.name, full=chosen.full)
    print(data)
    print(f"source: {data.source}\nlicence: {data.licence}")
    return 0


def _watch(chosen: argparse.Namespace) -> int:
    from recipe_widgets.watch import run_script

    return run_script(chosen.script, chosen.arguments, chosen.steps, json=chosen.json,
                      html=chosen.html, fail_on=chosen.fail_on)
