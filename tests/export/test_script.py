"""Exported scripts are run as a stranger would: a fresh Python, without this package, on the
numbers they print.
"""

import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from recipe_widgets import Data, RecipeError, Settings, train
from recipe_widgets.core import Run
from recipe_widgets.ensembles import distill
from recipe_widgets.export import save_script
from recipe_widgets.export.plain import _schedule, _shortened
from recipe_widgets.models import build_model
from recipe_widgets.training import lr_at, replay, train_autoencoder

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


PLAIN = [
    MLP,
    MLP.replace(dropout=0.3, init="xavier", optimizer="adamw", lr=0.005, weight_decay=0.01,
                schedule="cosine", warmup=10, ema=0.9),
    CONV.replace(norm="batch", init="he", augment="flip+crop+colour+erase+mixup+cutmix",
                 precision="bf16", clip_norm=1.0, label_smoothing=0.1, schedule="onecycle"),
    CONV.replace(norm="weight", loss="focal", optimizer="normalized", lr=0.01, schedule="plateau"),
    Settings(model="resnet", width=16, norm="batch", max_steps=8, batch_size=32),
    Settings(model="gru", width=16, init="he", max_steps=12, batch_size=32),
]


@pytest.mark.parametrize("settings", PLAIN, ids=lambda one: f"{one.model}-{one.optimizer}-{one.loss}")
def test_the_plain_script_trains_the_same_recipe(blobs: Data, tmp_path: Path,
                                                 settings: Settings) -> None:
    script = save_script(train(blobs, settings), tmp_path, plain=True)
    text = script.read_text()
    assert "recipe_widgets" not in text
    assert str(tmp_path) not in text
    (tmp_path / "module.py").write_text(text + "\nassert step == STEPS\n"
                                        "print(sum(p.numel() for p in model.parameters()))\n")
    built = sum(p.numel() for p in build_model(settings, blobs.shape, blobs.num_classes).parameters())
    assert last_numbers(tmp_path / "module.py") == [built]


def test_the_plain_script_of_an_mlp_is_short_and_reaches_what_the_run_reached(
        blobs: Data, tmp_path: Path) -> None:
    settings = MLP.replace(dropout=0.1, max_steps=150)
    run = train(blobs, settings)
    script = save_script(run, tmp_path, plain=True)
    assert len(script.read_text().splitlines()) < 70
    assert last_numbers(script)[0] == pytest.approx(100 * run.history.last("val_accuracy"), abs=6)


@pytest.mark.parametrize("warmup", [0, 7], ids=["at_once", "warm_up"])
@pytest.mark.parametrize("schedule", [one for one in Settings.knob("schedule").choices
                                      if one != "plateau"])
def test_the_plain_schedules_are_those_of_the_package(blobs: Data, schedule: str, warmup: int) -> None:
    settings = MLP.replace(schedule=schedule, warmup=warmup, max_steps=50)
    weight = nn.Parameter(torch.zeros(1))
    names: dict[str, Any] = {"optimizer": torch.optim.SGD([weight], lr=settings.lr, momentum=0.9), "math": math,
                             "torch": torch, "train_loader": range(10)}
    exec(_schedule(settings), names)
    rates = []
    for _ in range(settings.max_steps):
        rates.append(names["optimizer"].param_groups[0]["lr"])
        names["optimizer"].step()
        if "scheduler" in names:
            names["scheduler"].step()
    assert rates == pytest.approx([lr_at(step, settings, 10) for step in range(50)], rel=1e-6, abs=1e-12)


def test_each_layer_of_the_plain_script_is_the_model_s_own() -> None:
    layers = [nn.Conv2d(3, 8, 5, padding=2), nn.Conv2d(8, 8, (3, 5), stride=2, bias=False),
              nn.Linear(4, 2, bias=False), nn.MaxPool2d(3, 2), nn.MaxPool2d(2), nn.GroupNorm(2, 8),
              nn.LayerNorm((8, 4, 4)), nn.BatchNorm2d(8, eps=0.1), nn.PReLU(), nn.LeakyReLU(0.2),
              nn.GELU(approximate="tanh"), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    for layer in layers:
        assert repr(eval(f"nn.{_shortened(layer)}")) == repr(layer)
    assert _shortened(layers[0]) == "Conv2d(3, 8, 5, padding=2)"


def test_a_plain_script_says_what_it_leaves_out(blobs: Data) -> None:
    run = replay(blobs, MLP.replace(max_steps=20), [(5, {"lr": 0.01})])
    text = run.to_script(plain=True)
    assert "Knobs were turned on the way" in text
    assert "lr=0.01" in text
