"""What watching costs is counted whole, said, and bounded."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

import recipe_widgets
from recipe_widgets.core.report import Report, WatchCosts
from recipe_widgets.watch import judging
from recipe_widgets.watch.evidence import data_probes
from recipe_widgets.watch.evidence.watched_run import OutOfTime
from recipe_widgets.watch.instrument.torch_call_monitor import seconds_per_call


def train(steps: int = 40) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(steps):
        x, y = torch.randn(20, 1, 8, 8), torch.randint(3, (20, ))  # nothing to be learnt
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()


def test_all_costs_are_told():
    with recipe_widgets.watch() as report:
        train()
    cost = report.costs
    assert min(cost.start, cost.during, cost.end) > 0
    alone = report.seconds - cost.during
    assert report.overhead == pytest.approx((cost.start + cost.during + cost.end) / alone)
    assert json.loads(report.to_json())["costs"]["end"] == cost.end
    for text in (str(report), report.to_html()):
        assert f"{cost.end:.1f} s after it" in text


def test_the_overhead_is_a_share_of_the_script_alone():
    report = Report(command="watch", seconds=10.0, costs=WatchCosts(0.5, 2.0, 1.5))
    assert report.overhead == pytest.approx(0.5)


def test_a_torch_call_under_the_open_monitor_is_measured():
    assert 0 <= seconds_per_call() < 1e-3
    assert torch._C._len_torch_function_stack() == 0


def test_the_budget_of_probes():
    assert judging.probe_budget(0.0) == judging.PROBE_LEAST
    assert judging.probe_budget(60.0) == pytest.approx(6.0)
    assert judging.probe_budget(3600.0) == judging.PROBE_MOST


def test_probes_stop_inside_their_loops_and_it_is_said(monkeypatch):
    monkeypatch.setattr(judging, "PROBE_LEAST", 0.0)
    monkeypatch.setattr(judging, "PROBE_SHARE", 0.0)
    with recipe_widgets.watch() as report:
        train()
    assert "label_errors" in report.unjudged
    assert {"padding", "batch_independence"} <= set(report.unjudged)
    assert report.problems == []
    assert "too little time to judge: " in str(report)
    assert "label_errors" in json.loads(report.to_json())["unjudged"]


def test_every_loop_of_a_data_probe_asks_for_the_time():
    x, y = torch.randn(300, 1, 8, 8), torch.randint(3, (300, ))

    def after(times: int):
        left = [times]

        def check_time() -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OutOfTime

        return check_time

    for times in (0, 1, 20):
        with pytest.raises(OutOfTime):
            data_probes.probe_accuracy(x, y, after(times))
        with pytest.raises(OutOfTime):
            data_probes.mirrored(x, y, -1, (x, y), after(times))
    with pytest.raises(OutOfTime):
        data_probes.neighbours(x, after(1))


def test_the_probe_knows_shifted_shapes():
    """A bright square in one of two corners, at any place within its half."""
    g = torch.Generator().manual_seed(0)
    x, y = 0.1 * torch.randn(400, 1, 16, 16, generator=g), torch.randint(2, (400, ), generator=g)
    for image, label in zip(x, y, strict=True):
        top, left = torch.randint(0, 5, (2, ), generator=g).tolist()
        image[0, top + 6 * label:top + 6 * label + 4, left:left + 4] += 1
    accuracy, chance, held_out = data_probes.probe_accuracy(x, y, lambda: None)
    assert accuracy > 0.95
    assert chance < 0.6
    assert held_out == 120
