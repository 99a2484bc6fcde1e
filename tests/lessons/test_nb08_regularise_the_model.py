"""The experiments of notebook 08 on tiny data with known answers."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from recipe_widgets import Data, RecipeError, Settings, train
from recipe_widgets.core import History, Run
from recipe_widgets.lessons.nb08_regularise_the_model.bagging import Bags, bags
from recipe_widgets.lessons.nb08_regularise_the_model.decision_path import (
    MEASURES,
    QUESTIONS,
    DecisionPath,
)
from recipe_widgets.lessons.nb08_regularise_the_model.dropout import (
    DropoutRace,
    dropout_and_norm,
    dropout_race,
    mask_average,
    variance_shift,
)
from recipe_widgets.lessons.nb08_regularise_the_model.exercise import check_regularised
from recipe_widgets.lessons.nb08_regularise_the_model.fit_curves import (
    early_stopping,
    fits,
    halves,
    larger_stopped,
    larger_verdict,
    plot_larger,
)
from recipe_widgets.training import evaluate

SHORT = Settings(width=16, max_steps=60, batch_size=32, lr=0.1, eval_every=10)


@pytest.fixture(scope="module")
def clouds() -> Data:
    """400 points of two overlapping clouds in 20 dimensions: easy to learn by heart, not to
    predict.
    """
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    x = rng.normal(0, 1, (400, 20))
    x[:, 0] += y
    return Data.from_arrays(x.astype(np.float32), y, name="clouds", validation=0.5, test=0.1)


def run_of(accuracy: list[float], every: int = 10) -> Run:
    history = History()
    for number, value in enumerate(accuracy, 1):
        history.append("val_accuracy", number * every - 1, value)
    return Run(Settings(max_steps=len(accuracy) * every), history)


def test_race_counts_steps_and_judges_the_claim() -> None:
    slow = [
        run_of([0.2, 0.4, 0.8, 0.9]),
        run_of([0.1, 0.3, 0.9, 0.9]),
        run_of([0.1, 0.5, 0.9, 0.9])
    ]
    fast = [
        run_of([0.2, 0.8, 0.8, 0.7]),
        run_of([0.1, 0.9, 0.9, 0.7]),
        run_of([0.1, 0.9, 0.9, 0.7])
    ]
    never = [run_of([0.2, 0.3, 0.4, 0.4]) for _ in range(3)]
    race = DropoutRace("toy", 0.8, {0.0: slow, 0.2: fast, 0.5: never})
    assert race.steps_to(0.0) == [30, 30, 30]
    assert race.steps_to(0.2) == [20, 20, 20]
    assert race.steps_to(0.5) == [40, 40, 40]  # the whole run: at least so many
    assert race.missed(0.5) == 3
    assert race.speed(0.2).difference == -10
    said = race.verdict()
    assert "It holds in part" in said
    assert "comes sooner at rate 0.2, later at rate 0.5, neither clearly at no rate" in said
    assert "more accurate at no rate, less at rate 0.2, 0.5" in said
    assert "It does not hold" in DropoutRace("toy", 0.8, {0.0: slow, 0.5: never}).verdict()
    assert "3 never got there" in str(race)
    assert "dropout 0.2: 20 steps to 80%" in race.plot().alt


def test_dropout_race_trains_all_rates_from_the_same_seeds(blobs: Data) -> None:
    race = dropout_race(blobs, SHORT, [0.0, 0.5], 0.5, seeds=2)
    assert {rate: [run.settings.seed
                   for run in runs]
            for rate, runs in race.runs.items()} == {0.0: [0, 1], 0.5: [0, 1]}
    assert race.runs[0.5][0].settings.dropout == 0.5
    with pytest.raises(RecipeError, match="0 among them"):
        dropout_race(blobs, SHORT, [0.5], 0.5)


def test_masks_average_to_about_the_whole_network_and_leave_the_run_alone(blobs: Data) -> None:
    run = train(blobs, SHORT.replace(dropout=0.5, width=64))
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    state = next(m.generator.get_state() for m in run.model.modules() if hasattr(m, "generator"))
    found = mask_average(run, blobs.validation, counts=(1, 20), repeats=3)
    assert found.accuracy.shape == (3, 2)
    assert found.whole == pytest.approx(evaluate(run.model, blobs.validation).accuracy)
    assert found.accuracy[:, 1].mean() >= found.accuracy[:, 0].mean()
    assert found.agree > 0.95
    assert all(torch.equal(before[name], value) for name, value in run.model.state_dict().items())
    assert torch.equal(
        state,
        next(m.generator.get_state() for m in run.model.modules() if hasattr(m, "generator")))
    assert "20 masks" in found.plot().alt


def test_dropout_before_batchnorm_inflates_the_variance(blobs: Data) -> None:
    deep = SHORT.replace(depth=2, norm="batch")
    none = variance_shift(train(blobs, deep), blobs.validation)
    assert none.ratio == pytest.approx(1.0, abs=1e-6)
    half = variance_shift(train(blobs, deep.replace(dropout=0.5)), blobs.validation)
    assert half.ratio > 1.05
    assert "times as large" in half.verdict()
    with pytest.raises(RecipeError, match="batch"):
        variance_shift(train(blobs, SHORT), blobs.validation)
    assert len(dropout_and_norm(blobs, deep, seeds=2).scores) == 4


def test_fits_name_over_and_underfitting(clouds: Data, blobs: Data) -> None:
    found = fits({"over": (clouds, SHORT.replace(width=256, max_steps=400, eval_every=20)),
                  "under": (blobs, SHORT.replace(lr=0.0, max_steps=100))})
    assert found.verdict("over") == "overfitting"
    assert found.verdict("under") == "underfitting"
    assert "overfitting" in found.plot().alt
    assert "overfitting" not in found.plot(titles=False).alt
    assert "Stop at the best step" in str(found)


def test_early_stopping_chooses_on_one_half_and_judges_on_the_other(clouds: Data) -> None:
    choosing, judging = halves(clouds)
    assert set(choosing.validation.index.tolist()).isdisjoint(judging.index.tolist())
    assert choosing.validation.size + judging.size == clouds.validation.size
    found = early_stopping(clouds, SHORT.replace(width=256, max_steps=400, eval_every=20), seeds=3)
    for run, step, last in zip(found.runs, found.steps, found.last, strict=True):
        losses = run.history.series("val_loss")
        assert step == run.history.steps("val_loss")[losses.index(min(losses))] + 1
        assert last.loss == pytest.approx(evaluate(run.model, judging).loss)
    assert found.means("loss")[0] < found.means("loss")[1]
    assert "is lower" in found.verdict()
    assert "validation loss is lowest at step" in found.plot().alt
    larger = {8: found, 256: found}
    assert "not clearly better or worse than width 8" in larger_verdict(larger)
    assert "width 256" in plot_larger(larger, "accuracy").alt
    assert list(larger_stopped(clouds, SHORT, [8, 16], seeds=2)) == [8, 16]


def test_averages_keep_a_third_of_the_variance_at_best() -> None:
    made = Bags("toy", 3, {"a": [0.8, 0.8, 0.81]}, {"a": [0.9, 0.9, 0.91]}, {"a": 0.3}, {"a": 0.1})
    assert made.share("a") == pytest.approx(1 / 3)
    assert "average of 3 is better than one member: +10.0 points" in made.verdict()
    assert "33% of one member's" in made.verdict()
    assert "variance left 33%" in made.plot().alt


def test_bagging_lowers_the_variance(clouds: Data) -> None:
    made = bags(clouds, SHORT, groups=3, members=3)
    assert list(made.one) == ["same samples, new seeds", "3 bootstrap samples", "3 disjoint parts"]
    assert all(made.share(way) < 0.9 for way in made.one)
    assert "variance left" in str(made)
    with pytest.raises(RecipeError, match="two or more"):
        bags(clouds, SHORT, groups=1)


def test_the_path_ends_at_the_first_no_and_then_stays() -> None:
    path = DecisionPath()
    assert (path.here, path.ended) == (0, False)
    assert QUESTIONS[0].ask in path.advice
    stuck = path.answer("yes", "it falls").answer("no", "80 %")
    assert stuck.ended
    assert stuck.advice == QUESTIONS[1].otherwise
    assert stuck.answer("yes") is stuck
    done = path.answer("yes").answer("yes").answer("yes")
    assert done.ended
    assert "more real data" in done.advice
    assert all(way.link in done._repr_html_() for way in (*QUESTIONS, *MEASURES))
    assert "(it falls)" in str(stuck)
    assert stuck.plot().png()[:4] == b"\x89PNG"


def test_the_path_reads_a_run(clouds: Data) -> None:
    learns = SHORT.replace(width=256, max_steps=400, eval_every=20)
    assert DecisionPath.of(train(clouds, learns)).answers == ("yes", "yes", "yes")
    assert DecisionPath.of(train(clouds, learns.replace(model="linear",
                                                        max_steps=100))).answers == ("yes", "no")
    assert DecisionPath.of(train(clouds, learns.replace(lr=0.0))).answers == ("no",)


def test_the_exercise_says_what_is_wrong(clouds: Data) -> None:
    base = SHORT.replace(width=128, max_steps=200, eval_every=1000)
    assert "Nothing has changed" in check_regularised(clouds, base, base)
    with pytest.raises(RecipeError, match="lr"):
        check_regularised(clouds, base, base.replace(lr=0.01))
    assert check_regularised(clouds, base, base.replace(weight_decay=2.0),
                             seeds=3).startswith("Too strong")
    assert check_regularised(clouds, base, base.replace(weight_decay=1e-9),
                             seeds=2).startswith("Not yet")


def test_the_links_of_the_path_lead_to_sections_of_our_notebooks() -> None:
    folder = Path(__file__).parents[2] / "notebooks"
    for link in {
            link for way in (*QUESTIONS, *MEASURES) for link in (way.link, way.other_link)
            if "#" in link
    }:
        name, anchor = link.split("#")
        headings = re.findall(
            r"^#+ (.+)$", "\n".join(cell.source
                                    for cell in nbformat.read(folder / name, as_version=4).cells
                                    if cell.cell_type == "markdown"), re.M)
        assert anchor in {re.sub(r"\s", "-", heading) for heading in headings}, link
