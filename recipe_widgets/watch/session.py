"""Runs a script as Python itself would, and listens."""

from __future__ import annotations

import contextlib
import os
import runpy
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from recipe_widgets.core import RecipeError, Report
from recipe_widgets.core.validation import one_of, validated, whole
from recipe_widgets.watch.instrument.call_patches import Patches
from recipe_widgets.watch.judging import Verdict
from recipe_widgets.watch.recorder import Recorder


class WatchSession:
    """Listens from `begin()` to `end()`; then `report` is filled."""

    def __init__(self, script: str = "", steps: int | None = None,
                 own_process: bool = False) -> None:
        self.report = Report(command="watch", script=script)
        self.recorder = Recorder(steps)
        self.patches, self.own_process = Patches(self.recorder), own_process
        self.began = time.perf_counter()

    def begin(self) -> Report:
        self.patches.install()
        return self.report

    def end(self, finished: bool = True) -> Report:
        """Takes the ears off and judges; never raises."""
        r, report = self.recorder, self.report
        report.seconds = time.perf_counter() - self.began
        try:
            r.guard(r.close)
            r.active = False
            r.looker.close()
            self.patches.remove()
            report.findings = Verdict(r, finished, self.own_process).all()
            report.sort()
        except Exception as error:
            r.problem = r.problem or f"{type(error).__name__}: {error}"
        report.steps, report.problem = r.t, r.problem
        report.overhead = r.own / max(1e-9, report.seconds - r.own)
        r.forget()
        return report


@validated
@contextlib.contextmanager
def watch(steps: Annotated[int | None, whole(1)] = None, show: bool = False) -> Iterator[Report]:
    """Watches the training inside a `with` block; the report is filled when the block ends.

    Args:
        steps: stop watching after so many optimiser steps. show: print the report at the end.

    Numbers, random generators and modes of the code inside stay as they are.
    """
    watching = WatchSession("", steps)
    report, finished = watching.begin(), False
    try:
        yield report
        finished = True
    finally:
        watching.end(finished)
        if show:
            report.show(sys.stdout)


@validated
def run_script(script: Path, arguments: Sequence[str],
               steps: Annotated[int | None, whole(1)] = None, *, json: Path | None = None,
               html: Path | None = None,
               fail_on: Annotated[str | None, one_of("error", "warning")] = None) -> int:
    """Runs `script` with `arguments`, prints the report and gives the exit status.

    The script's own status passes through; when that is 0 and `fail_on` ("error", "warning") is
    met, it is 3.

    Raises:
        RecipeError: there is no such script.
    """
    if not script.is_file():
        raise RecipeError("script", found=str(script), expected="a Python file")
    json, html = (Path(os.path.abspath(p)) if p else None for p in (json, html))
    watching = WatchSession(str(script), steps, own_process=True)
    watching.begin()
    status, finished = _execute(script, arguments)
    report = watching.end(finished)
    sys.stdout.flush()
    report.show()
    if json:
        report.save(json, "json")
    if html:
        report.save(html, "html")
    return status or (3 if fail_on and report.at_least(fail_on) else 0)


def _execute(script: Path, arguments: Sequence[str]) -> tuple[int, bool]:
    """The script's exit status, and whether it came to its own end."""
    argv, path = sys.argv, list(sys.path)
    sys.argv, sys.path[0] = [str(script), *arguments], str(script.resolve().parent)
    try:
        runpy.run_path(str(script), run_name="__main__")
        return 0, True
    except SystemExit as stop:
        return _status(stop), True
    except KeyboardInterrupt:
        print("\nKeyboardInterrupt", file=sys.stderr)
        return 130, False
    except BaseException as error:
        _complain(error)
        return 1, False
    finally:
        sys.argv, sys.path[:] = argv, path


def _status(stop: SystemExit) -> int:
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code
    print(stop.code, file=sys.stderr)
    return 1


def _complain(error: BaseException) -> None:
    """The traceback as Python shows it, without the frames of this package and of runpy."""
    trace = error.__traceback__
    while trace is not None and ("runpy" in trace.tb_frame.f_code.co_filename
                                 or trace.tb_frame.f_code.co_filename == __file__):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)
