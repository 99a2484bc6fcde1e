"""The rulebook as a whole: every rule is documented, found by its name, and keeps to its worst."""

import pytest

from recipe_widgets import RecipeError
from recipe_widgets.core.findings import SEVERITIES
from recipe_widgets.rules import all_rules, explain, known_rules, rule, rule_named
from recipe_widgets.rules.rulebook import SECTIONS

RULES = list(all_rules().values())


@pytest.mark.parametrize("one", RULES, ids=lambda one: one.name)
def test_every_rule_is_documented(one):
    assert list(one.sections) == [*SECTIONS, "Source"]
    for heading, text in one.sections.items():
        assert len(text) > 10, f"{one.name}: {heading} is empty"
    assert one.worst in SEVERITIES
    assert one.title.endswith(".")
    assert len(one.title) < 120
    assert one.name in explain(one.name)
    assert one.source in explain(one.name)


def test_a_wrong_name_gets_the_nearest_ones():
    with pytest.raises(RecipeError, match="loss_at_init"):
        rule_named("loss_at_initt")
    with pytest.raises(RecipeError, match="recipe rules"):
        explain("zzzzzz")
    assert known_rules(["timing", "dead_units"]) == ("timing", "dead_units")
    with pytest.raises(RecipeError):
        known_rules(["timing", "nonsense"])


def test_a_rule_that_says_worse_than_it_declares_is_an_error_of_ours():
    @rule(worst="note", source="nobody")
    def made_up(rule, evidence: int):
        return rule.warns("worse") if evidence else rule.notes("harmless")

    assert made_up(0).severity == "note"
    with pytest.raises(ValueError, match="made_up"):
        made_up(1)


def test_shared_fields_are_those_of_one_call():
    @rule(worst="warning", source="S")
    def made_up(rule, evidence: int):
        rule = rule.about(measured=evidence, unit="steps")
        return rule.warns("said", advice="do") if evidence else rule.passes("fine", unit="")

    found = made_up(3)
    assert (found.measured, found.unit, found.advice, found.source) == (3, "steps", "do", "S")
    assert (made_up(0).measured, made_up(0).unit, made_up(0).status) == (0, "", "pass")
