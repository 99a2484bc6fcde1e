"""Two processes under torchrun do what one process does."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from recipe_widgets import Run, Settings
from recipe_widgets.core import History
from recipe_widgets.training import Checkpoints
from recipe_widgets.training.batch_indices import BatchIndices
from recipe_widgets.training.distributed import ManyProcesses
from recipe_widgets.training.processes import from_first, gathered, together

ROOT = Path(__file__).parents[2]
HERE = {**os.environ, "PYTHONPATH": str(ROOT), "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": ""}
MLP = {
    "width": 32, "lr": 0.01, "batch_size": 33, "max_steps": 100, "eval_every": 50, "device": "cpu"
}
CONVNET = {**MLP, "model": "convnet", "width": 16}
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"),
                                reason="elsewhere the loopback is not named lo")


def start(tmp_path: Path, name: str, processes: int,
          **options: object) -> tuple[subprocess.CompletedProcess, Path]:
    out = tmp_path / f"{name}.pt"
    (tmp_path / f"{name}.json").write_text(json.dumps({"out": str(out), **options}))
    command = [
        sys.executable,
        str(Path(__file__).with_name("together.py")),
        str(tmp_path / f"{name}.json")
    ]
    if processes > 1:
        command[1:1] = ["-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1",
                        "--nproc-per-node", str(processes)]
    return subprocess.run(command, env=HERE, capture_output=True, text=True, timeout=240,
                          check=False), out


def outcome(tmp_path: Path, name: str, processes: int, **options: object) -> dict:
    done, out = start(tmp_path, name, processes, **options)
    assert done.returncode == 0, done.stderr[-3000:]
    found = torch.load(out, weights_only=True)
    assert found["processes"] == processes
    return found


def furthest(one: dict, other: dict) -> float:
    return max(
        float((one["weights"][key] - other["weights"][key]).abs().max()) for key in one["weights"])


@pytest.mark.parametrize(("settings", "double", "bound"), [(MLP, False, 1e-5),
                                                           (CONVNET, True, 1e-10)])
def test_two_processes_equal_one(tmp_path: Path, settings: dict, double: bool,
                                 bound: float) -> None:
    """33 samples per batch do not halve: shares of 17 and 16 must weigh as many samples as they
    have.
    """
    one = outcome(tmp_path, "one", 1, settings=settings, double=double)
    two = outcome(tmp_path, "two", 2, settings=settings, double=double)
    assert furthest(one, two) < bound
    histories = [History.from_json(found["history"]) for found in (one, two)]
    for name in ("train_loss", "val_loss", "train_accuracy", "val_accuracy"):
        assert histories[1].steps(name) == histories[0].steps(name)
        assert histories[1].series(name) == pytest.approx(histories[0].series(name), abs=1e-5)
    assert histories[0].series(
        "train_loss")[-1] < histories[0].series("train_loss")[0] - 0.1  # it did learn something


def test_a_killed_process_ends_all_and_resume_goes_on_to_the_same_bit(tmp_path: Path) -> None:
    settings = {**MLP, "dropout": 0.3, "max_steps": 60, "checkpoint_every": 20, "final": "best"}
    folder = str(tmp_path / "checkpoints")
    whole = outcome(tmp_path, "whole", 2, settings=settings)
    for dead, step in ((1, 33), (0, 45)):
        done, _ = start(tmp_path, "broken", 2, settings=settings, checkpoints=folder, resume=True,
                        kill=[dead, step])
        assert done.returncode != 0
        assert "--resume" in done.stderr
        assert Checkpoints(folder).steps()[0] == step // 20 * 20 or Checkpoints(
            folder).steps()[0] > 20
    rest = outcome(tmp_path, "rest", 2, settings=settings, checkpoints=folder, resume=True)
    assert rest["history"] == whole["history"]
    assert furthest(rest, whole) == 0.0


def test_the_command_line_under_torchrun(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(Settings(max_steps=12, width=8, device="cpu").to_json())
    done = subprocess.run([
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1",
        "--nproc-per-node", "2", "-m", "recipe_widgets", "train", "--settings",
        str(tmp_path / "run.json"), "--out",
        str(tmp_path / "out")
    ], env=HERE, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(re.findall(r"^Run\(mnist", done.stdout, re.M)) == 1  # the first process alone speaks
    run = Run.from_json((tmp_path / "out" / "run.json").read_text())
    assert (run.status, run.steps_done) == ("done", 12)
    assert Checkpoints(tmp_path / "out" / "checkpoints").steps()[0] == 12


def test_alone_nothing_is_exchanged() -> None:
    with together(Settings()):
        assert gathered(3) == [3]
        assert from_first(b"abc") == b"abc"


@pytest.mark.parametrize("processes", [1, 2, 3, 5])
def test_shares_are_the_whole_batch_in_order(processes: int,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    from recipe_widgets.training import distributed

    monkeypatch.setattr(distributed, "count", lambda: processes)
    pieces = []
    for mine in range(processes):
        monkeypatch.setattr(distributed, "rank", lambda mine=mine: mine)
        pieces.append(ManyProcesses().rows(next(BatchIndices(100, 33, seed=0))))
    assert torch.equal(torch.cat(pieces), next(BatchIndices(100, 33, seed=0)))


def test_a_batch_too_small_for_the_processes_is_refused(tmp_path: Path) -> None:
    done, _ = start(tmp_path, "small", 2, settings={**MLP, "batch_size": 1})
    assert done.returncode != 0
    assert "at least one sample for each of the 2 processes" in done.stderr
