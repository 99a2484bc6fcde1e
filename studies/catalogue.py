"""All experiments, by the name of their file.

All imports of this folder from itself are relative: an installed package holds it under another name.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from recipe_widgets import RecipeError
from recipe_widgets.evaluation.experiment import Experiment
from recipe_widgets.evaluation.experiment_record import ExperimentRecord, check_fresh, load_record

FOLDER = Path(__file__).parent
RECORDS = FOLDER / "records"
NO_EXPERIMENT = {"__init__", "__main__", "catalogue", "own_training", "samples", "table"}


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in NO_EXPERIMENT)


def experiment(name: str) -> Experiment:
    """The experiment of the file studies/NAME.py."""
    if name not in names():
        raise RecipeError("Experiment", found=repr(name), expected="one of " + ", ".join(names()))
    found: Experiment = importlib.import_module(f".{name}", __package__).EXPERIMENT
    if found.name != name:
        raise RecipeError(f"studies/{name}.py", found=f"an experiment named {found.name!r}",
                          expected="the name of its file")
    return found


def fresh_record(name: str) -> ExperimentRecord | None:
    """What was measured, or None where it never ran as it is defined now."""
    try:
        found = record(name)
        if found is not None:
            check_fresh(experiment(name), found)
    except RecipeError:
        return None
    return found


def record(name: str) -> ExperimentRecord | None:
    """What was measured, or None where it never ran."""
    path = RECORDS / f"{name}.json"
    return load_record(path) if path.exists() else None
