"""`[tool.recipe]` in pyproject.toml: the options of a project, which those of a call replace.

    [tool.recipe]
    select = ["loss_at_init"]      # judge by these rules only
    ignore = ["timing"]            # leave these out
    fail-on = "warning"            # error, warning or note
    baseline = "recipe.json"       # findings that are known, from the folder of pyproject.toml
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe_widgets.core.errors import RecipeError
from recipe_widgets.core.findings import SEVERITIES
from recipe_widgets.core.json_files import read_text

FILE, TABLE = "pyproject.toml", "[tool.recipe]"
_MOST = 2**20  # characters of a pyproject.toml


@dataclass(frozen=True)
class ProjectOptions:
    """Attributes: those of the table; what it does not name is empty or None."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: str | None = None
    baseline: Path | None = None


def project_options(start: Path) -> ProjectOptions:
    """The options of the nearest pyproject.toml with such a table, from a folder upwards.

    Raises:
        RecipeError: the file is no TOML, or the table holds what is no option.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        file = folder / FILE
        if file.is_file():
            table = _table_of(file)
            if table is not None:
                return _options(table, file)
    return ProjectOptions()


def _table_of(file: Path) -> Any:
    text = read_text(file, FILE, "a readable TOML file", _MOST)
    try:
        tool = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(str(file), found=f"text that is not TOML ({error})") from None
    return tool.get("recipe") if isinstance(tool, dict) else None


def _options(table: Any, file: Path) -> ProjectOptions:
    what = f"{TABLE} of {file}"
    if not isinstance(table, dict):
        raise RecipeError(what, found=repr(table), expected="a table")
    for key, value in table.items():
        if key not in _KINDS:
            nearest = difflib.get_close_matches(key, _KINDS, n=1, cutoff=0.5)
            raise RecipeError(what, found=f"the key {key!r}", expected=", ".join(_KINDS),
                              mend=f"Did you mean {nearest[0]}?" if nearest else "")
        words, fits = _KINDS[key]
        if not fits(value):
            raise RecipeError(f"{what}: {key}", found=repr(value), expected=words)
    known = _known(table, what)
    baseline = table.get("baseline")
    return ProjectOptions(known["select"], known["ignore"], table.get("fail-on"),
                          file.parent / baseline if baseline else None)


def _known(table: dict[str, Any], what: str) -> dict[str, tuple[str, ...]]:
    """The names of rules under `select` and `ignore`, each held against the rulebook."""
    # here, and not above: the rulebook loads torch, and most projects name no rule
    from recipe_widgets.rules.rulebook import known_rules

    names: dict[str, tuple[str, ...]] = {}
    for key in ("select", "ignore"):
        try:
            names[key] = known_rules(table.get(key, ()))
        except RecipeError as error:
            raise RecipeError(f"{what}: {key}", found=error.found, expected=error.expected,
                              mend=error.mend) from None
    return names


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


# key -> what it should be, and whether a value is that
_KINDS: dict[str, tuple[str, Any]] = {
    "select": ("a list of rules' names", _is_list_of_texts),
    "ignore": ("a list of rules' names", _is_list_of_texts),
    "fail-on": ("one of " + ", ".join(SEVERITIES), lambda value: value in SEVERITIES),
    "baseline": ("the path of a file", lambda value: isinstance(value, str) and bool(value)),
}
