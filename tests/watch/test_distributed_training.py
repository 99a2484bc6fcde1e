"""Two processes with gloo that are watched as one training."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

import recipe_widgets
from recipe_widgets.core import CheckResult
from recipe_widgets.core.report import Report
from recipe_widgets.watch import peer_processes as peer_processes_module
from recipe_widgets.watch.evidence import observe_replicas
from recipe_widgets.watch.evidence.observe_replicas import _sum_of_bits
from recipe_widgets.watch.peer_processes import PeerProcesses

HEAD = """
import os, sys
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
rng = torch.Generator().manual_seed(rank)
x = torch.randn(200, 6, generator=rng)
y = (x[:, 0] > 0).long() + (x[:, 1] > 0.5).long()
def train(call, parameters, steps=8):
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    for i in range(steps):
        rows = slice(20 * i, 20 * i + 20)
        loss = nn.functional.cross_entropy(call(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
BODIES = {
    "wrapped": """
        ddp = DistributedDataParallel(net)
        train(ddp, ddp.parameters())
    """,
    "inner": """
        ddp = DistributedDataParallel(net)
        train(ddp.module, ddp.parameters())
    """,
    "late": """
        ddp = DistributedDataParallel(net, find_unused_parameters=True)
        net[2] = nn.Linear(16, 3)
        train(ddp, ddp.parameters())
    """,
    "alone": "train(net, net.parameters())",
}


@pytest.mark.parametrize(("body", "said"), [
    ("wrapped", None), ("inner", "called itself"), ("late", "made after"), ("alone", "of its own")])
def test_two_processes_are_one_report(tmp_path, body, said):
    script = tmp_path / "train.py"
    script.write_text(HEAD + textwrap.dedent(BODIES[body]) + "\ndist.destroy_process_group()\n",
                      encoding="utf-8")
    root = Path(recipe_widgets.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m",
         "recipe_widgets", "watch", "--json", "report.json", "train.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=240,
        env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("recipe watch:") == 1
    found = [one for one in json.loads((tmp_path / "report.json").read_text())["findings"]
             if one["check"] == "replicas_agree"]
    if said is None:
        assert found == []
    else:
        assert said in found[0]["message"]
        assert found[0]["severity"] == ("warning" if body == "alone" else "error")


def test_a_sum_of_bits_does_not_depend_on_the_order():
    """Where a sum of floats does: 1e16 + 1 - 1e16."""
    values = torch.tensor([1e16, 1.0, -1e16, 3.0, 0.1], dtype=torch.float64)
    assert values.cumsum(0)[-1] != values.flip(0).cumsum(0)[-1]
    assert _sum_of_bits(values) == _sum_of_bits(values.flip(0)) != _sum_of_bits(values * 2)
    for dtype in (torch.float32, torch.bfloat16, torch.complex64):
        assert _sum_of_bits(values[1:2].to(dtype)) != _sum_of_bits(values[3:4].to(dtype))


def test_a_model_with_too_many_tensors_is_said_to_be_left_out(monkeypatch):
    monkeypatch.setattr(observe_replicas, "_is_distributed", lambda: True)
    monkeypatch.setattr(observe_replicas, "_MOST_PARAMETERS", 2)
    net = torch.nn.Linear(2, 2)  # weight and bias
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with recipe_widgets.watch() as report:
        for _ in range(4):
            net(torch.randn(3, 2)).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
    assert not report.problem
    assert report.not_looked_at == [
        "whether the processes hold the same weights: 2 tensors are too many"]
    assert "not looked at: whether the processes" in str(report)
    assert json.loads(report.to_json())["not_looked_at"] == report.not_looked_at


def test_findings_of_all_processes_are_told_with_their_ranks(tmp_path, monkeypatch):
    """Process 0 and 1 found `a`, 1 and 2 found `b`; 3 said nothing."""
    def report(*names, problems=()):
        return Report([CheckResult(name, "fail", name, where="x.py:1") for name in names],
                      "watch", problems=problems)

    for rank, names in ((1, "ab"), (2, "b")):
        PeerProcesses(rank, 4, tmp_path / "word").merge(report(*names, problems=[f"p{rank}"]))
    first = report("a")
    monkeypatch.setattr(peer_processes_module, "PATIENCE", 0.3)
    PeerProcesses(0, 4, tmp_path / "word").merge(first)
    assert sorted(one.message for one in first.findings) == ["a", "b (in processes 1, 2 only)"]
    assert list(first.problems) == ["process 1: p1", "process 2: p2", "process 3 did not report"]
