"""Exported scripts are run as a stranger would: a fresh Python, without this package, on the
numbers they print.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

from recipe_widgets import Data, RecipeError, Settings, train
from recipe_widgets.core import Run
from recipe_widgets.ensembles import distill
from recipe_widgets.export import save_script
from recipe_widgets.training import replay, train_autoencoder

MLP = Settings(width=16, max_steps=60, batch_size=32)
CONV = Settings(model="convnet", width=16, max_steps=25, batch_size=32)
SESSIONS = [
    (MLP, []),
    (MLP.replace(dropout=0.3, activation="tanh",
                 init="xavier"), [(7, {"lr": 0.3}), (20, {"batch_size": 100, "dropout": 0.1})]),
    (MLP.replace(optimizer="adam", lr=0.003, norm="batch", depth=2,
                 seed=5), [(10, {"momentum": 0.5, "weight_decay": 0.01}),
                           (30, {"schedule": "cosine"}), (40, {"clip_norm": 0.5, "warmup": 50})]),
    (CONV, [(5, {"lr": 0.01})]),
    (CONV.replace(optimizer="nesterov", momentum=0.0, init="he",
                  label_smoothing=0.1), [(9, {"momentum": 0.8})]),
    (CONV.replace(optimizer="adamw", lr=0.002, norm="group",
                  schedule="linear"), [(12, {"batch_size": 7})]),
    (Settings(model="resnet", width=16, norm="batch", max_steps=8, batch_size=32), []),
    (Settings(model="inception", width=16, max_steps=8, batch_size=32, activation="maxout"), []),
    (Settings(model="rnn", width=16, activation="tanh", max_steps=20, batch_size=32,
              dropout=0.2), [(3, {"dropout": 0.5})]),
    (Settings(model="linear", optimizer="rmsprop", lr=0.001, max_steps=20, batch_size=32), []),
    (MLP.replace(schedule="onecycle", lr=0.02), [(40, {"schedule": "epoch"})]),
    (MLP.replace(schedule="plateau", lr=0.02, eval_every=2, eval_samples=20, ema=0.8), []),
    (MLP.replace(schedule="plateau", lr=0.01, label_smoothing=0.2, loss="brier"),
     [(20, {"schedule": "linear"}), (30, {"schedule": "plateau"}), (35, {"loss": "mse"})]),
    (MLP.replace(optimizer="normalized", lr=0.002, norm="weight", depth=2), []),
    (CONV.replace(norm="weight", ema=0.9, init="lecun"), [(11, {"lr": 0.02})]),
    (CONV.replace(precision="bf16", norm="batch", ema=0.95), []),
    (CONV.replace(augment="flip+crop+rotate+colour+erase+mixup+cutmix+backgrounds"), []),
    (CONV.replace(augment="crop+mixup", augment_strength=0.7, loss="focal"),
     [(8, {"augment": "none"}), (12, {"augment": "cutmix", "augment_strength": 1.3}),
      (18, {"augment": "flip", "loss": "hinge"})]),
    (MLP.replace(optimizer="adagrad", lr=0.03, schedule="step"), []),
    (Settings(model="gru", width=16, init="he", norm="none", max_steps=12, batch_size=32), []),
]
# One script for each choice of these knobs: none may be forgotten.
CHOICES = [(knob, choice) for knob in ("optimizer", "schedule", "loss", "augment", "norm", "init",
                                       "precision") for choice in Settings.knob(knob).choices]


def last_numbers(*scripts: Path) -> list[float]:
    """What each script prints last; one after the other, in a fresh Python that cannot import
    this package.
    """
    blocked = (
        "import os, runpy, sys; sys.modules['recipe_widgets'] = None; scripts = sys.argv[1:]; del sys.argv[1:]\n"
        "for script in scripts:\n"
        "    os.chdir(os.path.dirname(script)); runpy.run_path(script, run_name='__main__'); print('\f')"
    )
    done = subprocess.run([sys.executable, "-c", blocked, *map(str, scripts)], capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    printed = done.stdout.split("\f")[:len(scripts)]
    return [float(re.findall(r"[-+.\de]+", text.strip().splitlines()[-1])[-1]) for text in printed]


@pytest.fixture(scope="module")
def trained(blobs: Data, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Run, Path, float]]:
    """Each session's run, its script, and the number that the script ends with."""
    runs = [replay(blobs, settings, changes) for settings, changes in SESSIONS]
    scripts = [save_script(run, tmp_path_factory.mktemp("script")) for run in runs]
    return list(zip(runs, scripts, last_numbers(*scripts), strict=True))


@pytest.mark.parametrize("session", range(len(SESSIONS)))
def test_the_script_ends_with_the_same_loss(trained: list[tuple[Run, Path, float]],
                                            session: int) -> None:
    run, script, number = trained[session]
    assert number == pytest.approx(run.history.last("train_loss"), rel=1e-6)
    text = script.read_text()
    assert "recipe_widgets" not in text
    # those after the tenth hold augmentations and the like, function by function
    assert len(text.splitlines()) < (160 if session < 10 else 350)


@pytest.fixture(scope="module")
def trained_choices(blobs: Data, tmp_path_factory: pytest.TempPathFactory
                    ) -> dict[tuple[str, str], tuple[float, float]]:
    """The last loss of a run for each choice, and what its script printed."""
    runs = [train(blobs, Settings(model="convnet", width=8, depth=1, lr=0.01, max_steps=6,
                                  batch_size=32, eval_every=2).replace(**{knob: choice}))
            for knob, choice in CHOICES]
    scripts = [save_script(run, tmp_path_factory.mktemp("script")) for run in runs]
    return dict(zip(CHOICES, zip([run.history.last("train_loss") for run in runs],
                                 last_numbers(*scripts), strict=True), strict=True))


@pytest.mark.parametrize("choice", CHOICES, ids="=".join)
def test_every_choice_has_a_script(trained_choices: dict[tuple[str, str], tuple[float, float]],
                                   choice: tuple[str, str]) -> None:
    trained, printed = trained_choices[choice]
    assert printed == pytest.approx(trained, rel=1e-6)


def test_the_text_alone_finds_its_data(blobs: Data, tmp_path: Path) -> None:
    run = train(blobs, MLP)
    script = tmp_path / "alone.py"
    script.write_text(run.to_script())
    assert last_numbers(script) == pytest.approx([run.history.last("train_loss")], rel=1e-6)


def test_a_stopped_run_trains_as_many_steps(blobs: Data, tmp_path: Path) -> None:
    run = train(blobs, MLP, until=lambda step: step.index == 33)
    assert last_numbers(save_script(run,
                                    tmp_path)) == pytest.approx([run.history.last("train_loss")],
                                                                rel=1e-6)


def test_a_saved_run_needs_its_data_handed_in(blobs: Data) -> None:
    run = Run.from_json(train(blobs, MLP).to_json())
    with pytest.raises(RecipeError, match="to_script\\(data\\)"):
        run.to_script()
    assert "torch" in run.to_script(blobs)


def test_names_cannot_put_code_into_the_script(tmp_path: Path) -> None:
    import numpy as np

    evil = '"""\nimport os; os.abort()\n"""'
    data = Data.from_arrays(np.eye(12, dtype="f4"), np.arange(12) % 2, name=evil)
    script = save_script(train(data, MLP.replace(max_steps=2, batch_size=4)), tmp_path,
                         name="../" + evil)
    assert script.parent == tmp_path
    assert "abort()" not in script.read_text().replace("os-abort", "")
    assert last_numbers(script)[0] > 0


@pytest.mark.parametrize("make", [
    lambda data: train(data, MLP.replace(max_steps=2), nn.Sequential(nn.Flatten(), nn.Linear(
        64, 3))), lambda data: train(data, MLP.replace(max_steps=2), loss_fn=lambda z, y: nn.
                                     functional.multi_margin_loss(z, y)),
    lambda data: distill(nn.Sequential(nn.Flatten(), nn.Linear(
        64, 3)), data, MLP.replace(max_steps=2)), lambda data: replay(
            data, MLP.replace(max_steps=2), model=nn.Sequential(nn.Flatten(), nn.Linear(64, 3))),
    lambda data: train_autoencoder(data, MLP.replace(max_steps=2)),
], ids=["model", "loss", "distilled", "replayed", "autoencoder"])
def test_what_settings_do_not_describe_has_no_script(blobs: Data, make: Callable[[Data],
                                                                                 Run]) -> None:
    for run in (made := make(blobs), Run.from_json(made.to_json())):
        with pytest.raises(RecipeError, match="settings do not describe"):
            run.to_script(blobs)


def test_a_run_of_no_steps_has_a_script_too(blobs: Data, tmp_path: Path) -> None:
    script = save_script(train(blobs, MLP.replace(max_steps=0)), tmp_path)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert (done.returncode,
            done.stdout.splitlines()[-1]) == (0, "last training loss nan"), done.stderr
