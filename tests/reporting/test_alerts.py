"""Reports told to programs that track runs: each one's own reading of what it was told."""

from __future__ import annotations

import json
import sys
import types

import pytest

from recipe_widgets import RecipeError
from recipe_widgets.cli import main
from recipe_widgets.core import CheckResult, Report

REPORT = Report([CheckResult("axes", "fail", "axes are torn"), CheckResult("curve", "warn", "NaN")],
                "watch", "train.py", steps=30)
NUMBERS = {"recipe/errors": 1.0, "recipe/warnings": 1.0, "recipe/notes": 0.0}


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    REPORT.log_to(f"tensorboard:{tmp_path}")
    seen = EventAccumulator(str(tmp_path)).Reload()
    assert {name: seen.Scalars(name)[0].value for name in seen.Tags()["scalars"]} == NUMBERS
    (text, ) = seen.Tensors("recipe/findings/text_summary")
    assert text.step == 30
    assert b"axes are torn" in text.tensor_proto.string_val[0]


def test_wandb(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.chdir(tmp_path)
    with wandb.init(project="ours", dir=tmp_path) as run:
        told = []
        monkeypatch.setattr(run, "alert", lambda *words: told.append(words))
        REPORT.log_to("wandb")
        assert {name: run.summary[name] for name in NUMBERS} == NUMBERS
        assert wandb.run is run, "the run of the script goes on"
    ((title, text, level), ) = told
    assert (title, level) == (f"recipe: {REPORT.summary}", "ERROR")
    assert "axes are torn" in text
    REPORT.log_to("wandb:theirs")  # where no run is going on
    assert wandb.run is None
    assert len(list((tmp_path / "wandb").glob("offline-run-*"))) == 2


def test_mlflow(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.chdir(tmp_path)
    address = (tmp_path / "runs").as_uri()
    REPORT.log_to(f"mlflow:{address}")
    assert mlflow.active_run() is None
    with mlflow.start_run() as run:
        REPORT.log_to("mlflow")
        assert mlflow.active_run() is not None, "the run of the script goes on"
    client = mlflow.MlflowClient(address)
    assert len(client.search_runs([run.info.experiment_id])) == 2
    assert client.get_run(run.info.run_id).data.metrics == NUMBERS
    report = client.download_artifacts(run.info.run_id, "recipe.json", str(tmp_path))
    with open(report, encoding="utf-8") as file:
        assert json.load(file) == REPORT.as_dict()


def test_trackio(tmp_path, monkeypatch):
    trackio = pytest.importorskip("trackio")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    REPORT.log_to("trackio:ours")
    assert trackio.context_vars.current_run.get() is None
    (run, ) = trackio.Api().runs("ours")
    assert [alert["level"] for alert in run.alerts()] == ["error"]


@pytest.mark.parametrize(("target", "told"), [
    ("weights", "one of tensorboard, wandb, mlflow, trackio"), ("tensorboard", "FOLDER"),
    ("tensorboard:", "FOLDER"), ("", "one of")])
def test_a_target_that_is_none(target, told):
    with pytest.raises(RecipeError, match=told):
        REPORT.log_to(target)


def test_what_is_not_installed_is_told_before_the_script_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "wandb", None)
    (tmp_path / "train.py").write_text("print('it ran')\n")
    assert main(["watch", "--alert", "wandb", str(tmp_path / "train.py")]) == 2
    told = capsys.readouterr()
    assert "pip install wandb" in told.err
    assert told.out == ""


def test_an_error_of_the_program_is_told(monkeypatch):
    def fails(**_):
        raise OSError("no server")

    monkeypatch.setitem(sys.modules, "wandb", types.SimpleNamespace(run=None, init=fails))
    with pytest.raises(RecipeError, match="Alert to wandb: found OSError: no server"):
        REPORT.log_to("wandb")


def test_a_command_tells_all_that_it_was_asked_to(tmp_path):
    pytest.importorskip("tensorboard")
    (tmp_path / "train.py").write_text("1\n")
    words = [word for name in "ab" for word in ("--alert", f"tensorboard:{tmp_path / name}")]
    assert main(["watch", *words, str(tmp_path / "train.py")]) == 0
    assert all(list((tmp_path / name).glob("events.*")) for name in "ab")
