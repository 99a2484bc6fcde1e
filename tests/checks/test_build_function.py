"""`recipe check package.module:function`, as from a shell."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from recipe_widgets.cli import main

PROJECT = '''
import torch
from torch import nn
from torch.nn import functional as F

def data():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(64, 8, generator=g)
    return [(x[:32], (x[:32, 0] > 0).long()), (x[32:], (x[32:, 0] > 0).long())]

def net(last=None):
    layers = [nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2)]
    return nn.Sequential(*layers, *([last] if last else []))

def good():
    return net, data(), F.cross_entropy

def bad():
    return {"model": lambda: net(nn.Softmax(0)), "batches": data(), "loss_fn": F.cross_entropy, "num_classes": 2}

def other():
    return 3

def breaks():
    raise OSError("no data here")
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "my_project.py").write_text(PROJECT)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("my_project", None)


def test_a_good_model_exits_with_zero_and_writes_both_files(
        project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = list(sys.path)
    assert main(["check", "my_project:good", "--json", "out.json", "--html", "out.html"]) == 0
    assert sys.path == path
    results = {
        f["check"]: f["status"]
        for f in json.loads((project / "out.json").read_text())["findings"]
    }
    assert results["batch_independence"] == "pass"
    assert "<table" in (project / "out.html").read_text()
    assert "batch_independence" in capsys.readouterr().out


def test_a_softmax_over_the_batch_exits_with_three(project: Path,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "my_project:bad"]) == 3
    assert "fail batch_independence" in capsys.readouterr().out


@pytest.mark.parametrize(("target", "says"), [("my_project", "package.module:function"),
                                              ("nowhere:build", "nowhere"),
                                              ("my_project:nothing", "good"),
                                              ("my_project:other", "int"),
                                              ("my_project:breaks", "no data here"), ])
def test_a_slip_exits_with_two_and_says_what_is_expected(
        project: Path, target: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", target]) == 2
    assert says in capsys.readouterr().err
