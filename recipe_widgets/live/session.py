"""A live session: settings go in from any thread, a training run answers, a view is painted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from recipe_widgets.core import Run, Settings, Tree
from recipe_widgets.core.files import put
from recipe_widgets.live.active_run import as_source
from recipe_widgets.live.command import Action, Command
from recipe_widgets.live.engine import ENGINE, Engine
from recipe_widgets.live.foreground import wait_until
from recipe_widgets.live.frame import Frame
from recipe_widgets.live.obeying import Obeying
from recipe_widgets.live.run_history import RunHistory
from recipe_widgets.live.thread_count import rest_openmp
from recipe_widgets.training.preload import preload_optimizer


class Session(Obeying):
    """One stream of runs from one source.

    Any thread may call `order`, `wait`, `close`, `pin`, `remove` and read `run`, `other`, `ghost`,
    `tree`, `phase`; they only store or look. Training happens on the engine's trainer thread,
    painting on its painter thread.

    Attributes:
        run: the newest run. other: the branch with the old settings beside it, after a fork. ghost:
            the run before.
        band: the newest comparison over seeds. tree: all runs that are kept.
    """

    def __init__(self, source: Any, settings: Settings, view: Callable[[Frame], None] | None = None,
                 engine: Engine = ENGINE) -> None:
        super().__init__(source, settings, view, engine)
        engine.open(self)

    # --- any thread -------------------------------------------------------------------------------
    # ------------------

    def order(self, do: Action, settings: Settings | None = None, step: int | None = None,
              against: Settings | None = None) -> None:
        """Ask for something. Returns at once; the newest order wins."""
        rest_openmp()
        with self._news:
            if self.phase == "closed":
                return
            self.settings = settings or (self.first_settings if do == "reset" else self.settings)
            if do == "pause" and self._order is not None and self._order.do not in ("pause", "stop",
                                                                                    "reset"):
                return  # what was asked for has not begun: nothing to pause
            self.visiting = step if do == "visit" else self.visiting if do == "rewind" else None
            self._order = Command(do, self.settings, self.visiting, against)
            if self.phase != "running":
                self.phase = "waiting"
        self.engine.want(self)
        self.engine.repaint()

    def warm_up(self) -> None:
        """Load behind the page what a first run needs: PyTorch imports for a second at the first
        optimiser.
        """
        self.engine.prepare(preload_optimizer)

    def look(self, tab: str) -> None:
        """Open a tab that shows the inside of the network, or close it with "". Raises
        RecipeError: no such tab.
        """
        self.inspector.choose(tab)
        self.engine.want(self)
        self.engine.repaint()

    def wait(self, timeout: float | None = None) -> Run | None:
        """Block until the run has ended or pauses, `timeout` seconds at most, and return it."""
        def done() -> bool:
            return self._order is None and self.phase not in ("waiting", "running")

        wait_until(done, self._news, self.engine, timeout)
        return self.run

    def close(self, wait: bool = True) -> None:
        """Stop for good. With `wait` no thread works for this session when it returns."""
        with self._news:
            if self.phase == "closed":
                return
            self.phase, self.view = "closed", None
            self._news.notify_all()
        self.engine.close(self, wait)
        if wait:
            with self._turning:
                self._release("the panel was closed")

    def pin(self, number: int, name: str = "", pinned: bool = True) -> None:
        """Keep a run and show it beside the newer ones (or no longer); a name replaces the one it
        has.

        Raises:
            RecipeError: there is no such run.
        """
        branch = self.tree[number]
        branch.pinned, branch.name = pinned, name or branch.name
        self._painted = ()
        self.engine.repaint()

    def switch(self, source: Any) -> None:
        """Let the next run come from another source: another data set."""
        self.source = as_source(source)

    def take_up(self, tree: Tree) -> None:
        """Show the runs of a sitting that was saved, the newest as the ghost. Only for a session
        that has none yet.
        """
        self.run_history = RunHistory(tree)
        self._painted = ()
        self.engine.repaint()

    def save(self, file: str | Path) -> Path:
        """Write all runs that are kept, how they came from one another, and their numbers, as JSON.

        Raises:
            RecipeError: the file cannot be written; one that was there is untouched then.
        """
        path = Path(file)
        put(path,
            self.tree.to_json(self.source.name, self.data.sha256 if self.data is not None else ""),
            "File of the session")
        return path

    def remove(self, number: int) -> None:
        """Forget a run that is over.

        Raises:
            RecipeError: there is no such run, or it is one of the newest.
        """
        self.run_history.remove(number, [lane.run for lane in self._lanes])
        self._painted = ()
        self.engine.repaint()

    @property
    def ordered(self) -> bool:
        return self._order is not None

    @property
    def light(self) -> bool:
        order = self._order
        return order is not None and order.do in ("pause", "stop", "reset")

    # --- painter thread
    # ---------------------------------------------------------------------------------------------

    def paint(self) -> bool:
        """Hand a new frame to the view, if anything changed since the last one."""
        view = self.view
        state = [(id(lane.run), lane.run.steps_done, lane.run.status) for lane in self._lanes]
        now = (state, self.phase, self.settings, self.problem, self.note, self.waiting_for,
               self._seeds_done, self.guess, self.inspector.page, self.visiting, self.time_travel.share)
        if view is None or now == self._painted:
            return False
        self._painted = now
        try:
            view(self.frame())
        except Exception as error:  # a page that went away must not end the painter, nor the training
            self.problem = f"Could not draw: {error!r}"
        return True

    @property
    def waiting_for(self) -> int:
        """How many other panels compute first."""
        return self.engine.ahead_of(self) if self.phase == "waiting" else 0

    @property
    def comparing(self) -> float:
        """Share of a comparison over seeds that is done; 1 when none goes on."""
        return self._seeds_done if self._seeds is not None else 1.0

    @property
    def data(self) -> Any:
        """The `Data` of the runs, where they have one."""
        return getattr(self.source, "data", None)
