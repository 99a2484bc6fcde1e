"""Arms over the same seeds: the verdict, its words, the table and the picture."""

from __future__ import annotations

import numpy as np
import pytest

from recipe_widgets.core import RecipeError
from recipe_widgets.evaluation.seed_comparison import WORDS, SeedComparison, verdict_of
from recipe_widgets.rules.statistics import paired


@pytest.mark.parametrize(("gains", "more", "matters", "verdict"), [
    ((0.4, 0.5, 0.6), True, 0.0, "holds"),
    ((0.4, 0.5, 0.6), False, 0.0, "the reverse"),
    ((-0.4, -0.5, -0.6), True, 0.0, "the reverse"),
    ((-0.4, -0.5, -0.6), False, 0.0, "holds"),
    ((-0.1, 0.0, 0.1), True, 0.0, "undecided"),
    ((-0.1, 0.0, 0.1), True, 1.0, "no difference that matters"),
    ((-0.1, 0.0, 0.1), False, 1.0, "no difference that matters"),
    ((-0.1, 0.0, 0.1), True, 0.1, "undecided"),  # the interval is wider than what matters
    ((0.09, 0.10, 0.11), True, 0.5, "holds"),  # real: the interval says how small
    ((0.4, 0.5, 0.6), True, 0.1, "holds"),
    ((0.0, 0.0, 0.0), True, 0.0, "undecided"),
    ((0.9,), True, 0.0, "undecided"),  # one seed has no interval
    ((0.9,), True, 5.0, "undecided"),
])
def test_the_verdict(gains: tuple, more: bool, matters: float, verdict: str) -> None:
    found = paired(np.zeros(len(gains)), gains)
    assert verdict_of(found, more_is_better=more, matters=matters) == verdict


def test_each_verdict_has_words_of_its_own() -> None:
    words = [text for pair in WORDS.values() for text in pair]
    assert len(set(words)) == len(words)
    assert not any(a != b and a in b for a in words for b in words)


def test_a_comparison_names_its_arms() -> None:
    seen = SeedComparison("toy", {"plain": (0.5, 0.52, 0.51), "new": (0.6, 0.63, 0.61)})
    assert (seen.base, seen.best, seen.seeds) == ("plain", "new", 3)
    assert seen.verdict("new").startswith("toy: new is better than plain: +10.3 points (95 %")
    assert seen.verdict("plain", "new").startswith("toy: plain is worse than new: -10.3 points")
    assert seen.verdicts() == seen.verdict("new")
    assert str(seen).splitlines() == [
        "           toy     mean   lowest  highest   validation accuracy, n = 3 seeds",
        "         plain    51.0%    50.0%    52.0%",
        "           new    61.3%    60.0%    63.0%",
    ]
    assert "new 61.3%" in seen.plot().alt


def test_less_may_be_better() -> None:
    seen = SeedComparison("toy", {"a": (2.0, 2.1), "b": (1.0, 1.1)}, "loss", percent=False,
                          unit="nats", more_is_better=False)
    assert seen.best == "b"
    assert seen.decided("b") == "holds"
    assert "loss 1.05 nats (1 to 1.1) with b, 2.05 nats (2 to 2.1) with a; difference -1" \
        in seen.facts("b", "a")


def test_the_table_says_how_many_diverged() -> None:
    seen = SeedComparison("", {"a": (0.0, 0.5), "b": (0.5, 0.5)}, diverged={"a": 1})
    assert [line.endswith("1 of 2 diverged") for line in seen.table().splitlines()] \
        == [False, True, False]


def test_slips_are_told() -> None:
    with pytest.raises(RecipeError, match="numbers per arm"):
        SeedComparison("toy", {"a": [1.0], "b": []})
    with pytest.raises(RecipeError, match="no momentum"):
        SeedComparison("", {"no momentum": (1.0,)}).claim("x", "none")


@pytest.mark.parametrize(("a", "b", "more", "outcome"), [
    ((0.1, 0.2, 0.3), (0.5, 0.6, 0.7), True, "holds here"),
    ((0.1, 0.2, 0.3), (0.5, 0.6, 0.7), False, "the reverse was measured"),
    ((0.1, 0.2, 0.3), (0.2, 0.1, 0.3), True, "no difference beyond the seeds' spread"),
    ((0.1,), (0.9,), True, "too few seeds"),
])
def test_a_claim_is_judged_by_its_numbers(a: tuple, b: tuple, more: bool, outcome: str) -> None:
    seeds = SeedComparison("", {"without": a, "with": b}, more_is_better=more)
    found = seeds.claim("it helps", "with")
    assert found.outcome == outcome
    assert str(found).startswith(f'"it helps": {outcome}.')


def test_a_claim_says_its_numbers() -> None:
    seeds = SeedComparison("", {"without": (0.5, 0.6), "with": (0.7, 0.9)})
    text = str(seeds.claim("it helps", "with"))
    for part in ("80.0 % (70.0 to 90.0) with with", "55.0 % (50.0 to 60.0) with without", "+25.0",
                 "n = 2 paired seeds"):
        assert part in text
    seeds = SeedComparison("", {"a": (0.5, 0.6, np.nan), "b": (0.7, 0.9, 0.8)})
    assert "1 more diverged" in str(seeds.claim("x", "b"))
