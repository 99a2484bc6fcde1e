"""Lessons of notebook 02 on tiny data with known answers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets import Data, RecipeError, Settings, checks, train
from recipe_widgets.lessons.nb00_start_here.first_runs import show_batch
from recipe_widgets.lessons.nb02_skeleton_and_baselines import (
    baseline_models,
    loss_shapes,
    prediction_dynamics,
)
from recipe_widgets.models import build_model
from recipe_widgets.training import evaluate

SMALL = Settings(width=8, max_steps=40, batch_size=32)


def test_losses_at_zero_are_those_by_hand() -> None:
    z, y = torch.zeros(5, 7, dtype=torch.float64), torch.arange(5)
    by_hand = {"softmax": math.log(7), "hinge": 6.0, "L2": 1.0, "Huber": 0.5}
    for name, loss in loss_shapes.LOSSES.items():
        assert float(loss(z, y)) == pytest.approx(by_hand[name])
        assert loss_shapes.at_zero(name, 7) == pytest.approx(by_hand[name])


@pytest.mark.parametrize(("name", "score", "loss", "push"), [
    ("softmax", 0.0, math.log(10), 0.9),
    ("softmax", math.log(9), math.log(2), 0.5),
    ("hinge", 0.25, 9 * 0.75, 9.0),
    ("hinge", 1.5, 0.0, 0.0),
    ("L2", 3.0, 4.0, -4.0),
    ("Huber", 3.0, 1.5, -1.0),
    ("Huber", 0.5, 0.125, 0.5),
])
def test_push(name: str, score: float, loss: float, push: float) -> None:
    assert loss_shapes.push(name, score) == pytest.approx((loss, push))


def test_unknown_loss() -> None:
    with pytest.raises(RecipeError, match="one of softmax"):
        loss_shapes.push("cosine", 1.0)


def test_loss_shapes_say_who_stops() -> None:
    assert "Hinge: no push any more; L2, Huber: back down." in loss_shapes.loss_shapes(2.0).alt
    assert "back" not in loss_shapes.loss_shapes(0.0).alt


def test_dice_are_first_losses_of_seeds(blobs: Data) -> None:
    made = loss_shapes.Dice(blobs, SMALL, samples=50)
    made.roll(3)
    made.roll(2)
    assert made.rolls == 5
    x, y = blobs.train.batch(torch.arange(50))
    expected = F.cross_entropy(build_model(SMALL.replace(seed=4), blobs.shape, 3)(x), y)
    assert made.values["softmax"][4] == pytest.approx(float(expected.detach()), rel=1e-5)
    zeros = loss_shapes.dice(blobs, SMALL.replace(init="zeros"), 2)
    assert zeros.values["softmax"] == pytest.approx([math.log(3)] * 2)
    assert zeros.values["hinge"] == pytest.approx([2.0] * 2)
    assert "over 2 initialisations" in str(zeros)
    assert "not rolled yet" in str(loss_shapes.Dice(blobs, SMALL))
    assert "ln 3 = 1.10" in loss_shapes.per_class(zeros)
    assert len(made.plot().png()) < 60_000


def test_penalty_counts_half_the_squares(blobs: Data) -> None:
    model = build_model(SMALL, blobs.shape, 3)
    squares = sum(float((p.detach() ** 2).sum()) for p in model.parameters())
    x, y = blobs.train.batch(torch.arange(400))
    plain = float(F.cross_entropy(model(x), y).detach())
    said = loss_shapes.penalised(blobs, SMALL, 0.1)
    assert f"{plain:.3f}" in said
    assert f"{plain + 0.05 * squares:.3f}" in said


def test_lopsided_data_and_a_head_that_knows(blobs: Data) -> None:
    skewed = loss_shapes.lopsided(blobs, label=0, share=0.9, n=100)
    counts = torch.bincount(skewed.train.y, minlength=3)
    assert int(counts[0]) == 90
    assert int(counts.sum()) == 100
    share = counts.double() / 100
    assert loss_shapes.entropy(skewed) == pytest.approx(float(-(share * share.log()).sum()))
    model = loss_shapes.good_head(build_model(SMALL, skewed.shape, 3), skewed, weights=0.0)
    logits = model(skewed.train.batch(torch.arange(5))[0])
    expected = ((counts + 1).float() / 103).log()
    torch.testing.assert_close(logits, expected.expand(5, 3))
    found = loss_shapes.heads(skewed, SMALL.replace(max_steps=30), seeds=2)
    usual, _, knowing = found.runs.runs
    assert max(found.first(knowing)) < min(found.first(usual))
    assert all(5 <= steps <= 30 for steps in found.steps_to(usual))
    assert "first loss" in str(found)
    assert len(found.verdicts()) == 2


def test_expected_loss_exercise() -> None:
    assert loss_shapes.check_expected(99, "hinge", 100).startswith("Right")
    assert "not for each class" in loss_shapes.check_expected(100, "hinge", 100)
    assert "log10" in loss_shapes.check_expected(2, "softmax", 100)
    assert loss_shapes.check_expected(4.605, "softmax", 100).startswith("Right")
    assert "zeros" in loss_shapes.check_expected(7.7, "softmax", 100)


def test_the_same_seed_is_the_same_run(blobs: Data) -> None:
    a, b, c = (train(blobs, SMALL.replace(seed=seed)) for seed in (0, 0, 1))
    assert baseline_models.same_weights(a, b)
    assert not baseline_models.same_weights(a, c)
    assert "Seed 0 twice: equal to the last bit" in baseline_models.twice(blobs, SMALL)
    assert "another run" in baseline_models.twice(blobs, SMALL)


def test_spread_is_that_of_the_scores(blobs: Data) -> None:
    band = baseline_models.seed_band(blobs, SMALL.replace(max_steps=3), seeds=4)
    deviation = np.std(np.array(band.scores("blobs")) * 100, ddof=1)
    assert f"standard deviation {deviation:.2f} points" in baseline_models.spread(band)


def test_templates_need_a_linear_model(blobs: Data) -> None:
    run = train(blobs, SMALL.replace(model="linear"))
    picture = baseline_models.templates(run, blobs)
    assert len(picture.figure.axes) == 3
    weights = next(m for m in run.model.modules()
                   if isinstance(m, nn.Linear)).weight  # type: ignore[union-attr]
    shown = picture.figure.axes[1].images[0].get_array()
    np.testing.assert_allclose(np.asarray(shown), weights[1].detach().reshape(8, 8).numpy())
    with pytest.raises(RecipeError, match="linear"):
        baseline_models.templates(train(blobs, SMALL), blobs)


def test_parameters_by_hand() -> None:
    assert "16,395,010" in baseline_models.parameters(16384, 1000, 10)
    assert baseline_models.check_parameters(855_050, 3072, 256, 256, 10).startswith("Right")
    assert "522 more" in baseline_models.check_parameters(854_528, 3072, 256, 256, 10)
    assert "Not 7" in baseline_models.check_parameters(7, 3072, 256, 256, 10)


def test_ladder_counts_and_judges(blobs: Data) -> None:
    steps_up = {
        "1 layer": baseline_models.settings_of_depth(SMALL, 1), "3 layers":
        baseline_models.settings_of_depth(SMALL, 3)
    }
    found = baseline_models.ladder(blobs, steps_up, seeds=2)
    assert found.sizes == {"1 layer": 65 * 3, "3 layers": 65 * 8 + 9 * 8 + 9 * 3}
    assert "1 layer to 3 layers" in found.verdict()
    assert "blobs from" in baseline_models.ladder_picture([found]).alt
    assert len(found.table().splitlines()) == 3
    with pytest.raises(RecipeError):
        baseline_models.settings_of_depth(SMALL, 0)


def test_a_blind_net_learns_the_shares_only(blobs: Data) -> None:
    found = baseline_models.blind_and_seeing(blobs, SMALL.replace(max_steps=100), seeds=2)
    assert found.worst("real inputs") > 0.9
    assert found.best("zeros") <= 0.35


def test_the_check_sees_that_the_net_is_deaf(blobs: Data) -> None:
    result = checks.input_independent_baseline(baseline_models.Deaf(blobs), blobs.train, F.cross_entropy)
    assert result.status == "warn"


def test_baselines_of_blobs(blobs: Data) -> None:
    found = baseline_models.baselines(blobs, SMALL)
    truth = blobs.validation.y
    assert found["always the commonest class"].hits == int(
        (truth == int(blobs.train.y.bincount().argmax())).sum())
    assert found["nearest class mean"].value == 1.0
    assert found["nearest of 2,000 samples"].value > 0.9
    text = baseline_models.baseline_table({"blobs": found})
    assert "100.0%" in text
    assert len(text.splitlines()) == 6


def test_simplest_is_simpler(blobs: Data) -> None:
    fancy = SMALL.replace(dropout=0.5, weight_decay=0.1, label_smoothing=0.2)
    found = baseline_models.simple_first(blobs, fancy, seeds=2)
    ends = {
        label: np.mean([run.history.series("train_loss")[-5:]
                        for run in runs])
        for label, runs in found.runs.items()
    }
    assert ends["simplest"] < ends["everything at once"]


def test_dynamics_begin_before_the_first_step(blobs: Data) -> None:
    found = prediction_dynamics.dynamics(blobs, SMALL, [0.0, 0.1], n=6, every=10, seeds=2)
    assert found.times == [0, 10, 20, 30, 40]
    assert found.probabilities[0.1].shape == (2, 5, 6, 3)
    np.testing.assert_allclose(found.probabilities[0.1].sum(-1), 1, rtol=1e-5)
    assert found.jitter(0.0).tolist() == [0.0, 0.0], "nothing moves at learning rate 0"
    np.testing.assert_allclose(found.probabilities[0.0][0, 0], found.probabilities[0.1][0, 0])
    run = train(blobs, SMALL.replace(lr=0.1, seed=1))
    x, y = blobs.validation.batch(torch.arange(6))
    with torch.no_grad():
        expected = run.model(x).softmax(1)  # type: ignore[misc]
    np.testing.assert_allclose(found.own(0.1, 1)[-1], expected[torch.arange(6), y], rtol=1e-4)
    assert "After 20 steps" in found.at(2).alt
    assert len(found.plot().png()) < 60_000


def test_a_diverged_run_knows_nothing(blobs: Data) -> None:
    found = prediction_dynamics.dynamics(blobs, SMALL, [1e6], n=3, every=40, seeds=1)
    assert np.isfinite(found.probabilities[1e6]).all()


def test_estimates_are_of_the_same_models(blobs: Data) -> None:
    found = prediction_dynamics.estimates(blobs, SMALL.replace(dropout=0.5), looks=4, batches=3)
    assert found.at == [10, 20, 30, 40]
    run = train(blobs, SMALL.replace(dropout=0.5))
    assert run.model is not None
    assert found.whole[-1] == evaluate(run.model,
                                       blobs.validation).accuracy, "looking changes nothing"
    assert found.batch.shape == (4, 3)
    assert "single batches of 32" in str(found)
    assert found.noisy[-1] != found.whole[-1]


def test_kept_models_are_those_of_their_step(blobs: Data, tmp_path: Path) -> None:
    said = prediction_dynamics.kept_models(blobs, SMALL.replace(checkpoint_every=20), tmp_path)
    lines = said.splitlines()
    assert lines[0].startswith("On the disk: steps 40, ")
    assert lines[1].split(": ")[1] == lines[-1].split(": ")[1], "the newest is the one in memory"


def test_run_at_gives_the_weights_of_that_step(blobs: Data) -> None:
    run = train(blobs, SMALL)
    short = train(blobs, SMALL.replace(max_steps=15))
    again = run.at(15)
    assert again.history.series("train_loss") == run.history.series("train_loss")[:15]
    for a, b in zip(again.model.parameters(), short.model.parameters(),
                    strict=True):  # type: ignore[union-attr]
        assert torch.equal(a, b)
    first = build_model(SMALL, blobs.shape, 3)
    assert all(
        torch.equal(a, b)
        for a, b in zip(run.at(0).model.parameters(), first.parameters(),
                        strict=True))  # type: ignore[union-attr]
    assert run.steps_done == 40
    with pytest.raises(RecipeError, match="0 to 40"):
        run.at(41)


def test_run_at_refuses_what_it_cannot_redo(blobs: Data) -> None:
    own = train(blobs, SMALL, nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))
    with pytest.raises(RecipeError, match="model of your own"):
        own.at(10)
    run = train(blobs, SMALL)
    run.data = None
    with pytest.raises(RecipeError, match="without its data"):
        run.at(1)


def test_show_batch_after_augmentation(blobs: Data) -> None:
    plain, turned = show_batch(blobs, 8), show_batch(blobs, 8, augment="rotate")
    assert plain.alt == turned.alt, "the same samples"
    assert not np.array_equal(np.asarray(plain.figure.axes[0].images[0].get_array()),
                              np.asarray(turned.figure.axes[0].images[0].get_array()))
