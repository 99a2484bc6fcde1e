"""Imports that stand in a reader's own copies of the notebooks, by the names of before."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from recipe_widgets import _moved

# the lines of the notebooks as they were, before lessons had a folder for each notebook
OLD_LINES = """
from recipe_widgets.lessons import show_batch
from recipe_widgets.lessons.browsing import sample_table
from recipe_widgets.lessons.know_data import imbalanced, copies
from recipe_widgets.lessons.know_data import suspects, trust, faulty
from recipe_widgets.lessons.inputs import spoiled_pictures, as_fed
from recipe_widgets.lessons import losses, skeleton; losses.draw_predictions; skeleton.draw_templates
from recipe_widgets.lessons import machinery; machinery.few_samples
from recipe_widgets.lessons.clinic import Clinic, findings
from recipe_widgets.lessons import signals; signals.propagate
from recipe_widgets.lessons import conv, families, overfit, samples, small; overfit.random_labels; conv.AccuracyCurve
from recipe_widgets.lessons import bowl; bowl.race
from recipe_widgets.lessons import regularise_with_data as lesson; lesson.sweep
from recipe_widgets.lessons import regularise_the_model as lesson; lesson.DecisionPath
from recipe_widgets.lessons import tune as lesson; lesson.searches
from recipe_widgets.lessons import squeeze as lesson; lesson.gains
from recipe_widgets.lessons import compare, show_batch, your_own as lesson; lesson.SCRIPT
from recipe_widgets.records import Settings
from recipe_widgets.records.settings import Settings
from recipe_widgets.judge import timing
from recipe_widgets.recipes import recipe, recipe_names
from recipe_widgets.watch.plugin import recipe_watch
""".strip().splitlines()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("line", OLD_LINES)
def test_an_old_import_still_works(line: str) -> None:
    exec(line, {})


def test_the_warning_names_the_new_place() -> None:
    sys.modules.pop("recipe_widgets.lessons.bowl", None)
    with pytest.warns(DeprecationWarning, match=r"lessons\.bowl is now .*lessons\.nb06_optimise"):
        importlib.import_module("recipe_widgets.lessons.bowl")
    sys.modules["recipe_widgets.lessons"].__dict__.pop("show_batch", None)
    with pytest.warns(DeprecationWarning, match=r"now .*nb00_start_here\.show_batch"):
        exec("from recipe_widgets.lessons import show_batch", {})


def test_an_old_module_gives_the_same_objects() -> None:
    sys.modules.pop("recipe_widgets.records", None)
    with pytest.warns(DeprecationWarning, match="core"):
        old = importlib.import_module("recipe_widgets.records")
    assert old.Settings is importlib.import_module("recipe_widgets.core").Settings
    with pytest.raises(AttributeError, match="made_up"):
        old.made_up  # noqa: B018


def test_a_name_that_never_was_is_an_import_error() -> None:
    with pytest.raises(ModuleNotFoundError, match="made_up"):
        importlib.import_module("recipe_widgets.lessons.made_up")
    with pytest.raises(ImportError, match="made_up"):
        exec("from recipe_widgets.lessons import made_up", {})


def test_no_old_name_is_a_module_of_today() -> None:
    for old, new in _moved.MODULES.items():
        assert importlib.util.find_spec(new) is not None, new
        package, _, last = old.rpartition(".")
        found = importlib.machinery.PathFinder.find_spec(
            old, importlib.import_module(package).__path__)
        assert found is None, f"{old}: there is a {last} again"


def test_old_names_load_nothing_until_they_are_used() -> None:
    code = ("import sys, recipe_widgets; "
            "assert not [m for m in sys.modules if m.startswith('recipe_widgets.lessons')]; "
            "assert 'torch' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
