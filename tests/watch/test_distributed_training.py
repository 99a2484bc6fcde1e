"""Two processes with gloo that are watched as one training."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import recipe_widgets

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
