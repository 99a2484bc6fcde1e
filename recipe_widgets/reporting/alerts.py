"""A report told to the program that tracks a project's runs: a text with the findings, and their
numbers as metrics. None of these programs is loaded before it is asked for.

    report.log_to("tensorboard:runs/today")
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from recipe_widgets.core.errors import RecipeError, describe_error
from recipe_widgets.core.findings import SEVERITIES, Severity
from recipe_widgets.core.report import Report

_PROJECT = "recipe"  # where no run is going on, and the target names no project


def send_alert(report: Report, target: str) -> None:
    """Tell it to "tensorboard:FOLDER", "wandb", "wandb:PROJECT", "mlflow", "mlflow:ADDRESS",
    "trackio" or "trackio:PROJECT".

    W&B, MLflow and Trackio: to the run that is going on, where there is one, and else to a new one.

    Raises:
        RecipeError: there is no such program, or it is not installed.
    """
    alert_sender(target)(report)


def alert_sender(target: str) -> Callable[[Report], None]:
    """The same in two steps, so that a mistake is told before a long run and not behind it. Raises:
    RecipeError: as `send_alert`.
    """
    program, _, place = target.partition(":")
    if program not in _SENDERS:
        raise RecipeError("Alert", found=repr(target), expected="one of " + ", ".join(_SENDERS),
                          mend="With a place: tensorboard:FOLDER, wandb:PROJECT.")
    if program == "tensorboard" and not place:
        raise RecipeError("Alert", found=repr(target), expected="tensorboard:FOLDER")
    module, send = _SENDERS[program]
    try:
        library = importlib.import_module(module)
    except ImportError as error:
        raise RecipeError(f"Alert to {program}", found=f"no {error.name}",
                          expected="that it is installed",
                          mend=f"pip install {program}") from None

    def tell(report: Report) -> None:
        try:
            send(library, report, place)
        except Exception as error:  # of the program's own: no server, a full disk
            raise RecipeError(f"Alert to {program}", found=describe_error(error),
                              expected="that it takes the report") from error

    return tell


def _text(report: Report) -> str:
    return f"```\n{report.to_text()}\n```"


def _numbers(report: Report) -> dict[str, float]:
    """How many of each severity."""
    return {f"recipe/{severity}s": float(len(report.of(severity))) for severity in SEVERITIES}


# how W&B and Trackio call them, the worst first
_LEVELS: dict[Severity, str] = {"error": "ERROR", "warning": "WARN", "note": "INFO"}


def _level(report: Report) -> str:
    """Of the worst finding; empty where there is none, and nothing to be alarmed about."""
    return next((level for severity, level in _LEVELS.items() if report.of(severity)), "")


def _to_tensorboard(library: Any, report: Report, place: str) -> None:
    with library.SummaryWriter(place) as writer:
        writer.add_text("recipe/findings", _text(report), report.steps)
        for name, number in _numbers(report).items():
            writer.add_scalar(name, number, report.steps)


def _to_wandb(library: Any, report: Report, place: str) -> None:
    going_on = library.run
    run = going_on or library.init(project=place or _PROJECT)
    try:
        run.summary.update(_numbers(report))
        if level := _level(report):
            run.alert(f"recipe: {report.summary}", _text(report), level)
    finally:
        if going_on is None:
            run.finish()


def _to_mlflow(library: Any, report: Report, place: str) -> None:
    if place:
        library.set_tracking_uri(place)
    going_on = library.active_run()
    try:
        library.log_metrics(_numbers(report), step=report.steps)  # begins a run where there is none
        library.log_text(report.to_text(), "recipe.txt")
        library.log_dict(report.as_dict(), "recipe.json")
    finally:
        if going_on is None:
            library.end_run()


def _to_trackio(library: Any, report: Report, place: str) -> None:
    going_on = library.context_vars.current_run.get()
    if going_on is None:
        library.init(place or _PROJECT)
    try:
        library.log(_numbers(report))
        if level := _level(report):
            library.alert(f"recipe: {report.summary}", _text(report), library.AlertLevel[level])
    finally:
        if going_on is None:
            library.finish()


# program -> the module that it is loaded by, and how a report is told to it
_SENDERS: dict[str, tuple[str, Callable[[Any, Report, str], None]]] = {
    "tensorboard": ("torch.utils.tensorboard", _to_tensorboard),
    "wandb": ("wandb", _to_wandb),
    "mlflow": ("mlflow", _to_mlflow),
    "trackio": ("trackio", _to_trackio),
}
