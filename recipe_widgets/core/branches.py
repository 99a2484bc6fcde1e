"""The runs of one session: which one left which other, at which step. Saved as plain JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from recipe_widgets.core.errors import RecipeError
from recipe_widgets.core.json_files import parse_json
from recipe_widgets.core.run import Run
from recipe_widgets.core.validation import validated

VERSION = 1
MOST = 64 * 2**20  # characters of a saved session
_WHAT = "Session file"


@dataclass
class Branch:
    """One run of a session.

    Attributes:
        parent: number of the run it left after `at_step` steps; None for one that began anew.
        expected: what the reader wrote down before it.
        pinned: kept and shown until it is removed; others go when newer ones come.
    """

    number: int
    run: Run
    parent: int | None = None
    at_step: int = 0
    name: str = ""
    pinned: bool = False
    expected: str = ""

    @property
    def title(self) -> str:
        return self.name or f"run {self.number}"


class BranchTree:
    """The branches of a session, oldest first. Each run carries its whole path: settings, and
    the changes on the way.
    """

    def __init__(self) -> None:
        self.branches: list[Branch] = []
        self._next = 1  # numbers are never given twice, also when a branch is removed

    def __iter__(self) -> Iterator[Branch]:
        return iter(tuple(self.branches))  # a copy: the trainer may add one meanwhile

    def __len__(self) -> int:
        return len(self.branches)

    def __getitem__(self, number: int) -> Branch:
        for branch in self.branches:  # few: no index is worth its upkeep
            if branch.number == number:
                return branch
        raise RecipeError(
            "Run of this session", found=f"number {number!r}",
            expected="one of " + (", ".join(str(b.number) for b in self.branches) or "none yet"))

    @validated
    def of(self, run: Run) -> Branch | None:
        return next((branch for branch in self.branches if branch.run is run), None)

    @validated
    def add(self, run: Run, parent: Run | None = None, at_step: int = 0) -> Branch:
        came_from = self.of(parent) if parent is not None else None
        branch = Branch(self._next, run, came_from.number if came_from else None,
                        at_step if came_from else 0)
        self._next += 1
        self.branches.append(branch)
        return branch

    @validated
    def remove(self, number: int) -> None:
        """Forget a run. Those that left it keep their whole path; they only no longer say whose
        it was.
        """
        gone = self[number]
        self.branches.remove(gone)
        for branch in self.branches:
            if branch.parent == number:
                branch.parent = None

    def take_back(self, number: int) -> None:
        """Forget a run that nobody has looked at; the newest one's number is free again."""
        self.remove(number)
        if number == self._next - 1:
            self._next = number

    @validated
    def to_json(self, data: str = "", sha256: str = "") -> str:
        """Settings, changes and numbers of every run, without weights. data, sha256: what they
        trained on.
        """
        runs = [{
            "number": branch.number, "parent": branch.parent, "at_step": branch.at_step,
            "name": branch.name, "pinned": branch.pinned, "expected": branch.expected,
            "run": branch.run.to_dict()
        } for branch in self.branches]
        return json.dumps({"recipe_session": VERSION, "data": data, "sha256": sha256, "runs": runs})

    @classmethod
    @validated
    def from_json(cls, text: str) -> BranchTree:
        """Raises: RecipeError: not what `to_json` wrote."""
        values = session_values(text)
        tree = cls()
        for number, one in enumerate(values["runs"]):
            tree.branches.append(_branch(one, f"{_WHAT}, run {number}"))
        tree._next = 1 + max((b.number for b in tree.branches), default=0)
        return tree


def session_values(text: str) -> dict[str, Any]:
    """The outer object of a saved session: `data`, `sha256`, `runs`."""
    values = parse_json(text, _WHAT, "what panel.save() wrote", most=MOST)
    if not isinstance(values, dict) or values.get("recipe_session") != VERSION or not isinstance(
            values.get("runs"), list):
        raise RecipeError(_WHAT, found="something else", expected=f"a session of version {VERSION}",
                          mend="panel.save(file) writes one.")
    return values


def _branch(one: Any, what: str) -> Branch:
    try:
        run = Run.from_dict(one["run"])
        parent = None if one["parent"] is None else int(one["parent"])
        # bounded: what a file says is shown on the page; older files have no "expected"
        return Branch(int(one["number"]), run, parent, int(one["at_step"]),
                      str(one["name"])[:200], bool(one["pinned"]),
                      str(one.get("expected", ""))[:500])
    except RecipeError:  # of the run inside, which says more
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise RecipeError(what, found=repr(error), expected="what panel.save() wrote") from None
