"""`run_all`: what is shared changes no finding, and what the time was too short for is told."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from recipe_widgets import RecipeError, checks
from recipe_widgets.checks import all_checks, run_checks, sharing
from recipe_widgets.checks.check_decorator import in_order_of_work
from recipe_widgets.checks.shared_passes import first_outputs, own_training, signals_after

from .models import D, Detached, K, adam, batches, mlp, step

CE = F.cross_entropy


def dropping() -> nn.Module:
    return nn.Sequential(nn.Linear(D, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.3),
                         nn.Linear(32, K))


def accuracy(model, loader):
    model.eval()
    return float(sum((model(x).argmax(1) == y).float().mean() for x, y in loader) / len(loader))


PROGRAMS = {
    "healthy": (mlp, {"optimizer": adam, "train_step": step}),
    "random in training": (dropping, {"optimizer": adam}),
    "softmax twice": (lambda: mlp(K, nn.Softmax(1)), {"optimizer": adam}),
    "detached": (Detached, {"optimizer": adam, "train_step": step}),
    "steps too long": (mlp, {"optimizer": lambda m: torch.optim.SGD(m.parameters(), lr=30.0)}),
}


# a busy machine takes fewer steps, which their texts tell
BY_TIME = {"gradient_check", *(n for n in all_checks() if n.startswith(("overfit", "mem", "gen")))}


@pytest.mark.parametrize("name", PROGRAMS)
def test_sharing_changes_no_finding(name, monkeypatch):
    make, options = PROGRAMS[name]

    def said():
        report = checks.run_all(make, batches(), CE, num_classes=K, progress=False, seconds=None,
                                validation=batches(40), evaluate=accuracy, ignore=["timing"],
                                **options)
        return {
            r.name: r.status if r.name in BY_TIME else (r.status, r.message, str(r.measured))
            for r in report
        }

    together = said()

    @contextmanager
    def nothing_kept(_target):
        yield

    monkeypatch.setattr(run_checks, "sharing", nothing_kept)
    assert said() == together


def test_what_is_shared_is_made_once():
    passes = 0

    class Counted(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, x):
            nonlocal passes
            passes += 1
            return self.net(x)

    target = checks.subject(Counted, batches(), CE)
    passes = 0
    first_outputs(target)
    alone = passes
    with sharing.sharing(target):
        for _ in range(3):
            first_outputs(target)
            first_outputs(target, 0)  # the same weights as the model's own
    assert (alone, passes) == (1, 2)


def test_a_model_that_cannot_be_copied_is_not_kept():
    class Stubborn(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def __deepcopy__(self, memo):
            raise RuntimeError("not me")

        def forward(self, x):
            return self.net(x)

    target = checks.subject(Stubborn(), batches(), CE)
    with sharing.sharing(target):
        assert signals_after(target, 1, 0.97) is not signals_after(target, 1, 0.97)


def test_own_training_goes_on_where_it_stopped():
    target = checks.subject(mlp, batches(), CE, optimizer=adam)
    with sharing.sharing(target):
        first = own_training(target, 12)
        first.until(12, 60.0)
        again = own_training(target, 40)
        assert again is first
        assert again.until(40, 60.0) == 40
        assert again.loss() < again.before
        assert own_training(target, 12) is not first  # that one has gone too far
    assert all(len(ratios) == 12 for ratios in first.sizes().values())


def test_an_error_in_the_first_steps_is_told_by_each_check_that_takes_them():
    def broken(model, optimizer, x, y):
        raise KeyError("of the reader")

    report = checks.run_all(mlp, batches(), CE, optimizer=adam, train_step=broken, progress=False,
                            only=["update_ratio", "loss_decreases"])
    assert all("of the reader" in result.message for result in report)


# time


class Slow(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp()

    def forward(self, x):
        time.sleep(0.02)
        return self.net(x)


def test_what_the_time_was_too_short_for_is_listed():
    report = checks.run_all(Slow, batches(), CE, num_classes=K, optimizer=adam, progress=False,
                            seconds=0.6)
    assert [r.name for r in report] == list(all_checks())  # none is missing
    assert report.unjudged
    assert {r.name for r in report if r.message.startswith("left out")} == set(report.unjudged)
    assert all(report[name].status == "skip" for name in report.unjudged)
    assert set(report.check_costs) == set(all_checks()) - set(report.unjudged)
    assert "memorises_random_labels" in report.unjudged  # trainings come last
    assert report["loss_reduction"].status == "pass"
    assert report.seconds < 5
    for name in report.unjudged:
        assert name in str(report).splitlines()[-1]
    told = json.loads(report.to_json())
    assert told["unjudged"] == list(report.unjudged)
    assert told["check_costs"]["loss_reduction"]["seconds"] > 0


def test_the_time_ends_a_reader_s_own_loop_too():
    def endless(model, loader):
        x, _ = loader[0]
        while True:
            model(x)

    report = checks.run_all(mlp, batches(), CE, evaluate=endless, validation=batches(40),
                            only=["loss_reduction", "mode_toggles"], seconds=1.0, progress=False)
    assert report.unjudged == ["mode_toggles"]
    assert report["loss_reduction"].status == "pass"


def test_without_a_limit_nothing_is_left_out():
    report = checks.run_all(mlp, batches(), CE, only=["loss_reduction", "output_scale"],
                            seconds=None, progress=False)
    assert not report.unjudged
    assert set(report.check_costs) == {"loss_reduction", "output_scale"}


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), float("inf"), "soon", True])
def test_bad_seconds(seconds):
    with pytest.raises(RecipeError, match="seconds"):
        checks.run_all(mlp, batches(), CE, seconds=seconds, progress=False)
    with pytest.raises(RecipeError, match="seconds"):
        checks.check_named("tests.planted_bugs.healthy.sparse_relu:build", seconds=seconds)


def test_the_quick_checks_come_first_and_the_report_keeps_its_order():
    heard = []
    report = checks.run_all(mlp, batches(), lambda z, y: -CE(z, y), num_classes=K, progress=False,
                            only=["class_balance", "overfit_few", "loss_at_init"],
                            on_result=heard.append)
    assert [r.name for r in heard] == ["loss_at_init", "class_balance", "overfit_few"]
    assert heard[0].status == "warn"
    assert [r.name for r in report] == ["class_balance", "overfit_few", "loss_at_init"]
    assert {check.__name__ for check in in_order_of_work(all_checks().values())} == set(
        all_checks())


def test_nothing_is_printed_where_stderr_is_no_terminal():
    code = ("import torch; from recipe_widgets import checks\n"
            "x, y = torch.randint(0, 255, (40, 1, 16, 16), dtype=torch.uint8), torch.arange(40) % 2\n"
            "checks.duplicates((x, y)); checks.label_errors((x, y))\n"
            "net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 2))\n"
            "checks.run_all(net, [(x.float() / 255, y)], torch.nn.functional.cross_entropy,\n"
            "               only=['loss_at_init', 'class_balance'])\n")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
