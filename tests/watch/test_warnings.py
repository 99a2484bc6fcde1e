"""Warnings of a script come with the file and line that they have without the watcher."""

from __future__ import annotations

import runpy
import textwrap
import warnings
from pathlib import Path

import pytest
import torch

from recipe_widgets.watch import run_script

BODY = """
import warnings
import torch
from torch import nn
from torch.nn import functional as F
net = nn.Linear(4, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 5)
for step in range(4):
    x, y = torch.randn(8, 4), torch.randn(8)
    loss = F.mse_loss(net(x), y)
    F.softmax(net(x))
    net(x).T if step < 2 else torch.randn(2, 2, 2).T
    optimizer.zero_grad()
    loss.backward(create_graph=step == 3)
    schedule.step()
    optimizer.step()
    nn.init.zeros_(torch.empty(0))
    nn.init.kaiming_uniform_(torch.empty(0, 2))
    nn.functional.l1_loss(net(x), y)
    warnings.warn("of the script")
    warnings.warn("a level up", DeprecationWarning, stacklevel=2)
"""


def caught(run, action: str) -> list[tuple[str, str, int]]:
    torch.manual_seed(0)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter(action)
        run()
    return [(str(one.message), one.filename, one.lineno) for one in heard]


@pytest.mark.parametrize("action", ["default", "always", "once", "ignore"])
def test_lines_of_warnings_are_the_scripts(tmp_path: Path, action: str):
    path = tmp_path / "train.py"
    path.write_text(textwrap.dedent(BODY))
    alone = caught(lambda: runpy.run_path(str(path), run_name="__main__"), action)
    watched = caught(lambda: run_script(path, []), action)
    # some of torch's come once in a process
    once = ("`x.T` on tensors", "create_graph=True")
    alone, watched = ([one for one in told if not any(words in one[0] for words in once)]
                      for told in (alone, watched))
    assert alone == watched
    if action == "always":
        assert sum(file == str(path) for _, file, _ in watched) > 12
