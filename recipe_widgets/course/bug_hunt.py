"""Find the bug: whole programs with one wrong line, which a learner names and mends. A mend is judged
by running it.
"""

from __future__ import annotations

import ast
import difflib
import functools
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe_widgets.core import RecipeError
from recipe_widgets.course.progress_store import progress

# From the planted bugs of the tests, whose README lists all: the plainest first.
LEVELS: dict[int, tuple[str, ...]] = {
    1: ("16_no_step", "13_no_zero_grad", "01_softmax_module", "51_images_shuffled_alone"),
    2: ("14_cleared_before_step", "20_detached_features", "37_view_mixes_samples",
        "47_mean_of_batch_means"),
    3: ("41_never_back_to_train", "17_head_replaced", "46_best_is_alias",
        "45_validation_leaves_gradients"),
}
PROGRAMS = tuple(name for names in LEVELS.values() for name in names)
SECONDS = 90.0  # longest that a program may run; it takes some seconds by itself
_METADATA = {"BUG", "LINE", "CAUSE", "CHECKS", "VISIBLE", "EXPECT"}
_NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]?\d+)?")
_LENIENT = 0.03  # as large a part of a metric may differ: another right way draws other numbers


@dataclass(frozen=True)
class ProgramRun:
    """printed: what a program printed. error: its last line on stderr where it failed."""

    printed: str
    error: str = ""

    @property
    def result(self) -> float | None:
        """The last number of its last line: its accuracy, or how well it fits."""
        lines = self.printed.strip().splitlines()
        found = _NUMBER.findall(lines[-1]) if lines else []
        return float(found[-1]) if found else None


class BugHunt:
    """One program with one bug.

    Attributes:
        name: such as "13_no_zero_grad"; number: from 1, in the order of the levels.
        text: the program as the learner sees it.
    """

    def __init__(self, number: int) -> None:
        if not isinstance(number, int) or not 1 <= number <= len(PROGRAMS):
            raise RecipeError("BugHunt", found=repr(number), expected=f"1 to {len(PROGRAMS)}")
        self.number, self.name = number, PROGRAMS[number - 1]
        whole = (_folder() / "buggy" / f"b{self.name}.py").read_text(encoding="utf-8")
        self.text = _without_answers(whole)
        self._twin = _without_answers(
            (_folder() / "twins" / f"t{self.name}.py").read_text(encoding="utf-8"))
        facts = _constants(whole)
        self._cause, self._checks = str(facts["CAUSE"]), frozenset(facts["CHECKS"])

    @property
    def level(self) -> int:
        return next(level for level, names in LEVELS.items() if self.name in names)

    @property
    def mended_text(self) -> str:
        """The program without its bug."""
        return self._twin

    def wrong_lines(self) -> set[int]:
        """Lines, from 1, that differ from the mended program; of a missing line its neighbours."""
        # blank lines are no part of the program
        mine = [(at, line) for at, line in enumerate(self.text.splitlines(), 1) if line.strip()]
        right = [line for line in self._twin.splitlines() if line.strip()]
        matcher = difflib.SequenceMatcher(None, [line for _, line in mine], right)
        found: set[int] = set()
        for kind, first, last, start, end in matcher.get_opcodes():
            if kind == "insert" and all(line.startswith("import ") for line in right[start:end]):
                continue  # what the mended line needs
            if kind == "insert":  # the line is missing between these two
                found |= {at for at, _ in mine[max(0, first - 1) : first + 1]}
            elif kind != "equal":
                found |= {at for at, _ in mine[first:last]}
        return found

    def name_line(self, line: int) -> str:
        """Whether this is the line, or beside the missing one; says no more than that."""
        if line in self.wrong_lines():
            return f"Yes: line {line}, or what is missing beside it. Now mend it."
        return f"No, line {line} is sound. What do the checks say?"

    def run(self, text: str | None = None) -> ProgramRun:
        """Run the program, or a changed one, in a process of its own."""
        return _run(self.text if text is None else text)

    def watch(self, text: str | None = None) -> list[str]:
        """What `recipe watch` finds: rule, message and line."""
        return [f"{one['check']}: {one['message']}" + _line_of(one["where"])
                for one in _watched(self.text if text is None else text)
                if one["severity"] in ("error", "warning")]

    def mend(self, text: str) -> str:
        """Judge a changed program: it must run, and do what the mended program does."""
        verdict, right = self.judged(text)
        if right:
            state = progress()
            state.bugs[self.name] = "mended"
            state.save()
        return verdict

    def judged(self, text: str) -> tuple[str, bool]:
        """What is said of a changed program, and whether it is right; no progress is kept."""
        if not isinstance(text, str) or not text.strip():
            return "Hand in the whole program, as a text.", False
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError) as error:
            line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
            return f"This is no Python{line}: {getattr(error, 'msg', error)}.", False
        if ast.dump(tree) == ast.dump(ast.parse(self.text)):
            return "Nothing is changed yet.", False
        why = f"The bug was: {self._cause}."
        if ast.dump(tree) == ast.dump(ast.parse(self._twin)):
            return f"Mended. {why}", True
        mine = self.run(text)
        if mine.error:
            return f"Your program stops: {mine.error}", False
        broken, sound = _expected(self.name, self.text), _expected(self.name, self._twin)
        if mine.printed == sound.printed:
            return f"Mended: it prints what the sound program prints. {why}", True
        if mine.printed == broken.printed:
            return "It prints the same numbers as before: the bug is still there.", False
        return self._by_evidence(text, mine, broken, sound, why)

    def _by_evidence(self, text: str, mine: ProgramRun, broken: ProgramRun, sound: ProgramRun,
                     why: str) -> tuple[str, bool]:
        """A program that prints numbers of its own: the rules and its result decide."""
        before = {one["check"] for one in _watched(self.text) if one["severity"] != "note"}
        for one in _watched(text):
            if one["severity"] != "note" and one["check"] in before | self._checks:
                return (f"Not yet. `recipe watch` says {one['check']}: {one['message']}"
                        f"{_line_of(one['where'])}."), False
        results = [one.result for one in (mine, broken, sound)]
        if None in results or mine.result is None or sound.result is None or broken.result is None:
            return "Keep the last line that the program prints: it is what is compared.", False
        near = abs(mine.result - sound.result) <= _LENIENT * max(1.0, abs(sound.result))
        nearer = abs(mine.result - sound.result) < abs(mine.result - broken.result)
        if near and nearer:
            return f"Mended, in a way of your own: it ends at {mine.result:g}. {why}", True
        return (f"Not yet: it ends at {mine.result:g}; the program with the bug at {broken.result:g}, "
                f"a sound one at {sound.result:g}."), False


def _folder() -> Path:
    """The planted programs: inside the installed package, or in the tests of a checkout."""
    package = Path(__file__).resolve().parents[1]
    for place in (package / "_planted", package.parent / "tests" / "planted_bugs"):
        if (place / "buggy").is_dir():
            return place
    raise RecipeError("Programs with bugs", found="no folder of them", expected=str(package),
                      mend="Reinstall recipe_widgets.")


def _without_answers(text: str) -> str:
    """The program without the lines about its bug, and without `build()`, which is for checks."""
    lines, drop = text.splitlines(), set()
    for node in ast.parse(text).body:
        named = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in _METADATA
        if named or (isinstance(node, ast.FunctionDef) and node.name == "build"):
            drop |= set(range(node.lineno - 1, node.end_lineno or node.lineno))
    kept = "\n".join(line for at, line in enumerate(lines) if at not in drop)
    return re.sub(r"\n{4,}", "\n\n\n", kept).strip() + "\n"


def _constants(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in _METADATA:
            found[node.targets[0].id] = ast.literal_eval(node.value)  # type: ignore[attr-defined]
    return found


@functools.cache
def _expected(name: str, text: str) -> ProgramRun:
    """What one of our own programs prints on this machine, once a session."""
    done = _run(text)
    assert not done.error, (name, done.error)
    return done


def _run(text: str, *before: str) -> ProgramRun:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "program.py"
        script.write_text(text, encoding="utf-8")
        try:
            done = subprocess.run([sys.executable, *before, str(script)], cwd=folder, text=True,
                                  capture_output=True, timeout=SECONDS, env=_environment())
        except subprocess.TimeoutExpired:
            return ProgramRun("", f"it did not end within {SECONDS:g} seconds")
    if done.returncode == 0:
        return ProgramRun(done.stdout)
    where = re.findall(r'program\.py", line (\d+)', done.stderr)
    last = (done.stderr.strip().splitlines() or ["without a word"])[-1][:300]
    return ProgramRun(done.stdout, last + (f" (line {where[-1]})" if where else ""))


@functools.lru_cache(maxsize=32)
def _watched(text: str) -> tuple[dict[str, str], ...]:
    """Findings of `recipe watch` on a program; none where it does not run."""
    with tempfile.TemporaryDirectory() as folder:
        script, report = Path(folder) / "program.py", Path(folder) / "report.json"
        script.write_text(text, encoding="utf-8")
        call = [sys.executable, "-m", "recipe_widgets", "watch", "--json", str(report), str(script)]
        try:
            subprocess.run(call, cwd=folder, capture_output=True, timeout=2 * SECONDS,
                           env=_environment())
            return tuple(json.loads(report.read_text(encoding="utf-8"))["findings"])
        except (subprocess.TimeoutExpired, OSError, ValueError, KeyError):
            return ()


def _environment() -> dict[str, str]:
    """One thread, so that the numbers repeat; this package is found from any folder."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}


def _line_of(where: str) -> str:
    line = where.rpartition(":")[2]
    return f" (line {line})" if line.isdecimal() else ""
