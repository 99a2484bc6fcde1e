"""`recipe rules`: every rule of the rulebook, with the worst that it may say."""

from __future__ import annotations

import argparse

from recipe_widgets.cli.common import DONE, Commands, add_command


def add_to(commands: Commands) -> None:
    """The command's arguments."""
    rules = add_command(
        commands, "rules", "list the rules that check and watch judge by", run, """
  recipe rules
  recipe rules --json""")
    rules.add_argument("--json", action="store_true",
                       help="as JSON: name, worst severity, what it finds, source")


def run(chosen: argparse.Namespace) -> int:
    """Print one line a rule, or a JSON list."""
    import json

    from recipe_widgets.rules.rulebook import all_rules

    rules = all_rules().values()
    if chosen.json:
        print(json.dumps([{"name": rule.name, "worst": rule.worst, "title": rule.title,
                           "source": rule.source} for rule in rules], indent=2))
        return DONE
    # columns: the longest name, "warning" (7 characters), the first sentence
    width = max(len(rule.name) for rule in rules)
    for rule in rules:
        print(f"{rule.name:<{width}}  {rule.worst:<7}  {rule.title}")
    print(f"\n{len(rules)} rules; `recipe explain NAME` tells all about one")
    return DONE
