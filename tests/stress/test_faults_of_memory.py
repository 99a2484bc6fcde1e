"""Too little memory: the panel says so and lives; train, search and shell give one clear error."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import weakref
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import torch
from torch import nn

from recipe_widgets import Data, LivePanel, RecipeError, Settings, train
from recipe_widgets.cli import main
from recipe_widgets.training import Training
from recipe_widgets.tune import space, tune
from tests.stress.tally import FULL, Tally

ROOT = Path(__file__).parents[2]
SMALL = Settings(width=8, max_steps=6, batch_size=16)
NO_MEMORY = (
    MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError(
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"))


@pytest.fixture
def memory(tally: Callable[[str], Tally]) -> Tally:
    return tally("out of memory")


@pytest.mark.skipif(not sys.platform.startswith("linux"),
                    reason="needs a limit on the address space")
@pytest.mark.skipif(not FULL, reason="processes that run out of memory: in make stress")
def test_a_machine_that_is_too_small(memory: Tally) -> None:
    done = subprocess.run([sys.executable, "-m", "tests.stress.short_of_memory"], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said.pop("afterwards").startswith("no error: Run(rows mlp, done after 4 steps")
    assert said.pop("shell").startswith(
        "2 recipe train: Out of memory: found too little for model='mlp', width=20000")
    assert said.pop("search").startswith("8 Out of memory")
    found = said.pop("checks")
    assert found.startswith("no error:")
    assert "the model does not run" in found
    assert set(said) == {
        "train, weights", "train, a step", "steps", "evaluate", "panel, weights", "panel, a step"
    }
    for what, words in said.items():
        assert words.startswith(
            ("Out of memory: found too little", "Training could not go on. Out of memory")), what
        assert "smaller batch_size or width" in words
    memory.tried += 10


def fail_in_step(monkeypatch: pytest.MonkeyPatch, error: Exception, at: int,
                 width: int = 8) -> None:
    whole = Training.step

    def failing(self: Training) -> object:
        if self.done == at and self.settings.width == width:
            raise error
        return whole(self)

    monkeypatch.setattr(Training, "step", failing)


@pytest.mark.parametrize("error", NO_MEMORY, ids=lambda error: type(error).__name__)
def test_memory_that_runs_out_in_mid_training(error: Exception, blobs: Data,
                                              monkeypatch: pytest.MonkeyPatch, memory: Tally,
                                              no_leaked_threads: None) -> None:
    fail_in_step(monkeypatch, error, 3)
    with pytest.raises(RecipeError, match=r"Out of memory.*batch_size=16"):
        train(blobs, SMALL)
    monkeypatch.undo()
    with closing(LivePanel(blobs, SMALL)) as panel:
        fail_in_step(monkeypatch, error, 3)
        panel.start()
        run = panel.wait(60)
        assert run is not None
        assert (run.status, run.steps_done) == ("stopped", 3)
        assert "Out of memory" in panel.words
        with memory.recovery():
            panel.turn(width=4)
            run = panel.wait(60)
        assert run is not None
        assert run.status == "done"
    found = tune(blobs, space(width=[4, 8]), SMALL, trials=2, sampler="grid")
    assert found.best.width == 4
    assert "Out of memory" in next(trial.why for trial in found.table() if trial.state == "failed")
    memory.tried += 3


def test_a_failed_step_keeps_no_tensor_alive(blobs: Data) -> None:
    """The error does not hold what there was no room for, so that the next, smaller try finds
    it.
    """
    held = []

    class Large(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            large = x.flatten(1) @ self.weight.T
            held.append(weakref.ref(large))
            raise MemoryError

    with pytest.raises(RecipeError) as told:
        train(blobs, SMALL, Large(64, 3))
    gc.collect()
    assert held[0]() is None
    assert "Out of memory" in str(told.value)


def test_other_errors_of_a_readers_model_stay_what_they_are(blobs: Data) -> None:
    class Broken(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ValueError("mine")

    with pytest.raises((ValueError, RecipeError), match="mine"):
        train(blobs, SMALL, Broken(64, 3))


def test_the_shell_without_memory(monkeypatch: pytest.MonkeyPatch,
                                  capsys: pytest.CaptureFixture[str], tmp_path: Path,
                                  memory: Tally) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text(SMALL.to_json(), encoding="utf-8")
    fail_in_step(monkeypatch, MemoryError(), 2)
    assert main(["train", "--settings", str(settings), "--out", str(tmp_path / "run")]) == 2
    assert "recipe train: Out of memory" in capsys.readouterr().err
    memory.tried += 1
