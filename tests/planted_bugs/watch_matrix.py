"""Which planted bug `recipe watch` finds, and which healthy script it accuses.

`python -m tests.planted_bugs.watch_matrix` runs every script of the suite, unchanged, and prints
Markdown; names as arguments select scripts. Each runs in a process of its own, forked from this
one, so that torch is imported once. `--plain` runs each script without the watcher, too, and
compares what it prints to the last digit.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from recipe_widgets.watch.script_runner import execute
from recipe_widgets.watch.session import WatchSession

from .catalogue import Program, programs

KINDS = ("buggy", "twins", "healthy")


@dataclass
class Row:
    """What the watcher said about one script. same: it printed what it prints alone; None when
    that was not tried.
    """

    program: Program
    findings: list[dict] = field(default_factory=list)
    problem: str = ""
    seconds: float = 0.0
    status: int = 0
    same: bool | None = None

    def having(self, *severities: str) -> list[str]:
        return [f["check"] for f in self.findings if f["severity"] in severities]

    @property
    def found(self) -> bool:
        loud = ("error", "warning", "note") if self.program.expect == "note" else ("error",
                                                                                   "warning")
        return bool(self.having(*loud))


def _child(path: Path, watched: bool, out: Path) -> None:
    """Runs one script and writes what it printed and what was found."""
    torch.set_num_threads(1)
    text, report = io.StringIO(), {}
    with contextlib.redirect_stdout(text):
        if watched:
            watching = WatchSession(str(path), own_process=True)
            watching.begin()
            status, finished = execute(path, [])
            report = watching.end(finished).as_dict()
        else:
            status, _ = execute(path, [])
    out.write_text(json.dumps({"text": text.getvalue(), "status": status, "report": report}),
                   encoding="utf-8")


def forked(path: Path, watched: bool) -> dict:
    """The result of `_child` in a fork."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        child = os.fork()
        if child == 0:
            code = 1
            try:
                _child(path, watched, out)
                code = 0
            finally:
                os._exit(code)
        os.waitpid(child, 0)
        return json.loads(out.read_text(
            encoding="utf-8")) if out.exists() else {"text": "", "status": 1, "report": {}}


def run(program: Program, plain: bool = False) -> Row:
    start = time.monotonic()
    got = forked(program.path, watched=True)
    row = Row(program, got["report"].get("findings", []), got["report"].get("problem", "no report"),
              time.monotonic() - start, got["status"])
    if plain:
        row.same = forked(program.path, watched=False)["text"] == got["text"]
    return row


def table(rows: Sequence[Row]) -> str:
    lines = ["| script | found | said | s |", "| --- | --- | --- | --- |"]
    for row in rows:
        said = "; ".join(f"{f['severity']} {f['check']}" for f in row.findings)
        lines.append(
            f"| `{row.program.path.stem}` | {'yes' if row.found else 'no'} | {said} | {row.seconds:.0f} |"
        )
    return "\n".join(lines)


def figures(buggy: Sequence[Row], healthy: Sequence[Row]) -> str:
    lines = []
    if buggy:
        hits = [r for r in buggy if r.found]
        lines.append(f"Found: {len(hits)} of {len(buggy)} ({len(hits) / len(buggy):.0%}); missed: "
                     + ", ".join(r.program.path.stem for r in buggy if not r.found))
    if healthy:
        errors, warnings = ([r for r in healthy if r.having(s)] for s in ("error", "warning"))
        lines.append(
            f"Healthy: {len(errors)} of {len(healthy)} with an error, {len(warnings)} with a warning "
            f"({len(warnings) / len(healthy):.0%}): " +
            ", ".join(r.program.path.stem for r in healthy if r.having("error", "warning")))
    both = [*buggy, *healthy]
    if any(r.same is not None for r in both):
        lines.append(
            f"Printed otherwise than alone: {[r.program.path.stem for r in both if r.same is False]}"
        )
    lines.append(
        f"Trouble of the watcher: {[(r.program.path.stem, r.problem) for r in both if r.problem]}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help="parts of names of scripts; none: all")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args(argv)
    done: dict[str, list[Row]] = {kind: [] for kind in KINDS}
    for kind in args.kinds.split(","):
        for program in programs(kind):
            if args.names and not any(n in program.path.stem for n in args.names):
                continue
            row = run(program, args.plain)
            done[kind].append(row)
            if args.verbose:
                _tell(row)
        print(f"\n{kind}\n\n{table(done[kind])}\n")
    print(figures(done["buggy"], done["healthy"] + done["twins"]))


def _tell(row: Row) -> None:
    mark = "" if row.program.kind == "buggy" and row.found else "   <-- missed" if row.program.kind == "buggy" else \
        "   <-- accused" if row.having("error", "warning") else ""
    print(
        f"--- {row.program.kind}/{row.program.path.stem} {row.seconds:.1f} s same={row.same} {row.program.cause}{mark} "
        f"{row.problem}", file=sys.stderr)
    for f in row.findings:
        print(f"      {f['severity']} {f['check']} {f['where'].rpartition('/')[2]}: {f['message']}",
              file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
