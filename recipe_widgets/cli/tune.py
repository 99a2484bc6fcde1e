"""`recipe tune`: a search over settings from a shell, alone or as one of many workers."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipe_widgets.cli.common import (
    DONE,
    INTERRUPTED,
    Commands,
    add_command,
    make_folder,
    read_settings,
)

if TYPE_CHECKING:
    from recipe_widgets.tune import Tuning

STORAGE = "RECIPE_STORAGE"  # the environment variable with the address of the storage


def add_to(commands: Commands) -> None:
    """The command's arguments."""
    tune = add_command(
        commands, "tune", "search good settings; the same command on more machines shares the work",
        run, """
  recipe tune --trials 20 --out search      kept in search/tuning.db; the same line again goes on
  recipe tune --knobs "lr,width=32:256,optimizer=sgd|adam" --trials 50 --out search
  recipe tune --storage postgresql+psycopg://user@host/name    the same line on each machine""")
    tune.add_argument("--settings", type=Path,
                      help="JSON file of the knobs that are not searched; default: defaults")
    tune.add_argument("--data", default="mnist", help="such as mnist or cifar10")
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
        "--storage", default=os.environ.get(STORAGE), metavar="URL",
        help="a file such as tuning.db, or postgresql+psycopg://user@host/name for many machines; "
        f"default: the environment variable {STORAGE} (which other users cannot read), "
        "else tuning.db in --out, else memory")
    tune.add_argument("--name", default="tuning",
                      help="of the search; the same name goes on with it")
    tune.add_argument("--heartbeat", type=int, default=60, metavar="SECONDS",
                      help="a trial without a sign of life for twice as long is run again")
    tune.add_argument("--out", type=Path, help="folder for best.json (settings) and trials.json")


def run(chosen: argparse.Namespace) -> int:
    """Search, and keep what is found in --out; Ctrl-C ends the search, not what it found."""
    from recipe_widgets.data import load
    from recipe_widgets.tune import tune
    from recipe_widgets.tune.storage import storage_errors

    settings = read_settings(chosen.settings)
    if chosen.out:
        make_folder(chosen.out)
    storage = chosen.storage or (str(chosen.out / "tuning.db") if chosen.out else None)
    data = load(chosen.data)
    with storage_errors(storage):
        # start=False: what the search is about is printed before its first trial
        tuning = tune(data, parse_knobs(chosen.knobs), settings, trials=chosen.trials,
                      sampler=chosen.sampler, pruner=chosen.pruner, metric=chosen.metric,
                      storage=storage, name=chosen.name, heartbeat=chosen.heartbeat, start=False)
        return _search(tuning, chosen.out)


def _search(tuning: Tuning, out: Path | None) -> int:
    """Run the search and write what it found; the exit status."""
    print(tuning)
    status = DONE
    try:  # ends by itself after `trials`, or by Ctrl-C
        tuning.run(progress=True)
    except KeyboardInterrupt:
        status = INTERRUPTED
        print("\nstopped; the trial under way is queued again, and the same command goes on")
    print(tuning)
    if out and tuning.ranked():
        write_search(tuning, out)
    return status


def parse_knobs(text: str) -> Any:
    """A search space from "lr,width=32:256,optimizer=sgd|adam"; None for an empty text.

    Raises:
        RecipeError: an unknown knob, or a range or value that it cannot have.
    """
    from recipe_widgets.core import Settings
    from recipe_widgets.tune import space

    usual: list[str] = []  # over the range that a slider has
    given: dict[str, Any] = {}  # a tuple (low, high), or a list of values
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, values = part.partition("=")
        Settings.knob(name)  # raises, with the nearest name
        if not values:
            usual.append(name)
        elif ":" in values:
            given[name] = tuple(map(_value, values.split(":")))
        else:
            given[name] = [_value(value) for value in values.split("|")]
    return space(*usual, **given) if usual or given else None


def _value(text: str) -> Any:
    """A whole number, a number, or the text itself."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def write_search(tuning: Tuning, folder: Path) -> None:
    """best.json, which `recipe train --settings` reads, and trials.json."""
    from recipe_widgets.core.files import save_file

    trials = [{
        "number": trial.number,
        "state": trial.state,
        # JSON has no NaN, which is the value of a trial that did not end
        "value": None if trial.value != trial.value else trial.value,
        "knobs": dict(trial.knobs),
        "why": trial.why,
    } for trial in tuning.table()]
    save_file(folder / "best.json", tuning.best.to_json(), "--out")
    save_file(folder / "trials.json", json.dumps({"metric": tuning.metric, "trials": trials}, indent=1),
        "--out")
