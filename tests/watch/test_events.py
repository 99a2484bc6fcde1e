"""Judgements on the order of events, with answers that follow from the numbers put in."""

from collections import Counter

import pytest

from recipe_widgets.rules import events
from recipe_widgets.rules.events import Gradients, Schedule


def of(**facts):
    return Gradients(**({"kind": "SGD", "steps": 100, "backwards": 100, "changed": True} | facts))


def test_a_clean_run_says_nothing():
    g = of(groups=Counter({(("a:1", 1),): 100}))
    for judgement in (events.gradients_cleared, events.cleared_too_early, events.never_stepped,
                      events.foreign_gradients, events.tail_dropped, events.clipping):
        assert judgement(g) is None
    assert g.accumulates == 1


def test_stale_gradients_fail():
    said = events.gradients_cleared(of(stale=99))
    assert said.status == "fail"
    assert said.measured == 99
    assert events.gradients_cleared(of(stale=1)) is None


def test_cleared_between_backward_and_step():
    assert events.cleared_too_early(of(lost=100)).status == "fail"
    assert events.cleared_too_early(of(lost=2)) is None


def test_never_stepped_needs_parameters_that_stand_still():
    assert events.never_stepped(of(steps=0, changed=False)).status == "fail"
    assert events.never_stepped(of(steps=0, changed=True)) is None
    assert events.never_stepped(of(steps=0, backwards=2, changed=False)) is None


def test_validation_gradients_enter_a_step_now_and_then():
    train, both = (("t.py:5", 1),), (("t.py:5", 1), ("t.py:30", 12))
    said = events.foreign_gradients(of(groups=Counter({train: 95, both: 5})))
    assert said.status == "fail"
    assert said.details["line"] == "t.py:30"
    # two losses in every step are nobody's mistake, nor is one more pass now and then (a lazy
    # penalty)
    assert events.foreign_gradients(of(groups=Counter({both: 100}))) is None
    lazy = (("t.py:5", 1), ("t.py:30", 1))
    assert events.foreign_gradients(of(groups=Counter({train: 90, lazy: 10}))) is None
    assert events.foreign_gradients(of(groups=Counter({train: 90, lazy: 10})),
                                    frozenset({"t.py:30"})).status == "fail"


def test_dropped_tail_of_an_accumulation():
    groups = Counter({(("t.py:5", 16),): 40})
    said = events.tail_dropped(of(steps=40, groups=groups, dropped={"t.py:5": [40, 560]}))
    assert said.status == "warn"
    assert said.measured == 560
    # a GAN clears what the other model's pass left: another line
    assert events.tail_dropped(
        of(groups=Counter({(("t.py:5", 1), ): 40}), dropped={"t.py:9": [40, 40]})) is None


@pytest.mark.parametrize(("scale", "warns"), [(1.0, True), (1 / 8, False), (None, False)])
def test_accumulation_is_divided(scale, warns):
    g = of(groups=Counter({(("t.py:5", 8),): 20}), steps=20)
    assert (events.accumulation_scaled(g, scale, 16) is not None) == warns


def test_clipping():
    assert events.clipping(
        of(clips=Counter(clean=50))).message.startswith("gradients are clipped before backward")
    assert "after the step" in events.clipping(of(clips=Counter(used=50))).message
    assert events.clipping(of(clips=Counter(fresh=50))) is None
    assert "scaled" in events.clipping(of(clips=Counter(fresh=50), clipped_scaled=50)).message


def test_modes():
    assert events.modes([(True, 100)], ["Dropout"]) is None
    assert "goes on in eval mode" in events.modes([(True, 20), (False, 80)], ["Dropout"]).message
    assert events.modes([(True, 20), (False, 80)], []) is None  # nothing depends on the mode
    said = events.modes([(True, 20), (False, 5), (True, 20), (False, 5)], [])
    assert said.name == "evaluation_trains"
    assert events.modes([(False, 100)], ["BatchNorm2d"]).status == "warn"


def test_schedules():
    assert events.schedule(Schedule("LambdaLR", 0, 300, {})).status == "fail"
    assert events.schedule(Schedule("LambdaLR", 0, 300, {}, finished=False)) is None
    gone = [(0, 0.1), (5, 0.01), (10, 1e-3), (15, 1e-4), (20, 1e-5), (200, 1e-9)]
    assert "once per batch" in events.schedule(Schedule("StepLR", 300, 300, {}, gone)).message
    per_epoch = [(0, 0.1), (100, 0.01), (200, 1e-3)]
    assert events.schedule(Schedule("StepLR", 3, 300, {}, per_epoch)) is None
    assert "planned" in events.schedule(Schedule("OneCycleLR", 8, 160,
                                                 {"total_steps": 160.0})).message
    assert events.schedule(Schedule("OneCycleLR", 160, 160, {"total_steps": 160.0})) is None
    assert "swings" in events.schedule(Schedule("CosineAnnealingLR", 300, 300,
                                                {"T_max": 10.0})).message
    assert events.schedule(Schedule("CosineAnnealingLR", 10, 300, {"T_max": 10.0})) is None
