"""Lessons of notebook 06: paths on surfaces, schedules, and lines that a learner draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from recipe_widgets import RecipeError, Settings
from recipe_widgets.lessons.common.line_pictures import draw_lines
from recipe_widgets.lessons.nb06_optimise import optimizer_paths as bowl
from recipe_widgets.lessons.nb06_optimise import schedule_pictures as schedules


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


def test_slips_on_the_bowl_are_clear_errors() -> None:
    for wrong in (lambda: bowl.bowl(0.5), lambda: bowl.rule("sdg"),
                  lambda: bowl.race(bowl.bowl(), [])):
        with pytest.raises(RecipeError):
            wrong()


def test_a_picture_says_what_it_shows() -> None:
    surface = bowl.bowl()
    picture = bowl.show_race(surface, bowl.race(surface, ("sgd", "adam"), steps=20))
    assert "Lowest after 20 steps" in picture.alt


def test_a_schedule_in_words() -> None:
    text = schedules.show_schedule(Settings(schedule="linear", lr=0.2, max_steps=100)).alt
    assert "0.2 at first, 0.1 half way, 0.002 at the end of 100 steps" in text
    with pytest.raises(RecipeError, match="at least 2"):
        schedules.show_schedule(Settings(max_steps=1))


def test_every_schedule_has_its_picture() -> None:
    choices = Settings.knob("schedule").choices
    assert set(schedules.SCHEDULES) == set(choices) - {"plateau"}  # steered by looks, not by steps
    for name in schedules.SCHEDULES:
        assert name in schedules.show_schedule(Settings(schedule=name, max_steps=100)).alt


def test_lines_are_told_in_words_and_may_hold_nan() -> None:
    picture = draw_lines({"sgd": (range(3), [2.0, 1.0, 0.5]), "high": ([0, 1], [2.0, math.nan])},
                         "step", "loss", "Two runs", log="y")
    assert "loss over step. sgd: from 2 to 0.5; high: from 2 to nan." in picture.alt
    with pytest.raises(RecipeError, match="equally many"):
        draw_lines({"sgd": ([1, 2], [1.0])}, "step", "loss")
