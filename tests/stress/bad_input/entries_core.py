"""Valid calls of what records, data, models and training offer."""

from __future__ import annotations

import copy
import itertools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import recipe_widgets as r
from recipe_widgets import core, data, models, training
from recipe_widgets.data import augment
from recipe_widgets.training import presets
from tests.stress.bad_input.judge import Entry
from tests.stress.bad_input.subjects import few_blobs, history, quick, short_run, tiny_net


def few(result: Any) -> None:
    """The first three items of an iterator, which is then closed."""
    list(itertools.islice(result, 3))


def inside(context: Any) -> None:
    with context:
        pass


_FOLDERS = tempfile.TemporaryDirectory(prefix="bad-")  # goes with this process


def scratch() -> Path:
    return Path(tempfile.mkdtemp(dir=_FOLDERS.name))


def images(n: int = 6) -> torch.Tensor:
    return few_blobs().train.x[:n].clone()


def _run() -> r.Run:
    return copy.copy(short_run())


def _training() -> training.Training:
    return training.Training(tiny_net(), few_blobs(), quick())


def _entry_of_book() -> core.RunLogEntry:
    return core.RunLogEntry.of(short_run(), "better")


CORE = [
    Entry(
        "Settings", r.Settings, lambda: {
            "model": "mlp", "lr": 0.1, "batch_size": 8, "augment": "flip+crop", "seed": 1, "device":
            "cpu"
        }),
    Entry("Settings.replace", lambda **k: r.Settings().replace(**k),
          lambda: {"width": 8, "depth": 1, "momentum": 0.5, "schedule": "cosine"}),
    Entry("Settings.knob", r.Settings.knob, lambda: {"name": "lr"}, words=("knob", )),
    Entry("Settings.from_dict", r.Settings.from_dict, lambda: {"values": {"lr": 0.1}},
          words=("settings", )),
    Entry("Settings.from_json", r.Settings.from_json, lambda: {"text": '{"lr": 0.1}'},
          words=("settings", )),
    Entry("Run", r.Run,
          lambda: {"settings": quick(), "history": history(), "status": "done", "message": "x"}),
    Entry("Run.from_json", r.Run.from_json, lambda: {"text": short_run().to_json()},
          words=("run file", "settings")),
    Entry("Run.at", lambda step: _run().at(step), lambda: {"step": 1}),
    Entry("Run.settings_at", lambda step: _run().settings_at(step), lambda: {"step": 1}),
    Entry("Run.to_script", lambda data: _run().to_script(data), lambda: {"data": few_blobs()}),
    Entry("History.from_dict", core.History.from_dict, lambda: {"columns": history().to_dict()},
          words=("history", )),
    Entry("History.from_json", core.History.from_json, lambda: {"text": history().to_json()},
          words=("history", )),
    Entry("History.series", lambda name: history().series(name), lambda: {"name": "train_loss"},
          words=("column", )),
    Entry("History.until", lambda step: history().until(step), lambda: {"step": 3}),
    Entry("History.arrays", lambda name: history().arrays(name), lambda: {"name": "train_loss"}),
    Entry("History.last", lambda name: history().last(name), lambda: {"name": "train_loss"}),
    Entry("History.append", lambda **k: core.History().append(**k),
          lambda: {"name": "train_loss", "step": 1, "value": 0.5}),
    Entry("CheckResult", r.CheckResult, lambda: {"name": "x", "status": "pass", "message": "m"},
          use=str),
    Entry("RecipeError", r.RecipeError,
          lambda: {"what": "x", "found": 1, "expected": 2, "mend": "y"}, use=str),
    Entry("core.Branch", core.Branch,
          lambda: {"number": 1, "run": short_run(), "parent": None, "at_step": 0}),
    Entry("core.RunLogEntry.of", core.RunLogEntry.of, lambda: {"run": short_run(), "expected": "x"}),
    Entry("core.RunLog", core.RunLog, lambda: {"file": scratch() / "book"},
          use=lambda book: book.entries()),
    Entry("core.RunLog.add", lambda entry: core.RunLog(scratch() / "book").add(entry),
          lambda: {"entry": _entry_of_book()}),
    Entry("core.BranchTree.add", lambda **k: core.BranchTree().add(**k),
          lambda: {"run": short_run(), "parent": None, "at_step": 0}),
    Entry("core.BranchTree.remove", lambda number: core.BranchTree().remove(number), lambda: {"number": 1},
          words=("run", )),
    Entry("core.BranchTree.from_json", core.BranchTree.from_json, lambda: {"text": core.BranchTree().to_json()},
          words=("session", )),
    Entry("core.generator", core.generator, lambda: {"seed": 1, "stream": "init", "device": "cpu"}),
    Entry("core.rng_guard", core.rng_guard, dict, use=inside),
    Entry("presets.recipe", presets.recipe, lambda: {"name": "mnist_strong"}),
    Entry("presets.recipe_names", presets.recipe_names, dict),
]

DATA = [
    Entry("load", r.load,
          lambda: {"name": "no such set", "full": False, "seed": 0, "validation": 0.5},
          words=("load", )),
    Entry(
        "Data.from_arrays", r.Data.from_arrays, lambda: {
            "x": np.arange(12 * 64, dtype=np.uint8).reshape(12, 8, 8), "y": np.arange(
                12) % 3, "classes": ["a", "b", "c"], "name": "n", "validation": 0.25, "test": 0.25,
            "channels_last": None, "seed": 0, "source": "", "licence": ""
        }, words=("label", )),
    Entry(
        "Data.from_folder", r.Data.from_folder, lambda: {
            "path": scratch(), "size":
            (8, 8), "name": "n", "validation": 0.25, "test": 0.25, "seed": 0
        }, words=("folder", )),
    Entry("Data.subset", lambda **k: few_blobs().subset(**k), lambda: {"n": 10, "seed": 0}),
    Entry("Data.split", lambda **k: few_blobs().split(**k),
          lambda: {"train": 0.5, "validation": 0.25, "test": 0.25, "seed": 0}, words=("split", )),
    Entry("Data.to", lambda device: few_blobs().to(device), lambda: {"device": "cpu"}),
    Entry("Data.open_vault", lambda why: copy.deepcopy(few_blobs()).open_vault(why),
          lambda: {"why": "a test"}, words=("reason", )),
    Entry("Data.audit_test", lambda why: copy.deepcopy(few_blobs()).audit_test(why),
          lambda: {"why": "a test"}, words=("reason", )),
    Entry("data.Split.batches", lambda batch_size: few_blobs().train.batches(batch_size),
          lambda: {"batch_size": 8}, use=few),
    Entry("data.Split.to", lambda device: few_blobs().train.to(device), lambda: {"device": "cpu"}),
    Entry("data.balanced", data.balanced, lambda: {"data": few_blobs(), "seed": 0}),
    Entry("data.bootstrap", data.bootstrap, lambda: {"data": few_blobs(), "seed": 0, "share": 1.0}),
    Entry("data.few", data.few, lambda: {"data": few_blobs(), "per_class": 3, "seed": 0}),
    Entry("data.imbalanced", data.imbalanced,
          lambda: {"data": few_blobs(), "shares": {"top": 0.5}, "seed": 0}, words=("class", )),
    Entry("data.only_classes", data.only_classes,
          lambda: {"data": few_blobs(), "classes": ["top", "low"]}, words=("class", )),
    Entry("data.parts", data.parts, lambda: {"data": few_blobs(), "count": 3, "seed": 0}),
    Entry(
        "data.augment.Augment", augment.Augment, lambda: {
            "split": few_blobs().train, "names": "flip+crop+colour", "strength": 1.0, "num_classes":
            3, "seed": 0
        }, use=lambda made: made.batch(torch.arange(4)), words=("augment", )),
    Entry("data.augment.backgrounds", augment.backgrounds,
          lambda: {"x": images().float(), "background": images().float()}),
    Entry(
        "data.augment.box", augment.box, lambda:
        {**{name: torch.arange(4) for name in ("top", "left", "height", "width")}, "size": (8, 8)}),
    Entry("data.augment.brightness", augment.brightness,
          lambda: {"x": images(), "factor": torch.full((6, ), 0.5)}),
    Entry("data.augment.contrast", augment.contrast,
          lambda: {"x": images(), "factor": torch.full((6, ), 0.5)}),
    Entry("data.augment.saturation", augment.saturation,
          lambda: {"x": images().expand(-1, 3, -1, -1), "factor": torch.full((6, ), 0.5)}),
    Entry(
        "data.augment.crop", augment.crop, lambda: {
            "x": images(), "top": torch.ones(6, dtype=torch.int64), "left": torch.ones(
                6, dtype=torch.int64), "padding": 2, "mode": "reflect"
        }),
    Entry(
        "data.augment.cutmix", augment.cutmix, lambda: {
            "x": images(), "targets": torch.eye(3)[torch.arange(6) % 3], "partner": torch.arange(
                6).flip(0), "corner":
            (torch.zeros(6, dtype=torch.int64), torch.zeros(6, dtype=torch.int64)), "side":
            (torch.full((6, ), 3), torch.full((6, ), 3))
        }),
    Entry(
        "data.augment.erase", augment.erase,
        lambda: {"x": images(), "where": torch.zeros(6, 1, 8, 8, dtype=torch.bool), "value": 0.0}),
    Entry("data.augment.flip", augment.flip,
          lambda: {"x": images(), "which": torch.ones(6, dtype=torch.bool)}),
    Entry(
        "data.augment.mixup", augment.mixup, lambda: {
            "x": images().float(), "targets": torch.eye(3)[torch.arange(6) % 3], "partner": torch.
            arange(6).flip(0), "share": torch.full((6, ), 0.5)
        }),
    Entry("data.augment.rotate", augment.rotate,
          lambda: {"x": images(), "degrees": torch.full((6, ), 10.0)}),
]

MODELS = [
    Entry("models.Autoencoder", models.Autoencoder,
          lambda: {"settings": quick(), "shape": (1, 8, 8)}, words=("images", )),
    Entry("models.build_autoencoder", models.build_autoencoder,
          lambda: {"settings": quick(), "shape": (1, 8, 8)}, words=("images", )),
    Entry("models.Dropout", models.Dropout, lambda: {"p": 0.5, "generator": torch.Generator()},
          use=lambda made: made(torch.ones(3))),
    Entry("models.Maxout", models.Maxout, lambda: {"pieces": 2},
          use=lambda made: made(torch.ones(2, 4))),
    Entry("models.build_model", models.build_model,
          lambda: {"settings": quick(), "shape": (1, 8, 8), "num_classes": 3}, words=("images", )),
    Entry("models.count_parameters", models.count_parameters, lambda: {"model": tiny_net()}),
    Entry("models.new_head", models.new_head,
          lambda: {"model": tiny_net(), "num_classes": 4, "settings": quick(), "freeze": True}),
    Entry(
        "models.pretrained", models.pretrained, lambda: {
            "name": "no such model", "shape": (3, 8, 8), "num_classes": 3, "mean":
            (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "settings": quick(), "size": 32, "freeze": True
        }, words=("name", )),
]

TRAINING = [
    Entry(
        "train", r.train, lambda: {
            "data": few_blobs(), "settings": quick(), "model": tiny_net(), "probes":
            (), "until": None, "loss_fn": None, "checkpoints": None, "resume": False
        }, words=("folder", ), trains=("model", )),
    Entry("steps", r.steps,
          lambda: {"model": tiny_net(), "data": few_blobs(), "settings": quick(), "probes":
                   ()}, use=few),
    Entry(
        "evaluate", r.evaluate, lambda: {
            "model": tiny_net(), "split": few_blobs().validation, "loss_fn": nn.functional.
            cross_entropy, "batch_size": 8
        }),
    Entry("training.WeightAverage", training.WeightAverage, lambda: {"model": tiny_net(), "decay": 0.9},
          use=lambda made: made.update()),
    Entry("training.WeightAverage.copy_to", lambda model: training.WeightAverage(tiny_net()).copy_to(model),
          lambda: {"model": tiny_net()}),
    Entry("training.WeightAverage.refresh_norms",
          lambda **k: training.WeightAverage(tiny_net()).refresh_norms(**k),
          lambda: {"split": few_blobs().train, "batch_size": 8}),
    Entry("training.BatchIndices", training.BatchIndices,
          lambda: {"n": 20, "batch_size": 4, "seed": 0, "device": "cpu"}, use=few),
    Entry("training.BestEvaluation", training.BestEvaluation, lambda: {"settings": quick()}),
    Entry("training.BestEvaluation.note", lambda **k: training.BestEvaluation(quick(final="best")).note(**k),
          lambda: {"step": 1, "loss": 0.5, "model": tiny_net()}),
    Entry("training.Checkpoints", training.Checkpoints, lambda: {"folder": scratch(), "keep": 2},
          use=lambda made: made.newest()),
    Entry("training.Checkpoints.save", lambda **k: training.Checkpoints(scratch()).save(**k),
          lambda: {"step": 1, "state": {"a": 1}, "best": -1}),
    Entry("training.Checkpoints.read", lambda step: training.Checkpoints(scratch()).read(step),
          lambda: {"step": 1}),
    Entry("training.Evaluation", training.Evaluation,
          lambda: {"loss": 0.5, "accuracy": 0.5, "n": 10}),
    Entry(
        "training.ModelStatistics", training.ModelStatistics, lambda: {
            "layers": (), "probabilities": torch.full(
                (4, 3), 1 / 3), "y": torch.arange(4) % 3, "weights": None
        }),
    Entry("training.Rewind", training.Rewind, lambda: {"run": _run(), "step": 2},
          use=lambda made: list(made.walk())),
    Entry("training.LayerUpdates", training.LayerUpdates, lambda: {"every": 2}),
    Entry("training.UpdateRatio", training.UpdateRatio, lambda: {"every": 2}),
    Entry(
        "training.MultiSeedTraining", training.MultiSeedTraining, lambda:
        {"data": few_blobs(), "settings": quick(), "seeds":
         (0, 1), "shared_batches": False}, words=("settings.seed", ), use=lambda made: made.step()),
    Entry("training.Plateau", training.Plateau,
          lambda: {"patience": 3, "cut": 0.1, "threshold": 1e-4}, use=lambda made: made.look(1.0)),
    Entry("training.Plateau.look", lambda loss: training.Plateau().look(loss),
          lambda: {"loss": 1.0}),
    Entry("training.Snapshots", training.Snapshots, lambda: {"most": 10**6},
          use=lambda made: made.take(_training())),
    Entry("training.Snapshots.before", lambda step: training.Snapshots().before(step),
          lambda: {"step": 3}),
    Entry(
        "training.Training", training.Training, lambda: {
            "model": tiny_net(), "data": few_blobs(), "settings": quick(), "probes":
            (), "loss_fn": None
        }),
    Entry("training.advance", lambda **k: training.advance(**k),
          lambda: {"training": _training(), "run": r.Run(quick())}, use=few),
    Entry("training.cold_knobs", training.cold_knobs,
          lambda: {"before": quick(), "after": quick(width=9)}),
    Entry("training.describe_device", training.describe_device,
          lambda: {"device": torch.device("cpu")}),
    Entry("training.encoded", training.encoded,
          lambda: {"encoder": tiny_net(), "data": few_blobs(), "batch_size": 30}),
    Entry("training.end_with_best", training.end_with_best,
          lambda: {"training": _training(), "run": r.Run(quick())}),
    Entry("training.eval_mode", training.eval_mode, lambda: {"model": tiny_net()}, use=inside),
    Entry("training.explain_torch_error", training.explain_torch_error,
          lambda: {"error": MemoryError("x"), "settings": quick()}),
    Entry("training.torch_errors_explained", training.torch_errors_explained, lambda: {"settings": quick()}, use=inside),
    Entry("training.first_bad_step", training.first_bad_step, lambda: {"history": history()}),
    Entry("training.fork", training.fork, lambda: {"training": _training()}),
    Entry("training.model_statistics", training.model_statistics,
          lambda: {"model": tiny_net(), "split": few_blobs().validation},
          words=("probabilities", )),
    Entry("training.loss_at_start", training.loss_at_start,
          lambda: {"settings": quick(), "num_classes": 3}),
    Entry("training.lr_at", training.lr_at,
          lambda: {"step": 2, "settings": quick(schedule="cosine"), "steps_per_epoch": 4}),
    Entry("training.make_optimizer", training.make_optimizer,
          lambda: {"parameters": list(tiny_net().parameters()), "settings": quick()}),
    Entry("training.pick_device", training.pick_device, lambda: {"name": "cpu"},
          words=("device", )),
    Entry("training.reconstruction_error", training.reconstruction_error,
          lambda: {"model": nn.Identity(), "split": few_blobs().validation, "batch_size": 8}),
    Entry(
        "training.replay", training.replay, lambda: {
            "data": few_blobs(), "settings": quick(), "changes": [(1, {"lr": 0.2})], "steps": 2,
            "threads": [(0, 1)], "model": tiny_net()
        }),
    Entry("training.step_timing", training.step_timing,
          lambda: {"training": _training(), "steps": 2}),
    Entry("training.train_autoencoder", training.train_autoencoder,
          lambda: {"data": few_blobs(), "settings": quick()}),
    Entry(
        "training.train_many", training.train_many, lambda: {
            "data": few_blobs(), "settings": quick(), "seeds":
            (0, 1), "shared_batches": False, "until": None
        }, words=("settings.seed", )),
    Entry("training.change_settings", training.change_settings,
          lambda: {"training": _training(), "settings": quick(lr=0.2)}, words=("knob", )),
    Entry("training.change_and_record", training.change_and_record,
          lambda: {"training": _training(), "run": r.Run(quick()), "settings": quick(lr=0.2)},
          words=("knob", )),
    Entry("training.why_diverged", training.why_diverged,
          lambda: {"history": history(), "settings": quick(), "inputs_finite": True}),
]
