"""The experiments of notebook 09 on landscapes with known answers and on tiny data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recipe_widgets import Data, RecipeError, Settings
from recipe_widgets.lessons import nb09_tune as lesson
from recipe_widgets.lessons.nb09_tune.accuracy_landscape import Landscape
from recipe_widgets.lessons.nb09_tune.parallel_workers import Piece, Shared
from recipe_widgets.lessons.nb09_tune.search_methods import WAYS, Searches
from recipe_widgets.lessons.nb09_tune.tuning_runs import Pruning, distinct, steps_trained
from recipe_widgets.tune import coarse_to_fine, finalists, space, tune

BASE = Settings(width=8, max_steps=40, batch_size=32, eval_every=10)
LRS, DROPS = np.geomspace(1e-4, 1.0, 5), np.array([0.0, 0.5])


def peak(at: int, height: float = 1.0) -> Landscape:
    """Accuracy 0 but at one learning rate; dropout does not matter."""
    table = np.zeros((5, 2))
    table[at] = height
    return Landscape("toy", LRS, DROPS, table[:, :, None])


def test_landscape_is_read_between_its_places() -> None:
    land = peak(2)
    assert land.at([[0.5, 0.0], [0.5, 1.0], [0.375, 0.3],
                    [0.0, 0.0]]) == pytest.approx([1.0, 1.0, 0.5, 0.0])
    assert land.lr_at([0.0, 0.5, 1.0]) == pytest.approx([1e-4, 1e-2, 1.0])
    assert land.share_of_lr(land.lr_at(0.3)) == pytest.approx(0.3)
    assert land.best == pytest.approx((1e-2, 0.0, 1.0))
    assert land.shares() == pytest.approx((1.0, 0.0))
    turned = Landscape("toy", LRS, DROPS, np.tile([0.2, 0.8], (5, 1))[:, :, None])
    assert turned.shares() == pytest.approx((0.0, 1.0))
    assert "Learning rate alone explains 100%" in str(land)
    assert "100%" in land.plot().alt


def test_landscape_is_trained(blobs: Data) -> None:
    found = lesson.landscape(blobs, BASE, [1e-6, 0.1], [0.0, 0.3])
    assert found.by_seed.shape == (2, 2, 2)
    assert found.accuracy[1].min() > 0.9 > 0.6 > found.accuracy[0].max()
    with pytest.raises(RecipeError, match="rising"):
        lesson.landscape(blobs, BASE, [0.1, 0.1], [0.0, 0.3])


def test_choosing_by_one_seed_flatters_by_the_known_amount() -> None:
    table = np.full((5, 2, 2), 0.5)
    table[0, 0] = 0.7, 0.6  # the best by the first seed
    table[1, 1] = 0.6, 0.8  # the best by the second one
    said = lesson.flattered(Landscape("toy", LRS, DROPS, table), trials=10, repeats=2000)
    gap = float(said.split("by ")[-1].split(" points")[0])
    assert gap == pytest.approx(15, abs=0.5)  # +10 or +20, by the coin that chooses the seed
    assert "+10.0 to +20.0" in said
    with pytest.raises(RecipeError, match="2 seeds"):
        lesson.flattered(peak(1))


def test_every_way_searches_within_the_landscape() -> None:
    flat = Landscape("flat", LRS, DROPS, np.full((5, 2, 1), 0.7))
    for way in WAYS.values():
        assert way(flat, 9, 0) == pytest.approx(0.7)
        assert way(peak(2), 9, 3) == way(peak(2), 9, 3)
        assert 0.0 <= way(peak(2), 9, 1) <= 1.0


def test_many_trials_find_the_peak_and_a_linear_scale_misses_a_low_one() -> None:
    # at lr 1e-3 of 1: a linear draw falls within a factor of ten of it in 1 % of the cases
    low = peak(1)
    found = lesson.searches(low, ["random", "random, linear lr"], budgets=[16], repeats=200)
    assert found.row("random", 16).mean() > 0.8
    assert found.row("random, linear lr", 16).mean() < 0.4
    said = found.verdict("random, linear lr", "random", 16)
    assert "Random, linear lr is worse than random" in said
    assert "200 repeats" in said
    assert "worse with 16 trials" in found.verdicts("random, linear lr", "random")


def test_verdicts_follow_the_numbers() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(0.5, 0.01, (2, 50))
    found = Searches("toy", (4, 9),
                     {"old": a, "new": np.stack([a[0] + 0.1, a[1] + rng.normal(0, 0.01, 50)])})
    said = found.verdicts("new", "old")
    assert "new is, compared with old, better with 4 trials; not clearly either with 9 trials" in said
    assert "100% of the repeats" in found.verdict("new", "old", 4)
    assert "with 4 trials new is ahead" in found.plot().figure.axes[0].get_title()
    with pytest.raises(RecipeError, match="some of"):
        lesson.searches(peak(1), ["guess"])
    with pytest.raises(RecipeError, match="4 trials"):
        lesson.searches(peak(1), ["grid"], budgets=[3])


def test_coarse_to_fine_comes_closer_than_random_to_a_narrow_top() -> None:
    x = np.linspace(0, 1, 81)
    hill = Landscape("hill", np.geomspace(1e-4, 1, 81), DROPS,
                     np.repeat((1 - np.abs(x - 0.6))[:, None], 2, 1)[:, :, None])
    found = lesson.searches(hill, ["random", "coarse to fine"], budgets=[25], repeats=200)
    assert found.difference("coarse to fine", "random", 25).low > 0


def test_the_same_budget_tries_three_or_nine_values(blobs: Data) -> None:
    pair = lesson.same_budget(blobs, space(lr=(1e-3, 1.0), dropout=(0.0, 0.5)), BASE)
    assert [len(one.table()) for one in pair.values()] == [9, 9]
    assert [distinct(one, "lr") for one in pair.values()] == [3, 9]
    assert "grid: 9 runs, 3 learning rates" in lesson.budget_words(pair)
    assert "random: 9 runs, 9 learning rates" in lesson.plot_budget(pair).alt
    with pytest.raises(RecipeError, match="two ranges"):
        lesson.same_budget(blobs, space("lr"), BASE)


def test_pruning_saves_steps_and_says_what_it_cost(blobs: Data) -> None:
    found = lesson.pruning(blobs, space(lr=(1e-5, 0.3)), BASE, trials=12, repeats=2)
    assert found.steps["none"] == [12 * 40] * 2
    assert all(cut < 12 * 40 for cut in found.steps["median"])
    made = Pruning("toy", 10, {"none": [1000, 1000], "median": [400, 600]},
                   {"none": [0.1, 0.2], "median": [0.1, 0.3]})
    assert "saves 50% of the steps (40% to 60%, 2 repeats of 10 trials)" in made.verdict()
    assert "cut in 1 of 2 repeats" in made.verdict()


def test_steps_of_whole_trials_count_in_full(blobs: Data) -> None:
    assert steps_trained(
        tune(blobs, space("momentum"), BASE, trials=3, sampler="random", pruner="none")) == 3 * 40


def test_the_winner_is_judged_again(blobs: Data) -> None:
    found = tune(blobs, space(lr=(1e-3, 0.3)), BASE, trials=4, sampler="random", pruner="none",
                 metric="val_accuracy")
    said = lesson.flattery(found, finalists(found, blobs, top=2, seeds=(1, 2)))
    assert f"the search says {found.best_value:.1%} of its winner; 2 other seeds give" in said
    assert "Among the best 2" in said


def test_rounds_become_narrower(blobs: Data) -> None:
    rounds = coarse_to_fine(blobs, space("lr"), BASE, trials=10, shorter=2, pruner="none",
                            sampler="random")
    said = lesson.round_words(rounds)
    assert said.startswith("round 1: 5.0 decades")
    assert "round 2" in lesson.plot_rounds(rounds).alt


def test_two_processes_share_one_search(tmp_path: Path) -> None:
    found = lesson.share(tmp_path, Settings(width=8, max_steps=30, eval_every=30, eval_samples=50),
                         trials=6)
    assert sorted(piece.number for piece in found.pieces) == list(range(6))
    assert "6 trials by 2 processes" in str(found)
    assert "none of them twice" in str(found)
    assert str(tmp_path) not in found.command
    assert found.command.startswith("recipe tune --data mnist --settings base.json")
    assert "trials shared by" in found.plot().figure.axes[0].get_title()
    with pytest.raises(RecipeError, match="A worker"):
        lesson.share(tmp_path, Settings(), knobs="speed")


def test_shared_work_is_counted() -> None:
    pieces = tuple(
        Piece(number, 1 + number % 2, number, number + 1.0, 0.5 - 0.1 * number)
        for number in range(3))
    assert Shared("recipe tune", 2, pieces).counts() == [2, 1]
    assert "3 trials by 2 processes: 2 and 1, none of them twice. Best validation loss 0.300" in \
        str(Shared("recipe tune", 2, pieces))
    assert "1 of them twice" in str(Shared("recipe tune", 2, (*pieces, pieces[0])))


def test_a_range_is_judged() -> None:
    land = peak(2)
    assert lesson.check_range(land, 0.1,
                              10).startswith("No: the best measured one, 0.01, lies below")
    assert lesson.check_range(land, 1e-4, 1.0).startswith("The best is in it, but")
    assert lesson.check_range(land, 1e-3, 0.1).startswith("Right")
    assert "both above 0" in lesson.check_range(land, 0.1, 0.01)
    table = np.zeros((5, 2))
    table[1:3] = 1.0, 1.0
    table[2, 0] = 1.001
    wide = Landscape("toy", LRS, DROPS, table[:, :, None])
    assert lesson.check_range(wide, 5e-3, 0.1).startswith("Nearly: beyond its lower end")
