"""`recipe tune`: a search over settings from a shell, alone or as one of many workers."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipe_widgets.records import RecipeError, Settings

if TYPE_CHECKING:
    from recipe_widgets.tune import Tuning

STORAGE = "RECIPE_STORAGE"


def add_to(commands: Any) -> None:
    """The command's arguments."""
    tune = commands.add_parser("tune", help="search good settings; the same command on more machines shares the work")
    tune.add_argument("--settings", type=Path, help="JSON file of the knobs that are not searched; default: defaults")
    tune.add_argument("--data", default="mnist", help="mnist or cifar10")
    tune.add_argument("--knobs", default="", metavar="KNOB,KNOB=LOW:HIGH,KNOB=A|B|C",
                      help="what is searched, over its usual range, a range or some values; default: "
                           "lr,momentum,weight_decay,batch_size,width")
    tune.add_argument("--trials", type=int, default=50, help="how many are to be finished, counted over all workers")
    tune.add_argument("--sampler", default="tpe", help="tpe, random or grid")
    tune.add_argument("--pruner", default="median", help="median, hyperband or none")
    tune.add_argument("--metric", default="val_loss", help="val_loss or val_accuracy")
    tune.add_argument("--storage", default=os.environ.get(STORAGE), metavar="URL",
                      help="a file such as tuning.db, or postgresql+psycopg://user@host/name for many machines; default: "
                           f"the environment variable {STORAGE} (which other users cannot read), else tuning.db in --out, "
                           "else memory")
    tune.add_argument("--name", default="tuning", help="of the search; the same name goes on with it")
    tune.add_argument("--heartbeat", type=int, default=60, metavar="SECONDS",
                      help="a trial without a sign of life for twice as long is run again")
    tune.add_argument("--out", type=Path, help="folder for best.json (settings) and trials.json")


def run(chosen: argparse.Namespace) -> int:
    from recipe_widgets.data import load
    from recipe_widgets.tune import tune

    base = Settings.from_json(read(chosen.settings)) if chosen.settings else Settings()
    if chosen.out:
        make(chosen.out)
    storage = chosen.storage or (str(chosen.out / "tuning.db") if chosen.out else None)
    tuning = tune(load(chosen.data), searched(chosen.knobs), base, trials=chosen.trials, sampler=chosen.sampler,
                  pruner=chosen.pruner, metric=chosen.metric, storage=storage, name=chosen.name,
                  heartbeat=chosen.heartbeat, start=False)
    print(tuning)
    try:
        tuning.run(progress=True)
    except KeyboardInterrupt:
        print("\nstopped; the trial under way is queued again, and the same command goes on")
    print(tuning)
    if chosen.out and tuning.ranked():
        write(tuning, chosen.out)
    return 0


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
    from recipe_widgets.records.files import write_whole

    rows = [{"number": one.number, "state": one.state, "value": None if one.value != one.value else one.value,
             "knobs": dict(one.knobs), "why": one.why} for one in tuning.table()]
    write_whole(folder / "best.json", tuning.best.to_json())
    write_whole(folder / "trials.json", json.dumps({"metric": tuning.metric, "trials": rows}, indent=1))


def read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError("--settings", found=f"{path} ({error})", expected="a readable JSON file") from None


def make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecipeError("--out", found=f"{folder} ({error.strerror})", expected="a folder that can be made") from None
