"""The command line: `recipe train`, `check`, `watch`, `tune`, `data`; also `python -m recipe_widgets ...`.

Exit status: 0 done, 1 the run diverged or a check failed, 2 something to mend in what was asked for, 130 stopped by hand.
`recipe watch` passes on the status of the script, and gives 3 where `--fail-on` is met.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recipe_widgets import cli_tune
from recipe_widgets.cli_tune import make, read
from recipe_widgets.records import RecipeError
from recipe_widgets.records.files import write_whole

if TYPE_CHECKING:
    from recipe_widgets.records import Run


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="recipe", description="The recipe for training neural networks, from a shell.")
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train one model headlessly")
    train.add_argument("--settings", type=Path, help="JSON file of knobs, as Settings.to_json() writes; default: defaults")
    train.add_argument("--data", default="mnist", help="mnist or cifar10")
    train.add_argument("--out", type=Path,
                       help="folder for run.json (settings and history), weights.pt and checkpoints")
    train.add_argument("--resume", action="store_true",
                       help="go on from the newest whole checkpoint in --out, to the same bit")
    check = commands.add_parser("check", help="run every check on your own model, data and loss")
    check.add_argument("target", help="package.module:function; it returns a dict with model, batches, loss_fn")
    check.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON")
    check.add_argument("--html", type=Path, metavar="FILE", help="write the results as a page")
    check.add_argument("--fail-on", choices=("fail", "warn"), default="fail", help="exit with 1 from this status on")
    data = commands.add_parser("data", help="say what a data set holds; fetch the complete one")
    data.add_argument("name", nargs="?", default="mnist", help="mnist or cifar10")
    data.add_argument("--full", action="store_true", help="the complete set, downloaded once into RECIPE_DATA")
    watch = commands.add_parser("watch", help="run a training script unchanged and say what is wrong with it")
    watch.add_argument("--json", type=Path, help="file for the findings")
    watch.add_argument("--html", type=Path, help="file for a page of them")
    watch.add_argument("--steps", type=int, help="stop watching after so many optimiser steps")
    watch.add_argument("--fail-on", choices=("error", "warning"), help="exit with status 3 on a finding this bad")
    watch.add_argument("script", type=Path)
    watch.add_argument("arguments", nargs=argparse.REMAINDER, help="the script's own")
    cli_tune.add_to(commands)
    chosen = parser.parse_args(arguments)
    try:
        return {"train": _train, "check": _check, "watch": _watch, "data": _data, "tune": cli_tune.run}[
            chosen.command](chosen)
    except KeyboardInterrupt:
        print(f"\nrecipe {chosen.command}: stopped by hand; what is written stays", file=sys.stderr)
        return 130
    except RecipeError as error:
        print(f"recipe {chosen.command}: {error}", file=sys.stderr)
        return 2


def _train(chosen: argparse.Namespace) -> int:
    from recipe_widgets.data import load
    from recipe_widgets.records import Settings
    from recipe_widgets.training import train
    from recipe_widgets.training.processes import rank, together

    settings = Settings.from_json(read(chosen.settings)) if chosen.settings else Settings()
    if chosen.resume and not chosen.out:
        raise RecipeError("--resume", found="no folder", expected="--out, the folder of the run")
    if chosen.out:
        make(chosen.out)
    with together(settings):
        run = train(load(chosen.data), settings, checkpoints=chosen.out and chosen.out / "checkpoints",
                    resume=chosen.resume)
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
    write_whole(folder / "run.json", run.to_json())
    write_whole(folder / "weights.pt", buffer.getvalue())


def _check(chosen: argparse.Namespace) -> int:
    from recipe_widgets.checks.shell import check_named

    report = check_named(chosen.target, progress=sys.stderr.isatty())
    print(report)
    if chosen.json:
        _write_text(chosen.json, report.to_json())
    if chosen.html:
        _write_text(chosen.html, f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>recipe check</title>'
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

    return run_script(chosen.script, chosen.arguments, chosen.steps, json=chosen.json, html=chosen.html,
                      fail_on=chosen.fail_on)


def _write_text(path: Path, text: str) -> None:
    try:
        write_whole(path, text)
    except OSError as error:
        raise RecipeError("Output file", found=f"{path} ({error.strerror})", expected="a file that can be written") from None
