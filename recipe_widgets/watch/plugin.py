"""A pytest fixture: `def test_training(recipe_watch): train(); recipe_watch.check()`.

Switched on by `pytest_plugins = ["recipe_widgets.watch.plugin"]` in conftest.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from recipe_widgets.watch.session import WatchSession


class Guarded:
    """What the fixture hands out: `check(severity)` ends the watching and fails on findings that
    bad.
    """

    def __init__(self, watching: Any) -> None:
        self._watching, self._ended = watching, False

    def report(self) -> Any:
        """The `Report`; the watching ends here."""
        if not self._ended:
            self._ended = True
            self._watching.end()
        return self._watching.report

    def check(self, severity: Any = "error") -> None:
        """Raises: AssertionError with the findings that are this bad or worse."""
        self.report().raise_for(severity)


@pytest.fixture
def recipe_watch() -> Iterator[Guarded]:
    """Watches the test's training from its first line."""
    watching = WatchSession("")
    watching.begin()
    guarded = Guarded(watching)
    try:
        yield guarded
    finally:
        guarded.report()
