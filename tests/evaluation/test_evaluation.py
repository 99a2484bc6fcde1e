"""Answers from textbooks and by hand, other libraries as oracles, and bad input."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from recipe_widgets import RecipeError
from recipe_widgets import evaluation as ev

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("hits", "n", "low", "high"), [(8, 10, 0.4901625, 0.9433178),
                                                        (0, 10, 0.0, 0.2775328),
                                                        (10, 10, 0.7224672, 1.0),
                                                        (81, 263, 0.2552961, 0.3661730)])
def test_wilsons_interval(hits, n, low, high):
    """The last row: E. B. Wilson's interval in R. G. Newcombe, Statistics in Medicine 17, 1998."""
    got = ev.proportion(hits, n)
    assert (got.value, got.low, got.high) == (hits / n, pytest.approx(low, abs=1e-4),
                                              pytest.approx(high, abs=1e-4))


def test_wilson_by_its_formula():
    z, p, n = 1.959963984540054, 0.9, 500
    centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    got = ev.accuracy([1] * 450 + [0] * 50, [1] * 500)
    assert got.low == pytest.approx((centre - half) / (1 + z * z / n))
    assert got.high == pytest.approx((centre + half) / (1 + z * z / n))
    assert "450 of 500" in str(got)


def judged(both, only_a, only_b, neither):
    """Labels of two classifiers with these counts; the truth is all ones."""
    a = [1] * both + [1] * only_a + [0] * only_b + [0] * neither
    b = [1] * both + [0] * only_a + [1] * only_b + [0] * neither
    return a, b, [1] * len(a)


def test_mcnemar_exact_for_few():
    got = ev.mcnemar(*judged(50, 1, 8, 5))
    assert got.exact
    assert (got.both, got.only_a, got.only_b, got.neither) == (50, 1, 8, 5)
    assert got.p == pytest.approx(2 * (1 + 9) / 2**9)  # 2 P(X <= 1), X binomial(9, 1/2)
    assert "B is better" in str(got)
    assert ev.mcnemar(*judged(50, 5, 5, 5)).p == 1.0
    assert ev.mcnemar(*judged(50, 0, 0, 5)).p == 1.0


def test_mcnemar_chi_squared_for_many():
    got = ev.mcnemar(*judged(101, 121, 59, 33))
    assert not got.exact
    assert got.statistic == pytest.approx((121 - 59 - 1) ** 2 / 180)
    # chi-squared with one degree of freedom
    assert got.p == pytest.approx(math.erfc(math.sqrt(got.statistic / 2)))
    assert "A is better" in str(got)
    assert ev.mcnemar(*judged(101, 121, 59, 33), exact=True).p == pytest.approx(
        2 * sum(math.comb(180, k) for k in range(60)) / 2**180)


@pytest.mark.parametrize(("table", "value"), [((20, 5, 10, 15), 0.4), ((45, 15, 25, 15), 0.1304),
                                              ((25, 35, 5, 35), 0.2593), ((30, 0, 0, 20), 1.0)])
def test_kappa_of_the_textbook(table, value):
    yes, a_only, b_only, no = table
    a = [1] * (yes + a_only) + [0] * (b_only + no)
    b = [1] * yes + [0] * a_only + [1] * b_only + [0] * no
    got = ev.kappa(a, b)
    assert got.value == pytest.approx(value, abs=1e-4)
    assert got.low <= got.value <= got.high
    assert got.agreement == pytest.approx((yes + no) / sum(table))


def test_kappa_against_sklearn_and_where_it_is_not_defined():
    from sklearn.metrics import cohen_kappa_score

    a = RNG.integers(0, 9, 400)
    b = np.where(RNG.random(400) < 0.7, a, RNG.integers(0, 12, 400))
    assert ev.kappa(a, b).value == pytest.approx(cohen_kappa_score(a, b))
    assert math.isnan(ev.kappa([1, 1], [1, 1]).value)
    assert "not defined" in str(ev.kappa([1, 1], [1, 1]))


def test_bootstrap():
    a, b, truth = judged(700, 120, 60, 120)
    got = ev.bootstrap_difference(a, b, truth)
    assert got.value == pytest.approx(0.06)
    spread = math.sqrt((0.18 - 0.06**2) / 1000)  # of a mean of -1, 0, 1
    assert got.low == pytest.approx(0.06 - 1.96 * spread, abs=0.004)
    assert got.high == pytest.approx(0.06 + 1.96 * spread, abs=0.004)
    assert "A is better" in str(got)
    assert ev.bootstrap_difference(a, b, truth) == got
    assert ev.bootstrap_difference(a, b, truth, seed=1) != got
    assert "chance" in str(ev.bootstrap_difference(*judged(700, 10, 8, 10)))
    same = ev.bootstrap_difference(a, a, truth)
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_bootstrap_of_any_paired_numbers():
    x = RNG.normal(0, 5, 500)
    got = ev.bootstrap_difference(x + RNG.normal(0.3, 0.1, 500), x)
    assert got.low < 0.3 < got.high
    assert got.high - got.low < 0.03  # the pairing takes the large spread of x away


P = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]])
Y = np.array([0, 1, 1, 1])


def test_calibration_by_hand():
    got = ev.calibration(P, Y, bins=2)  # all four winners lie in (0.5, 1]: mean 0.75, 3 of 4 right
    assert got.counts.tolist() == [0, 4]
    assert (got.ece, got.mce, got.overconfidence) == (pytest.approx(0, abs=1e-12),) * 3
    got = ev.calibration(P, Y, bins=10)  # gaps: 0.1, 0.8, 0.3, 0.4, each a bin of its own
    assert got.ece == pytest.approx(0.4)
    assert got.mce == pytest.approx(0.8)
    assert got.nll == pytest.approx(-np.log([0.9, 0.2, 0.7, 0.6]).mean())
    assert got.brier == pytest.approx(2 * np.mean([0.1**2, 0.8**2, 0.3**2, 0.4**2]))


def test_calibration_against_torchmetrics():
    from torchmetrics.functional.classification import multiclass_calibration_error as oracle

    p = torch.randn(2000, 5, generator=torch.Generator().manual_seed(0)).mul(2).softmax(1)
    y = torch.randint(5, (2000,), generator=torch.Generator().manual_seed(1))
    for norm, name in (("l1", "ece"), ("max", "mce")):
        assert getattr(ev.calibration(p, y),
                       name) == pytest.approx(float(oracle(p, y, 5, 15, norm)), abs=1e-6)


def test_temperature_is_found():
    z = math.log(4) * np.array([[1.0, 0.0]] * 10)  # says 80 %; 8 of 10 are so
    y = np.array([0] * 8 + [1] * 2)
    assert ev.temperature(z, y) == pytest.approx(1.0, rel=1e-3)
    assert ev.temperature(3 * z, y) == pytest.approx(3.0, rel=1e-3)
    assert ev.temperature(np.exp(3 * z) / np.exp(3 * z).sum(1, keepdims=True),
                          y) == pytest.approx(3.0, rel=1e-3)
    # always right: the surer the better
    assert ev.temperature(z, np.zeros(10, int)) == pytest.approx(0.01, rel=0.1)


TRUTH, SAID = [0, 0, 0, 1, 1, 2, 2, 2, 2, 2], [0, 0, 1, 1, 1, 2, 2, 2, 0, 0]


def test_confusion_and_classes_by_hand():
    got = ev.confusion(SAID, TRUTH, names=("a", "b", "c"))
    assert got.counts.tolist() == [[2, 1, 0], [0, 2, 0], [2, 0, 3]]
    assert got.shares[2].tolist() == [0.4, 0.0, 0.6]
    assert got.worst_pairs() == [("c", "a", 2), ("a", "b", 1)]
    table = ev.per_class(SAID, TRUTH, names=("a", "b", "c"))
    assert table.precision == pytest.approx([1 / 2, 2 / 3, 1])
    assert table.recall == pytest.approx([2 / 3, 1, 3 / 5])
    assert table.f1 == pytest.approx([4 / 7, 4 / 5, 3 / 4])
    assert table.support.tolist() == [3, 2, 5]
    assert table.recalls[2] == ev.proportion(3, 5)
    assert "class" in str(table)
    assert np.isnan(ev.per_class([0, 0], [0, 2]).recall[1])
    assert ev.confusion([0, 1], [0, 0], names=list("abcd")).counts.shape == (4, 4)
    assert ev.confusion([0], [0]).counts.tolist() == [[1, 0], [0, 0]]


def test_worst_mistakes():
    p = [[0.9, 0.1], [0.6, 0.4], [0.05, 0.95], [0.2, 0.8], [0.7, 0.3]]
    got = ev.worst_mistakes(p, [0, 1, 0, 1, 1])
    assert got.rows.tolist() == [2, 4, 1]
    assert got.confidence == pytest.approx([0.95, 0.7, 0.6])
    assert got.loss == pytest.approx(-np.log([0.05, 0.3, 0.4]))
    assert len(ev.worst_mistakes(p, [0, 1, 0, 1, 1], most=1)) == 1
    assert str(ev.worst_mistakes([[0.9, 0.1]], [0])) == "no mistake"


def test_a_model_and_a_split_give_what_arrays_give(blobs):
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(64, 3))
    model[1].train(), model[2].eval()
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    before = [m.training for m in model.modules()], torch.get_rng_state(), weights
    asked = ev.as_predictions(model, blobs.validation)
    x, y = next(blobs.validation.batches(10**6))
    with torch.no_grad():
        p = model[2](model[0](x)).softmax(1)
    assert np.allclose(asked.probabilities, p.numpy(), atol=1e-6)
    assert str(ev.accuracy(model, blobs.validation)) == str(ev.accuracy(p, y)) == str(
        ev.accuracy(p.argmax(1), y))
    assert ev.mcnemar(model, model, blobs.validation).p == 1.0
    assert ev.calibration(model, blobs.validation).ece == pytest.approx(
        ev.calibration(p, y).ece, abs=1e-5)
    wrong = ev.worst_mistakes(model, blobs.validation, most=3, names=blobs.classes)
    assert torch.equal(torch.from_numpy(wrong.images), blobs.validation.x[wrong.rows])
    assert [m.training for m in model.modules()] == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert all(torch.equal(v, before[2][k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize(("call", "text"),
                         [(lambda: ev.accuracy([0, 1], [0]), "equally many"),
                          (lambda: ev.accuracy([], []), "no samples"),
                          (lambda: ev.accuracy([0.5, 1], [0, 1]), "whole numbers"),
                          (lambda: ev.accuracy([-1, 1], [0, 1]), "from 0"),
                          (lambda: ev.accuracy("ab", [0, 1]), "str"),
                          (lambda: ev.accuracy(Y, P), "answers come first"),
                          (lambda: ev.accuracy([[0.5, np.nan]], [0]), "NaN"),
                          (lambda: ev.accuracy(P, Y + 5), "one column per class"),
                          (lambda: ev.accuracy([0], [0], level=2), "between 0 and 1"),
                          (lambda: ev.proportion(3, 2), "0 <= hits"),
                          (lambda: ev.accuracy(nn.Linear(2, 2), [0]), "split"),
                          (lambda: ev.calibration([0, 1], [0, 1]), "probabilities"),
                          (lambda: ev.calibration(np.log(P), Y), "softmax"),
                          (lambda: ev.calibration(P, Y, bins=0), "from 1"),
                          (lambda: ev.bootstrap_difference([1.0], [2.0]), "2 samples"),
                          (lambda: ev.bootstrap_difference([1, 2], [1, 2, 3]), "same"),
                          (lambda: ev.bootstrap_difference([1, np.nan], [1, 2]), "NaN"),
                          (lambda: ev.kappa([0, 1], [0]), "same samples"),
                          (lambda: ev.confusion(SAID, TRUTH, names=("a", )), "classes of answers"),
                          (lambda: ev.worst_mistakes([0], [1]), "labels alone"),
                          (lambda: ev.temperature([0], [1]), "labels alone")])
def test_bad_input(call, text):
    with pytest.raises(RecipeError, match=text):
        call()


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40))
def test_shares_are_shares_whatever_the_labels(pairs):
    said, truth = ([p[i] for p in pairs] for i in (0, 1))
    got = ev.accuracy(said, truth)
    assert 0 <= got.low <= got.value <= got.high <= 1
    assert ev.confusion(said, truth).counts.sum() == len(pairs)
    value = ev.kappa(said, truth).value
    assert math.isnan(value) or -1 <= value <= 1
    assert 0 <= ev.mcnemar(said, truth, truth).p <= 1


@given(
    st.lists(st.lists(st.one_of(st.floats(), st.integers(-3, 9)), min_size=1, max_size=3),
             min_size=1, max_size=4), st.lists(st.integers(-2, 5), min_size=1, max_size=4))
def test_odd_input_gives_an_answer_or_a_clear_error(said, truth):
    for call in (ev.accuracy, ev.confusion, ev.calibration, ev.worst_mistakes, ev.temperature):
        try:
            text = str(call(said, truth))
        except RecipeError as error:
            text = str(error)
        assert text
