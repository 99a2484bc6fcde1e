"""What a live session does on the trainer thread: it obeys the newest order, then trains for a
moment.
"""

from __future__ import annotations

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.live.active_run import ActiveRun, DataSource, ModelRun
from recipe_widgets.live.command import Command
from recipe_widgets.live.computing import BY_HAND, Computing
from recipe_widgets.live.run_history import GHOST_STEPS, LEFT, REPLACED, RunHistory
from recipe_widgets.live.seed_band import compare_seeds
from recipe_widgets.training import explain_torch_error


class Obeying(Computing):
    """Turns orders into what is computed next. Only the trainer thread calls what begins with
    `_`.
    """

    def turn(self) -> bool:
        """Obey the newest order, then train for a moment."""
        with self._turning:
            try:
                with self._news:
                    order, self._order = self._order, None
                if order is not None and self.phase != "closed":
                    self._obey(order)
                if not self.time_travel.going:  # a journey sets its own
                    self.threads.apply(self.run if self._seeds is None else None)
                self._look_inside()
                return self._train_a_moment()
            except Exception as error:  # whatever a model does, the panel lives on and says so
                known = error if isinstance(error, RecipeError) else explain_torch_error(error, self.settings)
                text = str(known) if known is not None else f"{type(error).__name__}: {error}"
                self.visiting = None
                if self.time_travel.goal is not None:  # the run itself is well
                    self.time_travel.end()
                    self.problem = f"Could not go back. {text}"
                    self._enter(self._at_rest())
                    return False
                self.problem = f"Training could not go on. {text}"
                self._release(self.problem)
                self._enter("ended")
                return False

    def _obey(self, order: Command) -> None:
        self.problem = self.note = ""
        going = self.run is not None and self.run.status == "running"
        if order.do != "rewind":
            self.time_travel.end()
        if order.do == "visit":
            self._visit(order.step or 0)
        elif order.do == "rewind":
            self._rewind(order)
        elif order.do in ("restart", "continue", "fork"):
            self._move(order)
        elif order.do == "seeds":
            self._compare(order.settings, order.against)
        elif order.do == "resume" and (going or self._seeds is not None):
            self._go_on()
        elif order.do == "resume":
            self._begin(order.settings)
        elif order.do == "pause" and (going or self._seeds is not None):
            self._enter("paused")
        else:
            self._release(BY_HAND)
            if order.do == "reset":
                self._lanes, self.run_history, self.band = [], RunHistory(), None
            self._enter("ended" if self._lanes else "idle")

    def _move(self, order: Command) -> None:
        """A knob was turned: begin anew, go on with it, or let both go on; what cannot be done
        begins anew and says why.
        """
        lane = self._lanes[-1] if self._lanes else None
        why = "" if lane is None or order.do == "restart" else lane.why_not(order.settings)
        if order.do == "fork" and not why and lane is not None:
            why = "" if self.source.forks else "your own training cannot be copied"
            why = why or ("" if lane.run.status == "running" else "that run is over")
        if lane is None or order.do == "restart" or why:
            self._begin(order.settings)
            self.note = f"A new run, since {why}." if why else ""
        elif order.do == "continue":
            self.threads.turned(order.settings - lane.run.newest)
            lane.turn(order.settings)
            self._go_on()
        else:
            self._fork(lane, order.settings)

    def _begin(self, wanted: Settings) -> None:
        """A new run from the same seed; the ones before stay as ghosts, if there was something
        to see.
        """
        self._release(REPLACED)
        if not isinstance(self.source, DataSource):
            self.threads.apply(None)
        lane = self.source.begin(wanted)
        if isinstance(lane, ModelRun) and lane.training is not None:
            self.threads.choose(lane.training, lane.run, self.source.name)
        else:
            self.threads.forget()
        self.run_history.retire(one.run for one in self._lanes)
        self._lanes = [lane]
        self._add(lane.run)
        self.threads.begin()
        self.pace.start(0)
        self._enter("running")

    def _fork(self, lane: ActiveRun, wanted: Settings) -> None:
        """The old settings go on beside the new ones. A fork just made, of which nobody has seen
        much, is made anew.
        """
        if len(self._lanes) > 1:
            old, young = self._lanes
            made = self.tree.of(young.run)
            fresh = made is not None and young.run.steps_done - made.at_step < GHOST_STEPS
            gone, lane = (young, old) if fresh else (old, young)
            self._end(gone, LEFT)
            self.run_history.retire([gone.run])
        branch = lane.fork()
        self.threads.turned(wanted - branch.run.newest)
        branch.turn(wanted)
        self._add(branch.run, lane.run, lane.run.steps_done)
        self._lanes = [lane, branch]
        self.threads.begin()
        self._go_on()

    def _visit(self, step: int) -> None:
        """Go back to a past step; the run itself waits there where it is."""
        if self._seeds is not None or self.run is None or not isinstance(self._lanes[-1], ModelRun):
            self.visiting = None
            self.note = "Only a run of one of our models can be done over again." if self.run else "No run yet."
            self._enter(
                "running" if self._seeds is not None else "ended" if self._lanes else "idle")
            return
        self.time_travel.begin(self.run, min(step, self.run.steps_done), self.threads.set)
        if self.time_travel.goal is None:
            self.visiting = None
        self.inspector.again()
        self._enter("running" if self.time_travel.going else self._at_rest())

    def _rewind(self, order: Command) -> None:
        """A new run goes on from a past step; where the reader is not there yet, the way comes
        first.
        """
        if order.step is not None and order.step != self.time_travel.goal:
            self._visit(order.step)
        if self.time_travel.going:
            self.time_travel.rewind_with = order.settings
            self._enter("running")
        elif not self._leave(order.settings):
            self.note = self.note or "Choose a past step first."
            self._enter("running" if self.phase == "running" else self._at_rest())

    def _compare(self, wanted: Settings, against: Settings | None = None) -> None:
        """Train these settings and others (None: those of the run beside or before), from the
        same seeds.
        """
        old = self.other or self.ghost
        other = against or (old.newest if old is not None else None)
        if not isinstance(self.source, DataSource) or other is None or not wanted - other:
            self.note = "Turn a knob first: two settings that differ are needed to compare."
            if not isinstance(self.source, DataSource):
                self.note = "Your own training cannot be begun from other seeds by the panel."
            self._enter("ended" if self._lanes else "idle")
            return
        self._release("Stopped to compare seeds.")
        steps = max([run.steps_done for run in (self.run, old) if run is not None] or [0])
        steps = max(wanted.max_steps, other.max_steps) if against is not None else steps
        self._seeds = compare_seeds(self.source.data, other, wanted, max(steps, GHOST_STEPS))
        self._seeds_done = 0.0
        self._enter("running")
