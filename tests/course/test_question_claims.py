"""What questions call the right answer, measured once more, apart from the pages' own cells."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets import load
from recipe_widgets.course.exercises import exercise_named
from recipe_widgets.course.questions import question_named
from recipe_widgets.lessons.common.recorded import recorded


def test_ten_times_the_rate_with_momentum_ends_near_a_guess() -> None:
    """Over 300 steps, as the question says; without momentum the same rate does no harm."""
    data = load("mnist")
    x, y = data.train.batch(torch.arange(19_200))
    batches = list(zip(x.split(64), y.split(64), strict=True))
    ends = {}
    for momentum in (0.0, 0.9):
        for lr in (0.05, 0.5):
            torch.manual_seed(0)
            model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
            optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
            losses = exercise_named("train_epoch").reference(
                model, batches, F.cross_entropy, optimizer)
            ends[momentum, lr] = sum(losses[-20:]) / 20
    assert question_named("ten_times_lr").answer == "High, near a guess"
    assert ends[0.9, 0.05] < 0.4
    assert abs(ends[0.9, 0.5] - math.log(10)) < 0.7
    assert ends[0.0, 0.5] < 0.5


def test_sigmoid_is_flat_for_three_quarters_of_inputs_with_a_spread_of_ten() -> None:
    beyond = math.log((1 + math.sqrt(0.8)) / (1 - math.sqrt(0.8)))  # there a(1 - a) is 0.05
    share = math.erfc(beyond / 10 / math.sqrt(2))
    assert question_named("sigmoid_at_ten").answer == "About three quarters"
    assert abs(share - 0.75) < 0.05


def test_xavier_is_the_root_where_a_layer_is_as_wide_as_its_inputs() -> None:
    assert question_named("xavier_and_root").answer == "They are equal"
    assert math.isclose(math.sqrt(2 / (128 + 128)), math.sqrt(1 / 128))


def test_units_of_digits_die_at_a_rate_of_one_and_not_at_a_tenth() -> None:
    x, y = load("mnist").train.batch(torch.arange(8000))
    dead = {}
    for lr in (0.1, 0.5, 1.0):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
        rows = torch.randint(len(x), (200, 64), generator=torch.Generator().manual_seed(0))
        exercise_named("train_epoch").reference(
            model, ((x[r], y[r]) for r in rows), F.cross_entropy,
            torch.optim.SGD(model.parameters(), lr=lr))
        dead[lr] = exercise_named("dead_units").reference(model, [(x, y)])["2"]
    assert question_named("dying_rate").answer == "1"
    assert dead[0.1] < 0.1
    assert dead[0.5] < 0.5 < dead[1.0]


def test_answers_of_notebook_06_are_those_of_the_records() -> None:
    def found(study: str, claim: str) -> str:
        return recorded(study).answer(claim).verdict

    def points(study: str, arm: str, base: str) -> float:
        scores = recorded(study).comparison.scores
        return 100 * (sum(scores[arm]) / len(scores[arm]) - sum(scores[base]) / len(scores[base]))

    assert question_named("larger_batch").answer == "Lower"
    assert found("batch_size", "Batches of 64 are better than batches of 1,024") == "holds"
    assert question_named("falling_rate").answer == "About half a point"
    assert found("cool_down", "A cosine is better than a constant rate, with momentum") == "holds"
    assert 0.3 < points("cool_down", "cosine, momentum", "constant, momentum") < 0.7
    assert question_named("warm_up_for_whom").answer == "The one with eight layers and no norms"
    assert found("warm_up", "A warm-up helps eight layers without norms") == "holds"
    assert found("warm_up", "A warm-up helps one layer") == "no difference that matters"
    assert question_named("three_e_minus_four").answer == "About four points worse"
    assert found("optimizers_cifar", "Adam at 3e-4 is better than tuned SGD") == "the reverse"
    assert -5 < points("optimizers_cifar", "Adam at 3e-4", "SGD with momentum") < -3


def test_what_notebook_06_says_of_its_records() -> None:
    """Sentences of the page that no question asks for."""
    for study, claim, verdict in (
            ("accumulation", "With BatchNorm, a batch at once is better than the same in four parts",
             "no difference that matters"),
            ("batch_time", "In equal time, batches of 64 are better than batches of 16", "holds"),
            ("batch_time", "In equal time, batches of 64 are better than batches of 256", "the reverse"),
            ("averaging", "A constant rate with averages is better than a cosine", "holds"),
            ("averaging", "Averaging helps a cosine, too", "no difference that matters"),
            ("decay_parts", "Weight decay with norms and biases left out is better than decay of all", "holds"),
            ("optimizers", "Momentum is better than plain SGD", "undecided"),
            ("optimizers_cifar", "Adam is better than SGD with momentum", "undecided"),
            ("optimizers_cifar", "Tuned Adam is better than Adam at 3e-4", "holds"),
            ("warm_up", "Warm-up, stable, decay is better than warm-up and cosine in one layer", "holds"),
            ("warm_up", "Warm-up, stable, decay is better than warm-up and cosine in eight layers", "holds"),
            ("muon", "Muon is better than AdamW", "holds"),
            ("bfloat16", "float32 is better than bfloat16", "no difference that matters")):
        assert recorded(study).answer(claim).verdict == verdict, claim


def test_momentum_at_its_own_rate_is_far_ahead_in_the_steep_valley_alone() -> None:
    def end(kappa: float, momentum: float, lr: float) -> float:
        w, v = torch.tensor([-2.0, 1.0], dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
        steep = torch.tensor([1.0, kappa], dtype=torch.float64)
        losses = []
        for _ in range(120):
            losses.append(float((steep * w * w).sum() / 2))
            v = momentum * v + steep * w
            w = w - lr * v
        return max(losses[-12:])

    def best(kappa: float, momentum: float) -> float:
        ends = [end(kappa, momentum, lr) for lr in torch.logspace(-4, 0, 33).tolist()]
        return min(one for one in ends if math.isfinite(one))

    assert question_named("steep_valley").answer == "At κ = 200 only"
    assert best(200, 0.9) < 0.1 * best(200, 0.0)
    assert best(20, 0.0) < best(20, 0.9)
