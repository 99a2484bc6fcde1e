"""Curves made by hand, whose shape is known, and the property that only shapes count, not units."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_widgets.rules.curve_shape import LossCurve, curve_shape
from recipe_widgets.rules.fit_diagnosis import TrainAndValidation, fit_diagnosis
from recipe_widgets.rules.lr_finder import RangeTest, lr_finder
from recipe_widgets.rules.lr_verdict import CurveAndUpdates, lr_verdict
from recipe_widgets.rules.noise_level import BatchLosses, noise_level
from recipe_widgets.rules.statistics import curve_facts, jumps
from recipe_widgets.rules.timing import StepTimes, duration, timing

T = np.arange(300)


def noise(size=0.02, n=300, seed=0):
    return size * np.random.default_rng(seed).standard_normal(n)


def falling(to=0.2, tau=40):
    return 2.3 * (to + (1 - to) * np.exp(-T / tau))


LEAP = np.where(T < 5, 2.3, 2.3 + 20 * np.exp(-(T - 5.0) / 4))
CURVES = {
    "falling": falling() + noise(),
    "flat": 2.3 + noise(),
    "rising": np.where(T < 100,
                       falling()[T],
                       falling()[100] + 0.006 * (T - 100)) + noise(),
    "exploding": 2.3 * np.exp(T / 60) + noise(),
    "jumps": falling() + np.where((T % 80 > 55) & (T > 100), 1.2, 0.0) + noise(),
    "noisy":
    np.tile([0.2, 4.4, 2.3, 0.2, 4.4], 60) * (1 - 0.0004 * T),  # the level falls by an eighth
    "not a number": np.where(T < 120, falling(), np.nan),
    "too short": falling()[:20],
}


@pytest.mark.parametrize("shape", CURVES)
def test_shapes(shape):
    got = curve_shape(LossCurve(CURVES[shape]))
    assert got.details["shape"] == shape
    assert got.status == {"falling": "pass", "not a number": "fail", "too short":
                          "skip"}.get(shape, "warn")


def test_the_first_bad_step_and_the_jumps_are_named():
    assert "from step 120 on" in curve_shape(LossCurve(CURVES["not a number"])).message
    found = jumps(CURVES["jumps"])
    assert len(found) == 3
    assert np.abs(found - [136, 216, 296][:len(found)]).max() <= 15


@pytest.mark.parametrize("shape", ["flat", "rising", "jumps", "noisy"])
def test_losses_that_need_not_fall_are_left_alone(shape):
    assert curve_shape(LossCurve(CURVES[shape], falls=False)).status == "pass"
    assert lr_verdict(CurveAndUpdates(CURVES[shape], falls=False)).status == "skip"
    assert curve_shape(LossCurve(CURVES["exploding"], falls=False)).status == "warn"
    assert curve_shape(LossCurve(CURVES["not a number"], falls=False)).status == "fail"


@given(st.sampled_from(sorted(CURVES)), st.floats(1e-6, 1e6))
def test_units_do_not_count(shape, factor):
    for rule, evidence in ((curve_shape, LossCurve), (lr_verdict, CurveAndUpdates),
                           (noise_level, BatchLosses)):
        one, other = rule(evidence(CURVES[shape])), rule(evidence(CURVES[shape] * factor))
        assert one.status == other.status
        assert one.details.get("verdict") == other.details.get("verdict")


@pytest.mark.parametrize(
    ("curve", "ratio", "verdict"), [(CURVES["falling"], (), "good"),
                                    (CURVES["falling"], [1e-3] * 30, "good"),
                                    (CURVES["not a number"], (), "too high"),
                                    (LEAP + noise(), (), "too high"),
                                    (CURVES["exploding"], (), "too high"),
                                    (CURVES["flat"], (), "low"),
                                    (CURVES["flat"], [1e-6] * 30, "low"),
                                    (CURVES["flat"], [0.5] * 3 + [1e-7] * 27, "too high"),
                                    (CURVES["flat"], [3e-3] * 30, "unknown"),
                                    (CURVES["rising"], (), "high"),
                                    (2.3 - 0.004 * T + noise(), [2e-4] * 30, "low"),
                                    (2.3 - 0.004 * T + noise(), [5e-3] * 30, "good"),
                                    (CURVES["too short"], (), "unknown"),
                                    (np.full(50, np.nan), (), "unknown")])
def test_lr_verdict(curve, ratio, verdict):
    got = lr_verdict(CurveAndUpdates(curve, ratio, lr=0.1))
    assert got.details["verdict"] == verdict
    assert got.status == {"good": "pass", "unknown": "skip"}.get(verdict, "warn")
    assert ("0.01" in got.advice) == (verdict == "too high")


def test_noise_level_is_the_share_of_the_level():
    got = noise_level(BatchLosses(1.0 + noise(0.1, 20_000), batch_size=16))
    assert got.status == "pass"
    assert got.measured == pytest.approx(0.1, rel=0.05)
    wild = noise_level(BatchLosses(2.0 + np.abs(noise(4.0, 400)), batch_size=16))
    assert wild.status == "warn"
    assert "64 samples" in wild.advice
    assert noise_level(BatchLosses([1.0, np.nan, 1.0])).status == "skip"


def test_facts():
    got = curve_facts(falling(0.2, 10))
    assert (got.n, got.bad, got.jumps, got.bounded) == (300, None, 0, True)
    # the first level is that of step 2
    assert got.left == pytest.approx(0.2 / (0.2 + 0.8 * np.exp(-0.2)), rel=1e-3)
    assert got.noise == pytest.approx(0, abs=1e-4)
    assert curve_facts(10 - np.arange(101.0)).late == pytest.approx((10 - 50 - (10 - 90)) / (8 + 80),
                                                              abs=0.02)
    assert not curve_facts(10 - np.arange(101.0)).bounded


LOOKS = np.arange(0, 300, 10)


def fit(train, held, **more):
    return fit_diagnosis(TrainAndValidation(T, train + noise(), LOOKS, held + noise(0.005, 30, 1), **more))


@pytest.mark.parametrize(("train", "held", "verdict"), [
    (falling(0.02), falling(0.3)[LOOKS] + 0.006 * np.maximum(0, LOOKS - 80), "overfitting"),
    (falling(0.8, 20), falling(0.8, 20)[LOOKS] + 0.02, "underfitting"),
    (2.3 - 0.005 * T, 2.35 - 0.005 * LOOKS, "still improving"),
    (falling(0.1, 20), falling(0.13, 20)[LOOKS], "good"),
    (2.3 + 0.01 * T, 2.3 + 0.01 * LOOKS, "unknown")])
def test_fit_diagnosis(train, held, verdict):
    got = fit(train, held)
    assert got.details["verdict"] == verdict
    assert got.status == {"good": "pass", "still improving": "note", "unknown":
                          "skip"}.get(verdict, "warn")


def test_fit_diagnosis_names_the_best_step_and_reads_accuracies():
    turned = falling(0.3)[LOOKS] + 0.006 * np.maximum(0, LOOKS - 80)
    best = int(LOOKS[(turned + noise(0.005, 30, 1)).argmin()])
    got = fit(falling(0.02), turned)
    assert got.details["best_step"] == best
    assert f"step {best} " in got.message
    apart = fit(falling(0.02, 20),
                falling(0.3, 20)[LOOKS], train_accuracy=0.99, val_accuracy=[0.7] * 30)
    assert apart.details["verdict"] == "overfitting"
    assert "99% right in training, 70%" in apart.message
    assert fit_diagnosis(TrainAndValidation(T, falling(), [0, 1], [2.0, 1.9])).status == "skip"


def test_fit_diagnosis_does_not_end_above_a_best_that_is_the_end():
    got = fit(2.3 - 0.005 * T, 2.35 - 0.03 * np.arange(30))
    assert got.details["best_step"] == LOOKS[-1]
    assert "lowest at the end, step 290 (" in got.message
    assert "ends at" not in got.message


def test_range_test_of_a_known_curve():
    rates = np.geomspace(1e-6, 10, 141)
    at = np.log10(rates)
    # falls at 10^-2.5
    loss = 2.3 - 1.5 / (1 + np.exp(-4 * (at + 2.5))) + np.where(at > -1, 3 * (at + 1) ** 2, 0)
    got = lr_finder(RangeTest(rates, loss))
    assert got.status == "note"
    assert got.details["steepest"] == pytest.approx(10**-2.5, rel=0.3)
    assert 10**-1.5 < got.details["lowest"] < 10**-0.7
    assert got.details["steepest"] / 2 < got.measured < got.details["lowest"]
    assert lr_finder(RangeTest(rates, loss[::-1].copy() * 0 + 2.3)).measured is None
    assert lr_finder(RangeTest(rates, 2.3 + noise(0.02, 141))).measured is None
    assert lr_finder(RangeTest(rates[:10], loss[:10])).status == "skip"


def test_timing_says_what_dominates_and_how_long_it_takes():
    ms = {"data": 10.0, "forward": 20.0, "backward": 60.0, "step": 10.0}
    quick = timing(StepTimes(ms, steps_per_epoch=600, epochs=10))
    assert (quick.status, quick.measured, quick.details["dominates"]) == ("pass", 100.0, "backward")
    assert quick.details["epoch_s"] == pytest.approx(60.0)
    assert "an epoch takes 60 s, 10 epochs 10 min" in quick.message
    slow = timing(StepTimes({**ms, "data": 480.0}))
    assert (slow.status, slow.details["dominates"]) == ("warn", "data")
    assert "memory" in slow.advice
    assert timing(StepTimes({**ms, "data": 200.0})).status == "note"
    assert [duration(s)
            for s in (3.21, 600, 7200, 200_000)] == ["3.21 s", "10 min", "2 h", "2.31 days"]


def test_a_validation_loss_on_its_way_up_again_is_not_still_improving():
    steps = np.arange(4000)
    train = 2.3 * np.exp(-steps / 700)
    looks = np.arange(0, 4000, 200)
    held = np.interp(looks, [0, 2800, 3999], [2.3, 0.0783, 0.1038])
    found = fit_diagnosis(TrainAndValidation(steps, train, looks, held))
    assert found.details["verdict"] != "still improving"
    held = np.interp(looks, [0, 3999], [2.3, 0.08])
    assert fit_diagnosis(TrainAndValidation(steps, train, looks, held)).details["verdict"] == "still improving"
