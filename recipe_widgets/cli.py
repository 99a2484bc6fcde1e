"""The command line: `recipe train`, `recipe data`, `recipe watch`; also `python -m recipe_widgets ...`.

Exit status: 0 done, 1 the run diverged, 2 something to mend in what was asked for. `recipe watch` passes on the status
of the script, and gives 3 where `--fail-on` is met.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from recipe_widgets.records import RecipeError


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="recipe", description="The recipe for training neural networks, from a shell.")
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train one model headlessly")
    train.add_argument("--settings", type=Path, help="JSON file of knobs, as Settings.to_json() writes; default: defaults")
    train.add_argument("--data", default="mnist", help="mnist or cifar10")
    train.add_argument("--out", type=Path, help="folder for run.json (settings and history) and weights.pt")
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
    chosen = parser.parse_args(arguments)
    try:
        return {"train": _train, "data": _data, "watch": _watch}[chosen.command](chosen)
    except RecipeError as error:
        print(f"recipe {chosen.command}: {error}", file=sys.stderr)
        return 2


def _train(chosen: argparse.Namespace) -> int:
    import torch

    from recipe_widgets.data import load
    from recipe_widgets.records import Settings
    from recipe_widgets.training import train

    settings = Settings.from_json(_read(chosen.settings)) if chosen.settings else Settings()
    if chosen.out:
        _make(chosen.out)
    run = train(load(chosen.data), settings)
    print(run)
    if chosen.out and run.model is not None:
        (chosen.out / "run.json").write_text(run.to_json(), encoding="utf-8")
        torch.save(run.model.state_dict(), chosen.out / "weights.pt")
    return 1 if run.status == "diverged" else 0


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


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError("--settings", found=f"{path} ({error})", expected="a readable JSON file") from None


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecipeError("--out", found=f"{folder} ({error.strerror})", expected="a folder that can be made") from None
