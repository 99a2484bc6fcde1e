"""Each rule with evidence made by hand: it fires just above its threshold, is silent just below,
and names the number it measured.
"""

import math

import numpy as np
import pytest

from recipe_widgets.rules import all_rules
from recipe_widgets.rules.augmentation_keeps_label import AugmentedSamples
from recipe_widgets.rules.batch_independence import MixedSamples
from recipe_widgets.rules.bias_before_norm import BiasesBeforeNorm
from recipe_widgets.rules.causal_dependence import FutureLeak
from recipe_widgets.rules.class_balance import ClassCounts
from recipe_widgets.rules.curve_shape import LossCurve
from recipe_widgets.rules.dead_units import DeadUnits
from recipe_widgets.rules.duplicates import CopiedSamples
from recipe_widgets.rules.evidence import Outputs
from recipe_widgets.rules.filters_smooth import FirstFilters
from recipe_widgets.rules.fit_diagnosis import TrainAndValidation
from recipe_widgets.rules.generalisation_onset import LossBySamples
from recipe_widgets.rules.gradient_check import GradientErrors
from recipe_widgets.rules.gradient_norms import LayerGradients
from recipe_widgets.rules.gradients_flow import GradientReach
from recipe_widgets.rules.grads_are_cleared import ClearedGradients
from recipe_widgets.rules.init_scale import SignalSizes
from recipe_widgets.rules.input_independent_baseline import RealAndZeroInputs
from recipe_widgets.rules.input_range import InputStatistics
from recipe_widgets.rules.label_alignment import PredictionGain
from recipe_widgets.rules.label_errors import SuspiciousLabels
from recipe_widgets.rules.loop_equals_vectorised import BatchAndSamples
from recipe_widgets.rules.loss_at_init import FirstLoss
from recipe_widgets.rules.loss_decreases import LossOfOwnBatches
from recipe_widgets.rules.loss_reduction import LossOnRandomOutputs
from recipe_widgets.rules.lr_finder import RangeTest
from recipe_widgets.rules.lr_verdict import CurveAndUpdates
from recipe_widgets.rules.memorises_random_labels import RandomLabels
from recipe_widgets.rules.mode_toggles import ModesSeen
from recipe_widgets.rules.noise_level import BatchLosses
from recipe_widgets.rules.optimizer_covers_model import OptimizerContents
from recipe_widgets.rules.outliers import SampleScores
from recipe_widgets.rules.output_init import FirstOutputs
from recipe_widgets.rules.output_scale import OutputsAtLoss
from recipe_widgets.rules.overfit_few import FewSamples
from recipe_widgets.rules.overfit_one_batch import OneBatch
from recipe_widgets.rules.recurrent_spectrum import RecurrentRadii
from recipe_widgets.rules.saturation import Saturation
from recipe_widgets.rules.split_leak import SharedSamples
from recipe_widgets.rules.timing import StepTimes
from recipe_widgets.rules.train_eval_preprocessing import SamePipelines, TrainAndEvaluationInputs
from recipe_widgets.rules.update_ratio import WeightUpdates

LN10 = math.log(10)
NO_PAIRS = np.zeros((0, 4), np.int64)
ROWS = np.stack([np.zeros(4, np.int64), np.arange(4)], 1)  # (N, 2): split and row
RATES = np.geomspace(1e-5, 10, 100)


def constant_then(level, n=200, first=1.0):
    """A loss of `first` for the first five steps, of `level` afterwards, without any noise."""
    return np.r_[np.full(5, first), np.full(n - 5, level)]


def straight(late, n=1000):
    """A loss from 1 to 0.3 of which the share `late` of the fall comes in the second half."""
    half = 0.3 + 0.7 * late
    return np.r_[np.linspace(1, half, n // 2), np.linspace(half, 0.3, n - n // 2)]


def outputs(**changed):
    """Logits as a healthy head gives them."""
    plain = {
        "low": -1.0, "high": 1.0, "zeros": 0.0, "constant": False, "row_sum_gap": 2.0,
        "row_exp_gap": 9.0, "column_exp_gap": 9.0
    }
    return Outputs(**{**plain, **changed})


def at_loss(kind, below=0.0, last="", **changed):
    return [OutputsAtLoss(outputs(**changed), kind, 10, below, last)]


def inputs(mean=0.0, std=1.0, low=-3.0, high=3.0, **more):
    columns = [np.broadcast_to(np.asarray(v, float), (4,)) for v in (mean, std, low, high)]
    return InputStatistics(*columns, **more)


def gain(standard_errors, n=400):
    """Gains whose mean lies so many standard errors above zero."""
    wobble = np.tile([1.0, -1.0], n // 2)  # mean 0, standard deviation 1
    return PredictionGain(wobble + standard_errors / math.sqrt(n), classes=10, accuracy=0.5)


def labels(sure, samples=1000, accuracy=0.9, **more):
    return SuspiciousLabels({}, samples, issues=sure, expected=sure, wrong=sure, accuracy=accuracy, chance=0.1,
                            **more)


def shifted(shift=0.0, ratio=1.0, samples=10**6, picture=True):
    """Evaluation inputs beside training inputs of mean 0 and standard deviation 1."""
    mean, one = np.full(4, shift * max(1.0, ratio)), np.ones(4)
    return TrainAndEvaluationInputs(np.zeros(4), one, mean, one * ratio, samples, picture)


def two_curves(end, train_end=0.05, lowest=0.5):
    """A validation loss that falls from 1 to `lowest` and ends at `end`; a training loss that falls
    on.
    """
    down, up = np.linspace(1, lowest, 10), np.linspace(lowest, end, 10)
    train = np.r_[np.linspace(1, train_end, 150), np.full(150, train_end)]
    return TrainAndValidation(np.arange(300), train, np.linspace(0, 299, 20), np.r_[down, up])


PLAIN = np.random.default_rng(0).normal(size=(3, 500))  # (C, n)

# rule, evidence just above the threshold, status, evidence just below it, what is measured above
CASES = {
    "augmentation_keeps_label, exchanged":
    (AugmentedSamples(permuted=0.06), "fail",
     AugmentedSamples(permuted=0.04, before=0.9, after=0.9, samples=300), 0.06),
    "augmentation_keeps_label, swapped":
    (AugmentedSamples(before=0.9, after=0.80, samples=10**6, moved={("6", "9"): 0.31}), "warn",
     AugmentedSamples(before=0.9, after=0.83, samples=10**6, moved={("6", "9"): 0.31}), 0.80),
    "augmentation_keeps_label, too strong":
    (AugmentedSamples(before=0.9, after=0.54, samples=10**6), "warn",
     AugmentedSamples(before=0.9, after=0.56, samples=10**6), 0.54),
    "batch_independence": (MixedSamples(1.1e-4, 1.0, 1.0), "fail", MixedSamples(0.9e-4, 1.0, 1.0),
                           1.1e-4),
    "bias_before_norm": (BiasesBeforeNorm(["conv1"]), "note", BiasesBeforeNorm([]), 1),
    "causal_dependence, future": (FutureLeak(np.array([0, 1.1e-4])), "fail",
                                  FutureLeak(np.array([0, 0.9e-4])), 1.1e-4),
    "causal_dependence, whole input": (FutureLeak(np.array([0, 0.5]), next_token=False), "note",
                                       FutureLeak(np.array([0, 0.9e-4]), next_token=False), 0.5),
    "class_balance, rare": (ClassCounts({"train": [100, 9]}), "warn",
                            ClassCounts({"train": [100, 10]}), 100 / 9),
    "class_balance, weighted": (ClassCounts({"train": [100, 9]}), "warn",
                                ClassCounts({"train": [100, 9]}, weighted=True), 100 / 9),
    "class_balance, missing": (ClassCounts({"train": [100, 0], "test": [9, 1]}), "fail",
                               ClassCounts({"train": [100, 90], "test": [9, 1]}), 1),
    "class_balance, missing in what was counted":
    (ClassCounts({"train": [100, 0], "test": [9, 1]}, complete=False), "warn",
     ClassCounts({"train": [100, 90], "test": [9, 1]}, complete=False), 1),
    "class_balance, sorted": (ClassCounts({"train": [9, 9]}, sorted_runs=0.51), "warn",
                              ClassCounts({"train": [9, 9]}, sorted_runs=0.49), 0.51),
    "curve_shape, no number": (LossCurve([1.0, 0.9, float("nan")]), "fail",
                               LossCurve(constant_then(0.5)), 2),
    "curve_shape, explodes": (LossCurve(constant_then(3.1)), "warn",
                              LossCurve(constant_then(2.9), falls=False), 3.1),
    "curve_shape, rises": (LossCurve(constant_then(1.06)), "warn", LossCurve(constant_then(0.9)),
                           1.06),
    "curve_shape, flat": (LossCurve(constant_then(0.94)), "warn", LossCurve(constant_then(0.92)),
                          0.94),
    "dead_units": (DeadUnits({"relu 1": 0.4}, 32), "warn", DeadUnits({"relu 1": 0.39}, 32), 0.4),
    "dead_units, few samples": (DeadUnits({"relu 1": 0.5}, 32), "warn",
                                DeadUnits({"relu 1": 0.5}, 31), 0.5),
    "duplicates, across splits":
    (CopiedSamples(np.array([[0, 1, 1, 2]]), NO_PAIRS, {"train": 9, "test": 9}), "warn",
     CopiedSamples(NO_PAIRS, NO_PAIRS, {"train": 9, "test": 9}), 1),
    "duplicates, inside a split":
    (CopiedSamples(np.array([[0, 1, 0, 2]]), NO_PAIRS, {"train": 9}), "note",
     CopiedSamples(NO_PAIRS, NO_PAIRS, {"train": 9}), 1),
    "filters_smooth": (FirstFilters(0.09, np.zeros((1, 1, 3, 3)), True), "warn",
                       FirstFilters(0.11, np.zeros((1, 1, 3, 3)), True), 0.09),
    "filters_smooth, untrained": (FirstFilters(0.09, np.zeros((1, 1, 3, 3)), False), "note",
                                  FirstFilters(0.11, np.zeros((1, 1, 3, 3)), False), 0.09),
    # the last of three looks counts with a median: 0.56 of them, a tenth above the lowest
    "fit_diagnosis": (two_curves(0.58), "warn", two_curves(0.5), None),
    "generalisation_onset": (LossBySamples([8, 32], [1.0, 0.96], 1.0), "note",
                             LossBySamples([8, 32], [1.0, 0.94], 1.0), 0.96),
    "gradient_check, wrong": (GradientErrors({"w": 1.1e-2}, 1e-5, 0), "fail",
                              GradientErrors({"w": 0.9e-3}, 1e-5, 0), 1.1e-2),
    "gradient_check, inaccurate": (GradientErrors({"w": 1.1e-3}, 1e-5, 0), "warn",
                                   GradientErrors({"w": 0.9e-3}, 1e-5, 0), 1.1e-3),
    "gradient_norms, vanish": (LayerGradients({"a": 1e-7, "b": 0.11}), "warn",
                               LayerGradients({"a": 1e-7, "b": 0.09}), 1.1e6),
    "gradient_norms, explode": (LayerGradients({"a": 1.0, "b": 1001.0}), "warn",
                                LayerGradients({"a": 1.0, "b": 999.0}), 1001.0),
    "gradients_flow, detached": (GradientReach(detached=["w"]), "fail", GradientReach(), 1),
    "gradients_flow, pretrained": (GradientReach(detached=["w"], pretrained=True), "note",
                                   GradientReach(), 1),
    "gradients_flow, zero": (GradientReach(zero=["w", "v"]), "warn", GradientReach(), 2),
    "gradients_flow, frozen": (GradientReach(random_frozen=["w"]), "warn", GradientReach(), 1),
    "gradients_flow, unused": (GradientReach(unused=["w"]), "note", GradientReach(), 1),
    "gradients_flow, flat": (GradientReach(all_zero=True), "fail", GradientReach(), 0.0),
    "grads_are_cleared": (ClearedGradients(1, 9, 9), "fail", ClearedGradients(0, 9, 9), 1),
    "grads_are_cleared, evaluation": (ClearedGradients(0, 9, 9, left_by_evaluation=True), "fail",
                                      ClearedGradients(0, 9, 9), None),
    "init_scale, grows": (SignalSizes({"a": 1.0, "b": 101.0}), "warn",
                          SignalSizes({"a": 1.0, "b": 99.0}), 101.0),
    "init_scale, dies": (SignalSizes({"a": 0.9e-4, "b": 1.0}), "warn",
                         SignalSizes({"a": 1.1e-4, "b": 1.0}), 0.9e-4),
    "init_scale, equal": (SignalSizes(identical=["a"]), "fail", SignalSizes({"a": 1.0, "b": 1.0}),
                          1),
    "input_independent_baseline": (RealAndZeroInputs(0.99, 1.0, 2.3), "warn",
                                   RealAndZeroInputs(0.97, 1.0, 2.3), 0.99),
    "input_range, large": (inputs(std=20.5, low=-60, high=60), "warn",
                           inputs(std=19.5, low=-60, high=60), 20.5),
    "input_range, bytes": (inputs(std=15, low=0, high=51, image=True), "warn",
                           inputs(std=15, low=0, high=49, image=True), 51),
    "input_range, constant": (inputs(std=0.029, low=0, high=0.09), "warn",
                              inputs(std=0.031, low=0, high=0.09), 0.029),
    "input_range, sparse": (inputs(std=0.029, low=0, high=0.09), "warn",
                            inputs(std=0.029, low=0, high=1.0), 0.029),
    "input_range, far": (inputs(mean=30.5), "warn", inputs(mean=29.5), 30.5),
    "input_range, pictures far": (inputs(mean=5.1, image=True), "warn",
                                  inputs(mean=4.9, image=True), 5.1),
    "input_range, one wide column": (inputs(std=[1, 1, 1, 101], low=-99), "warn",
                                     inputs(std=[1, 1, 1, 39], low=-99), None),
    "input_range, no number": (inputs(broken=[3]), "fail", inputs(), 1),
    "input_range, whole numbers": (inputs(whole=True), "note", inputs(), 1.0),
    "label_alignment": (gain(3.9), "warn", gain(4.1), 3.9),
    "label_errors": (labels(81), "warn", labels(0), 0.081),
    "label_errors, a few": (labels(79), "note", labels(0), 0.079),
    "label_errors, one class twice": (labels(0, overlap=[("cat", "kitten", 0.4)]), "warn",
                                      labels(0), 0.4),
    "loop_equals_vectorised, outputs": (BatchAndSamples(0, 1.1e-3), "fail",
                                        BatchAndSamples(0, 0.9e-3), 1.1e-3),
    "loop_equals_vectorised, loss": (BatchAndSamples(1.1e-3, 0), "note",
                                     BatchAndSamples(0.9e-3, 0), 1.1e-3),
    "loop_equals_vectorised, metric": (BatchAndSamples(0, 0, [0.5, 0.5001]), "fail",
                                       BatchAndSamples(0, 0, [0.5, 0.50004]), 0.5001),
    "loss_at_init, high": (FirstLoss([2 * LN10 + 0.01], LN10, "cross_entropy", 10), "warn",
                           FirstLoss([2 * LN10 - 0.01], LN10, "cross_entropy", 10),
                           2 * LN10 + 0.01),
    "loss_at_init, knows": (FirstLoss([0.59 * LN10], LN10, "cross_entropy", 10), "note",
                            FirstLoss([0.61 * LN10], LN10, "cross_entropy", 10), 0.59 * LN10),
    "loss_at_init, scaled": (FirstLoss([LN10], LN10, "cross_entropy", 10, scale=1.03), "warn",
                             FirstLoss([LN10], LN10, "cross_entropy", 10, scale=1.01), LN10),
    "loss_at_init, regression": (FirstLoss([5.1], 1.0, "regression"), "warn",
                                 FirstLoss([4.9], 1.0, "regression"), 5.1),
    "loss_at_init, no number": (FirstLoss([math.inf], LN10, "cross_entropy", 10), "fail",
                                FirstLoss([LN10], LN10, "cross_entropy", 10), math.inf),
    "loss_decreases": (LossOfOwnBatches(1.0, 0.991, 40), "warn", LossOfOwnBatches(1.0, 0.989, 40),
                       0.991),
    "loss_decreases, floor": (LossOfOwnBatches(1.0, 0.996, 40, floor=0.5), "warn",
                              LossOfOwnBatches(1.0, 0.994, 40, floor=0.5), 0.996),
    "loss_reduction, sum": (LossOnRandomOutputs(2.0, 1.0, 1.0, classes=10), "warn",
                            LossOnRandomOutputs(1.0, 1.0, 1.0, classes=10), 2.0),
    "loss_reduction, twice": (LossOnRandomOutputs(0.5, 1.0, 1.0, classes=10), "fail",
                              LossOnRandomOutputs(1.0, 1.0, 1.0, classes=10), 0.5),
    "loss_reduction, mean over classes":
    (LossOnRandomOutputs(1.0, 1.0, 1.0, classes=10, scale=0.1), "warn",
     LossOnRandomOutputs(1.0, 1.0, 1.0, classes=10, scale=1.0), 0.1),
    "loss_reduction, broadcast": (LossOnRandomOutputs(1.0, 1.5, 1.0, squeezed=2.0), "fail",
                                  LossOnRandomOutputs(1.0, 1.0, 1.0, squeezed=1.0), 1.0),
    "loss_reduction, wrong axis": (LossOnRandomOutputs(1.2, 1.5, 1.0, classes=10), "warn",
                                   LossOnRandomOutputs(1.0, 1.0, 1.0, classes=10), 1.5),
    "loss_reduction, contrastive": (LossOnRandomOutputs(1.2, 1.5, 1.0), "note",
                                    LossOnRandomOutputs(1.0, 1.5, 1.0), 1.5),
    "lr_finder": (RangeTest(RATES, np.where(RATES < 1e-2, 2.3, 1.0)), "note", None, None),
    # levels are those of fifths: 0.466 and 0.456 of the fall lie in the second half
    "lr_verdict, low": (CurveAndUpdates(straight(0.52)), "warn", CurveAndUpdates(straight(0.51)),
                        None),
    "lr_verdict, low by its updates":
    (CurveAndUpdates(straight(0.52), [1.9e-3] * 9), "warn",
     CurveAndUpdates(straight(0.52), [2.1e-3] * 9), 1.9e-3),
    "lr_verdict, high": (CurveAndUpdates(constant_then(0.94), [0.031] * 9), "warn",
                         CurveAndUpdates(constant_then(0.92), [0.031] * 9), 0.031),
    "memorises_random_labels": (RandomLabels(0.31, 16), "warn", RandomLabels(0.29, 16), 0.31),
    "mode_toggles, dropout": (ModesSeen(strong=0.8), "warn", ModesSeen(strong=0.79), 0.8),
    "mode_toggles, steps": (ModesSeen(changes_weights=True), "fail", ModesSeen(), None),
    "mode_toggles, statistics": (ModesSeen(changes_statistics=True), "fail", ModesSeen(), None),
    "mode_toggles, stays": (ModesSeen(stays_eval=True), "fail", ModesSeen(), None),
    "mode_toggles, training mode": (ModesSeen(eval_in_train=True), "warn", ModesSeen(), None),
    "mode_toggles, frozen": (ModesSeen(frozen_statistics=True), "warn", ModesSeen(), None),
    "mode_toggles, random": (ModesSeen(random_eval=True), "warn", ModesSeen(), None),
    "mode_toggles, on purpose": (ModesSeen(chosen_random=True), "note", ModesSeen(), None),
    "noise_level": (BatchLosses(np.tile([0.0, 2.0], 200)), "warn", BatchLosses(constant_then(0.5)),
                    None),
    "optimizer_covers_model, missing": (OptimizerContents(3, missing=["w"]), "fail",
                                        OptimizerContents(4), 1),
    "optimizer_covers_model, list": (OptimizerContents(3, unregistered=["w", "b"]), "fail",
                                     OptimizerContents(5), 2),
    "optimizer_covers_model, branch":
    (OptimizerContents(3, missing=["w"], whole_branches=True), "warn", OptimizerContents(4), 1),
    "optimizer_covers_model, stale": (OptimizerContents(3, stale=2), "warn", OptimizerContents(3),
                                      0),
    "optimizer_covers_model, twice": (OptimizerContents(3, twice=1), "warn", OptimizerContents(3),
                                      0),
    "outliers": (SampleScores({"ink": np.array([0, 0, 0, 8.1])}, ROWS), "note",
                 SampleScores({"ink": np.array([0, 0, 0, 7.9])}, ROWS), 8.1),
    "outliers, blank": (SampleScores({"ink": np.zeros(4)}, ROWS, blank=[2]), "warn",
                        SampleScores({"ink": np.zeros(4)}, ROWS), 0.0),
    "output_init, loud": (FirstOutputs(0.0, 3.1, classes=10), "warn",
                          FirstOutputs(0.0, 2.9, classes=10), 3.1),
    "output_init, knows": (FirstOutputs(0.0, 3.1, classes=10), "warn",
                           FirstOutputs(0.0, 3.1, classes=10, knows=True), 3.1),
    "output_init, ReLU": (FirstOutputs(0.5, 1.0, classes=10, floor=0.0, zeros=0.021), "warn",
                          FirstOutputs(0.5, 1.0, classes=10, floor=0.0, zeros=0.019), 0.0),
    "output_init, far": (FirstOutputs(0.0, 1.0, target_mean=4.1, target_std=1.0), "warn",
                         FirstOutputs(0.0, 1.0, target_mean=3.9, target_std=1.0), 0.0),
    "output_init, no number": (FirstOutputs(0.0, math.inf), "fail", FirstOutputs(0.0, 1.0),
                               math.inf),
    "output_scale, probabilities":
    (at_loss("cross_entropy", low=0, high=0.9, row_sum_gap=0.9e-3), "fail",
     at_loss("cross_entropy", low=0, high=0.9, row_sum_gap=1.1e-3), 0.9),
    "output_scale, logits into NLL": (at_loss("nll", row_exp_gap=0.011), "fail",
                                      at_loss("nll", row_exp_gap=0.009), 0.011),
    "output_scale, batch axis": (at_loss("cross_entropy", column_exp_gap=0.9e-3), "fail",
                                 at_loss("cross_entropy", column_exp_gap=1.1e-3), None),
    "output_scale, sigmoid twice": (at_loss("bce_logits", low=0, high=1.0), "warn",
                                    at_loss("bce_logits", low=0, high=1.1), 1.0),
    "output_scale, no probabilities": (at_loss("bce", low=0, high=1.1), "fail",
                                       at_loss("bce", low=0, high=1.0), 0),
    "output_scale, ReLU": (at_loss("cross_entropy", low=0, high=9, zeros=0.021), "warn",
                           at_loss("cross_entropy", low=0, high=9, zeros=0.019), 0),
    "output_scale, ReLU in a regression":
    (at_loss("regression", below=0.1, low=0, high=9, zeros=0.021), "fail",
     at_loss("regression", below=0.0, low=0, high=9, zeros=0.021), 0),
    "output_scale, operation": (at_loss("cross_entropy", last="Relu", low=0, high=9), "warn",
                                at_loss("cross_entropy", last="Relu", low=-1, high=9), 0.0),
    "overfit_few": (FewSamples({2: 0, 16: 0.21}, {2: 0, 16: 0.1}, 0.2), "warn",
                    FewSamples({2: 0, 16: 0.19}, {2: 0, 16: 0.1}, 0.2), 0.21),
    "overfit_one_batch": (OneBatch(1.0, 0.21, 0.0, 16, 400, 0.2), "warn",
                          OneBatch(1.0, 0.19, 0.0, 16, 400, 0.2), 0.21),
    "recurrent_spectrum, amplifies": (RecurrentRadii({"hh": 2.1}, False), "warn",
                                      RecurrentRadii({"hh": 1.9}, False), 2.1),
    "recurrent_spectrum, forgets": (RecurrentRadii({"hh": 0.19}, False), "warn",
                                    RecurrentRadii({"hh": 0.21}, False), 0.19),
    "recurrent_spectrum, gated": (RecurrentRadii({"hh": 0.19}, False), "warn",
                                  RecurrentRadii({"hh": 0.19}, True), 0.19),
    "saturation": (Saturation({"tanh 1": 0.51}), "warn", Saturation({"tanh 1": 0.5}), 0.51),
    "split_leak, copies": (SharedSamples(1, 100), "fail", SharedSamples(0, 100), 1),
    "split_leak, by chance": (SharedSamples(9, 100, by_chance=True), "note", SharedSamples(0, 100),
                              9),
    "split_leak, near": (SharedSamples(0, 1000, near=6), "warn", SharedSamples(0, 1000), 6),
    "split_leak, few near": (SharedSamples(0, 1000, near=4), "note", SharedSamples(0, 1000), 4),
    "split_leak, seen passing by": (SharedSamples(3, 300, train_size=900), "fail",
                                    SharedSamples(2, 200, train_size=900), 3),
    "split_leak, the training set itself": (SharedSamples(89, 89, train_size=100), "warn",
                                            SharedSamples(91, 91, train_size=100), 89),
    "split_leak, beside a clean one":
    (SharedSamples(89, 89, train_size=100, another_is_clean=True), "note",
     SharedSamples(91, 91, train_size=100, another_is_clean=True), 89),
    "timing, slow": (StepTimes({"forward": 501.0}), "warn", StepTimes({"forward": 499.0}), 501.0),
    "timing, waits": (StepTimes({"data": 5.1, "forward": 4.9}), "note",
                      StepTimes({"data": 4.9, "forward": 5.1}), 10.0),
    "train_eval_preprocessing, shift": (shifted(0.51), "warn", shifted(0.49), None),
    "train_eval_preprocessing, spread": (shifted(ratio=1.61), "warn", shifted(ratio=1.59), None),
    "train_eval_preprocessing, tables": (shifted(1.01, picture=False), "warn",
                                         shifted(0.99, picture=False), None),
    "train_eval_preprocessing, table spreads": (shifted(ratio=2.21, picture=False), "warn",
                                                shifted(ratio=2.19, picture=False), None),
    "train_eval_preprocessing, few samples": (shifted(0.66, samples=400), "warn",
                                              shifted(0.64, samples=400), None),
    "train_eval_preprocessing, scale":
    (SamePipelines(((9, 3), (9, 3)), train=PLAIN, evaluated=1.16 * PLAIN), "fail",
     SamePipelines(((9, 3), (9, 3)), train=PLAIN, evaluated=1.14 * PLAIN), None),
    "train_eval_preprocessing, channels":
    (SamePipelines(((9, 3), (9, 3)), train=PLAIN, evaluated=PLAIN[::-1]), "fail",
     SamePipelines(((9, 3), (9, 3)), train=PLAIN, evaluated=PLAIN), None),
    "train_eval_preprocessing, random":
    (SamePipelines(((9, 3), (9, 3)), (False, True), PLAIN, PLAIN), "warn",
     SamePipelines(((9, 3), (9, 3)), (True, False), PLAIN, PLAIN), None),
    "train_eval_preprocessing, shape": (SamePipelines(((9, 3), (9, 4))), "warn",
                                        SamePipelines(((9, 3), (9, 3)), train=PLAIN,
                                                      evaluated=PLAIN), None),
    "update_ratio, large": (WeightUpdates({"w": np.full(9, 0.11)}, True), "warn",
                            WeightUpdates({"w": np.full(9, 0.09)}, True), 0.11),
    "update_ratio, small": (WeightUpdates({"w": np.full(9, 0.9e-4)}, True), "warn",
                            WeightUpdates({"w": np.full(9, 1.1e-4)}, True), 0.9e-4),
    "update_ratio, helps": (WeightUpdates({"w": np.full(9, 0.11)}, True, helped=True), "note",
                            WeightUpdates({"w": np.full(9, 0.09)}, True, helped=True), 0.11),
    "update_ratio, nothing": (WeightUpdates({}, False), "fail",
                              WeightUpdates({"w": np.full(9, 1e-3)}, True), 0.0),
}


@pytest.mark.parametrize("case", CASES)
def test_a_rule_fires_above_its_threshold_only(case):
    above, status, below, measured = CASES[case]
    rule = all_rules()[case.partition(",")[0]]
    found = rule(above)
    assert found.status == status, found
    assert found.name == rule.name
    assert found.message
    if measured is not None:
        shown = found.message if "explode:" in found.message else None
        assert shown or found.measured == pytest.approx(measured)
    if below is not None:
        assert rule(below).status == "pass", rule(below)


# What is too little to judge by.
SILENT = {
    "curve_shape": LossCurve([1.0] * 29),
    "noise_level": BatchLosses([1.0] * 29),
    "lr_verdict": CurveAndUpdates([1.0] * 29),
    "fit_diagnosis": TrainAndValidation(range(9), [1.0] * 9, range(9), [1.0] * 9),
    "lr_finder": RangeTest(RATES[:17], np.ones(17)),
    "dead_units": DeadUnits({}, 99),
    "saturation": Saturation({}),
    "gradient_norms": LayerGradients({"a": 1.0}),
    "gradient_check": GradientErrors({}, 1e-5, 4),
    "update_ratio": WeightUpdates({}, True),
    "init_scale": SignalSizes({"a": 1.0}),
    "label_alignment": PredictionGain(np.ones(99), 2, 1.0),
    "label_errors": labels(9, accuracy=0.54),
    "augmentation_keeps_label": AugmentedSamples(before=0.29, after=0.0, samples=99),
    "loss_at_init": FirstLoss([1.0], None, "other"),
    "loss_reduction": LossOnRandomOutputs(0.0, 0.0, 0.0),
    "grads_are_cleared": ClearedGradients(0, 9, 0),
    "input_range": inputs(samples=15),
    "output_scale": [],
}


@pytest.mark.parametrize("name", SILENT)
def test_a_rule_cannot_tell_from_too_little(name):
    assert all_rules()[name](SILENT[name]).status == "skip"


def test_the_cause_of_a_few_samples_not_learnt_is_told():
    few = all_rules()["overfit_few"]
    own = {2: 1.0, 16: 1.0}
    assert "regularised" in few(FewSamples(own, {2: 0.0, 16: 0.0}, 0.2)).message
    assert "too small" in few(FewSamples(own, {2: 0.0, 16: 1.0}, 0.2)).message
    assert "bug" in few(FewSamples(own, {2: 1.0, 16: 1.0}, 0.2)).message


def test_most_batches_must_show_the_same_fault():
    rule = all_rules()["output_scale"]
    bad, good = at_loss("nll", row_exp_gap=0.5), at_loss("nll", row_exp_gap=0.0)
    assert rule(3 * bad + good).status == "fail"
    assert rule(2 * bad + 2 * good).status == "pass"


def test_a_leap_that_stays_is_too_high():
    rule = all_rules()["lr_verdict"]
    leap = np.r_[np.full(5, 1.0), np.full(20, 3.0), np.full(200, 1.2)]
    assert rule(CurveAndUpdates(leap)).details["verdict"] == "too high"
    healthy_steps = CurveAndUpdates(constant_then(0.95), [1.1e-3] * 9)
    assert rule(healthy_steps).details["verdict"] == "unknown"  # look for a bug


def test_the_suggestion_lies_where_the_loss_falls():
    found = all_rules()["lr_finder"](RangeTest(RATES, np.where(RATES < 1e-2, 2.3, 1.0)))
    assert 1e-3 < found.measured < 1e-1
