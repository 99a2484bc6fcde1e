"""`recipe data`: what a data set holds, where it comes from, its licence."""

from __future__ import annotations

import argparse

from recipe_widgets.cli.common import DONE, Commands, add_command


def add_to(commands: Commands) -> None:
    """The command's arguments."""
    data = add_command(
        commands, "data", "say what a data set holds; fetch the complete one", run, """
  recipe data cifar10
  recipe data cifar10 --full""")
    data.add_argument("name", nargs="?", default="mnist", help="such as mnist or cifar10")
    data.add_argument("--full", action="store_true",
                      help="the complete set, downloaded once into RECIPE_DATA")


def run(chosen: argparse.Namespace) -> int:
    """Load the data set, and print what it says of itself."""
    from recipe_widgets.data import load

    data = load(chosen.name, full=chosen.full)
    print(data)
    print(f"source: {data.source}\nlicence: {data.licence}")
    return DONE
