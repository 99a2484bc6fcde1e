"""Checkpoints: whole or not there, and a run that goes on from one is the run that was never
broken.
"""

import math
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from recipe_widgets import Data, RecipeError, Run, Settings, train
from recipe_widgets.training import Checkpoints
from recipe_widgets.training.checkpoint_files import MAGIC, packed, unpacked

SHORT = Settings(width=16, max_steps=60, batch_size=32, lr=0.05, eval_every=20, checkpoint_every=7)


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([value.double().flatten() for value in model.state_dict().values()])


def same(one: Run, other: Run) -> None:
    assert one.history.to_dict() == other.history.to_dict()
    assert torch.equal(weights(one.model), weights(other.model))
    assert (one.status, one.message) == (other.status, other.message)


def broken_off(data: Data, settings: Settings, folder: Path, after: int,
               model: nn.Module | None = None) -> None:
    """A run that dies without a word after so many steps: what `until` raises goes through."""
    def die(step: object) -> bool:
        if step.index + 1 == after:
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        train(data, settings, model, until=die, checkpoints=folder)


@pytest.mark.parametrize(
    "change", [{}, {"model": "convnet", "norm": "batch"}, {"dropout": 0.5, "depth": 2},
               {"optimizer": "adam", "lr": 1e-3}, {"optimizer": "rmsprop", "lr": 1e-3}, {
                   "optimizer": "adamw", "lr": 1e-3, "weight_decay": 0.1, "clip_norm": 0.5
               }, {"schedule": "cosine", "warmup": 5}, {"eval_every": 3, "patience": 12, "lr": 0.5
                                                        }, {"final": "best"}])
@pytest.mark.parametrize("after", [9, 33])
def test_a_resumed_run_is_the_unbroken_one_to_the_bit(blobs: Data, tmp_path: Path, change: dict,
                                                      after: int) -> None:
    settings = SHORT.replace(**change)
    broken_off(blobs, settings, tmp_path, after)
    assert Checkpoints(tmp_path).steps()[0] in range(1, after)
    same(train(blobs, settings, checkpoints=tmp_path, resume=True), train(blobs, settings))


def test_checkpoints_do_not_change_a_run(blobs: Data, tmp_path: Path) -> None:
    same(train(blobs, SHORT.replace(dropout=0.5), checkpoints=tmp_path),
         train(blobs, SHORT.replace(dropout=0.5)))


def test_an_own_model_with_torchs_dropout_goes_on_too(blobs: Data, tmp_path: Path) -> None:
    def fresh() -> nn.Module:
        torch.manual_seed(3)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Dropout(0.5), nn.Linear(16, 3))

    whole = train(blobs, SHORT, fresh())
    broken_off(blobs, SHORT, tmp_path, 33, fresh())
    torch.manual_seed(99)
    same(train(blobs, SHORT, fresh(), checkpoints=tmp_path, resume=True), whole)


def test_resuming_a_package_model_leaves_the_global_generator_alone(blobs: Data,
                                                                    tmp_path: Path) -> None:
    broken_off(blobs, SHORT, tmp_path, 33)
    before = torch.random.get_rng_state()
    train(blobs, SHORT, checkpoints=tmp_path, resume=True)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_newest_three_and_the_best_are_kept(blobs: Data, tmp_path: Path) -> None:
    run = train(blobs, SHORT.replace(lr=2.0, eval_every=10), checkpoints=tmp_path)
    losses = run.history.series("val_loss")
    best = run.history.steps("val_loss")[losses.index(min(losses))] + 1
    due = sorted({*range(7, 61, 7), 60, best})
    assert sorted(Checkpoints(tmp_path).steps()) == sorted({*due[-3:], best})
    assert not list(tmp_path.glob(".*"))


def test_the_best_is_among_the_files_though_it_is_old(tmp_path: Path) -> None:
    files = Checkpoints(tmp_path, keep=2)
    for step in range(1, 8):
        files.save(step, {"done": step}, best=3 if step >= 3 else step)
    assert files.steps() == [7, 6, 3]


def test_a_finished_run_is_not_trained_again_and_may_be_made_longer(blobs: Data,
                                                                    tmp_path: Path) -> None:
    settings = SHORT.replace(eval_every=15)
    first = train(blobs, settings, checkpoints=tmp_path)
    same(train(blobs, settings, checkpoints=tmp_path, resume=True), first)
    longer = settings.replace(max_steps=90)
    same(train(blobs, longer, checkpoints=tmp_path, resume=True), train(blobs, longer))


def test_resuming_an_empty_folder_begins(blobs: Data, tmp_path: Path) -> None:
    same(train(blobs, SHORT, checkpoints=tmp_path / "new", resume=True), train(blobs, SHORT))


def test_a_stopped_run_goes_on(blobs: Data, tmp_path: Path) -> None:
    part = train(blobs, SHORT, checkpoints=tmp_path, until=lambda step: step.index == 30)
    assert (part.status, Checkpoints(tmp_path).steps()[0]) == ("stopped", 31)
    same(train(blobs, SHORT, checkpoints=tmp_path, resume=True), train(blobs, SHORT))


def test_a_folder_with_a_run_is_not_written_over(blobs: Data, tmp_path: Path) -> None:
    train(blobs, SHORT, checkpoints=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(RecipeError, match=r"a run of 60 steps.*--resume"):
        train(blobs, SHORT, checkpoints=tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(("change", "words"),
                         [({"lr": 0.1}, r"lr=0.1 \(was 0.05\)"),
                          ({"batch_size": 16}, "batch_size=16"), ({"seed": 1}, "seed=1"),
                          ({"width": 8}, "width=8"),
                          ({"max_steps": 80, "schedule": "cosine"}, "schedule"), ])
def test_other_settings_are_refused_by_name(blobs: Data, tmp_path: Path, change: dict,
                                            words: str) -> None:
    broken_off(blobs, SHORT, tmp_path, 20)
    with pytest.raises(RecipeError, match=words):
        train(blobs, SHORT.replace(**change), checkpoints=tmp_path, resume=True)


def test_a_schedule_that_depends_on_the_length_keeps_it(blobs: Data, tmp_path: Path) -> None:
    broken_off(blobs, SHORT.replace(schedule="cosine"), tmp_path, 20)
    with pytest.raises(RecipeError, match=r"max_steps=80 \(was 60\)"):
        train(blobs, SHORT.replace(schedule="cosine", max_steps=80), checkpoints=tmp_path,
              resume=True)


def test_other_data_and_another_model_are_refused(blobs: Data, tmp_path: Path) -> None:
    broken_off(blobs, SHORT, tmp_path, 20)
    with pytest.raises(RecipeError, match="the data"):
        train(blobs.subset(300), SHORT, checkpoints=tmp_path, resume=True)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.Linear(5, 3))
    before = weights(model).clone()
    with pytest.raises(RecipeError, match="weights"):
        train(blobs, SHORT, model, checkpoints=tmp_path, resume=True)
    assert torch.equal(weights(model), before)


def test_a_torn_or_changed_file_is_never_believed(blobs: Data, tmp_path: Path) -> None:
    broken_off(blobs, SHORT, tmp_path, 33)
    newest = Checkpoints(tmp_path).path(Checkpoints(tmp_path).steps()[0])
    content = newest.read_bytes()
    rng = np.random.default_rng(0)
    for length in [
            0, 1,
            len(MAGIC),
            len(MAGIC) + 32,
            len(content) - 1, *rng.integers(0, len(content), 20)
    ]:
        with pytest.raises(ValueError, match="not whole|no checkpoint"):
            unpacked(content[:length])
    for at in rng.integers(0, len(content), 40):
        changed = bytearray(content)
        changed[at] ^= 1 << int(rng.integers(8))
        with pytest.raises(ValueError, match="not whole|no checkpoint"):
            unpacked(bytes(changed))
    newest.write_bytes(content[: len(content) // 2])
    files = Checkpoints(tmp_path)
    assert files.newest()["done"] == files.steps()[1]
    assert newest.name in files.broken[0]
    with pytest.warns(UserWarning, match=rf"{newest.name}.*from step {files.steps()[1]}"):
        resumed = train(blobs, SHORT, checkpoints=tmp_path, resume=True)
    same(resumed, train(blobs, SHORT))


def test_the_best_weights_need_a_whole_file(blobs: Data, tmp_path: Path) -> None:
    settings = SHORT.replace(final="best", eval_every=10)
    broken_off(blobs, settings, tmp_path, 55)
    files = Checkpoints(tmp_path)
    state = files.newest(needs_best=True)
    assert state["done"] == files.steps()[0]
    files.path(state["parts"]["best"]["step"] + 1).write_bytes(b"gone")
    with pytest.warns(UserWarning, match="Not whole"):
        resumed = train(blobs, settings, checkpoints=tmp_path, resume=True)
    same(resumed, train(blobs, settings))


def test_a_checkpoint_cannot_run_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return os.mkdir, (str(tmp_path / "owned"),)

    with pytest.raises(ValueError, match="not readable"):
        unpacked(packed({"done": 1, "evil": Evil()}))
    assert not (tmp_path / "owned").exists()
    assert pickle  # the same object would act when it is unpickled
    pickle.loads(pickle.dumps(Evil()))
    assert (tmp_path / "owned").exists()


def test_a_full_disk_is_one_clear_error_and_the_old_files_stay(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = Checkpoints(tmp_path)
    files.save(1, {"done": 1})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecipeError, match="No space left"):
        files.save(2, {"done": 2})
    assert files.newest() == {"done": 1}


def test_resume_needs_a_folder(blobs: Data) -> None:
    with pytest.raises(RecipeError, match="checkpoints="):
        train(blobs, SHORT, resume=True)


def test_the_command_line_resumes(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    from recipe_widgets.cli import main

    def command(steps: int, out: str, *more: str) -> int:
        settings = Settings(width=8, max_steps=steps, eval_every=6, eval_samples=50)
        (tmp_path / "run.json").write_text(settings.to_json())
        return main([
            "train", "--settings",
            str(tmp_path / "run.json"), "--out",
            str(tmp_path / out), *more
        ])

    assert command(12, "a") == 0
    assert command(18, "a") == 2
    assert "Resume it (--resume" in capsys.readouterr().err
    assert command(18, "a", "--resume") == 0
    assert command(18, "b", "--resume") == 0  # nothing there yet: begins
    runs = [Run.from_json((tmp_path / out / "run.json").read_text()) for out in "ab"]
    assert runs[0].history.to_dict() == runs[1].history.to_dict()
    saved = [torch.load(tmp_path / out / "weights.pt", weights_only=True) for out in "ab"]
    assert all(torch.equal(saved[0][name], saved[1][name]) for name in saved[0])
    assert main(["train", "--resume"]) == 2


# --- early stopping
# ------------------------------------------------------------------------------------------------

WILD = SHORT.replace(lr=1.0, momentum=0.99, eval_every=5, max_steps=400, seed=1)


def test_early_stopping_counts_looks_and_restores_the_best(blobs: Data) -> None:
    free = train(blobs, WILD)
    losses, at = free.history.series("val_loss"), free.history.steps("val_loss")
    best, since, expected = math.inf, 0, None
    for loss, step in zip(losses, at, strict=True):
        best, since = (loss, 0) if loss < best else (best, since + 1)
        if since == 6:
            expected = step
            break
    assert expected is not None, "the run never gets worse: not a test"
    run = train(blobs, WILD.replace(patience=6))
    assert (run.status, run.steps_done) == ("stopped", expected + 1)
    assert "stopped early: 6 looks" in run.message
    assert run.history.series("val_loss") == losses[: at.index(expected) + 1]
    best_step = at[losses.index(best)]
    assert f"those of step {best_step}" in run.message
    there = train(blobs, WILD, until=lambda step: step.index == best_step)
    assert torch.equal(weights(run.model), weights(there.model))


def test_final_best_restores_without_stopping(blobs: Data) -> None:
    run = train(blobs, WILD.replace(final="best", max_steps=100))
    losses = run.history.series("val_loss")
    best_step = run.history.steps("val_loss")[losses.index(min(losses))]
    assert (run.status, run.steps_done) == ("done", 100)
    assert best_step < 99
    there = train(blobs, WILD, until=lambda step: step.index == best_step)
    assert torch.equal(weights(run.model), weights(there.model))


def test_an_early_stopped_run_stays_stopped_and_goes_on_with_more_patience(
        blobs: Data, tmp_path: Path) -> None:
    settings = WILD.replace(patience=2, max_steps=150)
    first = train(blobs, settings, checkpoints=tmp_path)
    same(train(blobs, settings, checkpoints=tmp_path, resume=True), first)
    longer = settings.replace(patience=8)
    same(train(blobs, longer, checkpoints=tmp_path, resume=True), train(blobs, longer))
