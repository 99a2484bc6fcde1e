"""Errors of the script's own objects are tolerated by probes; those of the watcher are told."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from recipe_widgets.rules.compiled_equals_eager import CompiledOutput
from recipe_widgets.watch.evidence import build_data, data_probes, observe_compiled
from recipe_widgets.watch.evidence import observe_stored_samples as stored_samples
from recipe_widgets.watch.evidence.loader_record import LoaderRecord
from recipe_widgets.watch.evidence.script_objects import ScriptObjectError, ask
from recipe_widgets.watch.evidence.watched_run import OutOfTime, WatchedRun


class Items:
    """Six pictures. failing: reading one is an error."""

    def __init__(self, failing=False):
        self.numbers, self.failing = np.arange(54.0).reshape(6, 3, 3), failing

    def __len__(self):
        return 6

    def __getitem__(self, index):
        if self.failing:
            raise RuntimeError("the file is closed")
        return self.numbers[index], index


def run_over(dataset, budget=60.0, **fields):
    loader = LoaderRecord(1, lambda: None, dataset, 0, False, None, None)
    for name, value in fields.items():
        setattr(loader, name, value)
    return WatchedRun(SimpleNamespace(loaders=SimpleNamespace(records=[loader])), True, True, budget)


def test_an_error_of_the_script_is_not_ours():
    with pytest.raises(ScriptObjectError) as caught:
        ask(int, "seven")
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_data_set_that_fails_is_left_out():
    run = run_over(Items(failing=True), trained=1)
    assert list(stored_samples.reread_samples(run)) == []
    assert run.problems == []


def test_a_fault_of_the_probe_of_a_data_set_is_told(monkeypatch):
    def fails(*_):
        raise KeyError("planted")

    monkeypatch.setattr(stored_samples, "_checksums", fails)
    run = run_over(Items(), trained=1)
    assert list(stored_samples.reread_samples(run)) == []
    assert "planted" in run.problems[0]
    assert "reading Items again" in run.problems[0]


def test_a_fault_of_a_probe_of_generators_is_told(monkeypatch):
    def fails(*_):
        raise KeyError("planted")

    monkeypatch.setattr(data_probes, "_private_generators", fails)
    run = run_over(Items(), trained=1, workers=2)
    assert list(build_data._copied_generators(run)) == []
    assert "planted" in run.problems[0]


class Flipped(Items):
    """Arrays that torch cannot take over as they are."""

    def __init__(self):
        super().__init__()
        self.numbers = self.numbers.astype(">f4")

    def __getitem__(self, index):
        return self.numbers[index, ::-1], index


def test_arrays_of_any_layout_are_read():
    run = run_over(Flipped(), trained=1)
    (found, _), = stored_samples.reread_samples(run)
    assert (found.changed, run.problems) == (0, [])


def test_labels_of_any_length_are_no_fault_of_ours():
    class Boxes(Items):
        def __getitem__(self, index):
            return torch.zeros(3), [torch.zeros(2), torch.zeros(3)]

    with pytest.raises(ScriptObjectError):
        data_probes.changing_items(run_over(Boxes()).records.loaders.records[0], lambda: None)


def test_lists_of_arrays_do_not_compare_and_that_is_no_fault_of_ours():
    class Listed(Items):
        def __init__(self):
            self.items = [np.zeros(2), np.ones(2)]

        def __len__(self):
            return 2

    with pytest.raises(ScriptObjectError):
        data_probes.same_samples(Listed(), Listed())


# the time for probes


def after(times):
    """A check_time that raises at its call number `times` + 1."""
    left = [times]

    def check_time():
        left[0] -= 1
        if left[0] < 0:
            raise OutOfTime

    return check_time


def test_reading_again_stops_at_the_budget():
    with pytest.raises(OutOfTime):
        list(stored_samples.reread_samples(run_over(Items(), budget=0.0, trained=1)))
    with pytest.raises(OutOfTime):
        stored_samples._item(Items(), 0, after(0))


def test_nothing_is_begun_after_the_deadline():
    run = run_over(Items(), budget=0.0)
    with pytest.raises(OutOfTime), run.tolerating("a probe"):
        raise AssertionError("begun")


def replay():
    model, x = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)), torch.randn(3, 2)
    seen = CompiledOutput("Sequential", 1, 0.5, False)
    return observe_compiled._Replay(seen, None, model, lambda module: module, (x, ), {})


def test_a_replay_of_layers_stops_at_the_budget():
    assert observe_compiled._first_that_differs(replay(), after(3)) == ""  # three layers
    with pytest.raises(OutOfTime):
        observe_compiled._first_that_differs(replay(), after(2))


def test_a_difference_without_time_for_its_layer_is_still_told():
    looks = SimpleNamespace(looks={1: observe_compiled._Looks(1, replay())})
    run = run_over(Items(), budget=0.0)
    run.records.observers = {observe_compiled.CompiledModels: looks}
    (found, _), = observe_compiled.compiled_outputs(run)
    assert (found.difference, found.module) == (0.5, "")
