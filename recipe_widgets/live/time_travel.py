"""Back in time: a past step of a run looked at, and a new run that goes on from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from recipe_widgets.core import Run, Settings
from recipe_widgets.live.active_run import ModelRun
from recipe_widgets.training import Rewind


class TimeTravel:
    """One journey at a time.

    Attributes:
        share: of the journey that is done, 1 when none goes on.
        rewind_with: settings that a new run goes on with on arrival; None: the moment is only
            looked at.
    """

    def __init__(self) -> None:
        self.share = 1.0
        self.rewind_with: Settings | None = None
        self._journey: Rewind | None = None
        self._way: Iterator[float] = iter(())
        self._from: Run | None = None

    @property
    def going(self) -> bool:
        return self._journey is not None and self.share < 1.0

    @property
    def moment(self) -> Rewind | None:
        """Where the reader has arrived; None for now."""
        return self._journey if not self.going else None

    @property
    def goal(self) -> int | None:
        """The step that is looked at, or on the way to."""
        return self._journey.step if self._journey is not None else None

    def begin(self, run: Run, step: int, set_threads: Callable[[int], None]) -> None:
        """Set out. Raises RecipeError where the run never got that far, or cannot be done over
        again.
        """
        self.end()
        if step < run.steps_done:
            self._journey, self._from, self.share = Rewind(run, step), run, 0.0
            self._way = self._journey.walk(set_threads)

    def move(self) -> bool:
        """One step on; False on arrival."""
        self.share = min(next(self._way, 1.0), 1.0)
        if self.share >= 1.0:
            for _ in self._way:  # the last check
                pass
        return self.share < 1.0

    def end(self) -> None:
        """Back to now."""
        close = getattr(self._way, "close", None)
        if close is not None:
            close()
        self._journey, self._from, self._way, self.share, self.rewind_with = None, None, iter(
            ()), 1.0, None

    def lane(self) -> tuple[ModelRun, Run] | None:
        """A run that stands at this moment and may go on, and the run it leaves. The moment is
        used up.
        """
        journey, left = self.moment, self._from
        if journey is None or left is None:
            return None
        journey.run.snapshots = left.snapshots.copy(
            journey.step) if left.snapshots is not None else None
        self.end()
        return ModelRun(journey.training, journey.run), left
