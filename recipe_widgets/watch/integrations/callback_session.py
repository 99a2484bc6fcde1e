"""What callbacks of training libraries share: a session that begins and ends with a run."""

from __future__ import annotations

from collections.abc import Sequence

from recipe_widgets.core.findings import severity_named
from recipe_widgets.core.report import Report
from recipe_widgets.rules.rulebook import known_rules
from recipe_widgets.watch.session import WatchSession


class CallbackSession:
    """Watches one run after the other.

    Args:
        steps: watching ends after so many optimiser steps. show: print each report at the end, on
            standard error.
        select: names of the only rules to judge by; none: all. ignore: rules to leave out.
        fail_on: "error", "warning" or "note": a run in which something this bad, or worse, is
            found ends with a `FindingsError`.

    Attributes:
        report: of the last run that ended; empty before.

    Raises:
        RecipeError: there is no such rule or severity.
    """

    def __init__(self, steps: int | None = None, show: bool = True, select: Sequence[str] = (),
                 ignore: Sequence[str] = (), fail_on: str | None = None) -> None:
        self._steps, self._show = steps, show
        self._select, self._ignore = known_rules(select), known_rules(ignore)
        self._fail_on = severity_named(fail_on) if fail_on else None
        self._session: WatchSession | None = None
        self.report = Report(command="watch")

    def begin(self) -> None:
        self.end(finished=False)  # of a run before that ended in an error nobody told of
        self._session = WatchSession("", self._steps, select=self._select, ignore=self._ignore)
        self._session.begin()

    def end(self, finished: bool, show: bool = True) -> None:
        """finished: did the run come to its end? show: False in all processes but the first.

        Raises:
            FindingsError: something as bad as `fail_on` was found in a run that finished.
        """
        if self._session is None:
            return
        session, self._session = self._session, None
        self.report = session.end(finished)
        if self._show and show:
            self.report.show()
        if finished and self._fail_on:
            self.report.raise_for(self._fail_on)
