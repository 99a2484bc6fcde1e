"""Records of the experiments: of their present definition, tuned inside their grids, and confirmed by
a part that is drawn anew each time.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

import pytest

from recipe_widgets import RecipeError
from recipe_widgets.evaluation.experiment_record import ExperimentRecord, check_fresh, load_record
from recipe_widgets.lessons.common.recorded import recorded
from studies.catalogue import RECORDS, experiment, names
from studies.table import (
    BEGIN,
    BEGIN_PAGES,
    BEGIN_TIME,
    END,
    END_PAGES,
    END_TIME,
    SAID,
    pages_table,
    table,
    time_words,
)

MEASURED = [name for name in names() if (RECORDS / f"{name}.json").exists()]


def test_every_record_belongs_to_an_experiment():
    assert {path.stem for path in RECORDS.glob("*.json")} <= set(names())


@pytest.mark.parametrize("name", names())
def test_an_experiment_says_what_would_refute_it(name):
    one = experiment(name)
    assert one.asks.endswith("?")
    assert one.refuted_by
    assert one.questions
    assert len(one.seeds) >= 8
    assert len(one.again) >= 8


@pytest.mark.parametrize("name", MEASURED)
def test_a_record_is_of_the_present_definition(name):
    one, found = experiment(name), load_record(RECORDS / f"{name}.json")
    check_fresh(one, found)
    assert set(found.scores) == set(found.again) == {arm.name for arm in one.arms}
    for arm in one.arms:
        tried = [point for point, _ in found.trials[arm.name]]
        for place, (knob, value) in enumerate(found.chosen[arm.name].items()):
            values = sorted({point[place] for point in tried})
            assert value in values
            inside = len(values) == 1 or values[0] < value < values[-1]
            assert inside or knob in found.edge[arm.name], f"{arm.name}: {knob} {value} of {values}"


@pytest.mark.parametrize("name", MEASURED)
def test_the_answers_in_a_record_are_those_of_the_present_rule(name):
    """Who reads the file and who reads a page are told the same."""
    path = RECORDS / f"{name}.json"
    now = json.loads(load_record(path).to_json(experiment(name)))
    assert json.loads(path.read_text(encoding="utf-8"))["answers"] == now["answers"]


def test_a_part_of_a_record_run_anew_agrees():
    """Another one each time; the seed of the draw is in the message."""
    draw = random.Random(seed := random.randrange(10**6))
    study = recorded(draw.choice(MEASURED))
    one = study.experiment
    part = study.rerun(draw.choice(one.arms).name, draw.choice([*one.seeds, *one.again]))
    assert part.agrees, f"{one.name}: {part}; draw {seed}"


def numbers(found: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where the numbers of a record are."""
    if isinstance(found, float):
        return [path]
    each = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    return [place for key, value in each for place in numbers(value, (*path, key))]


@pytest.mark.parametrize("name", MEASURED)
def test_a_changed_number_is_noticed(name):
    """Any one, drawn anew each time, by a thousandth."""
    text = (RECORDS / f"{name}.json").read_text(encoding="utf-8")
    parts = ("chosen", "trials", "scores", "again", "early", "early_again", "sample_errors")
    found = json.loads(text)
    place = random.choice([place for part in parts for place in numbers(found[part], (part, ))])
    holder = found
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] += 0.001
    with pytest.raises(RecipeError, match="digest"):
        ExperimentRecord.from_json(json.dumps(found), name)


def test_a_page_shows_a_record():
    study = recorded(random.choice(MEASURED))
    text = str(study)
    for answer in study.answers:
        assert f"{answer.question.text}: {answer.verdict} (" in text
    assert all(arm.name in text for arm in study.experiment.arms)
    assert study.answer(study.answers[0].question.text) == study.answers[0]
    assert study.experiment.title in study.plot().alt


@pytest.mark.parametrize(("ask", "text"), [
    (lambda study: study.rerun("nobody"), "nobody"), (lambda study: study.rerun(seed=17), "seed 17"),
    (lambda study: study.answer("nothing"), "nothing"), (lambda study: recorded("nothing"), "nothing"),
])
def test_what_is_not_there_is_said(ask, text):
    with pytest.raises(RecipeError, match=text):
        ask(recorded(MEASURED[0]))


def test_a_notebook_finds_them_from_its_own_folder():
    """Where another module has the name, too."""
    code = ("import sys, types; sys.modules['studies'] = types.ModuleType('studies')\n"
            "sys.modules['studies'].__file__ = 'elsewhere'\n"
            "from recipe_widgets.lessons.common.recorded import catalogue\n"
            "print(catalogue().names())")
    out = subprocess.run([sys.executable, "-c", code], cwd=RECORDS.parents[1] / "notebooks", text=True,
                         capture_output=True, check=True,
                         env={**os.environ, "PYTHONPATH": str(RECORDS.parents[1])}).stdout
    assert out.strip() == str(names())


def test_the_tables_are_of_these_records():
    text = (RECORDS.parent / "README.md").read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0] == table()
    assert text.partition(BEGIN_PAGES)[2].partition(END_PAGES)[0] == pages_table()
    assert text.partition(BEGIN_TIME)[2].partition(END_TIME)[0] == time_words()


def test_what_pages_said_is_asked_by_experiments_that_exist():
    for name in {name for _, _, asked in SAID for name in asked}:
        assert name in names() or (RECORDS.parents[1] / name).is_file()
