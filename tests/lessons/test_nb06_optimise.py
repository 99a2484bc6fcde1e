import numpy as np
import pytest
import torch

from recipe_widgets import Data, RecipeError, Settings, train
from recipe_widgets.lessons.common.comparison import RunComparison, claim, ends
from recipe_widgets.lessons.nb06_optimise import optimizer_comparison as optimise
from recipe_widgets.lessons.nb06_optimise import optimizer_paths as bowl
from recipe_widgets.lessons.nb06_optimise import schedule_comparison as schedules
from recipe_widgets.lessons.nb06_optimise import second_order
from recipe_widgets.lessons.nb06_optimise.batch_sizes import (
    gradient_noise,
    larger_batches,
    saved_bytes,
    ways_to_batch,
)
from recipe_widgets.models import build_model

SHORT = Settings(width=8, max_steps=30, batch_size=32)


def test_gradient_descent_on_a_bowl_is_the_geometric_series() -> None:
    path = bowl.descend(bowl.bowl(4.0), "sgd", lr=0.1, steps=5)
    x, y = path.weights[0]
    expected = [[x * 0.9**k, y * 0.6**k] for k in range(6)]
    np.testing.assert_allclose(path.weights, expected)
    assert path.losses[5] == pytest.approx(0.5 * ((x * 0.9**5) ** 2 + 4 * (y * 0.6**5) ** 2))


def test_beyond_two_over_kappa_it_diverges_and_says_so() -> None:
    path = bowl.descend(bowl.bowl(20.0), "sgd", lr=0.2, steps=200)
    assert path.diverged
    assert "Diverged: sgd" in bowl.ranking(
        {"sgd": path, "adam": bowl.descend(bowl.bowl(20.0), "adam", 0.1)})


def test_the_best_rate_of_gradient_descent_is_near_two_over_one_plus_kappa() -> None:
    """The optimal rate for steepest descent on ½(x² + κy²) is 2/(1 + κ)."""
    found = bowl.best_rate(bowl.bowl(20.0), "sgd", steps=300)
    assert found == pytest.approx(2 / 21, rel=0.35)  # the grid has eight rates a decade


def test_momentum_pays_in_a_steep_bowl_and_not_in_a_mild_one() -> None:
    """At its best rate plain descent keeps (κ - 1)/(κ + 1) of the error a step, momentum γ at
    least √γ: equal at κ = 38.
    """
    for kappa, pays in ((20, False), (200, True)):
        paths = bowl.race(bowl.bowl(kappa), ("sgd", "momentum"))
        assert (paths["momentum"].end < paths["sgd"].end) is pays, kappa


def test_a_swing_that_passes_the_minimum_at_the_last_step_is_no_best_rate() -> None:
    surface = bowl.bowl(200.0)
    ends = [bowl.descend(surface, "momentum", lr).end for lr in bowl.RATES[::3]]
    best = bowl.descend(surface, "momentum", bowl.best_rate(surface, "momentum"))
    assert best.end < 1.5 * min(ends)
    assert best.end >= best.losses[-1]


@pytest.mark.parametrize(("loss", "said"), [(6.4e-30, "below 1e-6"), (3.71e-5, "0.000037"), (0.734, "0.73"),
                                            (12.3, "12"), (2000.0, "2000")])
def test_losses_are_said_in_plain_numbers(loss: float, said: str) -> None:
    assert bowl.loss_text(loss) == said


def test_optimisers_that_have_arrived_share_the_first_place() -> None:
    paths = {name: bowl.Path(name, 0.1, np.zeros((2, 2)), np.array([1.0, loss]), False)
             for name, loss in (("a", 1e-20), ("b", 1e-9), ("c", 0.5))}
    assert bowl.ranking(paths) == "Lowest after 1 steps: a, b (below 1e-6); highest: c (0.5)."


@pytest.mark.parametrize("name", [*bowl.OPTIMIZERS, "adadelta"])
def test_rates_tried_at_once_end_where_single_runs_end(name: str) -> None:
    surface, rates = bowl.banana(5.0), (0.003, 0.01, 0.03)
    ends = {lr: bowl.descend(surface, name, lr, 40).losses[-1] for lr in rates}
    assert bowl.best_rate(surface, name, 40, rates=rates) == min(ends, key=ends.get)


def test_turning_a_surface_changes_nothing_for_rules_without_axes() -> None:
    surface = bowl.bowl(20.0)
    plain, turned = (bowl.descend(one, "momentum", 0.01).losses
                     for one in (surface, bowl.turned(surface, 30)))
    np.testing.assert_allclose(plain, turned, rtol=1e-9)
    adam, askew = (bowl.descend(one, "adam", 0.1).losses
                   for one in (surface, bowl.turned(surface, 30)))
    assert np.abs(adam - askew).max() > 0.01


def test_minima_are_where_they_are_said_to_be() -> None:
    for make, at in ((bowl.bowl, (0, 0)), (bowl.saddle, (0, 1)), (bowl.banana, (1, 1)),
                     (bowl.plateau, (0, 0))):
        surface = make(20.0)
        w = torch.tensor(at, dtype=torch.float64, requires_grad=True)
        loss = surface.loss(w)
        assert float(loss.detach()) == pytest.approx(surface.least)
        assert torch.autograd.grad(loss, w)[0].abs().max() < 1e-12


def test_a_constant_push_grows_to_one_over_one_minus_gamma() -> None:
    np.testing.assert_allclose(bowl.constant_push(0.5, 3), [1, 1.5, 1.75])
    assert bowl.constant_push(0.9)[-1] == pytest.approx(10)


def test_both_forms_of_momentum_agree_until_the_rate_changes() -> None:
    a, b = bowl.two_forms([0.1] * 4 + [0.01] * 3)
    np.testing.assert_allclose(a[:5], b[:5])
    assert abs(a[5] - b[5]) > 0.01


def test_slips_on_the_bowl_are_clear_errors() -> None:
    for wrong in (lambda: bowl.bowl(0.5), lambda: bowl.rule("sdg"),
                  lambda: bowl.race(bowl.bowl(), [])):
        with pytest.raises(RecipeError):
            wrong()


def test_a_picture_says_what_it_shows() -> None:
    surface = bowl.bowl()
    picture = bowl.show_race(surface, bowl.race(surface, ("sgd", "adam"), steps=20))
    assert "Lowest after 20 steps" in picture.alt
    assert "γ = 1: ends at" in bowl.pure_motion().alt


def test_rules_by_hand_equal_torch(blobs: Data) -> None:
    found = optimise.equal_to_torch(blobs, SHORT, steps=10)
    assert set(found) == set(optimise.TWINS)
    assert max(found.values()) < 1e-9


def test_the_bias_correction_is_one_at_every_step() -> None:
    rows = [line.split() for line in optimise.bias_correction(0.9, (1, 3)).splitlines()[1:]]
    assert rows == [["1", "0.1000", "1.0000", "1.00"], ["3", "0.2710", "1.0000", "2.71"]]


def test_claims_about_runs(blobs: Data) -> None:
    runs, claims = optimise.momentum_effect(blobs, SHORT.replace(lr=0.01), seeds=2)
    assert claims[0].seeds.scores[claims[0].base] == runs.scores("no momentum")
    assert claims[0].seeds.scores[claims[0].arm] == runs.scores("momentum 0.9")
    with pytest.raises(RecipeError, match="no momentum"):
        claim("x", runs, "none", "momentum 0.9")


def test_a_title_names_best_and_last(blobs: Data) -> None:
    runs = optimise.rates_compared(blobs, SHORT.replace(max_steps=80), {"good": 0.05, "low": 1e-5},
                                   seeds=2)
    assert ends(runs).startswith("Best at the end: good (0.05), ")
    assert "last: low (1e-05)" in ends(runs)


def test_named_rates(blobs: Data) -> None:
    runs = optimise.rates_compared(blobs, SHORT.replace(max_steps=80), {"good": 0.05, "low": 1e-5},
                                   seeds=1)
    assert runs.mean("good (0.05)") > runs.mean("low (1e-05)")
    assert optimise.rate_verdicts(runs).count("\n") == 1


def test_two_sweeps_know_best_and_width(blobs: Data) -> None:
    found = optimise.sgd_and_adam(blobs, SHORT, (1e-5, 0.05), (3e-4, 1e-2), seeds=2)
    assert found.sweeps["SGD"].best_lr == 0.05
    assert found.width("SGD", points=0.0) == 0.0
    assert found.width("SGD", points=1.0) == pytest.approx(np.log10(0.05 / 1e-5))
    assert [c.text for c in found.claims()][1].startswith("Adam at 3e-4")
    assert "SGD" in found.plot().alt


def test_own_rates_train_as_the_schedule_of_the_same_rates(blobs: Data) -> None:
    settings = SHORT.replace(schedule="cosine")
    rates = schedules.rates(settings)
    ours, theirs = schedules.train_with_rate(blobs, settings,
                                             lambda step: float(rates[step])), train(
                                                 blobs, settings)
    assert ours.history.series("train_loss") == theirs.history.series("train_loss")
    assert ours.history.last("val_accuracy") == theirs.history.last("val_accuracy")


def test_cooldowns_reach_a_hundredth_where_they_say(blobs: Data) -> None:
    runs = schedules.cooldowns(blobs, SHORT.replace(lr=0.1, max_steps=20), (0.5, 1.0), seeds=1).runs
    assert list(runs) == ["no decay", "cold at 50%", "cold at 100%"]
    assert runs["cold at 50%"][0].history.series("lr")[10] == pytest.approx(0.001)
    assert runs["cold at 100%"][0].history.series("lr")[10] == pytest.approx(0.01)
    assert set(runs["no decay"][0].history.series("lr")) == {0.1}


def test_a_schedule_in_words() -> None:
    text = schedules.show_schedule(Settings(schedule="linear", lr=0.2, max_steps=100)).alt
    assert "0.2 at first, 0.1 half way, 0.002 at the end of 100 steps" in text
    with pytest.raises(RecipeError, match="at least 2"):
        schedules.show_schedule(Settings(max_steps=1))


def test_schedules_side_by_side(blobs: Data) -> None:
    found = schedules.compare_schedules(blobs, SHORT, ("constant", "cosine"), 2)
    assert isinstance(found, RunComparison)
    assert list(schedules.few(found, "cosine").runs) == ["cosine"]
    with pytest.raises(RecipeError, match="linear"):
        schedules.few(found, "linear")


def test_memory_of_a_linear_layer_is_its_input_and_the_log_probabilities() -> None:
    """Kept for the backward pass: x (n, 20) and log-softmax (n, 5), float32, and labels (n,)
    int64.
    """
    model, n = torch.nn.Linear(20, 5), 7
    x, y = torch.randn(n, 20), torch.zeros(n, dtype=torch.int64)
    least = 4 * n * (20 + 5)
    assert least <= saved_bytes(model, x, y) <= least + 8 * n + 64
    assert saved_bytes(model, torch.randn(2 * n, 20), y.repeat(2)) > 1.8 * least


def test_the_noise_of_full_draws_falls_with_the_root(blobs: Data) -> None:
    found = gradient_noise(build_model(SHORT, blobs.shape, 3), blobs, (4, 16, 64), draws=40)
    assert found.slope == pytest.approx(-0.5, abs=0.1)
    assert "close to the root law" in str(found)
    with pytest.raises(RecipeError):
        gradient_noise(build_model(SHORT, blobs.shape, 3), blobs, (4,))


def test_every_way_has_the_same_seconds(blobs: Data) -> None:
    ticks = iter(range(10**6))
    found = ways_to_batch(blobs, SHORT, {"all": (0, 0.1), "some": (50, 0.1)}, seconds=6,
                          clock=lambda: next(ticks))
    assert {name: course.steps[-1]
            for name, course in found.courses.items()} == {"all": 6, "some": 6}
    assert found.courses["all"].batch_size == blobs.train.size
    assert found.courses["all"].memory > found.courses["some"].memory
    assert "Lowest loss in the same time" in str(found)
    assert "all: " in found.plot().alt


def test_larger_batches_see_as_many_samples(blobs: Data) -> None:
    settings = SHORT.replace(lr=0.002, momentum=0.0)
    less_noise, better, scaled, even = larger_batches(blobs, settings, 4, 64, 3200, seeds=3)
    # sixteen times the samples: a quarter of the noise
    assert less_noise.result.b < less_noise.result.a / 2
    assert better.arm == "batches of 64"
    assert scaled.arm == even.base == "batches of 64, lr x 16"
    assert even.arm == better.base == "batches of 4"
    assert even.seeds is better.seeds


def test_second_order_saves_passes_and_costs_size(blobs: Data) -> None:
    found = second_order.full_batch_passes(blobs.subset(60), SHORT.replace(model="linear"), 30,
                                           lrs=(0.01, ))
    assert {len(curve) for curve in found.losses.values()} == {30}
    assert found.losses["L-BFGS"][-1] < found.losses["SGD, best of its rates"][-1]
    cost = second_order.NewtonCost({100: 1.0, 1000: 100.0}, {100: 0.1, 1000: 0.1})
    assert cost.power == pytest.approx(2.0)
    assert cost.memory(50_000) == pytest.approx(10.0)
    assert "1,000 times" in str(cost)


def test_newton_cost_is_measured_by_size() -> None:
    found = second_order.newton_cost((20, 60), samples=20)
    assert list(found.hessian) == [20, 60]
    with pytest.raises(RecipeError):
        second_order.newton_cost((5, 60))


def test_the_exercise_is_judged(blobs: Data) -> None:
    settings = SHORT.replace(max_steps=60)
    assert optimise.check_beats_adam(blobs, settings, 0.05).startswith("Right")
    assert "go higher" in optimise.check_beats_adam(blobs, settings, 1e-5)
    assert "go lower" in optimise.check_beats_adam(blobs, settings, 1e4)


def test_rates_around_a_suggestion(blobs: Data) -> None:
    assert "suggests nothing" in optimise.around(blobs, SHORT, None)
    assert "The suggestion 1e-05 is beaten by 0.0001, higher" in optimise.around(
        blobs, SHORT, 1e-5, seeds=1)
