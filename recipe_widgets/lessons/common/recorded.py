"""The experiments behind the course's claims, for its pages: `recorded("norms")`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import validated
from recipe_widgets.evaluation.recorded_experiment import RecordedExperiment


@validated
def recorded(name: str) -> RecordedExperiment:
    """The experiment studies/NAME.py beside its record.

    Raises:
        RecipeError: no such experiment, no record of it yet, or a record of an older definition.
    """
    studies = catalogue()
    experiment, record = studies.experiment(name), studies.record(name)
    if record is None:
        raise RecipeError(f"Experiment {name}", found="no record", expected="one that was run",
                          mend=f"Run it: python -m studies {name}")
    return RecordedExperiment(experiment, record)


def catalogue() -> ModuleType:
    """`studies.catalogue`: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[2]
    places = (package / "_studies", package.parent / "studies")  # wheel, checkout
    folder = next((place for place in places if (place / "__init__.py").is_file()), None)
    if folder is None:
        raise RecipeError("Experiments", found="no folder of them",
                          expected=" or ".join(map(str, places)),
                          mend="Reinstall recipe_widgets, or `git checkout -- studies` in a checkout.")
    known = sys.modules.get("studies")
    if known is None or known.__file__ != str(folder / "__init__.py"):
        # by its path: a notebook's folder may hold something else of this name
        spec = importlib.util.spec_from_file_location(
            "studies", folder / "__init__.py", submodule_search_locations=[str(folder)])
        assert spec is not None
        assert spec.loader is not None
        sys.modules["studies"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["studies"])
    return importlib.import_module("studies.catalogue")
