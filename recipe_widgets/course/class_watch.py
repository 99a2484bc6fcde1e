"""A class's training scripts under `recipe watch`, one after the other, in one table."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm.auto import tqdm

from recipe_widgets.core import RecipeError

_LONGEST = 60  # characters of what a script printed last


@dataclass(frozen=True)
class ScriptRow:
    """One script.

    Attributes:
        script: its path. ended: "done", "stopped with an error" or "out of time".
        last: the last line that it printed. steps: optimiser steps seen.
        found: (severity, rule, place) of errors and warnings, the worst first.
    """

    script: Path
    ended: str
    last: str = ""
    steps: int = 0
    found: list[tuple[str, str, str]] = field(default_factory=list)


def watch_scripts(scripts: Sequence[Path], seconds: float, found_status: int) -> list[ScriptRow]:
    """Run each script in its own folder and process, watched.

    found_status: exit status of `recipe watch` where something is found.

    Raises:
        RecipeError: a script is no file.
    """
    for script in scripts:
        if not script.is_file():
            raise RecipeError("Script", found=str(script), expected="a file that can be read")
    return [_watched(script, seconds, found_status) for script in tqdm(scripts, unit="script", disable=None)]


def _watched(script: Path, seconds: float, found_status: int) -> ScriptRow:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        call = [sys.executable, "-m", "recipe_widgets", "watch", "--json", str(report), script.name]
        try:
            done = subprocess.run(call, cwd=script.resolve().parent, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, errors="replace",
                                  timeout=seconds)
        except subprocess.TimeoutExpired:
            return ScriptRow(script, "out of time")
        # findings, too, where the script's own project asks for that status
        ended = "done" if done.returncode in (0, found_status) else "stopped with an error"
        printed = done.stdout.strip().splitlines()
        if not report.exists():
            return ScriptRow(script, "stopped with an error", (done.stderr.splitlines() or [""])[-1])
        said = json.loads(report.read_text(encoding="utf-8"))
        found = [(one["severity"], one["check"], one["where"]) for one in said["findings"]
                 if one["severity"] in ("error", "warning")]
        return ScriptRow(script, ended, printed[-1] if printed else "", said["steps"], found)


def table(rows: Iterable[ScriptRow]) -> str:
    """One line a script, and one below it for each finding."""
    lines = []
    for row in rows:
        last = row.last if len(row.last) <= _LONGEST else row.last[:_LONGEST] + " ..."
        lines.append(f"{row.script}: {row.ended}, {row.steps} steps, "
                     f"{len(row.found) or 'nothing'} found. Last line: {last}")
        lines += [f"    {severity} {rule}" + (f" ({where})" if where else "")
                  for severity, rule, where in row.found]
    return "\n".join(lines)
