"""The page of all rules, made from the rulebook."""

from __future__ import annotations

from docs.site.page import Page, rendered
from recipe_widgets.rules.rulebook import all_rules


def rules_page() -> Page:
    """A table of all rules, and the documentation of each one, as `recipe explain` prints it."""
    rules = list(all_rules().values())
    return Page("rules.html", "Rules", rendered("rules.html", rules=rules))
