"""The experiments of notebook 10 on tiny data with known answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from recipe_widgets import Data, RecipeError, Settings, train
from recipe_widgets.ensembles.ensemble import gain_of
from recipe_widgets.evaluation.seed_comparison import SeedComparison
from recipe_widgets.lessons import nb10_squeeze as lesson
from recipe_widgets.lessons.nb10_squeeze.ensemble_and_distill import Distilled, Gains
from recipe_widgets.lessons.nb10_squeeze.final_evaluation import luck, price
from recipe_widgets.lessons.nb10_squeeze.longer_training import Averaged, Longer

SHORT = Settings(width=8, max_steps=40, batch_size=32, lr=0.05, eval_every=10)


def onehot(*labels: int) -> torch.Tensor:
    return nn.functional.one_hot(torch.tensor(labels), 2).double() * 0.8 + 0.1


def test_gains_are_told_from_the_members() -> None:
    y = torch.tensor([0, 0, 0, 0])
    # each wrong once, never together
    probs = torch.stack([onehot(1, 0, 0, 0), onehot(0, 1, 0, 0), onehot(0, 0, 1, 0)])
    said = Gains({"toy": gain_of(probs, y)}).verdict("toy")
    assert "3 averaged reach 100.0%, a single one 75.0% (75.0% to 75.0%, n = 3 seeds)" in said
    assert "beats 3 of 3 members, by +25.0 to +25.0 points" in said


def test_members_and_their_gain(blobs: Data) -> None:
    models = lesson.members(blobs, SHORT, 3)
    found = lesson.gains([blobs], [models])
    assert len(found.found["blobs"].members) == 3
    assert "blobs: 3 averaged" in found.plot().alt
    with pytest.raises(RecipeError, match="did not diverge"):
        lesson.members(blobs, SHORT.replace(lr=1e6), 2)


def test_distilled_compares_over_the_same_seeds(blobs: Data) -> None:
    models = lesson.members(blobs, SHORT, 2)
    found = lesson.distilled(blobs, SHORT, models, seeds=2)
    assert found.trials.seeds == 2
    assert found.parameters[1] == 2 * found.parameters[0]
    assert "Ensembles: blobs" in lesson.plot_distilled(found).alt


def test_distilled_says_which_share_came_over() -> None:
    trials = SeedComparison("toy", {"labels": [0.5, 0.52, 0.51], "taught": [0.6, 0.62, 0.61]})
    assert "50% of what the ensemble gains (ensemble 71.0%)" in Distilled(trials, 0.71,
                                                                          (10, 80)).verdict()
    assert "Nothing of the ensemble's gain" in Distilled(
        SeedComparison("toy", {"a": [0.5, 0.5], "b": [0.4, 0.4]}), 0.7, (1, 2)).verdict()
    assert "no better than the student" in Distilled(trials, 0.4, (1, 2)).verdict()


def test_a_resumed_run_is_the_same_run(blobs: Data, tmp_path: Path) -> None:
    settings = SHORT.replace(dropout=0.5, checkpoint_every=5)
    found = lesson.resumed(blobs, settings, tmp_path / "run", 17)
    assert found.same_numbers
    assert found.same_weights
    assert "equal to the last bit" in str(found)
    assert "the same curve" in found.plot().figure.axes[0].get_title()
    assert found.again.model is not None
    with torch.no_grad():
        next(found.again.model.parameters()).add_(1.0)
    assert not found.same_weights
    assert "They should be." in str(found)
    with pytest.raises(RecipeError, match="from 1 to 39"):
        lesson.resumed(blobs, settings, tmp_path / "other", 40)


def test_longer_judges_the_second_half(blobs: Data) -> None:
    steps = np.array([10, 20, 30, 40])
    rising = Longer("toy", steps,
                    np.array([[0.1, 0.2, 0.3, 0.4], [0.1, 0.21, 0.3, 0.41], [0.1, 0.2, 0.3, 0.4]]))
    assert "still gains: +20.0 points" in rising.verdict()
    assert "highest after 40 steps" in rising.verdict()
    assert "loses" in Longer("toy", steps, rising.scores[:, ::-1]).verdict()
    found = lesson.longer(blobs, SHORT, seeds=2, looks=4)
    assert found.scores.shape[0] == 2
    assert found.steps[-1] == 40
    assert "blobs" in lesson.plot_longer(found).alt


def test_averages_are_calmer_and_judged_at_the_end(blobs: Data) -> None:
    found = lesson.averaged(blobs, SHORT.replace(lr=0.3), seeds=2, looks=8)
    assert [rows.shape for rows in found.curves.values()] == [(2, 8)] * 3
    mean = found.curves["mean of the second half"]
    assert np.isnan(mean[:, :4]).all()
    assert np.isfinite(mean[:, 4:]).all()
    assert set(found.end.scores) == {*found.curves, "cosine, newest weights"}
    assert found.curves["newest weights"][:,
                                          -1] == pytest.approx(found.end.scores["newest weights"])
    assert "movement from look to look" in lesson.plot_averaged([found]).alt
    steps = np.arange(4)
    made = Averaged("toy", steps,
                    {"a": np.array([[0, 0, 0.5, 0.6]]), "b": np.array([[0, 0, 0.5, 0.5]])},
                    SeedComparison("toy", {"a": [0.5, 0.5], "b": [0.6, 0.6]}))
    assert made.jumps("a") == pytest.approx(10.0)
    assert made.jumps("b") == 0.0


def test_the_story_keeps_what_every_seed_likes(blobs: Data) -> None:
    start = SHORT.replace(lr=1e-5)
    found = lesson.story(blobs, start, [("high rate", {"lr": 0.1}, "better", "it was too low"),
                                        ("no rate", {"lr": 1e-6}, "worse", "nothing moves"),
                                        ("wider", {"width": 16}, "same", "enough units")], seeds=2)
    assert [rung.kept for rung in found.rungs[:3]] == [True, True, False]
    assert found.first.name == "mlp"
    assert found.rungs[1].parameters == 64 * 8 + 8 + 8 * 3 + 3
    assert len(found.ledger.entries) == 3
    assert found.ledger.entries["wider"].base == {"lr": 0.1}
    assert found.together.parameters == 2 * found.last.parameters
    assert "not kept" in str(found)
    assert "by 1 changes that were kept, of 3 tried" in found.verdict()
    assert found.plot().alt == str(found).replace("\n", "; ")
    with pytest.raises(RecipeError, match="one change"):
        lesson.story(blobs, start, [])


def test_records_are_read_and_shown(tmp_path: Path) -> None:
    assert "No record lies here yet" in lesson.record_words(tmp_path / "none")
    rows = [{
        "seed": seed, "seconds": 10.0 + seed, "validation_accuracy": 0.99, "test_accuracy":
        0.993 + 0.001 * seed
    } for seed in range(3)]
    (tmp_path / "a.json").write_text(
        json.dumps(
            {"recipe": "mnist_strong", "where": "a machine", "date": "2030-01-02", "runs": rows}))
    said = lesson.record_words(tmp_path)
    assert "mnist_strong: test accuracy 99.40% (99.30% to 99.50%)" in said
    assert "n = 3 seeds; 12 s a run at most. a machine, 2030-01-02." in said
    (tmp_path / "b.json").write_text('{"recipe": "x", "where": "y", "runs": []}')
    with pytest.raises(RecipeError, match=r"b\.json"):
        lesson.records(tmp_path)


def test_luck_is_the_mean_of_the_largest() -> None:
    assert luck(1) == pytest.approx(0.0, abs=1e-9)
    assert luck(2) == pytest.approx(1 / np.sqrt(np.pi))
    assert luck(3) == pytest.approx(1.5 / np.sqrt(np.pi))
    assert price(10_000, 0.5, 2) == pytest.approx(0.005 / np.sqrt(np.pi))


def test_the_last_look_agrees_with_counts_by_hand(blobs: Data) -> None:
    blobs = blobs.subset(300)  # with a vault of its own
    good = train(blobs, SHORT.replace(lr=0.1)).model
    bad = train(blobs, SHORT.replace(lr=1e-6)).model
    assert good is not None
    assert bad is not None
    before = lesson.openings(blobs)
    found = lesson.open_final(blobs, good, bad, "a test", ("good", "bad"))
    assert found.time == before + 1
    assert blobs.vault_log()[-1]["why"] == "a test"
    x, y = next(iter(blobs.test.batches(10_000)))
    with torch.no_grad():
        right = (good(x).argmax(1) == y, bad(x).argmax(1) == y)
    assert found.accuracy.hits == int(right[0].sum())
    assert found.baseline.hits == int(right[1].sum())
    assert found.mcnemar.only_a == int((right[0] & ~right[1]).sum())
    assert found.bootstrap.value == pytest.approx(
        float(right[0].float().mean() - right[1].float().mean()))
    assert "good is better" in str(found)
    assert "this is number" in str(found)
    assert found.cooled(1.0).ece == pytest.approx(found.calibration.ece)
    assert found.cooled(50.0).ece > found.calibration.ece
    assert "temperature 2.00" in found.cooled_words(2.0)
    assert "vault opened" in found.plot().figure._suptitle.get_text()  # type: ignore[attr-defined]
    again = lesson.open_final(blobs, good, bad, "once more", ("good", "bad"))
    assert "has bent these numbers" in str(again)


def test_the_number_of_samples_is_judged() -> None:
    assert lesson.check_samples(500).startswith("Too few")
    assert lesson.check_samples(3100).startswith("Right")
    assert lesson.check_samples(20_000).startswith("More than it takes")
    assert "at least one" in lesson.check_samples(0)
