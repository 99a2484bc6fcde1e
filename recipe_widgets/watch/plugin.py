"""A pytest fixture: `def test_training(recipe_watch): train(); recipe_watch.check()`.

pytest finds it by itself where the package is installed; elsewhere, and in projects that have it
already, `pytest_plugins = ["recipe_widgets.watch.plugin"]` in conftest.py switches it on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from recipe_widgets.core import Report
    from recipe_widgets.watch.session import WatchSession


class WatchedTest:
    """What the fixture hands out: `check(severity)` ends the watching and fails on findings that
    bad.
    """

    def __init__(self, session: WatchSession) -> None:
        self._session, self._ended = session, False

    def report(self) -> Report:
        """The `Report`; the watching ends here."""
        if not self._ended:
            self._ended = True
            self._session.end()
        return self._session.report

    def check(self, severity: str = "error") -> None:
        """Raises: AssertionError with the findings that are this bad or worse."""
        self.report().raise_for(severity)


@pytest.fixture
def recipe_watch() -> Iterator[WatchedTest]:
    """Watches the test's training from its first line."""
    # here, and not above: pytest imports this file at every start, and torch takes a second
    from recipe_widgets.watch.session import WatchSession

    session = WatchSession()
    session.begin()
    watched = WatchedTest(session)
    try:
        yield watched
    finally:
        watched.report()
