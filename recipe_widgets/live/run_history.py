"""Which runs of a session stay to be compared with."""

from __future__ import annotations

from collections.abc import Iterable

from recipe_widgets.core import RecipeError, Run, Tree

GHOST_STEPS = 20  # a run shorter than that leaves no ghost: nobody has seen it
REPLACED = "Replaced by a run with other settings."
LEFT = "The other branch goes on."
MOST = 8  # runs before the newest ones that stay in the list, besides the pinned ones


class RunHistory:
    """The tree of all runs that are kept, and which of them are over, oldest first."""

    def __init__(self, tree: Tree | None = None) -> None:
        self.tree = tree if tree is not None else Tree()
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
            if run.steps_done - branch.at_step >= self._worth_keeping(run) or branch.pinned:
                self.over.append(run)
            else:
                self.tree.remove(branch.number)
        loose = [b for run in self.over if (b := self.tree.of(run)) is not None and not b.pinned]
        for branch in loose[:-MOST]:
            self._drop(branch.number)

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
        self.over = [one for one in self.over if one is not run]

    def _worth_keeping(self, run: Run) -> int:
        """Steps from which on a run becomes the ghost: stubs that a moving slider leaves do not."""
        whole = run.message not in (REPLACED, LEFT)
        return 2 if whole else max(GHOST_STEPS, (self.ghost.steps_done if self.ghost else 0) // 2)
