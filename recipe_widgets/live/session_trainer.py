"""What one turn of the trainer thread does for a session: carry out the newest command, then train
for a moment.
"""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from recipe_widgets.core import RecipeError, Run, Settings
from recipe_widgets.live.active_run import (
    LIVE_EVAL_SAMPLES,
    ActiveRun,
    ModelRun,
    ModelSource,
    RunSource,
    as_source,
)
from recipe_widgets.live.command import Command, CommandQueue, Phase
from recipe_widgets.live.engine import Engine
from recipe_widgets.live.foresight import Foresight
from recipe_widgets.live.inspector import Inspector
from recipe_widgets.live.interruption import Interrupted, interruptible
from recipe_widgets.live.pacing import RATE_EVERY, RATE_MEMORY, SETTING_UP_TOLD, TRAIN_SLICE
from recipe_widgets.live.run_history import (
    GHOST_STEPS,
    OTHER_BRANCH,
    REPLACED,
    STOPPED_BY_HAND,
    LedgerWriter,
    RunHistory,
)
from recipe_widgets.live.seed_band import SeedTraining
from recipe_widgets.live.time_travel import TimeTravel
from recipe_widgets.models import build_model
from recipe_widgets.training import explain_torch_error
from recipe_widgets.training.thread_count import ThreadCount

# commands after which the run that goes on is over
ENDING = ("restart", "stop", "reset", "seeds")
# seconds of a look inside at a heavy model, about, and samples that it is looked at on at least
LOOK_SECONDS, FEWEST_LOOKED_AT = 0.2, 60


class SessionTrainer:
    """The runs of one session. Only the trainer thread changes them; others may look.

    Attributes:
        source: where new runs come from.
        active: runs in progress or just ended, the newest last: one, or two after a fork.
        history: the runs before. ledger: where ended runs are written down.
        seeds: the comparison over seeds. time_travel: the way back to a past step. inspector: the
            open tab. foresight: what neighbouring learning rates would come to.
        problem, note: what went wrong, and what else is to be said of the newest command.
    """

    def __init__(self, source: Any, commands: CommandQueue, engine: Engine) -> None:
        self.source: RunSource = as_source(source)
        self.active: list[ActiveRun] = []
        self.history, self.ledger = RunHistory(), LedgerWriter()
        self.seeds, self.time_travel, self.inspector = SeedTraining(), TimeTravel(), Inspector()
        self.threads, self.rate, self.foresight = ThreadCount(), StepRate(), Foresight()
        self.problem = self.note = ""
        self._setting_up: tuple[Settings, float] | None = None  # since time.perf_counter()
        self._unborn: Run | None = None  # what a first run would begin with
        self._gesture = 0  # that began the newest run
        self._first_step = False  # of a new run or of other knobs: a reader waits for it
        self._commands, self._engine = commands, engine
        # held for a whole turn; who closes the session waits for it
        self._turning = threading.RLock()

    @property
    def run(self) -> Run | None:
        """The newest run."""
        active = self.active  # read once: the trainer may put other ones there meanwhile
        return active[-1].run if active else None

    @property
    def other(self) -> Run | None:
        """The branch with the old settings beside it, after a fork."""
        active = self.active
        return active[0].run if len(active) > 1 else None

    @property
    def setting_up(self) -> Settings | None:
        """Settings of the run that is being made, where that takes so long that a reader asks."""
        made = self._setting_up
        return made[0] if made and time.perf_counter() - made[1] > SETTING_UP_TOLD else None

    def turn(self) -> bool:
        """Carry out the newest command, then train for a moment; False when there is no more to
        train.
        """
        with self._turning:
            try:
                command = self._commands.take()
                if command is not None:
                    self._carry_out(command)
                if not self.time_travel.going:  # a replay sets its own
                    self.threads.apply(self.run if not self.seeds.going else None)
                self._renew_inspector()
                return self._train_a_moment()
            except Interrupted:
                self._leave()
                return True
            except Exception as error:  # whatever a model does, the panel lives on and says so
                self._say_what_failed(error)
                return False

    def use_spare_time(self) -> float | None:
        """A moment of foresight; as in `Foresight.moment`."""
        with self._turning:
            data = getattr(self.source, "data", None)
            if self._commands.phase in ("closed", "running") or data is None or self.threads.heavy:
                return None
            self.threads.set(1)  # the other cores are the page's
            known = len(self.foresight.outcomes(self._commands.settings))
            rest = self.foresight.moment(data, self._commands.settings)
            if rest is None or rest or known != len(self.foresight.outcomes(self._commands.settings)):
                self._engine.repaint()
            return rest

    def close(self) -> None:
        """Wait for the turn that is under way, and let go of everything."""
        with self._turning:
            self._release("the panel was closed")

    def _leave(self) -> None:
        """A step or a look was left in its middle, since a command waits that ends the run; so it is
        over, whatever is asked for next.
        """
        command = self._commands.waiting
        replaced = command is not None and command.action == "restart"
        self._release(REPLACED if replaced else STOPPED_BY_HAND)
        if command is None:  # the session was closed
            self._enter("ended")

    def _ends(self) -> bool:
        """Whether what is asked for ends the run that goes on. Called within a step."""
        command = self._commands.waiting
        return self._commands.phase == "closed" or (command is not None
                                                    and command.action in ENDING)

    def _may_be_left(self) -> AbstractContextManager[None]:
        """Around a step of a heavy model, and whatever else computes on it for long."""
        if not self.threads.heavy:
            return nullcontext()
        runs = [one.run for one in self.active]
        if self.time_travel.run is not None:
            runs.append(self.time_travel.run)
        return interruptible([run.model for run in runs if run.model is not None], self._ends)

    def _say_what_failed(self, error: Exception) -> None:
        known = explain_torch_error(error, self._commands.settings)
        if known is None and isinstance(error, RecipeError):
            known = error
        text = str(known) if known is not None else f"{type(error).__name__}: {error}"
        self._commands.visiting = None
        if self.time_travel.goal is not None:  # the run itself is well
            self.time_travel.end()
            self.problem = f"Could not go back. {text}"
            self._enter(self._resting_phase())
            return
        self.problem = f"Training could not go on. {text}"
        self._release(self.problem)
        self._enter("ended")

    # --- commands ---------------------------------------------------------------------------------

    def _carry_out(self, command: Command) -> None:
        self.problem, self.note = "", command.note
        if command.action != "rewind":  # a rewind goes on from the past step; all else leaves it
            self.time_travel.end()
        {
            "restart": self._apply_knobs, "continue": self._apply_knobs, "fork": self._apply_knobs,
            "resume": self._resume, "pause": self._pause, "stop": self._stop, "reset": self._reset,
            "seeds": self._compare_seeds, "visit": self._visit, "rewind": self._rewind,
        }[command.action](command)

    def _apply_knobs(self, command: Command) -> None:
        """A knob was turned: begin anew, go on with it, or let both go on; what cannot be done
        begins anew and says why.
        """
        newest = self.active[-1] if self.active else None
        if newest is None or command.action == "restart":
            self._begin(command.settings, command.gesture)
            return
        why = newest.why_not(command.settings)
        if command.action == "fork" and not why:
            if not self.source.forks:
                why = "your own training cannot be copied"
            elif newest.run.status != "running":
                why = "that run is over"
            elif command.gesture and command.gesture == self._gesture and len(self.active) == 1:
                why = "there was none to fork"  # that run itself was begun on the way of this hand
        if why:
            self._begin(command.settings, command.gesture)
            self.note = f"A new run, since {why}."
        elif command.action == "continue":
            self.threads.turned(command.settings - newest.run.newest)
            newest.turn(command.settings)
            self._go_on()
        else:
            self._fork(newest, command.settings, command.gesture)

    def _begin(self, wanted: Settings, gesture: int = 0) -> None:
        """A new run from the same seed; the ones before stay as ghosts, if there was something
        to see.
        """
        self._release(REPLACED)
        if not isinstance(self.source, ModelSource):
            self.threads.apply(None)
        self._setting_up = (wanted, time.perf_counter())
        try:
            begun = self.source.begin(wanted)
            if isinstance(begun, ModelRun) and begun.training is not None:
                self.threads.choose(begun.training, begun.run, self.source.name)
            else:
                self.threads.forget()
        finally:
            self._setting_up = None
        if self.active and gesture and gesture == self._gesture:
            self.history.take_back(self.active.pop().run)
        self.history.retire(one.run for one in self.active)
        self.active, self._unborn, self._gesture = [begun], None, gesture
        self._add_to_tree(begun.run)
        self.threads.begin()
        self.rate.start(0)
        self._enter("running")

    def _fork(self, newest: ActiveRun, wanted: Settings, gesture: int) -> None:
        """The old settings go on beside the new ones. A fork just made, of which nobody has seen
        much, or by the same drag of a slider, is made anew.
        """
        same_gesture = gesture != 0 and gesture == self._gesture
        if len(self.active) > 1:
            old, young = self.active
            branch = self.history.tree.of(young.run)
            fresh = branch is not None and young.run.steps_done - branch.at_step < GHOST_STEPS
            again = (same_gesture or fresh) and old.run.status == "running"
            gone, newest = (young, old) if again else (old, young)
            self._end_run(gone, OTHER_BRANCH)
            if again and same_gesture:
                self.history.take_back(gone.run)
            else:
                self.history.retire([gone.run])
        forked = newest.fork()
        self.threads.turned(wanted - forked.run.newest)
        forked.turn(wanted)
        self._add_to_tree(forked.run, newest.run, newest.run.steps_done)
        self.active, self._gesture = [newest, forked], gesture
        self.threads.begin()
        self._go_on()

    def _resume(self, command: Command) -> None:
        if self._can_go_on():
            self._go_on()
        else:
            self._begin(command.settings)

    def _pause(self, command: Command) -> None:
        if self._can_go_on():
            self._enter("paused")
        else:
            self._stop(command)

    def _stop(self, _: Command) -> None:
        self._release(STOPPED_BY_HAND)
        self._enter("ended" if self.active else "idle")

    def _reset(self, _: Command) -> None:
        self._release(STOPPED_BY_HAND)
        self.active, self.history, self.seeds.band = [], RunHistory(), None
        self.inspector.renew()
        self._enter("idle")

    def _can_go_on(self) -> bool:
        return self.seeds.going or (self.run is not None and self.run.status == "running")

    def _compare_seeds(self, command: Command) -> None:
        """Train the settings of the command and others (by default those of the run beside or
        before) from the same seeds.
        """
        before = self.other or self.history.ghost
        wanted, against = command.settings, command.against
        if against is None and before is not None:
            against = before.newest
        if not isinstance(self.source, ModelSource):
            self._enter_at_rest("Your own training cannot be begun from other seeds by the panel.")
            return
        if against is None or not wanted - against:
            self._enter_at_rest(
                "Turn a knob first: two settings that differ are needed to compare.")
            return
        self._release("Stopped to compare seeds.")
        if command.against is not None:  # of the ledger: as long as both were asked to be
            steps = max(wanted.max_steps, against.max_steps)
        else:  # of the panel: as long as the curves that are seen
            steps = max([run.steps_done for run in (self.run, before) if run is not None] or [0])
        self.seeds.begin(self.source.data, against, wanted, max(steps, GHOST_STEPS), self.run)
        self._enter("running")

    def _enter_at_rest(self, note: str) -> None:
        self.note = note
        self._enter("ended" if self.active else "idle")

    def _visit(self, command: Command) -> None:
        """Go back to a past step; the run itself waits there where it is."""
        step = command.step or 0
        if self.seeds.going or self.run is None or not isinstance(self.active[-1], ModelRun):
            self._commands.visiting = None
            self.note = "No run yet."
            if self.run is not None:
                self.note = "Only a run of one of our models can be done over again."
            at_rest: Phase = "ended" if self.active else "idle"
            self._enter("running" if self.seeds.going else at_rest)
            return
        self.time_travel.begin(self.run, min(step, self.run.steps_done), self.threads.set)
        if self.time_travel.goal is None:
            self._commands.visiting = None
        self.inspector.renew()
        self._enter("running" if self.time_travel.going else self._resting_phase())

    def _rewind(self, command: Command) -> None:
        """A new run goes on from a past step; where the reader is not there yet, the way comes
        first.
        """
        if command.step is not None and command.step != self.time_travel.goal:
            self._visit(command)
        if self.time_travel.going:
            self.time_travel.rewind_with = command.settings
            self._enter("running")
        elif not self._branch_off(command.settings):
            self.note = self.note or "Choose a past step first."
            running = self._commands.phase == "running"
            self._enter("running" if running else self._resting_phase())

    def _branch_off(self, wanted: Settings) -> bool:
        """A new run goes on from the past step that is looked at, with these settings; False
        where there is none.
        """
        made = self.time_travel.branch_off()
        if made is None:
            return False
        new, left = made
        at_step, why = new.run.steps_done, new.why_not(wanted)
        if why:
            self.note = f"It goes on with the settings of then, since {why}."
        else:
            new.turn(wanted)
        self._release(REPLACED)
        self.history.retire(one.run for one in self.active)
        self.threads.forget()
        self.threads.begin()
        self.active, self._gesture = [new], 0
        self._add_to_tree(new.run, left, at_step)
        self._commands.leave_past()
        self._go_on()
        return True

    # --- training ---------------------------------------------------------------------------------

    def _train_a_moment(self) -> bool:
        if self._commands.phase != "running":
            return False
        before = time.perf_counter()
        until = before + TRAIN_SLICE
        while self._commands.waiting is None and self._commands.phase == "running":
            with self._may_be_left():
                more = self._step()
            if not more:
                self._finish()
                break
            if self._first_step:
                self._first_step = False
                self._engine.repaint(at_once=True)
            now = time.perf_counter()
            self.threads.note(now - before, self._runs_of_a_step())
            before = now
            if now > until:
                self._watch_pace()
                break
        return self._commands.phase == "running"

    def _runs_of_a_step(self) -> list[Run]:
        """Whose seconds a step takes; none where it belongs to a comparison or the past."""
        if self.seeds.going or self.time_travel.going:
            return []
        return [one.run for one in self.active if one.run.status == "running"]

    def _step(self) -> bool:
        """One step of everything that goes on; False when nothing does."""
        if self.seeds.going:
            return self.seeds.step()
        if self.time_travel.going:
            return self.time_travel.move()
        more = False
        for one in self.active:
            if one.run.status == "running":
                one.step()
                more = more or one.run.status == "running"
        return more

    def _watch_pace(self) -> None:
        """Renew the steps per second, and with them the judgement on busy neighbours."""
        if self.seeds.going or self.time_travel.going or self.run is None:
            return
        if self.rate.note(self.run.steps_done):
            self.threads.mind_neighbours([one.run for one in self.active])

    def _finish(self) -> None:
        """All came to their own end: evaluate them on the whole validation set."""
        if self.time_travel.goal is not None:  # arrived at a past step
            self.inspector.renew()
            if self.time_travel.rewind_with is not None:
                self._branch_off(self.time_travel.rewind_with)
                return
            self._renew_inspector()
            self._enter(self._resting_phase())
            return
        if not self.seeds.going:
            for one in self.active:
                one.finish()
                self._write_down(one.run)
        self.seeds.end()
        self.inspector.renew()
        self._renew_inspector()
        self._enter("ended")

    def _renew_inspector(self) -> None:
        """Measure what the open tab shows, where it is time for that."""
        if not self.active:
            self._look_before_the_first_run()
        if not self.active or not isinstance(self.active[-1], ModelRun):
            return
        moment, newest = self.time_travel.moment, self.active[-1]
        if newest.training is not None:
            self.inspector.prepare(newest.training)
        seen = moment if moment is not None else newest
        if self._commands.phase != "running":
            self.inspector.renew_opinion()  # it stands from now on
        if not self.time_travel.going and self.inspector.judge(seen.run):
            self._engine.repaint(at_once=self._commands.phase != "running")
        if self.inspector.due and not self.time_travel.going:
            with self._may_be_left():
                self.inspector.measure(seen.run, seen.training, self._samples_to_look_at())
            self._engine.repaint()

    def _look_before_the_first_run(self) -> None:
        """The network as a run would begin with it."""
        if not self.inspector.network_open or not isinstance(self.source, ModelSource):
            return
        settings, data = self._commands.settings, self.source.data
        made = self._unborn
        if made is None or made.settings != settings or made.data is not data:
            model = build_model(settings, data.shape, data.num_classes)
            made = self._unborn = Run(settings, model=model, data=data)
            self.inspector.renew()
        assert made.model is not None
        with interruptible([made.model], lambda: self._commands.waiting is not None):
            fresh = self.inspector.judge(made)
            if self.inspector.due:
                self.inspector.measure(made, None)
        self._engine.repaint(at_once=fresh)

    def _samples_to_look_at(self) -> int:
        """So many that a look at a heavy model takes about `LOOK_SECONDS`."""
        if not self.threads.heavy or self.run is None:
            return LIVE_EVAL_SAMPLES
        # a third of a step is the way there
        each = self.threads.estimate / 3 / self.run.newest.batch_size
        return min(LIVE_EVAL_SAMPLES, max(FEWEST_LOOKED_AT, round(LOOK_SECONDS / each)))

    # --- the ends of runs -------------------------------------------------------------------------

    def _release(self, why: str) -> None:
        """End all runs: let go of optimisers and batches; runs and models stay."""
        for one in self.active:
            self._end_run(one, why)
        self.seeds.end()

    def _end_run(self, one: ActiveRun, why: str) -> None:
        if one.run.status == "running":
            one.run.status, one.run.message = "stopped", why
            if why == STOPPED_BY_HAND:  # what a moved slider replaced is not worth a line
                self._write_down(one.run)
        one.release()

    def _write_down(self, run: Run) -> None:
        self.note = self.ledger.write(run, self.history.tree) or self.note

    def _add_to_tree(self, run: Run, parent: Run | None = None, at_step: int = 0) -> None:
        self.history.tree.add(run, parent, at_step).expected = self.ledger.expected

    # --- phases -----------------------------------------------------------------------------------

    def _go_on(self) -> None:
        self._enter("running")
        self.rate.start(self.run.steps_done if self.run else 0)

    def _resting_phase(self) -> Phase:
        if any(one.run.status == "running" for one in self.active):
            return "paused"
        return "ended" if self.active else "idle"

    def _enter(self, phase: Phase) -> None:
        if phase != "running" and self.foresight.on:
            self._engine.offer_spare(self.use_spare_time)
        self._first_step = phase == "running"
        self._commands.enter(phase)
        self._engine.repaint(at_once=True)


class StepRate:
    """How fast a run goes: steps per second, averaged over the last second or so."""

    def __init__(self) -> None:
        self.start(0)

    def start(self, steps: int) -> None:
        """Other steps follow, from this one on."""
        self._since, self._first = time.perf_counter(), steps
        self.steps_per_second = 0.0  # not known yet

    def note(self, steps: int) -> bool:
        """Tell how far the run is; True every `RATE_EVERY` seconds, when the rate is renewed."""
        now = time.perf_counter()
        if now - self._since < RATE_EVERY:
            return False
        rate = (steps - self._first) / (now - self._since)
        if self.steps_per_second:
            rate = RATE_MEMORY * self.steps_per_second + (1 - RATE_MEMORY) * rate
        self.steps_per_second = rate
        self._since, self._first = now, steps
        return True
