"""A pytest fixture: `def test_training(recipe_watch): train(); recipe_watch.check()`.

pytest finds it by itself where the package is installed; elsewhere, and in projects that have it
already, `pytest_plugins = ["recipe_widgets.watch.plugin"]` in conftest.py switches it on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from recipe_widgets.core import Report
    from recipe_widgets.reporting.baseline import Baseline
    from recipe_widgets.watch.session import WatchSession


class WatchedTest:
    """What the fixture hands out: `check(severity)` ends the watching and fails on findings that
    bad.
    """

    def __init__(self, session: WatchSession, severity: str, baseline: Baseline | None) -> None:
        self._session, self._severity, self._baseline = session, severity, baseline
        self._ended = False

    def report(self) -> Report:
        """The `Report`; the watching ends here."""
        if not self._ended:
            self._ended = True
            report = self._session.end()
            if self._baseline:
                self._baseline.apply(report)
        return self._session.report

    def check(self, severity: str | None = None) -> None:
        """Raises: AssertionError with the findings that are this bad or worse; None: as bad as
        the project's fail-on says, or else an error.
        """
        self.report().raise_for(severity or self._severity)


@pytest.fixture
def recipe_watch(request: pytest.FixtureRequest) -> Iterator[WatchedTest]:
    """Watches the test's training from its first line, as `[tool.recipe]` of the nearest
    pyproject.toml says.
    """
    # here, and not above: pytest imports this file at every start, and torch takes a second
    from recipe_widgets.reporting.baseline import Baseline
    from recipe_widgets.reporting.project_options import project_options
    from recipe_widgets.watch.session import WatchSession

    project = project_options(request.path.parent)
    session = WatchSession(select=project.select, ignore=project.ignore)
    baseline = Baseline(project.baseline, os.getcwd()) if project.baseline else None
    session.begin()
    watched = WatchedTest(session, project.fail_on or "error", baseline)
    try:
        yield watched
    finally:
        watched.report()
