"""Everything of a live panel besides the four sliders, driven from code."""

import gc
import json
import threading
import time
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
import torch
from torch import nn

from recipe_widgets import Data, LivePanel, RecipeError, Settings
from recipe_widgets.live.user_loop import UserLoop

pytestmark = pytest.mark.usefixtures("no_leaked_threads")
SHORT = Settings(width=16, max_steps=60, batch_size=32)


@pytest.fixture
def panel(blobs: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LivePanel:
    monkeypatch.chdir(tmp_path)
    panel = LivePanel(blobs, SHORT)
    yield panel
    panel.close()


def said(panel: LivePanel) -> str:
    return panel._tools.said.value


@pytest.mark.parametrize(("values", "course"), [(3, (3.0, )), (np.float32(0.5), (0.5, )),
                                                ([1, np.int8(2)], (1.0, 2.0))])
def test_a_guess_takes_any_number(panel: LivePanel, values: object, course: tuple[float,
                                                                                  ...]) -> None:
    panel.predict("val_loss", values, range(len(course)))
    assert panel._session.guess.values == course


def test_every_knob_has_a_widget_that_trains_with_its_value(panel: LivePanel) -> None:
    values = {
        "model": "linear", "width": 32, "depth": 2, "activation": "tanh", "init": "he", "norm":
        "batch", "optimizer": "adam", "weight_decay": 1e-3, "schedule": "cosine", "warmup": 10,
        "clip_norm": 1.0, "ema": 0.95, "augment": ("crop", "flip"), "augment_strength": 0.5,
        "loss": "focal", "label_smoothing": 0.1, "max_steps": 80, "seed": 3
    }
    assert set(values) | {"lr", "batch_size", "dropout", "momentum"} == set(panel.sliders)
    for name, value in values.items():
        if name == "model":
            continue
        panel.sliders[name].value = value
        run = panel.wait(60)
        assert getattr(run.settings, name) == ("flip+crop" if name == "augment" else value), name
        assert run.status == "done"
    assert not panel.sliders["augment_strength"].disabled
    panel.sliders["model"].value = "linear"
    panel.wait(60)
    assert panel.sliders["width"].disabled
    assert "no hidden layer" in panel.sliders["width"].tooltip


def test_chosen_knobs_stand_beside_the_four(blobs: Data) -> None:
    panel = LivePanel(blobs, SHORT, knobs=["optimizer", "lr"])
    assert list(panel.sliders) == ["lr", "batch_size", "dropout", "momentum", "optimizer"]
    panel.close()
    for bad in (["speed"], ["device"], "lr"):
        with pytest.raises(RecipeError):
            LivePanel(blobs, SHORT, knobs=bad)
    with pytest.raises(RecipeError, match="fork"):
        LivePanel(blobs, SHORT, mode="jump")


def test_modes_decide_what_a_moved_knob_does(blobs: Data) -> None:
    panel = LivePanel(blobs, SHORT.replace(max_steps=10**8), mode="fork")
    panel.start()
    while panel.run is None or panel.run.steps_done < 25:
        time.sleep(0.002)
    first = panel.run
    panel.sliders["lr"].value = 0.3
    while panel.other is None:
        time.sleep(0.002)
    assert panel.other is first
    panel.mode = "continue"
    panel.turn(momentum=0.0, dropout=0.2)
    while panel.run.newest.momentum != 0.0:
        time.sleep(0.002)
    assert panel.sliders["dropout"].value == 0.2
    assert panel.other is first
    panel.stop()
    panel.wait(60)
    assert "old:" in panel.plot().alt
    panel.close()


def test_several_data_sets_to_choose_from(blobs: Data) -> None:
    other = Data.from_arrays(blobs.train.x.numpy(), blobs.train.y.numpy(), name="fewer")
    panel = LivePanel([blobs, other], SHORT)
    panel.start()
    assert panel.wait(60).data_name == "blobs"
    panel._data.value = 1
    assert panel.wait(60).data_name == "fewer"
    panel.close()


def test_presets_set_knobs_and_give_the_reason(panel: LivePanel) -> None:
    panel._tools.open()
    panel._tools._preset.value = 3
    run = panel.wait(60)
    assert run.settings.lr == 3.0
    assert panel.sliders["lr"].value == 3.0
    assert "leaps over the valley" in said(panel)


def test_pin_rename_and_remove_from_the_list(panel: LivePanel) -> None:
    panel._tools.open()
    panel.buttons["pin"].click()
    assert "none chosen" in said(panel)
    for lr in (0.1, 0.2):
        panel.turn(lr=lr)
        panel.wait(60)
    panel._tools.show(panel._session.frame())
    panel._tools._runs.value = 1
    panel._tools._name.value = "<b>mine</b>"
    panel.buttons["pin"].click()
    assert panel.runs[1].pinned
    assert "&lt;b&gt;mine" in panel._session.picture()
    panel.buttons["unpin"].click()
    assert not panel.runs[1].pinned
    panel.buttons["remove"].click()
    assert [b.number for b in panel.runs] == [2]


def test_code_script_and_session_are_taken_home(panel: LivePanel, blobs: Data,
                                                tmp_path: Path) -> None:
    panel._tools.open()
    for key in ("code", "script"):
        panel.buttons[key].click()
        assert "no run yet" in said(panel)
    panel.start()
    panel.wait(60)
    panel.buttons["code"].click()
    assert "nn.Linear(in_features=64" in said(panel)
    panel.buttons["script"].click()
    assert (tmp_path / "recipe_script" / "train.py").exists()
    panel.buttons["save"].click()
    saved = tmp_path / "recipe_session.json"
    assert json.loads(saved.read_text())["data"] == "blobs"
    again = LivePanel.open(saved, blobs)
    assert again.ghost.history.to_dict() == panel.run.history.to_dict()
    again.start()
    assert again.wait(60).history.series("train_loss") == panel.run.history.series("train_loss")
    again.close()
    with pytest.raises(RecipeError, match="runs on 'blobs'"):
        LivePanel.open(
            saved, Data.from_arrays(blobs.train.x.numpy(), blobs.train.y.numpy(), name="another"))
    for bad in (tmp_path / "none.json", tmp_path):
        with pytest.raises(RecipeError):
            LivePanel.open(bad, blobs)
    with pytest.raises(RecipeError):
        panel.save(tmp_path / "no folder" / "x.json")


def test_a_guess_comes_before_run(blobs: Data) -> None:
    panel = LivePanel(blobs, SHORT, predict="val_accuracy")
    assert panel.buttons["run"].disabled
    panel.sliders["lr"].value = 0.2  # no way round it
    assert panel.run is None
    assert "First your guess" in panel.words
    panel._predict.sliders[0].value = 70.0
    panel._predict.button.click()
    assert not panel.buttons["run"].disabled
    panel.buttons["run"].click()
    assert panel.wait(60).settings.lr == 0.2
    assert "You guessed a validation accuracy of 70.0%" in panel.words
    panel.close()
    course = LivePanel(blobs, SHORT, predict="train_loss", points=4)
    assert course._predict.steps == [0, 20, 40, 60]
    course.close()
    for options in ({"predict": "speed"}, {"predict": "val_loss", "points": 0}):
        with pytest.raises(RecipeError):
            LivePanel(blobs, SHORT, **options)


def test_a_readers_own_model_and_loader() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    x = torch.randn(64, 4)
    panel = LivePanel.for_model(model, [(x, (x[:, 0] > 0).long())], nn.functional.cross_entropy)
    assert panel.sliders["batch_size"].disabled
    assert panel.sliders["dropout"].disabled
    assert not panel.sliders["lr"].disabled
    panel.start()
    while panel.run is None or panel.run.steps_done < 20:
        time.sleep(0.002)
    panel.sliders["lr"].value = 0.01
    while panel.run.newest.lr != 0.01:
        time.sleep(0.002)
    panel.stop()
    assert panel.wait(60).history.last("train_accuracy") > 0.4
    panel.close()
    for arguments in ((3, [], nn.functional.cross_entropy), (model, 3, nn.functional.cross_entropy),
                      (model, [], "mse")):
        with pytest.raises(RecipeError):
            LivePanel.for_model(*arguments)


def test_groups_left_out_of_the_decay_stay_left_out() -> None:
    model = nn.Linear(4, 2)
    for bias_decay, wanted in ((0.0, [0.3, 0.0]), (0.1, [0.3, 0.3])):
        optimizer = torch.optim.AdamW([{"params": [model.weight], "weight_decay": 0.1},
                                       {"params": [model.bias], "weight_decay": bias_decay}])
        source = UserLoop(lambda: iter(()), model, optimizer)
        for decay in (0.0, 0.3):  # down to nothing, and up again
            source.apply(source.settings().replace(weight_decay=decay))
        assert [group["weight_decay"] for group in optimizer.param_groups] == wanted


def test_dropped_panels_with_everything_open_leave_nothing(blobs: Data) -> None:
    before = len(ipywidgets.widgets.widget._instances)
    for _ in range(3):
        panel = LivePanel(blobs, SHORT, predict="val_loss")
        panel._tools.open()
        assert len(panel.sliders) > 15
        panel.start()
        panel.wait(60)
    del panel
    gc.collect()
    assert len(ipywidgets.widgets.widget._instances) == before
    for _ in range(500):
        if not [thread for thread in threading.enumerate() if thread.name.startswith("recipe-")]:
            break
        time.sleep(0.01)
