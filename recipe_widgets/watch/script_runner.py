"""Runs a script or a module as Python itself would, and watches it."""

from __future__ import annotations

import importlib.util
import os
import runpy
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from recipe_widgets.core import RecipeError
from recipe_widgets.core.findings import severity_named
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.reporting.outputs import ReportOutputs
from recipe_widgets.watch.peer_processes import peer_processes
from recipe_widgets.watch.session import WatchSession

FOUND = 3  # exit status when something at or above `fail_on` was found
_INTERRUPTED = 130  # 128 + SIGINT, as a shell has it


@validated
def run_script(target: str | Path, arguments: Sequence[str],
               steps: Annotated[int | None, whole(1)] = None, *, module: bool = False,
               select: Sequence[str] = (), ignore: Sequence[str] = (),
               json: Path | None = None, html: Path | None = None,
               fail_on: str | None = None, outputs: ReportOutputs | None = None,
               imported_since: float | None = None) -> int:
    """Runs `target` with `arguments`, prints the report and gives the exit status.

    The target's own status passes through; when that is 0 and something at or above `fail_on`
    ("error", "warning" or "note") was found, it is 3. Of several processes that torchrun has
    started, the first one reports for all.

    Args:
        target: path of a script; with `module` the dotted name of a module, as of `python -m`.
        steps: stop watching after so many optimiser steps.
        select: names of the only rules to judge by; none: all. ignore: rules to leave out.
        json, html: files that the report is written to. outputs: all that is to be written, in
            place of these two.
        imported_since: time.perf_counter() before this module was imported: a part of the cost.

    Raises:
        RecipeError: there is no such script, rule or severity.
    """
    if module and not _is_module(str(target)):
        raise RecipeError("module", found=str(target), expected="the name of a Python module",
                          mend="It is looked for from the current directory on.")
    if not module and not Path(target).is_file():
        raise RecipeError("script", found=str(target), expected="a Python file")
    worst = severity_named(fail_on) if fail_on else None
    outputs = outputs or ReportOutputs(json, html)
    session = WatchSession(str(target), steps, own_process=True, select=select, ignore=ignore)
    session.begin(imported_since)
    status, finished = execute(target, arguments, module)
    report = session.end(finished)
    sys.stdout.flush()
    peers = peer_processes()
    if peers is not None:
        peers.merge(report)
        if not peers.is_first:
            return status
    outputs.silence(report)  # all processes' findings: a baseline written now knows them all
    report.show()
    outputs.write(report, sys.stderr)
    return status or (FOUND if worst and report.at_least(worst) else 0)


def _is_module(name: str) -> bool:
    """Is there such a module, or package at its top? Nothing is imported: that is to be watched."""
    sys.path.insert(0, os.getcwd())
    try:
        return importlib.util.find_spec(name.partition(".")[0]) is not None
    except (ImportError, ValueError):  # an empty name, or one that is half imported
        return False
    finally:
        sys.path.pop(0)


def execute(target: str | Path, arguments: Sequence[str], module: bool = False) -> tuple[int, bool]:
    """Exit status of a script or module, and whether it came to its own end."""
    argv, path = sys.argv, list(sys.path)
    # What Python puts first on the path: the script's folder; of a module, the current one.
    first = os.getcwd() if module else str(Path(target).resolve().parent)
    sys.argv, sys.path[0] = [str(target), *arguments], first
    try:
        if module:
            runpy.run_module(str(target), run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(str(target), run_name="__main__")
        return 0, True
    except SystemExit as stop:
        return _status_of(stop), True
    except KeyboardInterrupt:
        print("\nKeyboardInterrupt", file=sys.stderr)
        return _INTERRUPTED, False
    except BaseException as error:
        _print_traceback(error)
        return 1, False
    finally:
        sys.argv, sys.path[:] = argv, path


def _status_of(stop: SystemExit) -> int:
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code
    print(stop.code, file=sys.stderr)  # as Python does with sys.exit("a text")
    return 1


def _print_traceback(error: BaseException) -> None:
    """As Python shows it, without the frames of this package and of runpy."""
    trace = error.__traceback__
    while trace is not None and ("runpy" in trace.tb_frame.f_code.co_filename
                                 or trace.tb_frame.f_code.co_filename == __file__):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)
