"""`recipe train`: one model, trained without a panel."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING

from recipe_widgets.cli.common import (
    DIVERGED,
    DONE,
    Commands,
    add_command,
    make_folder,
    read_settings,
)
from recipe_widgets.core.errors import RecipeError

if TYPE_CHECKING:
    from recipe_widgets.core import Run


def add_to(commands: Commands) -> None:
    """The command's arguments."""
    train = add_command(
        commands, "train", "train one model headlessly", run, """
  recipe train --settings run.json --out folder            with checkpoints on the way
  recipe train --settings run.json --out folder --resume   go on where it stopped
  torchrun --nproc-per-node 2 -m recipe_widgets train --settings run.json --out folder""")
    train.add_argument("--settings", type=Path,
                       help="JSON file of knobs, as Settings.to_json() writes; default: defaults")
    train.add_argument("--data", default="mnist", help="such as mnist or cifar10")
    train.add_argument(
        "--out", type=Path,
        help="folder for run.json (settings and history), weights.pt and checkpoints")
    train.add_argument("--resume", action="store_true",
                       help="go on from the newest whole checkpoint in --out, to the same bit")


def run(chosen: argparse.Namespace) -> int:
    """Train, and write what came of it; in several processes the first one writes."""
    from recipe_widgets.data import load
    from recipe_widgets.training import train
    from recipe_widgets.training.processes import rank, together

    settings = read_settings(chosen.settings)
    if chosen.resume and not chosen.out:  # checkpoints lie in --out
        raise RecipeError("--resume", found="no folder", expected="--out, the folder of the run")
    if chosen.out:
        make_folder(chosen.out)
    checkpoints = chosen.out / "checkpoints" if chosen.out else None
    with together(settings):  # under torchrun: joins the other processes
        trained = train(load(chosen.data), settings, checkpoints=checkpoints, resume=chosen.resume)
        if rank() == 0:  # all processes hold the same weights and numbers
            print(trained)
            if chosen.out:
                write_run(chosen.out, trained)
    return DIVERGED if trained.status == "diverged" else DONE


def write_run(folder: Path, trained: Run) -> None:
    """run.json, which `Run.from_json` reads, and weights.pt: the model's `state_dict()`."""
    import torch

    from recipe_widgets.core.files import save_file

    assert trained.model is not None  # only runs that were read from a file have none
    buffer = io.BytesIO()
    torch.save(trained.model.state_dict(), buffer)
    save_file(folder / "run.json", trained.to_json(), "--out")
    save_file(folder / "weights.pt", buffer.getvalue(), "--out")
