import gc
import threading
import time
from dataclasses import replace
from pathlib import Path

import ipywidgets
import pytest
import torch

from recipe_widgets import Data, LivePanel, RecipeError, Settings
from recipe_widgets.live.engine import ENGINE
from tests.blobs import make_blobs

pytestmark = pytest.mark.usefixtures("no_leaked_threads")
SHORT = Settings(width=16, max_steps=60, batch_size=32)


def test_the_promised_use(blobs: Data) -> None:
    panel = LivePanel(blobs, SHORT)
    assert panel.run is None
    panel.start()
    run = panel.wait()
    assert run is panel.run
    assert run.status == "done"
    panel.close()
    panel.close()


def test_setting_a_slider_from_code_retrains_with_exactly_that_value(blobs: Data) -> None:
    panel = LivePanel(blobs, SHORT)
    for name, value in (("lr", 0.3), ("batch_size", 128), ("dropout", 0.25), ("momentum", 0.5)):
        panel.sliders[name].value = value
        run = panel.wait(60)
        assert getattr(run.settings, name) == value
    assert panel.settings - SHORT == {
        "lr": (0.3, 0.05), "batch_size": (128, 32), "dropout": (0.25, 0.0), "momentum": (0.5, 0.9)
    }
    assert panel.ghost.settings.momentum == 0.9
    panel.close()


def test_an_echo_of_the_page_does_not_train(blobs: Data) -> None:
    panel = LivePanel(blobs, SHORT)
    panel.sliders["lr"].value = 10**-1.3  # where the page's slider stands for 0.05
    assert panel.wait(1) is None
    assert panel.settings.lr == 0.05
    panel.close()


def test_buttons_and_reset(blobs: Data) -> None:
    panel = LivePanel(blobs, SHORT.replace(max_steps=10**9))
    panel.buttons["run"].click()
    while panel.run is None or panel.run.steps_done < 3:
        time.sleep(0.002)
    panel.buttons["stop"].click()
    assert panel.wait(60).status == "stopped"
    panel.sliders["lr"].value = 0.2
    panel.buttons["reset"].click()
    panel.wait(60)
    assert (panel.run, panel.sliders["lr"].value, panel.settings.lr) == (None, 0.05, 0.05)
    panel.close()


def test_values_outside_a_slider_widen_it(blobs: Data) -> None:
    panel = LivePanel(blobs, SHORT.replace(lr=50.0, batch_size=100))
    assert panel.sliders["lr"].value == 50.0
    assert panel.sliders["batch_size"].value == 100
    panel.close()


def test_a_linear_model_has_no_dropout_to_turn(blobs: Data) -> None:
    panel = LivePanel(blobs, SHORT.replace(model="linear"))
    assert panel.sliders["dropout"].disabled
    assert "no hidden units" in panel.sliders["dropout"].tooltip
    panel.close()


@pytest.mark.parametrize("arguments", [("mnist",), (None,)])
def test_a_learners_slip_is_one_clear_error(arguments: tuple) -> None:
    with pytest.raises(RecipeError, match="load"):
        LivePanel(*arguments)


def test_settings_of_another_kind(blobs: Data) -> None:
    with pytest.raises(RecipeError, match=r"Settings\(lr"):
        LivePanel(blobs, {"lr": 0.1})  # type: ignore[arg-type]


def test_a_picture_before_the_first_run_is_a_clear_error(blobs: Data) -> None:
    panel = LivePanel(blobs, SHORT)
    with pytest.raises(RecipeError, match=r"panel\.start"):
        panel.plot()
    panel.start()
    panel.wait(60)
    bundle, metadata = panel.plot()._repr_mimebundle_()
    assert "Training loss went from" in bundle["text/plain"]
    assert metadata["image/png"]["alt"] in bundle["text/plain"]
    panel.close()


def test_a_dropped_panel_goes_with_its_widgets_and_threads(blobs: Data) -> None:
    before = len(ipywidgets.widgets.widget._instances)
    for _ in range(5):
        panel = LivePanel(blobs, SHORT)
        panel.start()
    del panel
    gc.collect()
    assert len(ipywidgets.widgets.widget._instances) == before
    for _ in range(500):
        if not [thread for thread in threading.enumerate() if thread.name.startswith("recipe-")]:
            break
        time.sleep(0.01)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a machine without CUDA")
def test_a_device_that_is_missing_leaves_no_session_behind(blobs: Data) -> None:
    for _ in range(2):
        with pytest.raises(RecipeError, match="device of this machine"):
            LivePanel(blobs, SHORT.replace(device="cuda"))
    assert ENGINE._open == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="a machine without CUDA")
def test_a_session_of_another_machine_opens_on_this_ones_device(blobs: Data,
                                                                tmp_path: Path) -> None:
    panel, file = LivePanel(blobs, SHORT), tmp_path / "session.json"
    panel.start()
    run = panel.wait(60)
    run.settings = run.settings.replace(device="cuda")
    panel.save(file)
    panel.close()
    again = LivePanel.open(file, blobs)
    assert again.settings == run.newest.replace(device="auto")
    assert "cuda" in again.words
    again.start()
    assert again.wait(60).status == "done"
    again.close()


def test_a_saved_session_opens_with_the_runs_of_that_data_set_only(blobs: Data,
                                                                   tmp_path: Path) -> None:
    other, file = replace(make_blobs(), name="other"), tmp_path / "session.json"
    panel = LivePanel([blobs, other], SHORT)
    for menu, lr in ((0, 0.1), (1, 0.2), (0, 0.3), (1, 0.4)):
        panel._data.value = menu
        panel.turn(lr=lr)
        panel.wait(60)
    kept = [branch.run.settings.lr for branch in panel.runs if branch.run.data_name == "other"]
    gone = [branch for branch in panel.runs if branch.run.data_name != "other"]
    assert kept
    assert gone
    panel.save(file)
    panel.close()
    again = LivePanel.open(file, other)
    assert [branch.run.settings.lr for branch in again.runs] == kept
    assert again.settings.lr == kept[-1]
    assert again.ghost.data_name == "other"
    assert f"{len(gone)} runs on other data are left out" in again.words
    again.close()
