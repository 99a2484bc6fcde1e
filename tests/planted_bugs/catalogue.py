"""Finds and loads the scripts of the suite.

`programs("buggy")`, `programs("twins")`, `programs("healthy")` read the metadata without running
anything; `program.load()` imports a script, and `program.build()` gives what a practitioner would
hand to checks.

`python tests/planted_bugs/catalogue.py` prints the table of the README; with `--run` it runs the
scripts, too.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parent
KINDS = ("buggy", "twins", "healthy")


@dataclass(frozen=True)
class Program:
    """One script. `bug` is the number in a buggy script's name, or the one its twin mends; None
    for healthy ones.
    """

    path: Path
    kind: str
    name: str  # without the leading b13_ or t13_
    bug: int | None = None
    line: str = ""  # text of the wrong source line
    cause: str = ""
    checks: tuple[str, ...] = ()  # the checks that ought to find it
    # can a check with model, loss, data and the other pieces of build() see it at all?
    visible: bool = False
    expect: str = "finding"  # "note" where the bug is a harmless habit
    trap: str = ""  # healthy ones: what tempts a tool into a false accusation

    @property
    def partner(self) -> Path | None:
        """The twin of a buggy script, and the other way round."""
        if self.bug is None:
            return None
        folder, letter = ("twins", "t") if self.kind == "buggy" else ("buggy", "b")
        return ROOT / folder / f"{letter}{self.path.name[1:]}"

    @cached_property
    def source(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def load(self) -> ModuleType:
        """A fresh import of the script; main() has not run. The module stays in sys.modules for
        worker processes.
        """
        name = f"planted_{self.kind}_{self.path.stem}"
        spec = importlib.util.spec_from_file_location(name, self.path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    def build(self) -> dict:
        """The script's build(): model, factory, loss_fn, batches and more. It seeds the global
        generator of torch.
        """
        return self.load().build()


def programs(kind: str) -> list[Program]:
    """All scripts of a kind ("buggy", "twins", "healthy"), by name."""
    if kind not in KINDS:
        raise ValueError(f"kind is one of {KINDS}, not {kind!r}")
    return [_read(path, kind) for path in sorted((ROOT / kind).glob("*.py"))]


def constants(source: str) -> dict:
    """The upper-case literals of a module, without running it."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0],
                                                       ast.Name) and node.targets[0].id.isupper():
            with contextlib.suppress(ValueError):
                found[node.targets[0].id] = ast.literal_eval(node.value)
    return found


def _read(path: Path, kind: str) -> Program:
    facts = constants(path.read_text(encoding="utf-8"))
    if kind == "healthy":
        return Program(path, kind, path.stem, trap=facts.get("TRAP", ""))
    number, name = int(path.stem[1:3]), path.stem[4:]
    if kind == "twins":
        return Program(path, kind, name, number)
    return Program(
        path,
        kind,
        name,
        facts["BUG"],
        facts["LINE"],
        facts["CAUSE"],
        facts["CHECKS"],
        facts["VISIBLE"],
        facts.get("EXPECT", "finding"),
    )


def last_line(path: Path, kind: str) -> str:
    """Runs main() in this process and gives the last line it prints."""
    module, argv, out = _read(path, kind).load(), sys.argv, io.StringIO()
    sys.argv = [str(path)]
    try:
        with contextlib.redirect_stdout(out):
            module.main()
    finally:
        sys.argv = argv
    return out.getvalue().strip().splitlines()[-1]


def table(run: bool = False) -> str:
    """The README's table: one row per buggy script."""
    head = ["bug", "script", "cause", "checks", "seen by a check"
            ] + (["buggy", "mended"] if run else [])
    rows = [head, ["---"] * len(head)]
    for p in programs("buggy"):
        seen = "no" if not p.visible else ("note" if p.expect == "note" else "yes")
        row = [str(p.bug), f"`{p.path.stem}`", p.cause, ", ".join(p.checks), seen]
        if run:
            row += [last_line(p.path, "buggy"), last_line(p.partner, "twins")]
        rows.append(row)
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    print(table(run="--run" in sys.argv[1:]))
