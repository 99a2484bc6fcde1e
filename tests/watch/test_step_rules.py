"""Rules on the order of events, with answers that follow from the numbers put in."""

from collections import Counter

import pytest

from recipe_widgets.rules.accumulation import AccumulatedGradients
from recipe_widgets.rules.rulebook import rule_named
from recipe_widgets.rules.schedule import ScheduleUse
from recipe_widgets.rules.training_evidence import GradientHistory, TrainingModes


def judged(name, evidence):
    """What a rule says, None for nothing."""
    result = rule_named(name)(evidence)
    return result if result.severity else None


def history(**facts):
    return GradientHistory(**({
        "optimizer": "SGD", "steps": 100, "backwards": 100, "changed": True,
        "backward_line": "t.py:5", "clear_line": "t.py:4"
    } | facts))


def test_a_clean_run_says_nothing():
    g = history(groups=Counter({(("a:1", 1),): 100}))
    for name in ("grads_are_cleared", "optimizer_steps", "clipping"):
        assert judged(name, g) is None
    assert judged("accumulation", AccumulatedGradients(g)) is None
    assert g.passes_per_step == 1


def test_stale_gradients_fail():
    said = judged("grads_are_cleared", history(stale=99))
    assert said.status == "fail"
    assert said.measured == 99
    assert said.where == "t.py:5"
    assert judged("grads_are_cleared", history(stale=1)) is None


def test_cleared_between_backward_and_step():
    said = judged("grads_are_cleared", history(cleared_early=100))
    assert said.status == "fail"
    assert said.where == "t.py:4"
    assert judged("grads_are_cleared", history(cleared_early=2)) is None


def test_never_stepped_needs_parameters_that_stand_still():
    def said(**facts):
        return judged("optimizer_steps", history(steps=0, **facts))

    assert said(changed=False).status == "fail"
    assert said(changed=True) is None
    assert said(backwards=2, changed=False) is None
    assert said(backwards=10, changed=False, finished=False) is None
    assert said(changed=False, by_hand=True) is None


def test_validation_gradients_enter_a_step_now_and_then():
    def said(groups, *eval_lines):
        return judged("grads_are_cleared",
                      history(groups=Counter(groups), eval_lines=frozenset(eval_lines)))

    train, both = (("t.py:5", 1),), (("t.py:5", 1), ("t.py:30", 12))
    found = said({train: 95, both: 5})
    assert found.status == "fail"
    assert found.where == found.details["line"] == "t.py:30"
    # two losses in every step are nobody's mistake, nor is one more pass now and then (a lazy
    # penalty)
    assert said({both: 100}) is None
    lazy = (("t.py:5", 1), ("t.py:30", 1))
    assert said({train: 90, lazy: 10}) is None
    assert said({train: 90, lazy: 10}, "t.py:30").status == "fail"


def test_dropped_tail_of_an_accumulation():
    groups = Counter({(("t.py:5", 16),): 40})
    dropping = history(steps=40, groups=groups, dropped={"t.py:5": [40, 560]})
    said = judged("accumulation", AccumulatedGradients(dropping))
    assert said.status == "warn"
    assert said.measured == 560
    # a GAN clears what the other model's pass left: another line
    gan = history(groups=Counter({(("t.py:5", 1), ): 40}), dropped={"t.py:9": [40, 40]})
    assert judged("accumulation", AccumulatedGradients(gan)) is None


@pytest.mark.parametrize(("scale", "warns"), [(1.0, True), (1 / 8, False), (None, False)])
def test_accumulation_is_divided(scale, warns):
    g = history(groups=Counter({(("t.py:5", 8),): 20}), steps=20)
    assert (judged("accumulation", AccumulatedGradients(g, scale, 16)) is not None) == warns


def test_clipping():
    def said(**clips):
        return judged("clipping", history(clips=Counter(clips)))

    assert said(clean=50).message.startswith("gradients are clipped before backward")
    assert "after the step" in said(used=50).message
    assert said(fresh=50) is None
    scaled = history(clips=Counter(fresh=50), clipped_scaled=50)
    assert "scaled" in judged("clipping", scaled).message


def test_modes():
    def said(name, runs, *layers):
        return judged(name, TrainingModes(runs, layers))

    assert said("mode_toggles", [(True, 100)], "Dropout") is None
    stays = said("mode_toggles", [(True, 20), (False, 80)], "Dropout")
    assert "goes on in eval mode" in stays.message
    assert said("mode_toggles", [(True, 20), (False, 80)]) is None  # nothing depends on the mode
    in_turn = [(True, 20), (False, 5), (True, 20), (False, 5)]
    assert said("evaluation_trains", in_turn).status == "fail"
    assert said("mode_toggles", in_turn, "Dropout") is None  # one cause, one rule
    assert said("mode_toggles", [(False, 100)], "BatchNorm2d").status == "warn"


def test_schedules():
    def said(*use, **more):
        return judged("schedule", ScheduleUse(*use, **more))

    assert said("LambdaLR", 0, 300, {}).status == "fail"
    assert said("LambdaLR", 0, 300, {}, finished=False) is None
    gone = [(0, 0.1), (5, 0.01), (10, 1e-3), (15, 1e-4), (20, 1e-5), (200, 1e-9)]
    assert "once per batch" in said("StepLR", 300, 300, {}, gone).message
    per_epoch = [(0, 0.1), (100, 0.01), (200, 1e-3)]
    assert said("StepLR", 3, 300, {}, per_epoch) is None
    assert "planned" in said("OneCycleLR", 8, 160, {"total_steps": 160.0}).message
    assert said("OneCycleLR", 160, 160, {"total_steps": 160.0}) is None
    assert "swings" in said("CosineAnnealingLR", 300, 300, {"T_max": 10.0}).message
    assert said("CosineAnnealingLR", 10, 300, {"T_max": 10.0}) is None
