"""A live session: settings go in from any thread, a training run answers, a view is painted."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import torch

from recipe_widgets.core import BranchTree, RecipeError, Run, RunLog, Settings
from recipe_widgets.core.files import save_file
from recipe_widgets.live.active_run import RunSource, as_source
from recipe_widgets.live.command import WITHOUT_TRAINING, Action, CommandQueue, Phase
from recipe_widgets.live.diagnosis import Diagnosis
from recipe_widgets.live.drawing import as_sample
from recipe_widgets.live.engine import ENGINE, Engine
from recipe_widgets.live.example_settings import start_on, start_words
from recipe_widgets.live.foreground import wait_until
from recipe_widgets.live.frame import Frame, runs_in_picture
from recipe_widgets.live.gesture import Gesture
from recipe_widgets.live.guess import Guess
from recipe_widgets.live.guess_record import answered, record
from recipe_widgets.live.inspector import Inspector
from recipe_widgets.live.run_history import RunHistory
from recipe_widgets.live.seed_band import SeedBand
from recipe_widgets.live.session_trainer import SessionTrainer
from recipe_widgets.live.status_text import SessionState, device_text, run_title, status_text
from recipe_widgets.live.tiles import tiles
from recipe_widgets.live.time_travel import TimeTravel
from recipe_widgets.plots import CurveBand, PlottedRun, curves_svg
from recipe_widgets.plots.inspector import waiting_html
from recipe_widgets.training.optimizers import preload_optimizer
from recipe_widgets.training.thread_count import ThreadCount, rest_openmp


class Session:
    """One stream of runs from one source.

    Any thread may call `order`, `wait`, `close`, `pin`, `remove` and read the properties; they only
    store or look. Training happens on the engine's trainer thread, painting on its painter thread.

    Attributes:
        commands: the newest command of a reader, and the phase. trainer: the runs.
        view: gets each new frame, on the painter thread.
        guess: what the reader expects of the next run. locked: a guess is asked for first, so no run
            begins.
        gesture: which moves of the sliders are one.
    """

    def __init__(self, source: Any, settings: Settings, view: Callable[[Frame], None] | None = None,
                 engine: Engine = ENGINE) -> None:
        self.commands = CommandQueue(settings)
        self.trainer = SessionTrainer(source, self.commands, engine)
        self.view, self.engine = view, engine
        self.guess: Guess | None = None
        self._answered: tuple[Guess, Run, str] | None = None  # the newest guess that came true or not
        self.locked = False
        self.gesture = Gesture()
        # (data set, optimiser) -> the learning rate that it was left at
        self._rates: dict[tuple[str, str], float] = {}
        self._diagnosis = Diagnosis()
        self._painted: tuple[Any, ...] = ()  # what the last frame was made of
        engine.open(self)

    # --- any thread -------------------------------------------------------------------------------

    def order(self, action: Action, settings: Settings | None = None, step: int | None = None,
              against: Settings | None = None, gesture: int = 0, note: str = "") -> None:
        """Ask for something. Returns at once; the newest command wins.

        Args:
            settings: to go on with; by default the newest ones.
            step: the past step to visit. against: settings to compare with over seeds.
            gesture: orders of one number are one: what they began before leaves no trace.
            note: what is to be said of it.
        """
        if action not in get_args(Action):
            raise RecipeError("Session.order(action)", found=repr(action),
                              expected="one of " + ", ".join(get_args(Action)))
        if self.locked and action not in WITHOUT_TRAINING:
            self.commands.settings = settings or self.commands.settings
            self.note = "First your guess: lock it, then the run begins."
            self.repaint_all()
            return
        rest_openmp()
        if self.commands.put(action, settings, step, against, gesture, note):
            self.engine.enqueue(self)
            self.engine.repaint(at_once=True)

    def turn_knobs(self, action: Action, settings: Settings) -> None:
        """A slider or menu was moved; the moves of one drag are one."""
        knobs = tuple(settings - self.settings)
        self.order(action, settings, gesture=self.gesture.of(knobs))

    def warm_up(self) -> None:
        """Load behind the page what a first run needs: PyTorch imports for a second at the first
        optimiser.
        """
        self.engine.run_once(preload_optimizer)

    def look(self, tab: str) -> None:
        """Open a tab of the inspector, or close it with "". Raises RecipeError: no such tab."""
        self.inspector.choose(tab)
        self.engine.enqueue(self)
        self.engine.repaint()

    def wait(self, timeout: float | None = None) -> Run | None:
        """Block until the run has ended or pauses, `timeout` seconds at most, and return it."""
        def done() -> bool:
            return not self.has_command and self.phase not in ("waiting", "running")

        wait_until(done, self.commands.changed, self.engine, timeout)
        return self.run

    def close(self, wait: bool = True) -> None:
        """Stop for good. With `wait` no thread works for this session when it returns."""
        if not self.commands.close():
            return
        self.view = None
        self.engine.close(self, wait)
        if wait:
            self.trainer.close()

    def pin(self, number: int, name: str = "", pinned: bool = True) -> None:
        """Keep a run and show it beside the newer ones (or no longer); a name replaces the one it
        has.

        Raises:
            RecipeError: there is no such run.
        """
        branch = self.tree[number]
        branch.pinned, branch.name = pinned, name or branch.name
        self.repaint_all()

    def remove(self, number: int) -> None:
        """Forget a run that is over.

        Raises:
            RecipeError: there is no such run, or it is one of the newest.
        """
        self.trainer.history.remove(number, [one.run for one in self.trainer.active])
        self.repaint_all()

    def switch(self, source: Any) -> Settings:
        """Begin a run from another source: another data set, at a learning rate at which it trains.
        Returns its settings.
        """
        rates, optimizer = self._rates, self.settings.optimizer
        rates[self.source.name, optimizer] = self.settings.lr
        self.trainer.source = new = as_source(source)
        first = self.settings.replace(lr=rates.get((new.name, optimizer), self.settings.lr))
        wanted = start_on(new.name, first)
        note = start_words(new.name, self.settings, wanted)
        self.order("restart", wanted, note=note)
        return wanted

    def restore(self, tree: BranchTree) -> None:
        """Show the runs of a saved session, the newest as the ghost. Only for a session that has
        none yet.
        """
        self.trainer.history = RunHistory(tree)
        self.repaint_all()

    def save(self, file: str | Path) -> Path:
        """Write all runs that are kept, how they came from one another, and their numbers, as JSON.

        Raises:
            RecipeError: the file cannot be written; one that was there is untouched then.
        """
        path, sha256 = Path(file), self.data.sha256 if self.data is not None else ""
        save_file(path, self.tree.to_json(self.source.name, sha256), "File of the session")
        return path

    def show_network(self, shown: bool) -> None:
        """Look at the whole network from now on, or no longer."""
        self.inspector.show_network(shown)
        self.engine.enqueue(self)

    def foresee(self, wanted: bool) -> None:
        """Try neighbouring learning rates on spare time, or no longer."""
        self.trainer.foresight.on = wanted
        if wanted:
            self.engine.offer_spare(self.trainer.use_spare_time)
        self.repaint_all()

    def draw(self, pixels: torch.Tensor) -> torch.Tensor:
        """Ask the network, from now on, what a drawing is: uint8 (H,W), white on black. Returns the
        sample that is made of it.
        """
        sample = as_sample(pixels)
        self.inspector.draw(sample)
        self.engine.enqueue(self)
        return sample

    def draw_nothing(self) -> None:
        """No drawing any more."""
        self.inspector.draw(None)
        self.repaint_all()

    def look_at_unit(self, unit: tuple[str, int] | None) -> None:
        """Look at one unit of a block (its path, and the unit's number) from now on, or at none."""
        self.inspector.choose_unit(unit)
        self.engine.enqueue(self)

    def repaint_all(self) -> None:
        """Hand the view a frame at once, also where nothing has changed."""
        self._painted = ()
        self.engine.repaint(at_once=True)

    # --- what there is to see, from any thread ----------------------------------------------------

    @property
    def run(self) -> Run | None:
        """The newest run; None before the first."""
        return self.trainer.run

    @property
    def other(self) -> Run | None:
        """The branch with the old settings beside it, after a fork."""
        return self.trainer.other

    @property
    def ghost(self) -> Run | None:
        """The run before."""
        return self.trainer.history.ghost

    @property
    def tree(self) -> BranchTree:
        """All runs that are kept, oldest first."""
        return self.trainer.history.tree

    @property
    def band(self) -> SeedBand | None:
        """The newest comparison over seeds."""
        return self.trainer.seeds.band

    @property
    def phase(self) -> Phase:
        return self.commands.phase

    @property
    def settings(self) -> Settings:
        """The newest that a reader asked for."""
        return self.commands.settings

    @property
    def first_settings(self) -> Settings:
        return self.commands.first_settings

    @property
    def start_settings(self) -> Settings:
        """What a reset puts the sliders to."""
        if not self._rates:  # the reader's own data set, and own settings
            return self.first_settings
        return start_on(self.source.name, self.first_settings)

    @property
    def visiting(self) -> int | None:
        """The past step that was asked for last."""
        return self.commands.visiting

    @property
    def source(self) -> RunSource:
        return self.trainer.source

    @property
    def data(self) -> Any:
        """The `Data` of the runs, where they have one."""
        return getattr(self.source, "data", None)

    @property
    def time_travel(self) -> TimeTravel:
        return self.trainer.time_travel

    @property
    def inspector(self) -> Inspector:
        return self.trainer.inspector

    @property
    def threads(self) -> ThreadCount:
        return self.trainer.threads

    @property
    def waiting_for(self) -> int:
        """How many other panels compute first."""
        return len(self.engine.ahead_of(self)) if self.phase == "waiting" else 0

    @property
    def seconds_left(self) -> float:
        """Seconds that the run goes on, by its newest speed; NaN where that is not known."""
        run, rate = self.run, self.trainer.rate.steps_per_second
        if self.phase != "running" or run is None or not rate or not self.source.size:
            return math.nan
        return (run.newest.max_steps - run.steps_done) / rate

    def take_over(self) -> None:
        """Let the sessions that compute before this one pause."""
        for other in self.engine.ahead_of(self):
            if isinstance(other, Session):
                other.order("pause")

    @property
    def problem(self) -> str:
        """What went wrong with the newest command."""
        return self.trainer.problem

    @problem.setter
    def problem(self, text: str) -> None:
        self.trainer.problem = text

    @property
    def note(self) -> str:
        """What is to be said besides of the newest command."""
        return self.trainer.note

    @note.setter
    def note(self, text: str) -> None:
        self.trainer.note = text

    @property
    def book(self) -> RunLog | None:
        """The ledger that ended runs are written to."""
        return self.trainer.ledger.book

    @book.setter
    def book(self, book: RunLog | None) -> None:
        self.trainer.ledger.book = book

    @property
    def expected(self) -> str:
        """What the reader expects of the next run, for the ledger."""
        return self.trainer.ledger.expected

    @expected.setter
    def expected(self, text: str) -> None:
        self.trainer.ledger.expected = text

    def shown(self) -> list[PlottedRun]:
        """The runs in the picture, the newest last."""
        return runs_in_picture(self.run, self.other, self.ghost, self.tree)

    def ribbons(self) -> list[CurveBand]:
        """Bands over seeds, and the reader's guess."""
        band, guess = self.band, self.guess
        found = band.ribbons() if band is not None else []
        return [*found, *(guess.lines(self.run) if guess is not None else [])]

    def picture(self) -> str:
        """The curves, as HTML text."""
        return curves_svg(self.shown(), self.ribbons())

    def words(self) -> str:
        """The status text."""
        return status_text(self.state())

    def device_words(self) -> str:
        return device_text(self.settings.device, self.run, self.threads.available)

    def state(self) -> SessionState:
        """What the status text is made of, as it stands now."""
        run, phase, trainer = self.run, self.phase, self.trainer
        going_back = trainer.time_travel.going
        return SessionState(
            phase, self.settings, self.first_settings, run, self.other,
            branch=self.tree.of(run) if run is not None else None,
            problem=trainer.problem, note=trainer.note, waits_for=self.waiting_for,
            waits_seconds=self._seconds_to_wait(), comparing=trainer.seeds.share, past_step=trainer.time_travel.goal,
            replayed=trainer.time_travel.share if going_back else 1.0,
            train_size=trainer.source.size,
            steps_per_second=trainer.rate.steps_per_second if phase == "running" else 0.0,
            newest_rate=trainer.rate.steps_per_second,
            answers=self._answers(run, phase), setting_up=trainer.setting_up)

    def _seconds_to_wait(self) -> float:
        """Seconds until this session gets its turn; NaN where that is not known."""
        if not self.waiting_for:
            return math.nan
        return sum(getattr(other, "seconds_left", math.nan)
                   for other in self.engine.ahead_of(self))

    def _answers(self, run: Run | None, phase: Phase) -> tuple[str, ...]:
        """What a comparison over seeds says, and how far a guess was from what came."""
        band, beside = self.band, self.trainer.seeds.run
        # a later run was not in the comparison
        found = [band.verdict] if band is not None and run is beside else []
        ended = run is not None and phase == "ended" and run.status != "running"
        if self.guess is not None and run is not None and ended:
            found.append(self.guess.reply(run))
            if self._answered is not None and self._answered[:2] == (self.guess, run):
                found.append(self._answered[2])
        return tuple(found)

    def _score_guess(self) -> None:
        """Write the newest guess down, once, when its run has ended. On the painter thread."""
        guess, run = self.guess, self.run
        if guess is None or run is None or self.phase != "ended" or run.status == "running":
            return
        if self._answered is not None and self._answered[0] is guess:
            return
        new = answered(guess, run)
        self._answered = guess, run, record(new) if new is not None else ""

    def frame(self) -> Frame:
        """All that there is to see now."""
        run, state, moment = self.run, self.state(), self.visiting
        listed = tuple((branch.number, run_title(branch, self.first_settings), branch.pinned)
                       for branch in reversed(tuple(self.tree)))
        diagnosis = self._diagnosis.of(run, self.phase == "running", self.other or self.ghost,
                                       self.trainer.source.classes)
        return Frame(status_text(state), self.device_words(), self.phase, diagnosis, listed,
                     self._inside(), run.steps_done if run else 0, moment,
                     tiles(run, self.other or self.ghost, moment, state))

    def _inside(self) -> str:
        """The page of the open tab; on the way to a past step that of now would be untrue."""
        page = self.inspector.page
        return waiting_html(self.words()) if page and self.time_travel.going else page

    # --- what the engine calls --------------------------------------------------------------------

    @property
    def has_command(self) -> bool:
        return self.commands.waiting is not None

    @property
    def skips_queue(self) -> bool:
        command = self.commands.waiting
        return command is not None and command.action in WITHOUT_TRAINING

    def turn(self) -> bool:
        """Carry out the newest command, then train for a moment; on the trainer thread."""
        return self.trainer.turn()

    def paint(self) -> bool:
        """Hand a new frame to the view, if anything changed since the last one; on the painter
        thread.
        """
        view, trainer = self.view, self.trainer
        runs = [(id(one.run), one.run.steps_done, one.run.status) for one in trainer.active]
        wait = self._seconds_to_wait()
        now = (runs, self.phase, self.settings, trainer.problem, trainer.note, self.waiting_for,
               round(wait) if math.isfinite(wait) else None,
               trainer.seeds.done, self.guess, trainer.inspector.page, self.visiting,
               trainer.time_travel.share, id(trainer.inspector.network), trainer.inspector.opinion,
               trainer.setting_up, trainer.foresight.busy,
               len(trainer.foresight.outcomes(self.settings)))
        if view is None or now == self._painted:
            return False
        self._painted = now
        try:
            self._score_guess()
            view(self.frame())
        except Exception as error:  # a page that went away must not end the painter, nor training
            trainer.problem = f"Could not draw: {error!r}"
        return True
