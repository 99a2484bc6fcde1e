"""Records of the experiments: of their present definition, tuned inside their grids, and confirmed by
a part that is drawn anew each time.
"""

from __future__ import annotations

import random

import pytest

from recipe_widgets.evaluation.experiment_record import check_fresh, load_record, run_part
from studies.catalogue import RECORDS, experiment, names, record
from studies.table import BEGIN, END, table

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


def test_a_part_of_a_record_run_anew_agrees():
    """Another one each time; the seed of the draw is in the message."""
    draw = random.Random(seed := random.randrange(10**6))
    name = draw.choice([name for name in MEASURED if experiment(name).base.model in ("mlp", "linear")])
    one, found = experiment(name), record(name)
    assert found is not None
    part = run_part(one, found, draw.choice(one.arms).name, draw.choice([*one.seeds, *one.again]))
    assert part.agrees, f"{name}: {part}; draw {seed}"


def test_the_table_is_of_these_records():
    text = (RECORDS.parent / "README.md").read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0] == table()
