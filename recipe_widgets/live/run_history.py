"""The runs of a session that are over: which stay to be compared with, and what the ledger gets."""

from __future__ import annotations

from collections.abc import Iterable

from recipe_widgets.core import BranchTree, RecipeError, Run, RunLog, RunLogEntry

# steps of a run that becomes the ghost: nobody has seen a shorter one
GHOST_STEPS = 20
MOST_LISTED = 8  # runs before the newest ones that stay in the list, besides the pinned ones
# why a run was stopped, as its message says
STOPPED_BY_HAND = "Stopped by hand."
REPLACED = "Replaced by a run with other settings."
OTHER_BRANCH = "The other branch goes on."


class RunHistory:
    """The tree of all runs that are kept, and which of them are over, oldest first.

    Written on the trainer thread; the painter and readers look at it meanwhile.
    """

    def __init__(self, tree: BranchTree | None = None) -> None:
        self.tree = tree if tree is not None else BranchTree()
        self.over: list[Run] = [branch.run for branch in self.tree]

    @property
    def ghost(self) -> Run | None:
        """The newest run that is over."""
        over = self.over  # read once: the trainer may put another list there meanwhile
        return over[-1] if over else None

    def retire(self, runs: Iterable[Run]) -> None:
        """Runs that are over join those before, or go where there was nothing to see; the oldest
        make room.
        """
        for run in runs:
            branch = self.tree.of(run)
            if branch is None:
                continue
            if run.steps_done - branch.at_step >= self._fewest_steps(run) or branch.pinned:
                self.over.append(run)
            else:
                self.tree.remove(branch.number)
        branches = [branch for run in self.over if (branch := self.tree.of(run)) is not None]
        unpinned = [branch for branch in branches if not branch.pinned]
        for branch in unpinned[:-MOST_LISTED]:
            self._drop(branch.number)

    def take_back(self, run: Run) -> None:
        """Forget a run that a slider began on its way to where it was let go."""
        branch = self.tree.of(run)
        if branch is not None and branch.pinned:
            self.retire([run])
        elif branch is not None:
            self.tree.take_back(branch.number)

    def remove(self, number: int, newest: list[Run]) -> None:
        """Forget a run that is over.

        Raises:
            RecipeError: there is no such run, or it is one of the `newest`.
        """
        if self.tree[number].run in newest:
            raise RecipeError(f"Run {number}", found="the newest one", expected="one that is over",
                              mend="Reset clears everything.")
        self._drop(number)

    def _drop(self, number: int) -> None:
        run = self.tree[number].run
        self.tree.remove(number)
        self.over = [one for one in self.over if one is not run]  # a new list: others may read it

    def _fewest_steps(self, run: Run) -> int:
        """Steps from which on a run is kept: stubs that a moving slider leaves are not."""
        if run.message not in (REPLACED, OTHER_BRANCH):
            return 2
        # half as long as the run before, else a short stub would hide a curve worth comparing with
        return max(GHOST_STEPS, (self.ghost.steps_done if self.ghost else 0) // 2)


class LedgerWriter:
    """Writes runs that ended into the ledger, each with what was expected of it.

    Attributes:
        book: the ledger; None where nothing is written.
        expected: of the next run, as the reader wrote it; any thread may set it.
    """

    def __init__(self) -> None:
        self.book: RunLog | None = None
        self.expected = ""

    def write(self, run: Run, tree: BranchTree) -> str:
        """Write a run that ended; returns what went wrong, or ""."""
        branch = tree.of(run)
        if branch is None or not run.steps_done or run.message == OTHER_BRANCH:
            return ""
        if self.expected == branch.expected:  # used up; else it is of the run after this one
            self.expected = ""
        if self.book is None:
            return ""
        try:
            self.book.add(RunLogEntry.of(run, branch.expected))
        except RecipeError as error:  # training goes on without it
            return str(error)
        return ""
