"""`recipe course`: the exercises as assignments, and a class's training scripts watched at once."""

from __future__ import annotations

import argparse
from pathlib import Path

from recipe_widgets.cli.common import DONE, FOUND, Commands, add_command
from recipe_widgets.core.errors import RecipeError


def add_to(commands: Commands) -> None:
    """The command's arguments."""
    course = add_command(
        commands, "course", "for teachers: assignments for nbgrader, a class's scripts watched", run, """
  recipe course export hand_in --nbgrader                  all pages, and the programs with bugs
  recipe course export hand_in bug_gym --nbgrader          one of them
  recipe course watch hand_in/submitted/*/*/my_recipe.py   one row a script""")
    course.add_argument("action", choices=("export", "watch"))
    course.add_argument("names", nargs="+", metavar="FOLDER [ASSIGNMENT ...] | SCRIPT ...",
                        help="export: folder of the course, then assignments (default: all); "
                        "watch: training scripts")
    course.add_argument("--nbgrader", action="store_true",
                        help="notebooks as `nbgrader generate_assignment` takes them")
    course.add_argument("--seconds", type=float, default=300.0,
                        help="watch: longest that one script may run")


def run(chosen: argparse.Namespace) -> int:
    """Write the assignments, or print one row for each script."""
    if chosen.action == "watch":
        return _watch([Path(name) for name in chosen.names], chosen.seconds)
    if not chosen.nbgrader:
        raise RecipeError("export", found="no form", expected="--nbgrader")
    try:
        from recipe_widgets.course.nbgrader_export import ASSIGNMENTS, export_nbgrader, listing
    except ModuleNotFoundError as error:
        raise RecipeError("export", found=f"no module {error.name}",
                          expected="nbformat, which nbgrader brings",
                          mend="pip install nbgrader") from None

    folder, *names = chosen.names
    print("\n".join(listing(export_nbgrader(Path(folder), names or ASSIGNMENTS))))
    return DONE


def _watch(scripts: list[Path], seconds: float) -> int:
    if not seconds > 0:
        raise RecipeError("--seconds", found=f"{seconds:g}", expected="more than 0")
    from recipe_widgets.course.class_watch import table, watch_scripts

    rows = watch_scripts(scripts, seconds, FOUND)
    print(table(rows))
    return FOUND if any(row.found for row in rows) else DONE
