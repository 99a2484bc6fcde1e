"""`recipe explain`: the documentation of a rule."""

from __future__ import annotations

import argparse

from recipe_widgets.cli.common import DONE, Commands, add_command


def add_to(commands: Commands) -> None:
    """The command's arguments."""
    explain = add_command(
        commands, "explain", "say what a rule finds, why it hurts, how to mend it", run, """
  recipe explain loss_at_init
  recipe explain loss_at_init output_scale""")
    explain.add_argument("names", nargs="+", metavar="NAME",
                         help="name of a rule, as findings show it; `recipe rules` lists all")


def run(chosen: argparse.Namespace) -> int:
    """Print the documentation of each rule."""
    from recipe_widgets.rules.rulebook import explain

    # all of them first: a mistyped name prints nothing but its error
    print("\n\n".join([explain(name).rstrip() for name in chosen.names]))
    return DONE
