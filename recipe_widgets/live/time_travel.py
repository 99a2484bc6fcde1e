"""Time travel: a past step of a run is computed again, and a new run may go on from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from recipe_widgets.core import Run, Settings
from recipe_widgets.live.active_run import ModelRun
from recipe_widgets.training import Rewind


class TimeTravel:
    """One replay at a time, from the nearest snapshot to the step that was asked for.

    Attributes:
        share: of the replay that is done, 1 when none goes on.
        rewind_with: settings that a new run goes on with on arrival; None: the past step is only
            looked at.
    """

    def __init__(self) -> None:
        self.share = 1.0
        self.rewind_with: Settings | None = None
        self._journey: Rewind | None = None
        self._steps: Iterator[float] = iter(())  # yields the share done, step by step
        self._from: Run | None = None

    @property
    def going(self) -> bool:
        """Whether the replay is on its way."""
        return self._journey is not None and self.share < 1.0

    @property
    def moment(self) -> Rewind | None:
        """Where the reader has arrived; None for now."""
        return self._journey if not self.going else None

    @property
    def run(self) -> Run | None:
        """The run as it was then, or is on the way to then."""
        return self._journey.run if self._journey is not None else None

    @property
    def goal(self) -> int | None:
        """The step that is looked at, or on the way to."""
        return self._journey.step if self._journey is not None else None

    def begin(self, run: Run, step: int, set_threads: Callable[[int], None]) -> None:
        """Set out for a step of this run; nothing happens where that is now. set_threads: lets
        each step be computed with as many threads as the first time.

        Raises:
            RecipeError: the run cannot be done over again.
        """
        self.end()
        if step < run.steps_done:
            self._journey, self._from, self.share = Rewind(run, step), run, 0.0
            self._steps = self._journey.walk(set_threads)

    def move(self) -> bool:
        """One step on; False on arrival."""
        self.share = min(next(self._steps, 1.0), 1.0)
        if self.share >= 1.0:
            for _ in self._steps:  # the last check: are the numbers those on record?
                pass
        return self.share < 1.0

    def end(self) -> None:
        """Back to now."""
        close = getattr(self._steps, "close", None)
        if close is not None:
            close()
        self._journey = self._from = self.rewind_with = None
        self._steps, self.share = iter(()), 1.0

    def branch_off(self) -> tuple[ModelRun, Run] | None:
        """A run that stands at this moment and may go on, and the run it leaves. The moment is
        used up.
        """
        journey, left = self.moment, self._from
        if journey is None or left is None:
            return None
        snapshots = left.snapshots
        journey.run.snapshots = snapshots.copy(journey.step) if snapshots is not None else None
        self.end()
        return ModelRun(journey.training, journey.run), left
