"""`recipe tune`: a search over settings from a shell, alone or as one of many workers."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.core.plain import read_text
from recipe_widgets.core.settings import LONGEST

if TYPE_CHECKING:
    from recipe_widgets.tune import Tuning

STORAGE = "RECIPE_STORAGE"
STOPPED = 130  # by hand: what a shell gives for Ctrl-C


def command(commands: Any, name: str, purpose: str, examples: str) -> argparse.ArgumentParser:
    """A command that explains itself: what it is for, its options, examples."""
    made: argparse.ArgumentParser = commands.add_parser(
        name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.",
        epilog=f"examples:{examples}", formatter_class=argparse.RawDescriptionHelpFormatter)
    return made


def add_to(commands: Any) -> None:
    """The command's arguments."""
    tune = command(
        commands, "tune", "search good settings; the same command on more machines shares the work",
        """
  recipe tune --trials 20 --out search                     keeps search/tuning.db; the same line again goes on
  recipe tune --knobs "lr,width=32:256,optimizer=sgd|adam" --trials 50 --out search
  recipe tune --storage postgresql+psycopg://user@host/name     the same line on each machine""")
    tune.add_argument("--settings", type=Path,
                      help="JSON file of the knobs that are not searched; default: defaults")
    tune.add_argument("--data", default="mnist", help="mnist or cifar10")
    tune.add_argument(
        "--knobs", default="", metavar="KNOB,KNOB=LOW:HIGH,KNOB=A|B|C",
        help="what is searched, over its usual range, a range or some values; default: "
        "lr,momentum,weight_decay,batch_size,width")
    tune.add_argument("--trials", type=int, default=50,
                      help="how many are to be finished, counted over all workers")
    tune.add_argument("--sampler", default="tpe", help="tpe, random or grid")
    tune.add_argument("--pruner", default="median", help="median, hyperband or none")
    tune.add_argument("--metric", default="val_loss", help="val_loss or val_accuracy")
    tune.add_argument(
        "--storage", default=os.environ.get(STORAGE), metavar="URL", help=
        "a file such as tuning.db, or postgresql+psycopg://user@host/name for many machines; default: "
        f"the environment variable {STORAGE} (which other users cannot read), else tuning.db in --out, "
        "else memory")
    tune.add_argument("--name", default="tuning",
                      help="of the search; the same name goes on with it")
    tune.add_argument("--heartbeat", type=int, default=60, metavar="SECONDS",
                      help="a trial without a sign of life for twice as long is run again")
    tune.add_argument("--out", type=Path, help="folder for best.json (settings) and trials.json")


def run(chosen: argparse.Namespace) -> int:
    from recipe_widgets.data import load
    from recipe_widgets.tune import tune
    from recipe_widgets.tune.lost import storage_errors

    base = Settings.from_json(read(chosen.settings)) if chosen.settings else Settings()
    if chosen.out:
        make(chosen.out)
    storage = chosen.storage or (str(chosen.out / "tuning.db") if chosen.out else None)
    data = load(chosen.data)
    with storage_errors(storage):
        tuning = tune(data, searched(chosen.knobs), base, trials=chosen.trials,
                      sampler=chosen.sampler, pruner=chosen.pruner, metric=chosen.metric,
                      storage=storage, name=chosen.name, heartbeat=chosen.heartbeat, start=False)
        return _searched_with(tuning, chosen.out)


def _searched_with(tuning: Tuning, out: Path | None) -> int:
    """Run the search and keep what it found; the exit status."""
    print(tuning)
    status = 0
    try:
        tuning.run(progress=True)
    except KeyboardInterrupt:
        status = STOPPED
        print("\nstopped; the trial under way is queued again, and the same command goes on")
    print(tuning)
    if out and tuning.ranked():
        write(tuning, out)
    return status


def searched(text: str) -> Any:
    """A search space from "lr,width=32:256,optimizer=sgd|adam"; None for an empty text."""
    from recipe_widgets.tune import space

    wanted: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, values = part.partition("=")
        Settings.knob(name)
        wanted[name] = None if not values else tuple(map(_value, values.split(":"))) if ":" in values \
            else [_value(value) for value in values.split("|")]
    if not wanted:
        return None
    return space(*[name for name, value in wanted.items() if value is None],
                 **{name: value for name, value in wanted.items() if value is not None})


def _value(text: str) -> Any:
    """A whole number, a number, or the text itself."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def write(tuning: Tuning, folder: Path) -> None:
    """best.json, which `recipe train --settings` reads, and trials.json."""
    from recipe_widgets.core.files import put

    rows = [{
        "number": one.number, "state": one.state, "value":
        None if one.value != one.value else one.value, "knobs": dict(one.knobs), "why": one.why
    } for one in tuning.table()]
    put(folder / "best.json", tuning.best.to_json(), "--out")
    put(folder / "trials.json", json.dumps({"metric": tuning.metric, "trials": rows}, indent=1),
        "--out")


def read(path: Path) -> str:
    return read_text(path, "--settings", "a readable JSON file", LONGEST)


def make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # the latter: a name with a zero in it
        found = f"{folder} ({getattr(error, 'strerror', None) or error})"
        raise RecipeError("--out", found=found, expected="a folder that can be made") from None
