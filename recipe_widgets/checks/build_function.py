"""`recipe check package.module:factory`: the checks from a shell, on something that a reader's
code makes.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from recipe_widgets.checks.check_subject import Subject
from recipe_widgets.checks.run_checks import run_all
from recipe_widgets.core import RecipeError, Report
from recipe_widgets.core.validation import real, validated

_WANTED = ("a dict with model, batches and loss_fn (and options of checks.run_all), a tuple of the "
           "three, or a Subject")


@validated
def check_named(target: str, *, only: Sequence[str] | None = None, ignore: Sequence[str] = (),
                progress: bool = True,
                seconds: Annotated[float | None, real(0, above=True)] = None) -> Report:
    """All checks, or some by their names, on what the function `package.module:function` returns.

    The function takes no arguments and returns a dict with `model` (or a function that makes one),
    `batches` and `loss_fn`, and any option of `checks.run_all` besides; or a tuple of these three;
    or a `Subject`. `seconds` as of `run_all`; None: as the function says, or as by default there.

    Raises:
        RecipeError: there is no such module or function, it raises, or it returns something else.
    """
    made = _made(target)
    which: dict[str, Any] = {"only": only, "ignore": ignore, "progress": progress}
    which.update({} if seconds is None else {"seconds": seconds})
    if isinstance(made, Subject):
        return run_all(made, **which)
    if isinstance(made, tuple) and len(made) == 3:
        made = dict(zip(("model", "batches", "loss_fn"), made, strict=True))
    if not isinstance(made, Mapping) or not {"model", "batches", "loss_fn"} <= set(made):
        shown = f"a dict with {', '.join(map(str, made))}" if isinstance(
            made, Mapping) else type(made).__name__
        raise RecipeError(f"Target {target}", found=shown, expected=_WANTED)
    parts = dict(made)
    try:
        # what was asked for in the shell goes before what the function returns
        which = {name: value for name, value in which.items() if value or name not in parts}
        return run_all(parts.pop("model"), parts.pop("batches"), parts.pop("loss_fn"),
                       **{**parts, **which})
    except TypeError as error:
        raise RecipeError(f"Target {target}", found=str(error), expected=_WANTED) from None


def _made(target: str) -> Any:
    place, _, name = target.partition(":")
    if not place or not name:
        raise RecipeError("Target", found=repr(target), expected="package.module:function",
                          mend="For example: recipe check my_project.training:build")
    sys.path.insert(0, os.getcwd())  # as `python -m` does
    try:
        module = importlib.import_module(place)
    except Exception as error:
        raise RecipeError(f"Module {place}", found=f"{type(error).__name__}: {error}",
                          expected="a module that can be "
                          "imported from here",
                          mend="Call it from the folder that holds the package.") from error
    finally:
        sys.path.remove(os.getcwd())
    function = getattr(module, name, None)
    if not callable(function):
        known = [
            n for n, f in vars(module).items() if inspect.isfunction(f) and not n.startswith("_")
        ]
        raise RecipeError(f"Target {target}", found="no such function",
                          expected="one of " + (", ".join(known) or "none"))
    try:
        return function()
    except Exception as error:
        raise RecipeError(f"Target {target}", found=f"{type(error).__name__}: {error}",
                          expected=_WANTED) from error
