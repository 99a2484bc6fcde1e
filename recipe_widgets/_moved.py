"""Old names of modules that moved, so that a reader's own copies of the notebooks go on working.

An import of an old name gives the new module's names, with a DeprecationWarning that says where
they are now. The names below are data about the past: nothing in the package imports them.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

LESSONS = "recipe_widgets.lessons"
# new folder of a notebook: modules whose names stood in its cells before
OF_NOTEBOOKS = {
    "nb01_know_your_data": ("browsing", "inputs", "know_data", "labelling", "splitting"),
    "nb02_skeleton_and_baselines": ("dynamics", "losses", "skeleton"),
    "nb03_check_the_machinery": ("clinic", "machinery"),
    "nb04_signals_inside": ("signals",),
    "nb05_overfit": ("conv", "families", "overfit", "samples", "small"),
    "nb06_optimise": ("bowl",),
    "nb07_regularise_with_data": ("regularise_with_data",),
    "nb08_regularise_the_model": ("regularise_the_model",),
    "nb09_tune": ("tune",),
    "nb10_squeeze": ("squeeze",),
    "nb11_your_own_model": ("your_own",),
}
# old name: new name; what lies inside an old package is found at the same place inside the new one
MODULES = {
    "recipe_widgets.records": "recipe_widgets.core",
    "recipe_widgets.judge": "recipe_widgets.rules",
    "recipe_widgets.training.by_hand": "recipe_widgets.training.manual_optimizers",
    **{f"{LESSONS}.{old}": f"{LESSONS}.{folder}" for folder, olds in OF_NOTEBOOKS.items()
       for old in olds},
}
# functions and classes that `from recipe_widgets.lessons import ...` gave
LESSON_NAMES = {
    "compare": "nb11_your_own_model",
    "show_batch": "nb00_start_here",
}


def new_name(old: str) -> str | None:
    """The new name of a module, or None where it never moved."""
    package, rest = old, ""
    while package not in MODULES:
        package, dot, last = package.rpartition(".")
        if not dot:
            return None
        rest = f".{last}{rest}"
    return MODULES[package] + rest


def lesson_name(name: str) -> object:
    """A function that `recipe_widgets.lessons` itself gave: its `__getattr__`."""
    if name not in LESSON_NAMES:
        raise AttributeError(f"module {LESSONS!r} has no attribute {name!r}")
    module = f"{LESSONS}.{LESSON_NAMES[name]}"
    _warn(f"{LESSONS}.{name}", f"{module}.{name}")
    value = getattr(import_module(module), name)
    sys.modules[LESSONS].__dict__[name] = value  # asked, and warned of, once
    return value


def install() -> None:
    """Ask for old names after all other finders: an import that succeeds costs nothing more."""
    if not any(isinstance(finder, MovedFinder) for finder in sys.meta_path):
        sys.meta_path.append(MovedFinder())


def _warn(old: str, new: str) -> None:
    # The reader's line is the frame above: `warnings` leaves those of the import system out.
    warnings.warn(f"{old} is now {new}; the old name goes away in the next version",
                  DeprecationWarning, stacklevel=3)


class MovedFinder(MetaPathFinder):
    """Finds modules of this package by their old names."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None,  # noqa: ARG002
                  target: ModuleType | None = None) -> ModuleSpec | None:  # noqa: ARG002
        new = new_name(fullname)
        if new is None:
            return None
        _warn(fullname, new)
        return ModuleSpec(fullname, _ForwardingLoader(new), is_package=True)


class _ForwardingLoader(Loader):
    """Makes a module that asks the new one for each name."""

    def __init__(self, new: str) -> None:
        self.new = new

    def exec_module(self, module: ModuleType) -> None:
        moved = import_module(self.new)
        module.__doc__ = moved.__doc__
        module.__dict__["__getattr__"] = lambda name: getattr(moved, name)
