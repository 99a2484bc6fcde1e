"""Valid calls of what checks, evaluation, ensembles, export, tune, plots and watch offer."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

import recipe_widgets as r
from recipe_widgets import checks, core, ensembles, evaluation, export, plots, tune
from tests.stress.bad_input.entries_core import inside, scratch
from tests.stress.bad_input.judge import Entry
from tests.stress.bad_input.subjects import (
    batches,
    few_blobs,
    history,
    labels,
    probabilities,
    quick,
    short_run,
    tiny_net,
)

watch = importlib.import_module(
    "recipe_widgets.watch")  # the attribute of that name is the function
ANSWERS = ("answers", "truth", "labels", "scores", "split", "model")


def tiny_subject(**more: Any) -> dict[str, Any]:
    return {
        "subject_or_model": tiny_net(), "batches": batches(), "loss_fn":
        nn.functional.cross_entropy, **more
    }


@functools.cache
def _subject() -> checks.Subject:
    return checks.subject(tiny_net, batches(), nn.functional.cross_entropy, num_classes=3)


@functools.cache
def _result() -> r.CheckResult:
    return checks.curve_shape(history())


@functools.cache
def _tuning() -> tune.Tuning:
    return tune.tune(few_blobs(), tune.space("lr"), quick(), trials=2, sampler="random")


@functools.cache
def _probs() -> torch.Tensor:
    return torch.from_numpy(np.stack([probabilities(), probabilities()[::-1]]))


def ledger() -> evaluation.Ledger:
    made = evaluation.Ledger(lambda changes, seed: 0.5 + 0.01 * seed + 0.1 * len(changes))
    made.propose("a", expected="better", because="x", lr=0.1)
    made.measure("a")
    return made


SUBJECT_WORDS = ("model", "batch", "loss", "subject", "num_classes", "output", "check")
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "causal_dependence": {"causal": True}, "dead_units": {"steps": 1}, "filters_smooth":
    {"trained": True}, "generalisation_onset": {"steps": 2, "seconds": 0.05}, "gradient_check":
    {"h": 1e-4, "directions": 1, "tensors": 2, "warmup": 0, "seconds":
     0.05}, "gradient_norms": {"steps": 1}, "gradients_flow": {"steps": 1}, "init_scale":
    {"steps": 1}, "input_independent_baseline": {"steps": 2, "seconds": 0.05}, "loss_at_init":
    {"inits": 1}, "loss_decreases": {"steps": 2, "seconds": 0.05}, "memorises_random_labels": {
        "samples": 4, "steps": 2, "seconds": 0.05
    }, "output_init": {"inits": 1}, "output_scale": {"inits": 1}, "overfit_few": {
        "samples": 4, "steps": 2, "seconds": 0.05
    }, "overfit_one_batch": {"samples": 4, "steps": 2, "seconds":
                             0.05}, "saturation": {"steps": 1, "level": 0.97}, "timing": {
                                 "steps": 1, "seconds": 0.05, "epochs": 1.0, "batch_size": 4
                             }, "update_ratio": {"steps": 1, "seconds": 0.05},
}
OF_MODELS = ("batch_independence", "bias_before_norm", "grads_are_cleared",
             "loop_equals_vectorised", "loss_reduction", "mode_toggles", "optimizer_covers_model",
             "recurrent_spectrum", *_OPTIONS)
_OF_DATA: Mapping[str, Mapping[str, Any]] = {
    "augmentation_keeps_label": {"augment": lambda x, y: (x, y), "seconds": 0.05, "draws":
                                 1}, "class_balance": {}, "duplicates":
    {"near": False, "mirrored": False, "progress":
     False}, "input_range": {}, "label_alignment": {"seconds": 0.05}, "label_errors": {
         "probabilities": probabilities(60, 3), "seconds": 0.05, "epochs": 0.1, "folds": 2,
         "mirrored": False, "most": 0.05, "progress": False
     }, "outliers": {"cutoff": 8.0, "most":
                     5}, "split_leak": {"near": False, "mirrored": False, "progress":
                                        False}, "train_eval_preprocessing":
    {"preprocess_train": lambda x: x, "preprocess_eval": lambda x: x, "samples": 8},
}
_OF_CURVES: Mapping[str, Mapping[str, Any]] = {
    "curve_shape": {}, "fit_diagnosis": {}, "lr_verdict": {"ratio": [0.001] * 40, "lr": 0.1},
        "noise_level": {"batch_size": 8}}
DATA_WORDS = ("data", "sample", "label", "split", "batch", "row", "class", "history", "train", "x",
              "column")


def _model_check(name: str) -> Entry:
    return Entry(f"checks.{name}", getattr(checks, name),
                 lambda: tiny_subject(**_OPTIONS.get(name, {})), words=SUBJECT_WORDS)


def _data_check(name: str) -> Entry:
    x, y = few_blobs().train.x, few_blobs().train.y
    return Entry(f"checks.{name}", getattr(checks, name),
                 lambda: {"data": (x.clone(), y.clone()), **_OF_DATA[name]}, words=DATA_WORDS)


def _curve_check(name: str) -> Entry:
    return Entry(
        f"checks.{name}", getattr(checks, name),
        lambda: {"given": history().series("train_loss"), "falls": True, **_OF_CURVES[name]},
        words=("history", "column", "ratio"))


CHECKS = [
    *map(_model_check, OF_MODELS), *map(_data_check, _OF_DATA), *map(_curve_check, _OF_CURVES),
    Entry(
        "checks.run_all", checks.run_all, lambda: {
            "model_or_factory": tiny_net(), "batches": batches(
            ), "loss_fn": nn.functional.cross_entropy, "only": (checks.loss_at_init, ), "more":
            (), "progress": False, "num_classes": 3
        }, words=SUBJECT_WORDS),
    Entry(
        "checks.subject", checks.subject, lambda: {
            "model_or_factory": tiny_net(), "batches": batches(), "loss_fn": nn.functional.
            cross_entropy, "num_classes": 3, "optimizer": None, "adapter": None, "factory": None
        }, words=SUBJECT_WORDS),
    Entry(
        "checks.Subject", checks.Subject, lambda:
        {"model": tiny_net(), "batches": tuple(batches()), "loss_fn": nn.functional.cross_entropy}),
    Entry("checks.all_checks", checks.all_checks, dict),
    Entry("core.Report", core.Report, lambda: {"findings": (_result(), )}, use=str),
    Entry("checks.check", checks.check, lambda: {"worst": "warn", "source": "x"}),
    Entry("checks.check_named", checks.check_named,
          lambda: {"target": "no_such_module:make", "progress": False}, words=("module", )),
    Entry(
        "checks.lr_finder", checks.lr_finder, lambda: {
            "model_or_settings": tiny_net(), "batches": batches(), "loss_fn": nn.functional.
            cross_entropy, "low": 1e-4, "high": 1.0, "steps": 20, "optimizer": None
        }, words=SUBJECT_WORDS),
]

EVALUATION = [
    Entry("evaluation.as_predictions", evaluation.as_predictions,
          lambda: {"given": probabilities(), "truth": labels()}, words=ANSWERS),
    Entry("evaluation.accuracy", evaluation.accuracy,
          lambda: {"given": tiny_net(), "truth": few_blobs().validation, "level": 0.9},
          words=ANSWERS),
    Entry(
        "evaluation.bootstrap_difference", evaluation.bootstrap_difference, lambda: {
            "a": labels(), "b": labels()[::-1].copy(), "truth": labels(), "level": 0.9, "resamples":
            100, "seed": 0
        }, words=(*ANSWERS, "samples")),
    Entry("evaluation.calibration", evaluation.calibration,
          lambda: {"given": probabilities(), "truth": labels(), "bins": 5}, use=str, words=ANSWERS),
    Entry("evaluation.confusion", evaluation.confusion,
          lambda: {"given": probabilities(), "truth": labels(), "names": ["a", "b", "c"]}, use=str,
          words=ANSWERS),
    Entry("evaluation.Confusion.worst_pairs",
          lambda most: evaluation.confusion(labels(),
                                            labels()[::-1]).worst_pairs(most), lambda: {"most": 2}),
    Entry("evaluation.kappa", evaluation.kappa,
          lambda: {"a": labels(), "b": labels()[::-1].copy(), "level": 0.9}, use=str,
          words=ANSWERS),
    Entry("evaluation.mcnemar", evaluation.mcnemar,
          lambda: {"a": labels(), "b": labels()[::-1].copy(), "truth": labels(), "exact": None},
          use=str, words=ANSWERS),
    Entry("evaluation.per_class", evaluation.per_class,
          lambda: {"given": labels(), "truth": labels(), "names": None}, use=str, words=ANSWERS),
    Entry("evaluation.proportion", evaluation.proportion,
          lambda: {"hits": 3, "n": 10, "level": 0.9}, use=str),
    Entry("evaluation.temperature", evaluation.temperature,
          lambda: {"given": probabilities(), "truth": labels()}, words=ANSWERS),
    Entry("evaluation.worst_mistakes", evaluation.worst_mistakes,
          lambda: {"given": probabilities(), "truth": labels(), "most": 3, "names": None}, use=str,
          words=ANSWERS),
    Entry(
        "evaluation.Ledger", evaluation.Ledger, lambda: {
            "score": lambda changes, seed: 0.5, "seeds": 2, "higher": True, "percent": True, "what":
            "x"
        }, use=str),
    Entry("evaluation.Ledger.of_settings", evaluation.Ledger.of_settings,
          lambda: {"data": few_blobs(), "settings": quick(), "seeds": 2}),
    Entry("evaluation.Ledger.propose", lambda **k: ledger().propose(**k),
          lambda: {"name": "b", "expected": "better", "because": "x", "lr": 0.1}),
    Entry("evaluation.Ledger.measure", lambda name: ledger().measure(name), lambda: {"name": "a"},
          words=("ledger", )),
    Entry("evaluation.Ledger.keep", lambda name: ledger().keep(name), lambda: {"name": "a"},
          words=("ledger", )),
]

ENSEMBLES = [
    Entry("ensembles.Ensemble", ensembles.Ensemble,
          lambda: {"members": [tiny_net(), tiny_net()]}),
    Entry(
        "ensembles.bagging", ensembles.bagging, lambda:
        {"data": few_blobs(), "settings": quick(), "members": 2, "share": 1.0, "disjoint": False},
        amounts=("members", )),
    Entry(
        "ensembles.distill", ensembles.distill, lambda: {
            "teacher": tiny_net(), "data": few_blobs(), "settings": quick(), "temperature": 4.0,
            "share": 0.9, "model": tiny_net()
        }, words=("model", )),
    Entry("ensembles.gain", ensembles.gain,
          lambda: {"models": [tiny_net(), tiny_net()], "split": few_blobs().validation},
          words=("model", )),
    Entry("ensembles.gain_of", ensembles.gain_of,
          lambda: {"probs": _probs(), "y": torch.arange(12) % 3}, use=str),
    Entry("ensembles.models_of", ensembles.models_of, lambda: {"runs": [short_run()]}),
    Entry("ensembles.probabilities", ensembles.probabilities,
          lambda: {"models": [tiny_net()], "split": few_blobs().validation, "batch_size": 8},
          words=("model", )),
]

EXPORT = [
    Entry("export.save_script", export.save_script,
          lambda: {"run": short_run(), "folder": scratch(), "data": few_blobs(), "name": "train"}),
    Entry("export.script_of", export.script_of, lambda: {"run": short_run(), "data": few_blobs()}),
]

TUNE = [
    Entry("tune.Categorical", tune.Categorical, lambda: {"name": "width", "values": (8, 16)},
          use=lambda made: made.grid(3)),
    Entry("tune.Range", tune.Range,
          lambda: {"name": "lr", "low": 0.1, "high": 1.0, "log": True, "whole": False},
          use=lambda made: made.grid(3)),
    Entry("tune.Space", tune.Space, lambda: {"dimensions": list(tune.space("lr"))},
          use=lambda made: made.to_dict()),
    Entry("tune.Space.grid", lambda points: tune.space("lr", "width").grid(points),
          lambda: {"points": 3}),
    Entry("tune.Space.narrowed", lambda good: tune.space("lr").narrowed(good),
          lambda: {"good": [{"lr": 0.1}, {"lr": 0.2}]}),
    Entry("tune.space", lambda names, given: tune.space(*names, **given),
          lambda: {"names": ("lr", ), "given": {"width": (8, 64)}}, keep=("names", "given")),
    Entry("tune.space.knob", lambda knob, width: tune.space(knob, width=width),
          lambda: {"knob": "lr", "width": (8, 64)}, words=("names", "settings", "search space")),
    Entry(
        "tune.tune", tune.tune, lambda: {
            "data": few_blobs(), "searched": tune.space("lr"), "base": quick(), "trials": 1,
            "sampler": "random", "pruner": "none", "metric": "val_loss", "storage": None, "name":
            "x", "heartbeat": 60, "retries": 1, "grid_points": 2, "progress": False, "start": False
        }, words=("pruner", "sampler")),
    Entry(
        "tune.Tuning", tune.Tuning, lambda: {
            "data": few_blobs(), "searched": tune.space("lr"), "base": quick(
            ), "trials": 1, "sampler": "random", "pruner": "none", "metric": "val_loss", "storage":
            None, "name": "x", "heartbeat": 60, "retries": 1, "grid_points": 2
        }),
    Entry(
        "tune.coarse_to_fine", tune.coarse_to_fine, lambda: {
            "data": few_blobs(), "searched": tune.space("lr"), "base": quick(), "trials": 2,
            "stages": 1, "shorter": 2, "name": "x"
        }, words=("search", ), amounts=("trials", )),
    Entry("tune.finalists", tune.finalists,
          lambda: {"tuning": _tuning(), "data": few_blobs(), "top": 1, "seeds":
                   (0, )}, words=("settings.seed", )),
    Entry("tune.hidden", tune.hidden, lambda: {"storage": "postgresql://a:b@c/d"}),
]

_FOUND = functools.cache(lambda: evaluation.calibration(probabilities(), labels()))
_CONFUSED = functools.cache(lambda: evaluation.confusion(probabilities(), labels()))
_WORST = functools.cache(lambda: evaluation.worst_mistakes(probabilities(), labels()))
_SHOWN = functools.cache(lambda: plots.PlottedRun(short_run(), "new"))

PLOTS = [
    Entry("plots.Picture", plots.Picture, lambda: {"figure": Figure(), "alt": "x", "colours": 0},
          use=repr),
    Entry("plots.Picture.png", lambda dpi: plots.Picture(Figure((1, 1)), "x").png(dpi),
          lambda: {"dpi": 20}),
    Entry("plots.RecipeMap", plots.RecipeMap, lambda: {"folder": "notebooks"},
          use=lambda made: made._repr_html_()),
    Entry(
        "plots.search_svg", plots.search_svg, lambda: {
            "dots": [plots.TrialDot(0, 0.5)], "total": 3, "unit": "nats", "lower_is_better": True,
            "words": "x"
        }),
    Entry("plots.charts", plots.charts, lambda: {"shown": [_SHOWN()], "ribbons": ()}),
    Entry("plots.curves_svg", plots.curves_svg, lambda: {"shown": [_SHOWN()], "ribbons": ()}),
    Entry("plots.describe", plots.describe, lambda: {"run": short_run()}),
    Entry("plots.plot_calibration", plots.plot_calibration, lambda: {"found": _FOUND()}),
    Entry("plots.plot_check", plots.plot_check, lambda: {"result": _result()}),
    Entry("plots.plot_confusion", plots.plot_confusion, lambda: {"found": _CONFUSED()}),
    Entry("plots.plot_mistakes", plots.plot_mistakes, lambda: {"found": _WORST()}),
    Entry("plots.plot_run", plots.plot_run, lambda: {"run": short_run(), "ghost": short_run()}),
    Entry("plots.plot_runs", plots.plot_runs, lambda: {"shown": [_SHOWN()], "ribbons": ()}),
    Entry("plots.downsample", plots.downsample,
          lambda: {"x": np.arange(50.0), "y": np.arange(50.0), "bins": 10}),
]

WATCH = [
    Entry("watch.watch", watch.watch, lambda: {"steps": 2, "show": False}, use=inside),
    Entry(
        "watch.run_script", watch.run_script, lambda: {
            "script": scratch() / "none.py", "arguments": [], "steps": 2, "json": None, "html":
            None, "fail_on": None
        }, words=("script", )),
    Entry("watch.Report.save", lambda **k: watch.Report().save(**k),
          lambda: {"path": scratch() / "a.json", "form": "json"}, words=("--json", "--html")),
]
