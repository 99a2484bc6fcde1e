"""Valid calls of what panels and lessons offer."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import torch
from torch import nn

from recipe_widgets import checks, panels, plots, tune
from recipe_widgets.data import Data
from recipe_widgets.lessons import nb00_start_here as start
from recipe_widgets.lessons import nb03_check_the_machinery as machinery
from recipe_widgets.lessons import nb04_signals_inside as signals
from recipe_widgets.lessons import nb08_regularise_the_model as regularise
from recipe_widgets.lessons.common.comparison import RunComparison, compare
from recipe_widgets.lessons.common.line_pictures import draw_lines
from recipe_widgets.lessons.common.recorded import recorded
from recipe_widgets.lessons.nb03_check_the_machinery.clinic_cases import CASES
from recipe_widgets.lessons.nb08_regularise_the_model.decision_path import DecisionPath
from recipe_widgets.training import train_many
from tests.stress.bad_input.entries_core import images, scratch
from tests.stress.bad_input.judge import Entry
from tests.stress.bad_input.subjects import batches, few_blobs, history, quick, short_run, tiny_net

RUN = ("settings", "model", "data")  # an experiment says what of its run is wrong


@functools.cache
def as_mnist() -> Data:
    """The blobs under the name that the clinic knows."""
    return dataclasses.replace(few_blobs(), name="mnist")


def close(panel: Any) -> None:
    panel.close()


def _picture(**values: Any) -> plots.Picture:
    return plots.plot_check(checks.curve_shape([1.0, 0.5, 0.2]))


@functools.cache
def _many() -> dict[str, list[Any]]:
    return {
        "a": list(train_many(few_blobs(), quick(), (0, 1))), "b":
        list(train_many(few_blobs(), quick(lr=0.2), (0, 1)))
    }


def _live(call: Any) -> Any:
    """One call on a panel of its own, which is closed again."""
    def on_panel(**arguments: Any) -> None:
        panel = panels.LivePanel(few_blobs(), quick(), foreground=False)
        try:
            call(panel, **arguments)
        finally:
            panel.close()

    return on_panel


def rows(n: int = 6) -> torch.Tensor:
    return images(n).flatten(1).float()


PANELS = [
    Entry(
        "LivePanel", panels.LivePanel, lambda: {
            "data": few_blobs(), "settings": quick(), "knobs": ("lr", ), "mode": "restart",
            "predict": "val_loss", "points": 1, "ledger": scratch() / "ledger", "foreground": False
        }, use=close, words=RUN),
    Entry("LivePanel.turn", _live(lambda panel, **k: panel.turn(**k)),
          lambda: {"lr": 0.1, "batch_size": 8}, words=("knob", )),
    Entry("LivePanel.save", _live(lambda panel, file: panel.save(file)),
          lambda: {"file": scratch() / "session.json"}),
    Entry("LivePanel.open", panels.LivePanel.open,
          lambda: {"file": scratch() / "none.json", "data": few_blobs()}, words=("session", )),
    Entry("LivePanel.look", _live(lambda panel, tab: panel.look(tab)), lambda: {"tab": "weights"},
          words=("inside", )),
    Entry("LivePanel.visit", _live(lambda panel, step: panel.visit(step)), lambda: {"step": 1},
          words=("run", )),
    Entry("LivePanel.expect", _live(lambda panel, text: panel.expect(text)),
          lambda: {"text": "faster"}),
    Entry("LivePanel.pin", _live(lambda panel, **k: panel.pin(**k)),
          lambda: {"number": 1, "name": "x"}, words=("run", )),
    Entry("LivePanel.remove", _live(lambda panel, number: panel.remove(number)),
          lambda: {"number": 1}, words=("run", )),
    Entry("LivePanel.predict", _live(lambda panel, **k: panel.predict(**k)),
          lambda: {"column": "val_loss", "values": [0.5, 0.4], "steps": [1, 3]},
          words=("guess", "predict")),
    Entry("panels.ActivationExplorer", panels.ActivationExplorer, lambda: {"activation": "sigmoid"},
          use=close),
    Entry("panels.AugmentationGallery", panels.AugmentationGallery,
          lambda: {"data": few_blobs(), "ways":
                   ("flip", "crop"), "strength": 1.0, "count": 2}, words=("augment", )),
    Entry("panels.BugClinic", lambda data, seeds: panels.BugClinic(data, seeds=seeds),
          lambda: {"data": as_mnist(), "seeds": 1}, heavy=True),
    Entry("panels.CapacityExplorer", panels.CapacityExplorer,
          lambda: {"data": few_blobs(), "settings": quick(), "seeds": 1, "known": None}),
    Entry("panels.ConvExplorer", panels.ConvExplorer, lambda: {"data": few_blobs()}, heavy=True),
    Entry("panels.DataBrowser", panels.DataBrowser,
          lambda: {"data": few_blobs(), "model": None, "split": "train"}, use=close,
          words=("model", "pictures")),
    Entry("panels.FindTheBug", lambda line: panels.FindTheBug().name_line(line), lambda: {"line": 3}),
    Entry("panels.DecisionWalk", panels.DecisionWalk, lambda: {"path": DecisionPath()}),
    Entry("panels.DecisionWalk.answer", lambda value: panels.DecisionWalk().answer(value),
          lambda: {"value": "yes"}),
    Entry(
        "panels.Dials", panels.Dials, lambda:
        {"draw": _picture, "sliders": {"a": [1, 2]}, "start": {"a": 1}, "labels": {"a": "x"}},
        use=close),
    Entry("panels.GradientExplorer", panels.GradientExplorer, lambda: {"data": few_blobs()},
          use=close, heavy=True),
    Entry("panels.InitExplorer", lambda data: panels.InitExplorer(data),
          lambda: {"data": few_blobs()}, use=close, heavy=True),
    Entry("panels.KernelFilters", panels.KernelFilters, lambda: {"data": few_blobs()}, heavy=True),
    Entry("panels.Labeller", panels.Labeller, lambda: {"data": few_blobs(), "count": 3, "seed": 0},
          use=close, words=("images", )),
    Entry("panels.LearningCurve", panels.LearningCurve,
          lambda: {"sources": {"blobs": (few_blobs(), quick())}, "seeds": 1, "known": None}),
    Entry("panels.LossDice", panels.LossDice,
          lambda: {"data": few_blobs(), "settings": quick(), "rolls": 2}, use=close,
          amounts=("rolls", )),
    Entry("panels.LossShapes", panels.LossShapes, lambda: {"classes": 10, "score": 0.0}, use=close),
    Entry("panels.OptimizerBowl", panels.OptimizerBowl, dict),
    Entry("panels.Question", panels.Question,
          lambda: {"text": "why?", "replies": {"a": "x", "b": "y"}, "answer": "a"}),
    Entry("panels.Question.choose",
          lambda choice: panels.Question("?", {"a": "x"}, "a").choose(choice),
          lambda: {"choice": "a"}, words=("question", )),
    Entry("panels.RecurrentExplorer", panels.RecurrentExplorer, dict),
    Entry("panels.ScheduleExplorer", panels.ScheduleExplorer, lambda: {"settings": quick()},
          use=close),
    Entry(
        "panels.TuningBoard", panels.TuningBoard, lambda:
        {"tuning": tune.tune(few_blobs(), tune.space("lr"), quick(), trials=1, start=False)},
        use=close),
    Entry(
        "panels.VaultReport", panels.VaultReport, lambda: {
            "data": few_blobs(), "model": tiny_net(), "baseline": tiny_net(), "why": "x", "names":
            ("a", "b")
        }, words=("given", )),
]

LESSONS = [
    Entry("lessons.common.Comparison", RunComparison, lambda: {"runs": _many()},
          use=lambda made: made.table()),
    Entry("lessons.common.compare", compare,
          lambda: {"runs": {"a": lambda seed: short_run()}, "seeds": 1}),
    Entry("lessons.nb00_start_here.draw_losses", start.draw_losses,
          lambda: {"losses": {"a": [2.0, 1.0, 0.5]}, "title": "t", "epoch": 2, "guess": 2.3, "smooth": 2}),
    Entry("lessons.nb00_start_here.show_batch", start.show_batch,
          lambda: {"data": few_blobs(), "count": 2, "seed": 0, "augment": "flip"}),
    Entry("lessons.nb03_check_the_machinery.Case", machinery.Case, lambda: vars(CASES[0]).copy()),
    Entry("lessons.nb03_check_the_machinery.Clinic", lambda data, **k: machinery.Clinic(data, **k),
          lambda: {"data": as_mnist(), "seeds": 1, "cases": CASES, "keep": scratch() / "kept"}),
    Entry("lessons.nb03_check_the_machinery.Patient", machinery.Patient,
          lambda: {"number": 1, "case": CASES[0], "sound": [history()], "broken": []}),
    Entry(
        "lessons.nb03_check_the_machinery.Program", machinery.Program, lambda: {
            "factory": tiny_net, "train": batches()[0], "validation": batches()[1], "optimizer":
            lambda m: torch.optim.SGD(m.parameters())
        }),
    Entry("lessons.nb03_check_the_machinery.findings", machinery.findings,
          lambda: {"report": checks.Report((checks.curve_shape(history()), ))}),
    Entry("lessons.nb03_check_the_machinery.Swish", machinery.Swish, lambda: {"right": True},
          use=lambda made: made(torch.ones(3))),
    Entry(
        "lessons.nb03_check_the_machinery.dependence_charts", machinery.dependence_charts, lambda: {
            "right": tiny_net(), "wrong": tiny_net(), "x": images().float(), "axis": 0, "names":
            ("a", "b")
        }),
    Entry(
        "lessons.nb03_check_the_machinery.draw_error", machinery.draw_error, lambda: {
            "data": few_blobs(), "h": 1e-5, "activation": "tanh", "dtype": "float64", "differences":
            "central", "samples": 4
        }),
    Entry("lessons.nb03_check_the_machinery.few_samples", machinery.few_samples,
          lambda: {"data": few_blobs(), "count": 3}),
    Entry("lessons.nb03_check_the_machinery.milestones", machinery.milestones,
          lambda: {"data": few_blobs(), "settings": quick(), "seeds": 1, "every": 1, "look": 10},
          heavy=True),
    Entry("lessons.nb03_check_the_machinery.pitfalls", machinery.pitfalls, lambda: {"data": few_blobs()},
          heavy=True),
    Entry("lessons.nb03_check_the_machinery.small_net", machinery.small_net,
          lambda: {"data": few_blobs(), "act": nn.ReLU(), "units": 4, "seed": 0}),
    Entry("lessons.nb03_check_the_machinery.ways_to_read", machinery.ways_to_read,
          lambda: {"data": few_blobs(), "n": 4}, heavy=True),
    Entry("lessons.nb04_signals_inside.draw_activation", signals.draw_activation,
          lambda: {"name": "sigmoid", "scale": 1.0, "shift": 0.0}, words=("activation", )),
    Entry("lessons.nb04_signals_inside.draw_by_layer", signals.draw_by_layer,
          lambda: {"signals": {"a": ([1.0, 0.5], [0.1, 1.0])}, "title": "Two layers"}),
    Entry("lessons.nb04_signals_inside.draw_by_rate", signals.draw_by_rate,
          lambda: {"values": {"a": {0.1: [1.0, 2.0], 1.0: [3.0, 4.0]}}, "ylabel": "loss",
                   "title": "A rate", "log": False}),
    Entry("lessons.common.line_pictures.draw_lines", draw_lines,
          lambda: {"lines": {"a": ([1.0, 2.0], [3.0, 4.0])}, "xlabel": "step", "ylabel": "loss",
                   "title": "A line", "log": "y"}, words=("log",)),
    Entry("lessons.nb04_signals_inside.draw_filters", signals.draw_filters,
          lambda: {"rows": {"a": torch.randn(3, 1, 4, 4)}, "title": "Filters", "count": 2},
          amounts=("count",)),
    Entry("lessons.nb04_signals_inside.draw_gallery", signals.draw_gallery,
          lambda: {"losses": {"A": [2.0, 1.0, 0.5]}, "title": "A run"}),
    Entry("lessons.nb04_signals_inside.draw_recurrent", signals.draw_recurrent,
          lambda: {"radius": 1.0, "steps": 3, "kind": "tanh", "clip": 1.0}, words=("unroll", ),
          amounts=("steps", )),
    Entry(
        "lessons.nb04_signals_inside.draw_signals", signals.draw_signals, lambda: {
            "data": few_blobs(), "depth": 2, "scheme": "Xavier", "activation": "tanh", "width": 8,
            "seeds": 1
        }, amounts=("depth", "width", "seeds")),
    Entry("lessons.nb04_signals_inside.facts", signals.facts,
          lambda: {"name": "sigmoid", "scale": 1.0, "shift": 0.0, "n": 100},
          words=("activation", )),
    Entry(
        "lessons.nb04_signals_inside.propagate", signals.propagate, lambda:
        {"x": rows(), "depth": 2, "scheme": "He", "activation": "relu", "width": 8, "seeds": 1},
        amounts=("depth", "width", "seeds")),
    Entry("lessons.nb04_signals_inside.unroll", signals.unroll,
          lambda: {"radius": 1.0, "steps": 3, "kind": "tanh", "seeds": 1},
          amounts=("steps", "seeds")),
    Entry("lessons.nb08_regularise_the_model.draw_by_knob", regularise.draw_by_knob,
          lambda: {"values": {"a": {0: [1.0, 2.0], 0.5: [3.0, 4.0]}}, "knob": "decay",
                   "ylabel": "right (%)", "title": "A knob"}),
    Entry("lessons.nb08_regularise_the_model.draw_fits", regularise.draw_fits,
          lambda: {"curves": {"a": {"train_loss": [2.0, 1.0], "val_loss": ([0, 1], [2.0, 1.5])}},
                   "title": "A run", "marks": {"a": 1}}),
    Entry("lessons.nb08_regularise_the_model.draw_regimes", regularise.draw_regimes,
          lambda: {"studies": {"few": recorded("regularise_few")}, "title": "Gains"}),
]
