"""The rules of a fair experiment on made-up scores with known answers, and on tiny trainings."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import ttest_rel

from recipe_widgets import Data, RecipeError, Settings
from recipe_widgets.evaluation import experiment as fair
from recipe_widgets.evaluation.experiment import (
    Arm,
    Experiment,
    PairedQuestion,
    answers,
    dealt,
    difference,
    holm,
    sample_error,
    tune_on_grid,
)
from recipe_widgets.evaluation.experiment_record import ExperimentRecord, run_experiment, run_part
from recipe_widgets.training import train_many
from tests.blobs import make_blobs

BASE = (0.50, 0.52, 0.51, 0.49, 0.50, 0.53, 0.48, 0.51)


def shifted(by: float, noise: float = 0.001) -> tuple[float, ...]:
    """BASE and a difference with a mean of exactly `by`."""
    return tuple(value + by + noise * (-1)**number for number, value in enumerate(BASE))


def asked(*arms: str) -> list[PairedQuestion]:
    return [PairedQuestion(f"{arm} is better", arm, "base") for arm in arms]


def verdicts(first: dict[str, tuple[float, ...]], second: dict[str, tuple[float, ...]] | None = None,
             matters: float = 0.01) -> list[str]:
    first = {"base": BASE, **first}
    second = first if second is None else {"base": BASE, **second}
    return [one.verdict for one in answers(asked(*list(first)[1:]), first, second, matters)]


@pytest.mark.parametrize(("scores", "verdict"), [
    (shifted(0.05), "holds"),
    (shifted(-0.05), "the reverse"),
    (shifted(0.0), "no difference that matters"),
    (shifted(0.005, 0.05), "undecided"),
    (shifted(0.004), "holds"),  # beyond chance: the interval says how little it is
])
def test_one_rule_words_the_verdict(scores, verdict):
    assert verdicts({"arm": scores}) == [verdict]


def test_two_sets_of_seeds_that_disagree_decide_nothing():
    assert verdicts({"arm": shifted(0.05)}, {"arm": shifted(-0.05)}) == ["undecided"]
    assert verdicts({"arm": shifted(0.05)}, {"arm": shifted(0.0)}) == ["undecided"]


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.02]) == [0.02]


def test_one_of_many_questions_is_not_decided_by_chance():
    """An interval that leaves zero out, p = 0.03, is 0.6 among twenty."""
    close = shifted(0.03, 0.033)
    assert verdicts({"arm": close}, matters=0.0) == ["holds"]
    many = {f"nothing {number}": shifted(0.0, 0.03 + number / 1000) for number in range(19)}
    assert verdicts({"arm": close, **many}, matters=0.0)[0] == "undecided"
    assert verdicts({"arm": close, **many}, matters=0.1)[0] == "no difference that matters"


def peak(at: float):
    """A score with its best learning rate at `at`."""
    return lambda point: -abs(math.log(point["lr"] / at))


@pytest.mark.parametrize(("at", "best", "widened"), [(0.1, 0.1, 0), (0.9, 0.81, 2), (0.004, 0.003703, 2)])
def test_a_grid_is_widened_until_its_best_lies_inside(at, best, widened):
    grid = (0.1, 0.3) if at > 0.1 else (0.03333, 0.1, 0.3)
    found = tune_on_grid({"lr": grid if at != 0.9 else (0.03, 0.09)}, peak(at))
    inside = sorted(point[0] for point, _ in found.trials)
    assert inside[0] < found.best["lr"] < inside[-1]
    assert found.best["lr"] == pytest.approx(best, rel=0.1)
    assert found.widened >= widened
    assert found.edge == ()


def test_a_grid_far_from_its_best_is_refused():
    with pytest.raises(RecipeError, match="edge"):
        tune_on_grid({"lr": (0.1, 0.2)}, peak(1e6))


def test_a_limit_of_a_knob_is_no_edge_to_widen():
    found = tune_on_grid({"dropout": (0.3, 0.6)}, lambda point: point["dropout"],
                         limits={"dropout": (0.0, 0.9)})
    assert found.best == {"dropout": 0.6}
    assert found.edge == ("dropout", )


def test_a_value_that_is_no_number_is_worst():
    found = tune_on_grid({"lr": (0.1, 0.2, 0.4)},
                         lambda point: math.nan if point["lr"] != 0.2 else -1e9)
    assert found.best == {"lr": 0.2}


def test_an_arm_that_learns_at_no_rate_is_widened_nowhere():
    found = tune_on_grid({"lr": (0.1, 0.2, 0.4)}, lambda point: 0.1)
    assert found.best == {"lr": 0.2}
    assert found.widened == 0


def test_without_samples_it_is_the_paired_t_test():
    arm, base = shifted(0.03, 0.033), BASE
    found, p = difference(base, arm)
    known = ttest_rel(arm, base)
    assert p == pytest.approx(known.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(known.confidence_interval()), rel=1e-6)


def test_samples_widen_the_interval():
    """A difference on 100 images that all seeds share says little about other images."""
    narrow, _ = difference(BASE, shifted(0.02))
    wide, p = difference(BASE, shifted(0.02), 0.02)
    assert wide.difference == narrow.difference
    assert wide.low < 0 < narrow.low
    assert p > 0.2
    # beside an error of 0.02 that of the seeds is nothing: the normal distribution's interval
    assert wide.high - wide.low == pytest.approx(2 * 1.96 * 0.02, rel=0.01)
    assert answers(asked("arm"), {"base": BASE, "arm": shifted(0.02)},
                   {"base": BASE, "arm": shifted(0.02)}, 0.01, [[0.02, 0.02]])[0].verdict == "undecided"


def test_the_samples_error_is_that_of_a_made_up_table():
    """Known components of variance: seeds 0.1, samples 0.2, rest 1; 400 repetitions of 8 x 50."""
    draw = np.random.default_rng(0)
    base = np.zeros((8, 50))
    found = [sample_error(0.1 * draw.normal(size=(8, 1)) + 0.2 * draw.normal(size=50)
                          + draw.normal(size=(8, 50)), base)**2 for _ in range(400)]
    # the mean of what is cut off at 0 is a little high; without the rest taken off it would be 0.16²
    assert np.mean(found) == pytest.approx(0.2**2 / 50, abs=0.0008)
    same = np.tile(draw.normal(size=50), (8, 1))  # every seed alike: the samples are all there is
    assert sample_error(same, base) == pytest.approx(same[0].std(ddof=1) / math.sqrt(50))
    assert sample_error(base, base) == 0


@pytest.mark.parametrize("grid", [(), (0.2, 0.1), (0.1, 0.1), (0.0, 0.1)])
def test_a_grid_ascends(grid):
    with pytest.raises(RecipeError, match="ascending"):
        tune_on_grid({"lr": grid}, peak(0.1))


def small() -> Data:
    return make_blobs(240)


def make(**changes) -> Experiment:
    given = {
        "name": "made_up", "asks": "?", "refuted_by": "", "equal": "20 steps", "page": "00", "data": small,
        "base": Settings(model="mlp", width=8, batch_size=16, max_steps=20),
        "arms": [Arm("relu"), Arm("identity", {"activation": "identity"})],
        "questions": [PairedQuestion("ReLU is better", "relu", "identity")], "grid": {"lr": (0.03, 0.1, 0.3)},
        "matters": 0.05, "seeds": (0, 1), "again": (2, 3), "choosing": (9, )}
    return Experiment(**{**given, **changes})


@pytest.mark.parametrize(("changes", "text"), [
    ({"arms": [Arm("relu"), Arm("identity", grid={"lr": (0.1, )})]}, "equally many"),
    ({"questions": [PairedQuestion("?", "tanh", "relu")]}, "tanh"),
    ({"again": (1, 2)}, "seed in two sets"),
    ({"choosing": (1, )}, "seed in two sets"),
])
def test_an_unfair_experiment_is_refused(changes, text):
    with pytest.raises(RecipeError, match=text):
        make(**changes)


def test_parts_share_no_sample_and_keep_the_classes():
    data = small()
    chooses, judges = dealt(data)
    first, second = (set(part.index.tolist()) for part in (chooses.validation, judges))
    assert not first & second
    assert len(first | second) == data.validation.size
    counts = [torch.bincount(part.y, minlength=data.num_classes) for part in (chooses.validation, judges)]
    assert int((3 * counts[0] - counts[1]).abs().max()) <= 4  # a quarter of each class, to a sample


def test_what_judges_is_not_seen_by_what_chooses(monkeypatch):
    """Neither the choice nor a training ever reads the judging half."""
    seen = []
    one = make(score=lambda run, split: seen.append(split) or np.ones(split.size))
    data, judge = dealt(small())

    def training(data, settings, seeds):
        seen.append(data.validation)
        return train_many(data, settings, seeds)

    monkeypatch.setattr(fair, "train_many", training)
    one.tune(one.arms[0], data, data.validation)
    assert seen
    assert all(split is data.validation for split in seen)
    assert judge not in seen


@pytest.fixture(scope="module")
def record() -> ExperimentRecord:
    return run_experiment(make(), lambda line: None)


def test_a_record_holds_every_number(record):
    one = make()
    assert set(record.scores) == {"relu", "identity"}
    assert all(len(row) == 2 for row in (*record.scores.values(), *record.again.values()))
    again = ExperimentRecord.from_json(record.to_json(one), "Record")
    assert again == record
    assert [a.verdict for a in again.answers(one)] == [a.verdict for a in record.answers(one)]


@pytest.mark.parametrize("arm", ["relu", "identity"])
def test_a_part_run_anew_agrees(record, arm):
    part = run_part(make(), record, arm, 3)
    assert part.agrees
    assert part.now == pytest.approx(part.recorded, abs=1e-6)


def test_a_changed_number_fails(record):
    text = record.to_json(make())
    number = repr(record.scores["relu"][0])
    assert number in text
    with pytest.raises(RecipeError, match="digest"):
        ExperimentRecord.from_json(text.replace(number, repr(record.scores["relu"][0] + 0.25), 1), "Record")


def test_a_changed_experiment_makes_its_record_stale(record):
    with pytest.raises(RecipeError, match="changed since"):
        run_part(make(base=Settings(model="mlp", width=8, batch_size=16, max_steps=21)), record, "relu", 0)


def test_an_engine_that_begins_otherwise_is_noticed(record):
    """Too little for the final accuracy to show: the loss of the eleventh step is off by 1 %."""
    other = [value * 1.01 for value in record.early["relu"]]
    part = run_part(make(), ExperimentRecord(**{**vars(record), "early": {**record.early, "relu": other}}),
                    "relu", 0)
    assert part.now == part.recorded
    assert not part.agrees


def test_an_engine_that_gives_other_numbers_is_noticed(record):
    wrong = [value + 0.5 for value in record.scores["relu"]]
    part = run_part(make(), ExperimentRecord(**{**vars(record), "scores": {**record.scores, "relu": wrong}}), "relu", 0)
    assert not part.agrees
