"""What notebook 03 measures, against answers known beforehand."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets import Data, RecipeError, Settings
from recipe_widgets.lessons import nb03_check_the_machinery as m
from recipe_widgets.lessons.nb03_check_the_machinery import (
    input_dependence,
    input_speed,
    numeric_gradients,
    wrong_programs,
)
from recipe_widgets.training import evaluate


def test_the_hand_written_swish_is_torchs_silu_and_the_wrong_one_has_another_slope() -> None:
    x = torch.linspace(-4, 4, 50, dtype=torch.float64)
    for right in (True, False):
        mine, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
        a, b = m.Swish(right)(mine), F.silu(theirs)
        assert torch.allclose(a, b)
        a.sum().backward()
        b.sum().backward()
        assert torch.allclose(mine.grad, theirs.grad) == right


def test_error_of_central_differences_is_that_of_the_formula() -> None:
    # L(w) = w³ along any direction: (L(1 + h) - L(1 - h)) / 2h = 3 + h², so the relative error is
    # h² / (6 + h²).
    class Cube(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.ones(1, dtype=torch.float64))

    model = Cube()
    found = numeric_gradients.gradient_error(model, lambda: model.w.pow(3).sum(), 0.1, directions=1)
    g = torch.Generator().manual_seed(0)
    v = float(torch.randn(1, generator=g))
    assert found == pytest.approx((0.1 * v) ** 2 / (6 + (0.1 * v) ** 2), rel=1e-6)
    assert model.w.item() == 1.0


def test_step_sizes_have_a_best_in_the_middle(blobs: Data) -> None:
    curve = numeric_gradients.error_curve(blobs)
    best = numeric_gradients.STEPS[int(curve.argmin())]
    assert 1e-7 <= best <= 1e-3
    assert curve.min() < 1e-8
    assert curve[-1] > 100 * curve.min() < curve[0]
    assert numeric_gradients.error_curve(blobs, dtype="float32").min() > curve.min()
    assert "useless" in m.draw_error(blobs, h=1e-9, dtype="float32").alt
    # without kinks an error of 1e-5 is too high (CS231n)
    assert 1e-7 < curve[1] < 1e-4
    assert "doubtful" in m.draw_error(blobs, h=1e-2).alt
    assert "fine" in m.draw_error(blobs, h=1e-5).alt


def test_pitfalls_mislead_where_they_should(blobs: Data) -> None:
    rows = {row.situation: row for row in m.pitfalls(blobs).rows}
    assert not rows["right gradient, float64, h = 1e-5"].misled
    assert not rows["wrong gradient, float64, h = 1e-5"].misled
    for part in ("dropout", "weight decay", "head still at zero"):
        assert next(row for name, row in rows.items() if part in name).misled, part
    assert not rows["the same after 5 steps of training"].misled
    assert "mislead" in str(m.pitfalls(blobs))


def test_more_samples_meet_more_kinks(blobs: Data) -> None:
    seen = m.kinks(blobs, h=3e-3, samples=(1, 200), directions=40)
    assert seen.crossed[0] < seen.crossed[1]


def test_dependence_charts_are_exactly_zero_where_they_must_be() -> None:
    x = torch.randn(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    found = m.dependence_charts(*m.row_models(), x)
    assert found.strangers[0] == 0.0
    assert found.strangers[1] > 0.3
    right, _ = m.row_models()
    one = input_dependence.chart(right, x)
    assert (np.diag(one) > 0).all()
    seen = m.dependence_charts(*m.next_row_models(), x[:, 0], axis=1, names=("with", "without"))
    assert seen.strangers == (0.0, 1.0)


def test_vectorised_distances_equal_scipys_and_the_slip_does_not() -> None:
    from scipy.spatial.distance import cdist

    g = torch.Generator().manual_seed(0)
    x, t = torch.randn(20, 6, generator=g), torch.randn(3, 6, generator=g)
    assert np.allclose(m.distances_at_once(x, t), cdist(x, t, "sqeuclidean"), atol=1e-4)
    assert np.allclose(m.distances_by_loop(x, t), cdist(x, t, "sqeuclidean"), atol=1e-4)
    assert m.loop_against(m.distances_at_once, x, t).equal
    assert not m.loop_against(m.distances_with_slip, x, t).equal


def test_class_means() -> None:
    x, y = torch.tensor([[0.0, 2.0], [2.0, 4.0], [5.0, 5.0]]), torch.tensor([0, 0, 2])
    assert m.class_means(x, y, 3).tolist() == [[1.0, 3.0], [0.0, 0.0], [5.0, 5.0]]


@pytest.mark.parametrize(("mine", "says"), [
    (lambda x, t: (x[:, None] - t).abs().sum(-1), "Right"),
    (lambda x, t: (x[:, None] - t).sum(-1), "abs is missing"),
    (lambda x, t: ((x[:, None] - t) ** 2).sum(-1), "squared"),
    (lambda x, t: (x[:, None] - t).abs().mean(-1), "mean"),
    (lambda x, t: (x[:, None] - t).abs().sum(-1).T, "exchanged"),
    (lambda x, t: (x - t).abs(), "stops with RuntimeError"),
    (lambda x, t: (x[:, None] - t).abs(), r"shape is \(7, 3, 5\)"),
    (lambda x, t: torch.zeros(7, 3), r"entry \(0, 0\)"),
    (lambda x, t: 3, "returns int"),
])
def test_the_distance_exercise_says_what_is_wrong(mine: object, says: str) -> None:
    import re

    assert re.search(says, m.check_distances(mine))  # type: ignore[arg-type]


def backprop(x: torch.Tensor, y: torch.Tensor, w: dict[str, torch.Tensor],
             slip: str = "") -> dict[str, torch.Tensor]:
    a = (x @ w["w1"].T + w["b1"]).relu()
    p = (a @ w["w2"].T + w["b2"]).softmax(1)
    at_logits = (p - F.one_hot(y, p.shape[1])) / (1 if slip == "sum" else len(x))
    at_hidden = (at_logits @ w["w2"]) * (1 if slip == "relu" else (a > 0))
    return {
        "w2": at_logits.T @ a, "b2": at_logits.sum(0), "w1": at_hidden.T @ x, "b1": at_hidden.sum(0)
    }


def test_backprop_by_hand_and_its_exercise(blobs: Data) -> None:
    seen = m.compare_backprop(backprop, blobs)
    assert seen.equal
    assert seen.after < 1e-12
    assert m.check_backprop(backprop, blobs).startswith("Right")
    assert "w1 differs" in m.check_backprop(lambda x, y, w: backprop(x, y, w, "relu"), blobs)
    assert "64 times off" not in (said := m.check_backprop(lambda x, y, w: backprop(x, y, w, "sum"),
                                                           blobs))
    assert "divide by the number of samples" in said
    assert "nothing" in m.check_backprop(lambda x, y, w: {}, blobs)
    assert "KeyError" in m.check_backprop(lambda x, y, w: w["no"],
                                          blobs)  # type: ignore[arg-type,return-value]
    with pytest.raises(RecipeError, match="Gradient of w1"):
        m.compare_backprop(lambda x, y, w: {"w1": x}, blobs)


def test_pil_and_tensors_give_the_same_pictures(blobs: Data) -> None:
    x, y = input_speed.PilDataset(blobs.train, 5)[3]
    mine, label = blobs.train.batch(torch.tensor([3]))
    assert torch.allclose(x, mine[0], atol=1e-5)
    assert y == int(label[0])
    seen = m.epoch_both_ways(blobs, Settings(width=8, batch_size=16), n=96)
    assert seen.factor > 0
    assert "96 samples" in str(seen)
    assert len(list(input_speed._in_memory(blobs.train, 96, 16))) == 6


def test_ways_to_read_count_bytes(blobs: Data) -> None:
    seen = m.ways_to_read(blobs, n=20)
    assert seen.kilobytes["bytes in memory"] == 64.0  # 8 x 8 bytes a picture
    assert seen.kilobytes["half resolution in memory"] == 16.0
    assert all(ms > 0 for ms in seen.ms.values())


def test_milestones_come_in_order(blobs: Data) -> None:
    seen = m.milestones(blobs, Settings(width=16, max_steps=60, batch_size=32), seeds=2, every=5,
                        look=100)
    assert len(seen.first) == len(seen.converged) == 2
    for (first, _), (converged, _), final in zip(seen.first, seen.converged, seen.final,
                                                 strict=True):
        assert first <= converged <= 60
        assert final > 0.9
    assert "2 of 2 seeds" in str(seen)
    assert "of the steps that convergence took" in str(seen)
    still = m.milestones(blobs, Settings(width=16, max_steps=5, lr=0.0), seeds=1, every=5)
    assert still.converged[0][0] == 5  # its first look is as good as its best
    assert ("not within the run" in str(still)) == (still.final[0] < 2 / 3)


def test_small_net_is_the_same_at_every_call(blobs: Data) -> None:
    a, b = (m.small_net(blobs, nn.ReLU()) for _ in range(2))
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert math.isfinite(evaluate(a, blobs.validation).loss)


def test_a_wrong_backward_pass_trains_without_a_word(blobs: Data) -> None:
    seen = m.train_with_both(blobs, seeds=2, steps=30)
    assert list(seen.runs) == ["right", "wrong"]
    assert all(run.status == "done" for runs in seen.runs.values() for run in runs)
    assert seen.runs["right"][0].history.series(
        "train_loss")[0] == seen.runs["wrong"][0].history.series("train_loss")[0]
    assert str(seen).startswith("blobs, 2 seeds: ")


@pytest.mark.parametrize(("right", "wrong", "says"),
                         [([0.8, 0.9], [0.6, 0.7], "right one is better"),
                          ([0.6, 0.7], [0.8, 0.9], "wrong one is better"),
                          ([0.6, 0.8], [0.7, 0.9], "does not tell")])
def test_the_sentence_on_both_goes_by_the_numbers(right: list[float], wrong: list[float],
                                                  says: str) -> None:
    seen = wrong_programs.BothTrain({"right": [None] * 2, "wrong": [None] * 2},
                              "d")  # type: ignore[list-item]
    object.__setattr__(seen, "scores", lambda label: {"right": right, "wrong": wrong}[label])
    assert says in str(seen)


def test_ways_to_break_show_in_the_curves(blobs: Data) -> None:
    seen = m.ways_to_break(blobs,
                           Settings(width=16, lr=0.05, max_steps=60, batch_size=32, eval_every=60),
                           seeds=2)
    assert list(seen.runs) == list(wrong_programs.WAYS)
    assert seen.shapes("as it should be") == "falling"
    assert seen.ends("init zeros")[0] == pytest.approx(math.log(3), rel=0.05)
    assert seen.ends("init normal")[0] > 3 * math.log(3)
    assert len(str(seen).splitlines()) == 1 + len(wrong_programs.WAYS)
