"""How a session tells of itself: its words and its picture. It only looks, from any thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recipe_widgets.core import Branch, Run, Settings, Tree
from recipe_widgets.live.diagnosis import Diagnosis
from recipe_widgets.live.frame import Frame, Phase
from recipe_widgets.live.pictures import bands
from recipe_widgets.live.status_text import (
    cause_words,
    knob_words,
    progress_words,
    score_words,
    settings_words,
)
from recipe_widgets.plots import CurveBand, PlottedRun, curves_svg
from recipe_widgets.training import describe_device, pick_device

if TYPE_CHECKING:
    from recipe_widgets.live.active_run import ActiveRun, RunSource
    from recipe_widgets.live.guess import Guess
    from recipe_widgets.live.inspector import Inspector
    from recipe_widgets.live.run_history import RunHistory
    from recipe_widgets.live.seed_band import SeedBand
    from recipe_widgets.live.step_rate import StepRate
    from recipe_widgets.live.thread_count import ThreadCount
    from recipe_widgets.live.time_travel import TimeTravel


class Speaking:
    """The part of `Session` that words and pictures are made by."""

    source: RunSource
    settings: Settings
    first_settings: Settings
    phase: Phase
    problem: str
    note: str
    band: SeedBand | None
    guess: Guess | None
    pace: StepRate
    diagnosis: Diagnosis
    time_travel: TimeTravel
    visiting: int | None
    inspector: Inspector
    threads: ThreadCount
    run_history: RunHistory
    _lanes: list[ActiveRun]

    if TYPE_CHECKING:
        @property
        def waiting_for(self) -> int: ...
        @property
        def comparing(self) -> float: ...

    @property
    def run(self) -> Run | None:
        lanes = self._lanes  # read once: the trainer may put other ones there meanwhile
        return lanes[-1].run if lanes else None

    @property
    def other(self) -> Run | None:
        lanes = self._lanes
        return lanes[0].run if len(lanes) > 1 else None

    @property
    def ghost(self) -> Run | None:
        return self.run_history.ghost

    @property
    def tree(self) -> Tree:
        return self.run_history.tree

    def shown(self) -> list[PlottedRun]:
        """The runs in the picture, the newest last."""
        run, other, ghost = self.run, self.other, self.ghost
        found = [
            PlottedRun(b.run, "pinned", b.title)
            for b in self.tree
            if b.pinned and b.run not in (run, other)
        ]
        if ghost is not None and not any(one.run is ghost for one in found):
            found.append(PlottedRun(ghost, "ghost", "run before"))
        if other is not None and run is not None:
            found.append(PlottedRun(other, "other", f"old: {knob_words(other.newest, run.newest)}"))
            found.append(PlottedRun(run, "new", f"new: {knob_words(run.newest, other.newest)}"))
        elif run is not None:
            found.append(PlottedRun(run, "new", ""))
        return found

    def ribbons(self) -> list[CurveBand]:
        """Bands over seeds, and the reader's guess."""
        return [*bands(self.band), *(self.guess.lines(self.run) if self.guess is not None else ())]

    def frame(self) -> Frame:
        """What there is to see now."""
        run, listed = self.run, [(b.number, self.title(b), b.pinned)
                                 for b in reversed(tuple(self.tree))]
        return Frame(self.picture(), self.words(), self.device_words(), self.phase,
                     self.diagnosis.of(run, self.phase == "running"), tuple(listed),
                     self.inspector.page, run.steps_done if run else 0, self.visiting)

    def picture(self) -> str:
        return curves_svg(self.shown(), self.ribbons())

    def title(self, branch: Branch) -> str:
        """A line in the list of runs."""
        run = branch.run
        came = f", left run {branch.parent} after step {branch.at_step:,}" if branch.parent is not None else ""
        score = f", {run.history.last('val_accuracy'):.1%}" if "val_accuracy" in run.history else ""
        own = knob_words(run.newest, self.first_settings)
        return f"{branch.title}: {own if own != 'the same settings' else 'as it began'}{came} ({run.status}, " \
               f"{run.steps_done:,} steps{score})"

    def words(self) -> str:
        """The plain-words line."""
        run, phase, goal = self.run, self.phase, self.time_travel.goal
        if self.problem:
            return self.problem
        if self.waiting_for:
            return f"Waits for another panel to finish training. Then: {settings_words(self.settings)}."
        if self.comparing < 1.0:
            return f"Comparing from several seeds: {self.comparing:.0%} done. Stop ends it."
        if goal is not None and self.time_travel.going:
            return f"Going back to step {goal:,}: {self.time_travel.share:.0%} done."
        if run is None:
            return f"{self.note} Press Run, or move a slider. Set: {settings_words(self.settings)}.".strip(
            )
        if goal is not None and goal < run.steps_done:
            return (f"Looking at step {goal:,} of {run.steps_done:,}. {_loss_then(run, goal)} "
                    "Resume goes on where the run is; Rewind goes on from here.")
        head = {"running": "Training", "paused": "Paused", "waiting":
                "Starting"}.get(phase, run.status.capitalize())
        state = f"{head} with {settings_words(run.newest, self.first_settings)}."
        if run.status == "diverged":
            return f"{state} {self.note} {run.message}"
        speed = self.pace.steps_per_second if phase == "running" else 0.0
        progress = progress_words(run, self.source.size, speed)
        parts = (state, self.note, progress + ".", score_words(run), run.message, self._compared())
        return " ".join(part for part in parts if part)

    def _compared(self) -> str:
        """What a fork or a comparison says."""
        run, other, said = self.run, self.other, []
        branch = self.tree.of(run) if run is not None else None
        if run is not None and other is not None and branch is not None:
            said.append(cause_words(run, other, branch.at_step))
        if self.band is not None:
            said.append(self.band.verdict)
        if self.guess is not None and run is not None and self.phase == "ended" and run.status != "running":
            said.append(self.guess.reply(run))
        return " ".join(said)

    def device_words(self) -> str:
        device, run = pick_device(self.settings.device), self.run
        if device.type == "cpu" and run is not None and run.threads:
            count = run.threads[-1][1]
            return f"CPU, {count} of {self.threads.many} threads train"
        return describe_device(device)


def _loss_then(run: Run, goal: int) -> str:
    if not goal:
        return "Nothing was learnt yet."
    return f"Its batch had a loss of {run.history.series('train_loss')[goal - 1]:.3g}."
