"""Which check finds which planted bug, and which healthy program is accused.

`python -m tests.planted_bugs.matrix` runs all checks on all programs and prints Markdown (`--write`
puts it into MATRIX.md, too); names as arguments select programs. A bug is found when
a check that is responsible for it fails or warns (where the right answer is a note: notes).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from recipe_widgets import RecipeError, checks
from recipe_widgets.core import rng_guard

from .catalogue import Program, programs

HERE = Path(__file__).parent


@dataclass
class Row:
    """What the checks said about one program: check -> (status, message)."""

    program: Program
    said: dict[str, tuple[str, str]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def found(self) -> list[str]:
        """Responsible checks that speak up."""
        loud = ("fail", "warn", "note") if self.program.expect == "note" else ("fail", "warn")
        return [name for name in self.program.checks if self.said.get(name, ("", ""))[0] in loud]

    def having(self, status: str) -> list[str]:
        return [name for name, (said, _) in self.said.items() if said == status]


def run(program: Program) -> Row:
    """All checks on one program."""
    row, start = Row(program), time.monotonic()
    with rng_guard():
        parts = program.build()
        raw = parts.pop("raw", None)
        if raw is not None:
            parts["data"] = {
                "train": (raw["train_x"], raw["train_y"]), "validation":
                (raw["val_x"], raw["val_y"])
            }
        try:
            report = checks.run_all(parts.pop("model"), parts.pop("batches"), parts.pop("loss_fn"),
                                    progress=False, seconds=None, **parts)
            row.said = {r.name: (r.status, r.message) for r in report}
        except RecipeError as error:
            row.said = {"subject": ("fail", str(error))}
    row.seconds = time.monotonic() - start
    return row


def table(rows: Sequence[Row]) -> str:
    """One line per program."""
    lines = [
        "| program | responsible | found by | others that warn or fail | s |",
        "| --- | --- | --- | --- | --- |"
    ]
    for row in rows:
        others = [f"{name} ({said[0]})" for name, said in row.said.items()
                  if said[0] in ("fail", "warn") and name not in row.found]
        asked = ", ".join(row.program.checks) if row.program.visible else "(not visible)"
        lines.append(
            f"| `{row.program.path.stem}` | {asked} | {', '.join(row.found)} | {', '.join(others)} "
            f"| {row.seconds:.0f} |")
    return "\n".join(lines)


def figures(buggy: Sequence[Row], healthy: Sequence[Row]) -> str:
    """The shares that are asked for."""
    lines = []
    seen = [row for row in buggy if row.program.visible]
    if seen:
        hits = [row for row in seen if row.found]
        lines.append(
            f"Found: {len(hits)} of {len(seen)} visible bugs ({len(hits) / len(seen):.0%}).")
    if healthy:
        fails, warns = ([row
                         for row in healthy
                         if row.having(status)]
                        for status in ("fail", "warn"))
        lines.append(
            f"Healthy: {len(fails)} of {len(healthy)} with a fail, {len(warns)} with a warning "
            f"({len(warns) / len(healthy):.0%}).")
        loud = Counter(name for row in healthy for s in ("fail", "warn") for name in row.having(s))
        lines.append("Loudest on healthy ones: " +
                     ", ".join(f"{name} {n}" for name, n in loud.most_common()))
    return "\n".join(lines)


def by_number(buggy: Sequence[Row]) -> str:
    """One line per number: what is wrong, and which checks found it."""
    lines = ["| bug | what is wrong | found by |", "| --- | --- | --- |"]
    for number in sorted({row.program.bug or 0 for row in buggy}):
        rows = [row for row in buggy if row.program.bug == number]
        found = sorted({name for row in rows for name in row.found})
        causes = "; ".join(dict.fromkeys(row.program.cause for row in rows))
        unseen = "" if any(row.program.visible
                           for row in rows) else "only `recipe watch` can see it"
        lines.append(
            f"| {number} | {causes} | {', '.join(f'`{name}`' for name in found) or unseen or '**missed**'} |"
        )
    return "\n".join(lines)


def write(done: dict[str, list[Row]]) -> None:
    """MATRIX.md with every number and every program."""
    healthy = done.get("healthy", []) + done.get("twins", [])
    said = figures(done.get("buggy", []), healthy).replace("\n", "  \n")
    parts = [f"## by number\n\n{by_number(done.get('buggy', []))}\n"]
    parts += [f"## {kind}\n\n{table(rows)}\n" for kind, rows in done.items()]
    (HERE / "MATRIX.md").write_text(
        "# Which check finds which planted bug\n\nMade by `make bug-matrix`.\n\n" + said + "\n\n" +
        "\n".join(parts), encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help="parts of names of programs; none: all")
    parser.add_argument("--kinds", default="buggy,healthy,twins")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args(argv)
    if args.write and (args.names or args.kinds != parser.get_default("kinds")):
        parser.error("--write tells of all programs; leave out the names and kinds, or --write")
    torch.set_num_threads(1)
    done: dict[str, list[Row]] = {}
    for kind in args.kinds.split(","):
        chosen = [
            p for p in programs(kind) if not args.names or any(n in p.path.stem for n in args.names)
        ]
        done[kind] = []
        for program in chosen:
            done[kind].append(run(program))
            if args.verbose:
                _tell(done[kind][-1])
        print(f"\n{kind}\n\n{table(done[kind])}\n")
    print(figures(done.get("buggy", []), done.get("healthy", []) + done.get("twins", [])))
    if args.write:
        write(done)


def _tell(row: Row) -> None:
    print(
        f"--- {row.program.path.stem} {row.seconds:.1f} s; responsible {row.program.checks}; found {row.found}",
        file=sys.stderr)
    for name, (status, message) in row.said.items():
        if status in ("fail", "warn") or (status == "skip"
                                          and "could not" in message) or name in row.program.checks:
            print(f"    {status} {name}: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
